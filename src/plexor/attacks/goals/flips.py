"""Pixels that are to be flipped: how many still are, and what a search climbs to flip them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.goals.goal import LossKind
from plexor.models.task import Task

_FULL_SCALE = 40.0
"""Logits beyond this are scaled down before a sigmoid: e^-40 is still a number float32 can hold."""
_NOTHING = 1e-12
_NO_LEAD = 1e-35
"""Less than any lead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """A wish that enough pixels be decided otherwise; P pixels a case.

    Attributes:
        lead: (N, P), > 0 exactly where a pixel is decided as wished, in logits.
        counts: (N, P) bool, the pixels the wish is about.
        weight: (N, P), how much each of them does for it, > 0.
        enough: says of pixels in an order, (N, P) int64, whether the first 1, 2, ..., P of them
            would be enough, (N, P) bool; more are never less.
        possible: (N,) bool, whether all of them would be.
    """

    lead: Tensor
    counts: Tensor
    weight: Tensor
    enough: Callable[[Tensor], Tensor]
    possible: Tensor

    def way(self) -> Tensor:
        """(N,), > 0 exactly where enough pixels are decided as wished; NaN where none can be.

        The pixels *needed* are those that cost least: from the one furthest on, by its lead over
        its weight, to the first with which they are enough. Beyond the wish, this is their least
        lead. Short of it, minus the root mean square of the leads that are still below 0: what an
        L2 attack has to make up for if pixels are linear and alike. All flipped pixels come before
        all others, so that they are enough exactly if the needed ones are all flipped.
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
        """(N,), the share of all weight that is flipped if each pixel's lead were a log-odds.

        Its gradient is greatest for pixels that are nearly undecided, and vanishes for those that
        are flipped for good or out of reach. Cross-entropy, summed over pixels, spends most on what
        is flipped already; that weighing pixels down by how far they are flipped works much better
        was shown by SegPGD (Gu et al., ECCV 2022, arXiv:2207.12391), and with weights that fall on
        both sides of the boundary by CosPGD (Agnihotri et al., ICML 2024, arXiv:2302.02213).
        """
        greatest = self.lead.detach().abs().amax(dim=1, keepdim=True)
        odds = self.lead * (_FULL_SCALE / greatest).clamp(max=1.0)
        weight = self.weight * self.counts
        return (odds.sigmoid() * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=_NOTHING)

    def scale(self) -> Tensor:
        """(N,), how far from undecided the pixels are on average; no gradient."""
        away = (self.lead.detach().abs() * self.counts).sum(dim=1)
        return away / self.counts.sum(dim=1).clamp(min=1)


class Flipping(ABC):
    """What goals have in common that are reached once enough pixels are flipped."""

    __slots__ = ()

    @abstractmethod
    def flips(self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None) -> Flips:
        """The pixels to be flipped, as they stand."""
        ...

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The one way there is."""
        return self.margin(task, outputs, truth, before)[:, None]

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """By how many logits a pixel the decisive ones are on the wished side; see ``Flips.way``.

        > 0 exactly where the decision, pixel by pixel, is what the goal wants; NaN where the goal
        has no meaning for the case, or an output is no number.
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
        """The share expected to be flipped ("ce"), the margin, or that over its scale ("ratio").

        The scale is how far from undecided the pixels are on the untouched image, on average.
        """
        flips = self.flips(task, outputs, truth, before)
        if kind == "ce":
            return flips.expected()
        if kind == "margin":
            return flips.way()
        start = flips if before is None else self.flips(task, before, truth, before)
        return flips.way() / (start.scale() + _NOTHING)
