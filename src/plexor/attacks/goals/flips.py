"""Margins and losses of goals that are reached once enough pixels change their decision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.goals.goal import LossKind
from plexor.models.task import Task

_FULL_SCALE = 40.0
"""Greatest logits of a sigmoid; larger ones are scaled down. float32 can represent e^-40."""
_NOTHING = 1e-12
_NO_LEAD = 1e-35
"""Smaller than any lead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """The requirement that enough of the P pixels of a case be decided as the goal wants.

    Attributes:
        lead: (N, P), in logits; > 0 exactly where a pixel is decided as wanted.
        counts: (N, P) bool, the pixels that count towards the goal.
        weight: (N, P), contribution of each pixel, > 0.
        enough: (order of pixels, (N, P) int64) → whether the first 1, 2, ..., P of them are enough,
            (N, P) bool; monotonic along P.
        possible: (N,) bool, whether all pixels together are enough.
    """

    lead: Tensor
    counts: Tensor
    weight: Tensor
    enough: Callable[[Tensor], Tensor]
    possible: Tensor

    def way(self) -> Tensor:
        """The margin, (N,); > 0 exactly where enough pixels are decided as wanted.

        NaN where the goal is not possible. The *needed* pixels are those of least cost: in
        descending order of lead over weight, up to the first with which they are enough. Where the
        goal is reached, the margin is their smallest lead. Otherwise it is minus the root mean
        square of their negative leads: the distance for an L2 attack if pixels are linear and
        alike. Flipped pixels come first in the order, so that they are enough exactly if all needed
        pixels are flipped.
        """
        wished = self.lead.where(self.counts, -torch.inf)
        order = (wished.detach() / self.weight).argsort(dim=1, descending=True, stable=True)
        last = (~self.enough(order)).sum(dim=1, keepdim=True)
        first_few = torch.arange(order.shape[1], device=order.device) <= last
        needed = torch.zeros_like(first_few).scatter(1, order, first_few)
        least = wished.where(needed, torch.inf).amin(dim=1)
        lacking = self.lead.clamp(max=0).where(needed & self.counts, 0.0)
        peak = lacking.detach().amin(dim=1, keepdim=True).clamp(max=-_NO_LEAD)
        square = (lacking / peak).square().sum(dim=1).where(least <= 0, 1.0)
        short = peak[:, 0] * (square / (last[:, 0] + 1)).sqrt()
        defined = self.possible & ~self.lead.isnan().any(dim=1)
        return torch.where(least > 0, least, short).where(defined, torch.nan)

    def expected(self) -> Tensor:
        """Expected share of the weight that is flipped, (N,), with leads as log-odds.

        The gradient is greatest for pixels close to undecided, and vanishes for pixels far on
        either side. Cross-entropy summed over pixels is dominated by pixels already flipped.
        SegPGD (Gu et al., ECCV 2022, arXiv:2207.12391) showed that smaller weights for flipped
        pixels work much better, and CosPGD (Agnihotri et al., ICML 2024, arXiv:2302.02213) that
        weights can decrease on both sides of the boundary.
        """
        greatest = self.lead.detach().abs().amax(dim=1, keepdim=True)
        odds = self.lead * (_FULL_SCALE / greatest).clamp(max=1.0)
        weight = self.weight * self.counts
        return (odds.sigmoid() * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=_NOTHING)

    def scale(self) -> Tensor:
        """Mean absolute lead, (N,); without gradient."""
        away = (self.lead.detach().abs() * self.counts).sum(dim=1)
        return away / self.counts.sum(dim=1).clamp(min=1)


class Flipping(ABC):
    """Base of goals that are reached once enough pixels are flipped."""

    __slots__ = ()

    @abstractmethod
    def flips(self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None) -> Flips:
        """The current state of the pixels to flip."""
        ...

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The margin, as the only way."""
        return self.margin(task, outputs, truth, before)[:, None]

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """Distance of the decisive pixels from undecided, in logits a pixel; see ``Flips.way``.

        > 0 exactly where the decision reaches the goal; NaN where the goal is undefined for the
        case, or an output is NaN.
        """
        return self.flips(task, outputs, truth, before).way()

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """Expected share of flipped pixels ("ce"), margin, or margin over scale ("ratio").

        The scale is the mean absolute lead on the untouched image.
        """
        flips = self.flips(task, outputs, truth, before)
        if kind == "ce":
            return flips.expected()
        if kind == "margin":
            return flips.way()
        start = flips if before is None else self.flips(task, before, truth, before)
        return flips.way() / (start.scale() + _NOTHING)
