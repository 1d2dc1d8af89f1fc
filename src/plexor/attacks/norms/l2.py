"""L2: the Euclidean length over all numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.norms.box import Box
from plexor.attacks.norms.norm import ProjectedStep, longest_stored, stored_radii
from plexor.models.batch import Batch
from plexor.threat_model import Unit

_FAR = 1e30  # times 0 it is 0, as infinity is not
_FULL = 1 - 5e-7  # float32 tells lengths apart to about 1e-7


@dataclass(frozen=True, slots=True)
class L2(ProjectedStep):
    """See ``Geometry``."""

    def radii(self, radius: float, unit: Unit, batch: Batch) -> Tensor:
        """In stored numbers."""
        return stored_radii(radius, unit, batch)

    def measure(self, delta: Tensor) -> Tensor:
        """The length."""
        return geometry.lengths(delta)

    def project(self, delta: Tensor, box: Box, radii: Tensor) -> Tensor:
        """``clip(s * delta)`` with the greatest ``s <= 1`` that fits.

        That is the stationary point of the Lagrangian.
        """
        inside = box.clip(delta)
        fits = geometry.lengths(inside) <= radii
        if bool(fits.all()):
            return inside
        return _chosen(fits, inside, _multiple(delta, box, torch.where(fits, 0.0, radii)))

    def furthest(self, gradient: Tensor, box: Box, radii: Tensor) -> Tensor:
        """``clip(s * gradient)`` with the greatest ``s`` that fits."""
        corner = box.corner(gradient)
        fits = geometry.lengths(corner) <= radii
        scaled, _ = geometry.over_peaks(gradient)
        return _chosen(fits, corner, _multiple(scaled, box, torch.where(fits, 0.0, radii)))

    def crossing(self, gradient: Tensor, rise: Tensor, box: Box) -> Tensor:
        """``clip(s * gradient)`` with the ``s`` that reaches the plane."""
        corner = box.corner(gradient)
        scaled, peaks = geometry.over_peaks(gradient)
        size = scaled.abs()
        ends = torch.where(size > 0, corner.abs() / size, 0.0)
        wanted = torch.where(peaks > 0, rise / peaks, 0.0)
        s = geometry.time_of(size.square(), ends, wanted)
        return scaled.sign() * torch.minimum(torch.minimum(s, ends) * size, corner.abs())

    def store(self, delta: Tensor, box: Box, radii: Tensor, quantum: Tensor) -> Tensor:
        """The longest rounded multiple that fits."""
        return longest_stored(delta, box, quantum, radii, self.measure)

    def steepest(self, gradient: Tensor, share: float) -> Tensor:
        """The gradient over its length."""
        return geometry.unit(gradient)

    def start(self, noise: Tensor, box: Box, radii: Tensor) -> Tensor:
        """Uniform on the sphere, which in thousands of dimensions is nearly all of the ball."""
        return self.project(radii * geometry.unit(noise), box, radii)


def _chosen(fits: Tensor, these: Tensor, others: Tensor) -> Tensor:
    """``these`` where it fits, (N, 1, ...), and the others elsewhere; may be one of the two."""
    return torch.where(fits, these, others) if bool(fits.any()) else others


def _multiple(delta: Tensor, box: Box, radii: Tensor) -> Tensor:
    """``clip(s * delta)`` as long as the radius, which some s must make it; or 0.

    Its squared length is concave in s² and piecewise linear: what is not clipped grows as s². So
    Newton's method comes from below, as in ``geometry.time_of``.
    """
    s = torch.where(radii > 0, radii / geometry.lengths(delta), 0.0)
    found = torch.empty_like(delta)
    for _ in range(geometry.PIECES):
        box.clip_(torch.mul(s, delta, out=found))
        length = geometry.lengths(found)
        short = length < _FULL * radii
        if not bool(short.any()):
            break
        left = (radii - length) * (radii + length)
        unclipped = (s * delta).eq_(found).mul_(found)
        growing = geometry.lengths(unclipped).square().clamp(min=1e-20)
        s = torch.where(short, s * (1 + left / growing).sqrt(), s).clamp(max=_FAR)
    return found
