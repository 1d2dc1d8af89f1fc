"""Regions of an image that may change, as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from plexor.core.errors import DataError
from plexor.models.batch import Batch
from plexor.threat_model import region


class Region(Protocol):
    """A part of every image."""

    @property
    def name(self) -> str:
        """The part of a probe's id that names it."""
        ...

    def allowed(self, batch: Batch) -> Tensor:
        """Mask of the region, (N, 1, *spatial) bool or broadcastable to it; may be empty.

        Raises:
            DataError: the cases lack the mask that defines it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Border(region.Border):
    """The outermost pixels or voxels on every side."""

    def allowed(self, batch: Batch) -> Tensor:
        """The same mask for every case."""
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
class Masked(region.Masked):
    """The part of each case that a mask covers, or the part that it leaves out."""

    def allowed(self, batch: Batch) -> Tensor:
        """The mask of each case."""
        if self.mask not in batch.masks:
            raise DataError(f"region: the cases have no mask called {self.mask!r}")
        covered = batch.masks[self.mask]
        return ~covered if self.outside else covered


REGIONS: dict[str, type[Border | Masked]] = {"border": Border, "masked": Masked}
"""The keys of ``plexor.threat_model.REGIONS``."""
