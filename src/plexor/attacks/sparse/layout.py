"""What L0 counts in an image, and the extreme colours it may take."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.threat import Threat
from plexor.models.batch import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The positions of an image: pixels or voxels with all their channels, or single numbers.

    Positions, and the numbers of an image (C, *spatial), are counted through in that order.

    Attributes:
        sizes: of the axes along which positions lie: ``spatial``, or (C, *spatial) where the threat
            takes channels apart.
        n_numbers: that a position has: as many as channels, or 1.
        radius: how many positions may change.
    """

    sizes: tuple[int, ...]
    n_numbers: int
    radius: int

    @classmethod
    def of(cls, batch: Batch, threat: Threat) -> Layout:
        """Of images of that shape, under a threat in L0."""
        channels, *spatial = batch.images.shape[1:]
        radius = int(threat.radii(batch).flatten()[0] + 1e-6)
        if threat.channels == "apart":
            return cls(sizes=(channels, *spatial), n_numbers=1, radius=radius)
        return cls(sizes=tuple(spatial), n_numbers=channels, radius=radius)

    @property
    def n_positions(self) -> int:
        """All of them."""
        return math.prod(self.sizes)

    def open(self, batch: Batch, threat: Threat) -> Tensor:
        """The positions that may change at all, (N, positions) bool."""
        low, high = threat.bounds(batch)
        return (low < high).view(len(batch), self.n_numbers, -1).any(dim=1)

    def numbers(self, positions: Tensor) -> Tensor:
        """Where in a flattened image the numbers of positions (...) stand, (..., n_numbers)."""
        channels = torch.arange(self.n_numbers, device=positions.device)
        return positions[..., None] + self.n_positions * channels

    def coordinates(self, positions: Tensor) -> Tensor:
        """Of positions (...), along every axis, (..., n_axes)."""
        found = torch.unravel_index(positions, self.sizes)
        return torch.stack(found, dim=-1)

    def corners(self, batch: Batch) -> Tensor:
        """The colours at the ends of what is stored, (N, 2 ** n_numbers, n_numbers)."""
        number = torch.arange(2**self.n_numbers, device=batch.images.device)
        bit = number[:, None] >> torch.arange(self.n_numbers, device=number.device) & 1
        return torch.where(bit == 1, batch.high.view(-1, 1, 1), batch.low.view(-1, 1, 1))
