"""L2: the Euclidean length over all numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.norms.box import Box
from plexor.attacks.norms.norm import ProjectedStep, longest_stored, stored_radii
from plexor.models.batch import Batch
from plexor.models.layout import cases_of
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
        return _multiple(delta, box, radii, at_most=1.0)

    def furthest(self, gradient: Tensor, box: Box, radii: Tensor) -> Tensor:
        """``clip(s * gradient)`` with the greatest ``s`` that fits."""
        corner = box.corner(gradient)
        fits = geometry.lengths(corner) <= radii
        scaled, _ = geometry.over_peaks(gradient)
        if bool(fits.all()):
            return corner
        found = _multiple(scaled, box, torch.where(fits, 0.0, radii), at_most=_FAR)
        return torch.where(fits, corner, found) if bool(fits.any()) else found

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
        """The longest rounded multiple that fits.

        On average rounding adds a twelfth of the squared quantum to the square of a number that is
        spread over quanta (Sheppard's correction), which tells about where to begin.
        """
        length = geometry.lengths(delta)
        added = delta[0].numel() / 12 * quantum.square()
        first = torch.maximum(radii.square() - added, radii.square() / 4).sqrt() / length
        first = torch.where(length > 0, first, 1.0).clamp(2.0**-20, 1.0)
        return longest_stored(delta, box, quantum, radii, self.measure, first=first)

    def steepest(self, gradient: Tensor, share: float) -> Tensor:
        """The gradient over its length."""
        return geometry.unit(gradient)

    def start(self, noise: Tensor, box: Box, radii: Tensor) -> Tensor:
        """Uniform on the sphere, which in thousands of dimensions is nearly all of the ball."""
        return self.project(radii * geometry.unit(noise), box, radii)


def _multiple(delta: Tensor, box: Box, radii: Tensor, *, at_most: float) -> Tensor:
    """``clip(s * delta)`` as long as the radius, or with s = ``at_most`` if that is shorter.

    Its squared length is concave in s² and piecewise linear: what is not clipped grows as s². So
    Newton's method comes from below, as in ``geometry.time_of``.
    """
    s = torch.where(radii > 0, radii / geometry.lengths(delta), 0.0).clamp_(max=at_most)
    found = box.clip_(s * delta)
    length = geometry.lengths(found)
    for _ in range(geometry.PIECES):
        short = (length < _FULL * radii) & (s < at_most)
        rows = torch.nonzero(short.flatten()).flatten()
        if len(rows) == 0:
            break
        some, reached, radius = cases_of(delta, rows), length[rows], radii[rows]
        left = (radius - reached) * (radius + reached)
        unclipped = (s[rows] * some).eq_(kept := cases_of(found, rows)).mul_(kept)
        growing = geometry.lengths(unclipped).square().clamp(min=1e-20)
        longer = (s[rows] * (1 + left / growing).sqrt()).clamp(max=at_most)
        made = box.select(rows).clip_(longer * some)
        s[rows], length[rows] = longer, geometry.lengths(made)
        found.index_copy_(0, rows, made)
    return found
