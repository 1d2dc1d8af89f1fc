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
        """``clip(sign(delta) * max(|delta| - t, 0))`` with the least ``t >= 0`` that fits.

        Its sum falls piecewise linearly in t, so that bisection and one step along the last piece
        find it.
        """

        def shrunk(by: Tensor) -> Tensor:
            kept = torch.nn.functional.relu(delta.abs() - by).mul_(delta.sign())
            return box.clip_(kept)

        inside = box.clip(delta)
        fitting = geometry.sums(inside) <= radii
        if bool(fitting.all()):
            return inside
        least = torch.zeros_like(radii)
        most = geometry.as_cases(geometry.greatest(delta), delta)
        for _ in range(geometry.HALVINGS):
            middle = (least + most) / 2
            fits = geometry.sums(shrunk(middle)) <= radii
            least, most = torch.where(fits, least, middle), torch.where(fits, middle, most)
        start = shrunk(least)
        moving = (start != 0) & (start > box.low) & (start < box.high)
        slope = geometry.as_cases(moving.flatten(1).sum(1).clamp(min=1).to(delta.dtype), delta)
        over = (geometry.sums(start) - radii).clamp(min=0)
        found = shrunk(torch.minimum(least + over / slope, most))
        found = torch.where(fitting, inside, found)
        return found * (radii / geometry.sums(found).clamp(min=1e-30)).clamp(max=1.0)

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
        flat = gradient.flatten(1)
        several = max(1, round(share * flat.shape[1]))
        index = flat.abs().topk(several, dim=1).indices
        signs = flat.gather(1, index).sign() / several
        return torch.zeros_like(flat).scatter(1, index, signs).view_as(gradient)

    def start(self, noise: Tensor, box: Box, radii: Tensor) -> Tensor:
        """Uniform on the sphere: exponential draws with the noise's signs and ranks, scaled."""
        tails = torch.special.erfc(noise.abs() / 2**0.5).clamp(min=1e-30)
        exponential = -noise.sign() * tails.log()
        return self.project(radii * (exponential / geometry.sums(exponential)), box, radii)


def _by_steepness(gradient: Tensor, box: Box) -> tuple[Tensor, Tensor]:
    """The corner of the box, (N, P), and the numbers' order, the steepest first, (N, P)."""
    order = gradient.flatten(1).abs().argsort(dim=1, descending=True, stable=True)
    return box.corner(gradient).flatten(1), order
