"""L0: how many pixels or voxels are changed at all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.norms.box import Box
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.threat_model import Unit


@dataclass(frozen=True, slots=True)
class L0:
    """See ``Geometry``.

    Attributes:
        apart: count each channel of a position by itself.
    """

    apart: bool = False

    def radii(self, radius: float, unit: Unit, batch: Batch) -> Tensor:
        """In positions; a share of all is at least one."""
        if unit == "count":
            return torch.full_like(batch.low, radius)
        image = batch.images[0]
        each = image.numel() if self.apart else image[0].numel()
        return torch.full_like(batch.low, max(1.0, radius / 100 * each))

    def measure(self, delta: Tensor) -> Tensor:
        """The positions changed."""
        return geometry.changed(delta, apart=self.apart)

    def project(self, delta: Tensor, box: Box, radii: Tensor) -> Tensor:
        """The positions whose loss would cost most are kept."""
        inside = box.clip(delta)
        gain = delta.square() - (delta - inside).square()
        return inside * self._foremost(gain, radii)

    def furthest(self, gradient: Tensor, box: Box, radii: Tensor) -> Tensor:
        """The positions with the most to gain go to their bounds."""
        corner = box.corner(gradient)
        return corner * self._foremost(gradient * corner, radii)

    def crossing(self, gradient: Tensor, rise: Tensor, box: Box) -> Tensor:
        """Not every rise has such a point."""
        raise PlanError("threat: steps to a plane are taken under linf, l2 or l1, not l0")

    def store(self, delta: Tensor, box: Box, radii: Tensor, quantum: Tensor) -> Tensor:
        """Rounded, then projected: the values of the positions kept do not depend on the radius."""
        return self.project(box.onto_grid(delta, quantum), box, radii)

    def steepest(self, gradient: Tensor, share: float) -> Tensor:
        """The gradient over its greatest number: L0 does not measure how far a number moves."""
        return geometry.over_peaks(gradient)[0]

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
        """Numbers move by ``size`` each; the positions with the greatest rise are kept.

        The rise is to first order. The nearest point of the ball would keep the positions that
        moved furthest, whatever they do to the loss: those of a random start for ever.
        """
        moved = box.clip(gradient.sign().mul_(size).add_(delta))
        return moved * self._foremost(moved * gradient, radii)

    def start(self, noise: Tensor, box: Box, radii: Tensor) -> Tensor:
        """As many positions as allowed, each moved towards a bound by any share."""
        share: Tensor = torch.special.erf(noise.abs() / 2**0.5)
        return share * self.furthest(noise, box, radii)

    def _foremost(self, gain: Tensor, radii: Tensor) -> Tensor:
        """1 at the positions of greatest gain, as many as the radius allows; 0 elsewhere."""
        total = gain if self.apart else gain.sum(dim=1, keepdim=True)
        order = total.flatten(1).argsort(dim=1, descending=True, stable=True)
        allowed = torch.floor(radii.flatten(1) + 1e-6)
        among = torch.arange(order.shape[1], device=gain.device) < allowed
        kept = torch.zeros_like(total.flatten(1)).scatter(1, order, among.to(gain.dtype))
        return kept.view_as(total)
