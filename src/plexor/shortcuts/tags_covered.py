"""A model that covers burnt-in tags in every image before another model sees it."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from plexor.cases import Image, Intensity
from plexor.cases.image import Codec
from plexor.core.ids import digest, digest_bytes
from plexor.models.batch import Scaling
from plexor.models.card import ModelCard
from plexor.models.features import Features
from plexor.models.model import Model, ModelAccess
from plexor.models.wrapped import Wrapped
from plexor.shortcuts.cover import Fill, cover
from plexor.shortcuts.find import Finder, Tag

Known = MutableMapping[str, Sequence[Tag]]
"""Hash of an image's pixels → its tags."""
_NO_FILE: dict[str, Codec] = {}


class TagsCovered(Wrapped):
    """Finds burnt-in tags in each image, covers them, and asks the inner model.

    It needs no table of tags, so that it can stand before a model in use. What the finder misses
    stays uncovered. With black covers gradients are those of the inner model, and 0 under a cover;
    other fills depend on the surroundings, and the model then shows scores only.

    Args:
        model: the inner model, of 2D images, grey or RGB.
        finder: looks for tags; ``Finder()`` where None.
        fill: see ``plexor.shortcuts.cover.Fill``.
        access: how much the model shows; None for as much as it can. An audit of a model that
            shows gradients checks them by a search of some twenty steps, each of which looks for
            tags anew: with "scores" it is much quicker.
        known: tags of images that were looked at before; others are added. Several models that are
            shown the same images can share it. None looks at every image each time.
        bits: of a stored number, which say what black and white are, see ``black_and_white``.

    Example:
        >>> import torch
        >>> from plexor.models import Binary, TorchModel
        >>> brightest = torch.nn.AdaptiveMaxPool2d(1)
        >>> network = torch.nn.Sequential(brightest, torch.nn.Flatten())
        >>> model = TagsCovered(TorchModel(network, task=Binary(classes=("no", "yes"))))
        >>> model.outputs(torch.full((1, 1, 64, 64), 80.0)).shape
        torch.Size([1, 1])
    """

    def __init__(
        self,
        model: Model,
        finder: Finder | None = None,
        *,
        fill: Fill = "black",
        access: ModelAccess | None = None,
        known: Known | None = None,
        bits: int = 8,
    ) -> None:
        super().__init__(model)
        self._finder = finder or Finder()
        self._known = known
        self._access = access
        self._fill = fill
        self._bits = bits

    @property
    def card(self) -> ModelCard:
        """The inner model's, with the cover named."""
        inner = self._model.card
        return replace(inner, architecture=f"{inner.architecture}, tags covered ({self._fill})")

    @property
    def access(self) -> ModelAccess:
        """As asked for; else the inner model's with black covers, "scores" with other fills."""
        inner = self._model.access
        most: ModelAccess = "scores" if inner == "gradients" and self._fill != "black" else inner
        return self._access or most

    def identity(self) -> str:
        """SHA-256 of the inner model's identity and of what is covered, and how."""
        finder = self._finder
        reader = None if finder.reader is None else type(finder.reader).__name__
        searched = [reader, finder.search, finder.least]
        return digest([self._model.identity(), "tags covered", self._fill, self._bits, searched])

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        """Outputs of the inner model for the images with their tags covered.

        Raises:
            DataError: the images are not 2D, or have not 1 or 3 channels.
        """
        covered = [
            self._covered(image, 1.0 if scaling is None else float(scaling.slope[i].min()))
            for i, image in enumerate(images)
        ]
        return self._model.outputs(torch.stack(covered), scaling, features)

    def _covered(self, image: Tensor, slope: float) -> Tensor:
        stored = image.detach().cpu().numpy()
        pixels = np.round(stored).astype(np.uint8 if self._bits <= 8 else np.uint16)
        span = Intensity(low=0.0, high=2.0**self._bits - 1, slope=slope)
        whole = Image(pixels=pixels, intensity=span, containers=_NO_FILE)
        boxes = [tag.box for tag in self._tags(whole)]
        if not boxes:
            return image
        filled = cover(whole, boxes, fill=self._fill, rng=np.random.default_rng(0))
        under = torch.zeros(image.shape[1:], dtype=torch.bool)
        for box in boxes:
            under[box.within(*image.shape[1:]).slices] = True
        there = torch.from_numpy(filled).to(image)
        return torch.where(under.to(image.device), there, image)

    def _tags(self, image: Image) -> Sequence[Tag]:
        if self._known is None:
            return self._finder(image)
        shape = "x".join(map(str, image.pixels.shape))
        name = f"{digest_bytes(image.pixels.tobytes())} {shape} {image.intensity.slope}"
        if name not in self._known:
            self._known[name] = self._finder(image)
        return self._known[name]
