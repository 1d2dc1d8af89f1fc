"""Where in an image an adversary may change anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from plexor.core.errors import DataError, PlanError
from plexor.models.batch import Batch


class Region(Protocol):
    """A part of every image."""

    @property
    def name(self) -> str:
        """As it stands in a probe's id."""
        ...

    def allowed(self, batch: Batch) -> Tensor:
        """(N, 1, *spatial) bool, or one that broadcasts to it; may be true nowhere.

        Raises:
            DataError: the cases do not say where it is.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """The outermost pixels or voxels on every side.

    Attributes:
        width: how many.
    """

    width: int
    kind: Literal["border"] = "border"

    def __post_init__(self) -> None:
        if self.width < 1:
            raise PlanError(f"region: a border is at least 1 pixel wide, got {self.width}")

    @property
    def name(self) -> str:
        """With its width."""
        return f"border-{self.width}"

    def allowed(self, batch: Batch) -> Tensor:
        """The same for every case."""
        spatial = batch.images.shape[2:]
        inner = torch.ones(1, 1, *spatial, dtype=torch.bool, device=batch.images.device)
        inside = (
            slice(None),
            slice(None),
            *[slice(self.width, size - self.width) for size in spatial],
        )
        inner[inside] = False
        return inner


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """What a mask of each case covers, or what it leaves out.

    Attributes:
        mask: its name among ``batch.masks``.
        outside: take what the mask leaves out.
    """

    mask: str
    outside: bool = False
    kind: Literal["masked"] = "masked"

    @property
    def name(self) -> str:
        """With its side."""
        return f"{'outside' if self.outside else 'inside'}-{self.mask}"

    def allowed(self, batch: Batch) -> Tensor:
        """Each case's own."""
        if self.mask not in batch.masks:
            raise DataError(f"region: the cases have no mask called {self.mask!r}")
        covered = batch.masks[self.mask]
        return ~covered if self.outside else covered
