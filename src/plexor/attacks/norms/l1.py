"""L1: the sum of absolute changes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.norms.box import Box
from plexor.attacks.norms.norm import ProjectedStep, longest_stored, stored_radii
from plexor.models.batch import Batch
from plexor.threat_model import Unit

_NEARLY = 1e-6
"""Share of the radius by which a projection may miss it before it is scaled."""


@dataclass(frozen=True, slots=True)
class L1(ProjectedStep):
    """See ``Geometry``."""

    def radii(self, radius: float, unit: Unit, batch: Batch) -> Tensor:
        """In stored numbers."""
        return stored_radii(radius, unit, batch)

    def measure(self, delta: Tensor) -> Tensor:
        """The sum."""
        return geometry.sums(delta)

    def project(self, delta: Tensor, box: Box, radii: Tensor) -> Tensor:
        """``clip(sign(delta) * max(|delta| - t, 0))`` with the least ``t >= 0`` that fits."""
        inside = box.clip(delta)
        reach = inside.abs()
        size = delta.abs()
        kept = _shrunk(size, reach, _shrinkage(size, reach, radii))
        found = torch.copysign(kept, delta)
        return found.mul_((radii / geometry.sums(found).clamp(min=1e-30)).clamp(max=1.0))

    def furthest(self, gradient: Tensor, box: Box, radii: Tensor) -> Tensor:
        """The steepest numbers go to their bounds until the radius is spent."""
        corner, order = _by_steepness(gradient, box)
        room = corner.gather(1, order)
        most = torch.minimum(room.abs(), radii.flatten(1))  # sums stay small, and so exact
        left = (radii.flatten(1) - (most.cumsum(dim=1) - most)).clamp(min=0)
        taken = room.sign() * torch.minimum(most, left)
        return torch.zeros_like(corner).scatter(1, order, taken).view_as(gradient)

    def crossing(self, gradient: Tensor, rise: Tensor, box: Box) -> Tensor:
        """The steepest numbers go to their bounds until the plane is reached."""
        corner, order = _by_steepness(gradient, box)
        room, steep = corner.gather(1, order), gradient.flatten(1).gather(1, order).abs()
        gain = room.abs() * steep
        left = (rise.flatten(1) - (gain.cumsum(dim=1) - gain)).clamp(min=0)
        moved = torch.where(steep > 0, torch.minimum(room.abs(), left / steep), 0.0)
        return torch.zeros_like(corner).scatter(1, order, room.sign() * moved).view_as(gradient)

    def store(self, delta: Tensor, box: Box, radii: Tensor, quantum: Tensor) -> Tensor:
        """The longest rounded multiple that fits."""
        return longest_stored(delta, box, quantum, radii, self.measure)

    def steepest(self, gradient: Tensor, share: float) -> Tensor:
        """The steepest number alone, or a share of all numbers alike."""
        flat = geometry.numbers_of(gradient)
        several = max(1, round(share * flat.shape[1]))
        index = flat.abs().topk(several, dim=1).indices
        signs = flat.gather(1, index).sign() / several
        return geometry.as_images(torch.zeros_like(flat).scatter(1, index, signs), gradient)

    def start(self, noise: Tensor, box: Box, radii: Tensor) -> Tensor:
        """Uniform on the sphere: exponential draws with the noise's signs and ranks, scaled."""
        tails = torch.special.erfc(noise.abs() / 2**0.5).clamp(min=1e-30)
        exponential = -noise.sign() * tails.log()
        return self.project(radii * (exponential / geometry.sums(exponential)), box, radii)


def _shrunk(size: Tensor, reach: Tensor, by: Tensor) -> Tensor:
    """Absolute numbers less ``by``, from 0 to what the box allows."""
    kept = torch.sub(size, by).clamp_(min=0)
    return torch.minimum(kept, reach, out=kept)


def _shrinkage(size: Tensor, reach: Tensor, radii: Tensor) -> Tensor:
    """The least ``t >= 0`` with which the sum of ``_shrunk`` fits the radius, (N, 1, ...).

    The sum falls piecewise linearly in t, by as much as there are numbers between 0 and the box's
    bound. So Newton's method is exact once it is on the right piece; where a step leaves the
    interval that is known to hold t, the interval is halved.

    Args:
        size: absolute numbers.
        reach: the same, cut to the box.
        radii: radius of each case, (N, 1, ...).
    """
    by = least = torch.zeros_like(radii)
    most = geometry.as_cases(geometry.greatest(size), size)
    room = torch.empty_like(size)
    for _ in range(geometry.PIECES):
        kept = _shrunk(size, reach, by)
        over = geometry.sums(kept) - radii
        open_ = (over.abs() > _NEARLY * radii) & (most - least > _NEARLY * most)
        open_ &= (over > 0) | (by > 0)  # where the numbers fit as they are, nothing is to be shrunk
        if not bool(open_.any()):
            break
        least, most = torch.where(over > 0, by, least), torch.where(over > 0, most, by)
        # numbers above 0 that the box does not hold: a step up from `by` shrinks them
        held = torch.sub(size, by, out=room).sub_(reach).clamp_(min=0).sign_()
        moving = torch.sub(kept.sign_(), held, out=kept).clamp_(min=0)
        slope = geometry.sums(moving)
        ahead = by + over / slope
        within = (ahead > least) & (ahead < most)
        by = torch.where(open_, torch.where(within, ahead, (least + most) / 2), by)
    return by


def _by_steepness(gradient: Tensor, box: Box) -> tuple[Tensor, Tensor]:
    """The corner of the box, (N, P), and the numbers' order, the steepest first, (N, P)."""
    order = gradient.flatten(1).abs().argsort(dim=1, descending=True, stable=True)
    return box.corner(gradient).flatten(1), order
