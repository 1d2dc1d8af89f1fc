"""L∞: the greatest absolute change of any number. Its ball is a box."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.norms.box import Box
from plexor.attacks.norms.norm import stored_radii
from plexor.models.batch import Batch
from plexor.threat_model import Unit

_ROUNDING = 1e-6
"""A radius that is short of a whole number of levels by this share is taken for that number."""


@dataclass(frozen=True, slots=True)
class LInf:
    """See ``Geometry``."""

    def radii(self, radius: float, unit: Unit, batch: Batch) -> Tensor:
        """In stored numbers."""
        return stored_radii(radius, unit, batch)

    def measure(self, delta: Tensor) -> Tensor:
        """The greatest absolute number."""
        return geometry.as_cases(geometry.greatest(delta), delta)

    def project(self, delta: Tensor, box: Box, radii: Tensor) -> Tensor:
        """Each number by itself."""
        if box.within is not radii:
            box.narrow_(radii).within = radii
        return box.clip(delta)

    def furthest(self, gradient: Tensor, box: Box, radii: Tensor) -> Tensor:
        """Each number by itself, as far as it may."""
        return box.narrow_(radii).furthest(gradient)

    def crossing(self, gradient: Tensor, rise: Tensor, box: Box) -> Tensor:
        """Every number moves alike until it is at its bound."""
        reach = box.corner(gradient).abs()
        return self.furthest(gradient, box, geometry.time_of(gradient.abs(), reach, rise))

    def store(self, delta: Tensor, box: Box, radii: Tensor, quantum: Tensor) -> Tensor:
        """Rounded, within the whole quanta of the radius."""
        if box.within is not radii:
            whole = torch.floor(radii / quantum * (1 + _ROUNDING)) * quantum
            box.narrow_(whole).within = radii
        return box.onto_grid(delta, quantum)

    def steepest(self, gradient: Tensor, share: float) -> Tensor:
        """The gradient's signs."""
        return gradient.sign()

    def ascend(
        self,
        delta: Tensor,
        gradient: Tensor,
        size: Tensor,
        box: Box,
        radii: Tensor,
        *,
        share: float,
    ) -> Tensor:
        """See ``Geometry``; numbers do not share a length, so that none need be left out."""
        if box.within is not radii:
            box.narrow_(radii).within = radii
        way = gradient.sign()
        return box.clip_(torch.addcmul(delta, way, size, out=way))

    def start(self, noise: Tensor, box: Box, radii: Tensor) -> Tensor:
        """Uniform in the ball."""
        shares = noise / 2**0.5
        return self.project(torch.special.erf(shares, out=shares).mul_(radii), box, radii)
