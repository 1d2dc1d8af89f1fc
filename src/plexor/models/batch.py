"""Cases as tensors of stored numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from plexor.cases.image import Image
from plexor.models.features import Features

MOST_NUMBERS = 2**26
"""Numbers of a batch's images together; larger images are processed one at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What each image's file says of its numbers: value = slope × stored number + intercept.

    Attributes:
        slope: (N, 1, ...), values per stored unit.
        intercept: (N, 1, ...), value of a stored 0.
        identity: whether every slope is 1 and every intercept 0.
        axes: of volumes, the step in mm from one voxel to the next along each axis, in RAS+ (the
            columns, see ``plexor.cases.grid``), (N, 3, 3); None where a file does not say.

    Example:
        >>> import torch
        >>> one = torch.ones(1, 1, 1, 1)
        >>> scaling = Scaling(slope=2 * one, intercept=-1024 * one)
        >>> scaling.values(torch.full((1, 1, 1, 2), 512.0))
        tensor([[[[0., 0.]]]])
    """

    slope: Tensor
    intercept: Tensor
    axes: Tensor | None = None
    identity: bool = False

    def values(self, images: Tensor) -> Tensor:
        """Values of stored numbers (N, C, *spatial); ``images`` itself if they are the same."""
        if self.identity:
            return images
        return (images * self.slope).add_(self.intercept)

    def select(self, index: Tensor) -> Scaling:
        """The scaling of the cases in ``index``."""
        return Scaling(
            slope=self.slope[index],
            intercept=self.intercept[index],
            axes=None if self.axes is None else self.axes[index],
            identity=self.identity,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Images of one shape, with the numbers that their files can store.

    Attributes:
        ids: case ids; random draws are seeded by them.
        images: (N, C, *spatial) float32, stored numbers.
        truth: (N, ...) labels, see ``plexor.models.task``.
        low: (N, 1, ...) smallest storable number.
        high: (N, 1, ...) greatest storable number.
        quantum: (N, 1, ...) distance between storable numbers; 0 for floating-point storage.
        scaling: from stored numbers to values.
        before: (N, ...) the model's outputs for the untouched images; None where not known.
        features: numbers that the model takes beside the images; None where it takes none.
        masks: (N, 1, *spatial) bool for each name, True inside the region.
        padding: (N, 1, *spatial) bool, pixels that are no part of the image and must not be
            changed; None where no image has any.
        groups: names of the cases' groups; empty where not known.
        stored: the images as they were read, for attacks that use the file format; empty for a
            batch made from tensors only.
        copies: channels of the file that each channel stands for; see ``plexor.models.tied``.
    """

    ids: tuple[str, ...]
    images: Tensor
    truth: Tensor
    low: Tensor
    high: Tensor
    quantum: Tensor
    scaling: Scaling
    before: Tensor | None = None
    features: Features | None = None
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    padding: Tensor | None = None
    groups: tuple[str, ...] = ()
    stored: tuple[Image, ...] = ()
    copies: int = 1

    def __len__(self) -> int:
        return len(self.ids)

    def room(self, rows: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """How far each number may go down and up: to the ends of its range, in padding not at all.

        Both (N, C, *spatial), ``low <= 0 <= high``, in stored numbers.

        Args:
            rows: part of the first spatial axis; all of it by default.
        """
        images = self.images[:, :, rows]
        low, high = self.low - images, self.high - images
        if self.padding is None:
            return low, high
        padding = self.padding[:, :, rows]
        return low.masked_fill_(padding, 0), high.masked_fill_(padding, 0)

    def select(self, index: Tensor) -> Batch:
        """The cases in ``index``, integers (M,), in that order; itself for all as they are."""
        if index.tolist() == list(range(len(self))):
            return self
        return Batch(
            ids=tuple(self.ids[i] for i in index.tolist()),
            images=self.images[index],
            truth=self.truth[index],
            low=self.low[index],
            high=self.high[index],
            quantum=self.quantum[index],
            scaling=self.scaling.select(index),
            before=None if self.before is None else self.before[index],
            features=None if self.features is None else self.features.select(index),
            masks={name: mask[index] for name, mask in self.masks.items()},
            padding=None if self.padding is None else self.padding[index],
            groups=tuple(self.groups[i] for i in index.tolist()) if self.groups else (),
            stored=tuple(self.stored[i] for i in index.tolist()) if self.stored else (),
            copies=self.copies,
        )

    @classmethod
    def of(
        cls,
        ids: Sequence[str],
        images: Sequence[Image],
        truth: Tensor,
        device: torch.device,
        *,
        features: Features | None = None,
    ) -> Batch:
        """Stacks images.

        Args:
            ids: their case ids.
            images: of one shape, with masks of the same names.
            truth: (N, ...) labels, as ``encode`` gives them.
            device: where the tensors are placed.
            features: of the same cases, on that device.
        """
        pixels = stacked([torch.from_numpy(image.pixels.astype("float32")) for image in images])
        ndim = pixels.ndim

        def column(name: str) -> Tensor:
            numbers = [getattr(image.intensity, name) for image in images]
            return torch.tensor(numbers, dtype=torch.float32, device=device).view(
                -1, *[1] * (ndim - 1)
            )

        def masks(name: str) -> Tensor:
            one = [torch.from_numpy(image.masks[name]) for image in images]
            return torch.stack(one)[:, None].to(device)

        padding = None
        if any(image.padding is not None for image in images):
            shape = images[0].pixels.shape[1:]
            none = torch.zeros(shape, dtype=torch.bool)
            padding = torch.stack(
                [none if i.padding is None else torch.from_numpy(i.padding) for i in images]
            )[:, None].to(device)
        return cls(
            ids=tuple(ids),
            images=pixels.to(device),
            truth=truth.to(device),
            low=column("low"),
            high=column("high"),
            quantum=column("quantum"),
            scaling=Scaling(
                slope=column("slope"),
                intercept=column("intercept"),
                axes=axes_of(images, device),
                identity=all(
                    (image.intensity.slope, image.intensity.intercept) == (1, 0) for image in images
                ),
            ),
            features=features,
            masks={name: masks(name) for name in images[0].masks},
            padding=padding,
            stored=tuple(images),
        )


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """As ``torch.stack``; of a single tensor a view, since images may be large."""
    return tensors[0][None] if len(tensors) == 1 else torch.stack(list(tensors))


def axes_of(images: Sequence[Image], device: torch.device) -> Tensor | None:
    """The axes of volumes, see ``Scaling``; None for other images, and where a file does not say.

    Args:
        images: stored images.
        device: where the tensor is placed.
    """
    found = [image.grid.axes for image in images if image.grid is not None]
    if len(found) < len(images) or any(axes.shape != (3, 3) for axes in found):
        return None
    return torch.tensor(np.stack(found), dtype=torch.float32, device=device)
