"""Where in an image an adversary may change anything."""

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
        """As it stands in a probe's id."""
        ...

    def allowed(self, batch: Batch) -> Tensor:
        """(N, 1, *spatial) bool, or one that broadcasts to it; may be true nowhere.

        Raises:
            DataError: the cases do not say where it is.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Border(region.Border):
    """The outermost pixels or voxels on every side."""

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
class Masked(region.Masked):
    """The part of each case that a mask covers, or the part that it leaves out."""

    def allowed(self, batch: Batch) -> Tensor:
        """Each case's own."""
        if self.mask not in batch.masks:
            raise DataError(f"region: the cases have no mask called {self.mask!r}")
        covered = batch.masks[self.mask]
        return ~covered if self.outside else covered


REGIONS: dict[str, type[Border | Masked]] = {"border": Border, "masked": Masked}
"""The keys of ``plexor.threat_model.REGIONS``."""
