"""Cases as tensors, in stored numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from plexor.cases.image import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What accompanies the pixels: how each file's stored numbers become values.

    Attributes:
        slope: (N, 1, ...), value per stored number.
        intercept: (N, 1, ...), value of a stored zero.
    """

    slope: Tensor
    intercept: Tensor

    def values(self, images: Tensor) -> Tensor:
        """Stored numbers (N, C, *spatial) → values of the same shape, always a new tensor."""
        return (images * self.slope).add_(self.intercept)

    def select(self, index: Tensor) -> Scaling:
        """The scaling of some of the cases."""
        return Scaling(slope=self.slope[index], intercept=self.intercept[index])


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Images of one shape, with what their files can store.

    Attributes:
        ids: case ids, the names random streams are drawn for.
        images: (N, C, *spatial) float32, stored numbers.
        truth: (N, ...) labels, see ``plexor.models.task``.
        low: (N, 1, ...) smallest storable number.
        high: (N, 1, ...) greatest.
        quantum: (N, 1, ...) distance between storable numbers, 0 where storage is floating.
        scaling: from stored numbers to values.
        before: the model's outputs for the untouched images, where they are known.
        masks: name → (N, 1, *spatial) bool, parts of the images.
        padding: (N, 1, *spatial) bool, pixels that are no part of the image and must not be
            changed; None where no image has any.
        groups: names of the cases' groups, where they are known.
        stored: the images as they were read, for a search that knows how they are stored; empty
            for a batch made of numbers only.
    """

    ids: tuple[str, ...]
    images: Tensor
    truth: Tensor
    low: Tensor
    high: Tensor
    quantum: Tensor
    scaling: Scaling
    before: Tensor | None = None
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    padding: Tensor | None = None
    groups: tuple[str, ...] = ()
    stored: tuple[Image, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def room(self) -> tuple[Tensor, Tensor]:
        """How far each number may go down and up: to the ends of its range, in padding not at all.

        Both (N, C, *spatial), ``low <= 0 <= high``, in stored numbers.
        """
        low, high = self.low - self.images, self.high - self.images
        if self.padding is None:
            return low, high
        return low.masked_fill_(self.padding, 0), high.masked_fill_(self.padding, 0)

    def select(self, index: Tensor) -> Batch:
        """Some of the cases; ``index`` as in ``tensor[index]``, of integers."""
        return Batch(
            ids=tuple(self.ids[i] for i in index.tolist()),
            images=self.images[index],
            truth=self.truth[index],
            low=self.low[index],
            high=self.high[index],
            quantum=self.quantum[index],
            scaling=self.scaling.select(index),
            before=None if self.before is None else self.before[index],
            masks={name: mask[index] for name, mask in self.masks.items()},
            padding=None if self.padding is None else self.padding[index],
            groups=tuple(self.groups[i] for i in index.tolist()) if self.groups else (),
            stored=tuple(self.stored[i] for i in index.tolist()) if self.stored else (),
        )

    @classmethod
    def of(
        cls, ids: Sequence[str], images: Sequence[Image], truth: Tensor, device: torch.device
    ) -> Batch:
        """Stacks images of one shape, with the same masks; numbers go to ``device``."""
        pixels = torch.stack([torch.from_numpy(image.pixels.astype("float32")) for image in images])
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
            scaling=Scaling(slope=column("slope"), intercept=column("intercept")),
            masks={name: masks(name) for name in images[0].masks},
            padding=padding,
            stored=tuple(images),
        )
