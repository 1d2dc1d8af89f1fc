"""Positions that L0 counts in an image, and their extreme colours."""

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

    Positions are flat indices in C order, as are the numbers of an image (C, *spatial).

    Attributes:
        sizes: of the axes of the positions: ``spatial``, or (C, *spatial) where the threat counts
            channels apart.
        n_numbers: numbers of a position: the number of channels, or 1.
        radius: number of positions that may change.
    """

    sizes: tuple[int, ...]
    n_numbers: int
    radius: int

    @classmethod
    def of(cls, batch: Batch, threat: Threat) -> Layout:
        """The layout of a batch's images under a threat in L0."""
        channels, *spatial = batch.images.shape[1:]
        radius = int(threat.radii(batch).flatten()[0] + 1e-6)
        if threat.channels == "apart":
            return cls(sizes=(channels, *spatial), n_numbers=1, radius=radius)
        return cls(sizes=tuple(spatial), n_numbers=channels, radius=radius)

    @property
    def n_positions(self) -> int:
        """Number of positions of an image."""
        return math.prod(self.sizes)

    def open(self, batch: Batch, threat: Threat) -> Tensor:
        """Whether each position may change, (N, positions) bool."""
        low, high = threat.bounds(batch)
        return (low < high).view(len(batch), self.n_numbers, -1).any(dim=1)

    def numbers(self, positions: Tensor) -> Tensor:
        """Indices in a flattened image of the numbers of positions (...), (..., n_numbers)."""
        channels = torch.arange(self.n_numbers, device=positions.device)
        return positions[..., None] + self.n_positions * channels

    def coordinates(self, positions: Tensor) -> Tensor:
        """Coordinates of positions (...), (..., n_axes)."""
        found = torch.unravel_index(positions, self.sizes)
        return torch.stack(found, dim=-1)

    def corners(self, batch: Batch) -> Tensor:
        """The colours at the ends of the storable range, (N, 2 ** n_numbers, n_numbers)."""
        number = torch.arange(2**self.n_numbers, device=batch.images.device)
        bit = number[:, None] >> torch.arange(self.n_numbers, device=number.device) & 1
        return torch.where(bit == 1, batch.high.view(-1, 1, 1), batch.low.view(-1, 1, 1))
