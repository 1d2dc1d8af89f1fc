"""Sparse-RS: random search over sets of pixels and extreme colours."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from plexor.attacks.best import Best
from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm
from plexor.attacks.proposal import Proposal, stream, uniform_draws
from plexor.attacks.sparse.layout import Layout
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

_UNTIL = (50, 200, 500, 1000, 2000, 4000, 6000, 8000)
_DIVISORS = (2, 4, 5, 6, 8, 10, 12, 15, 20)
"""Divisors of ``alpha`` up to, and after the last of, these queries of 10,000: the schedule of the
authors' program for L0, scaled to other budgets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseRS:
    """Sparse-RS for L0 (Croce, Andriushchenko, Singh, Flammarion & Hein, AAAI 2022).

    Starts with as many random pixels as the threat allows, each in a random extreme colour (every
    channel at one end of the storable range). A step restores some of them and changes as many
    others to new extreme colours; it is kept if it raises the margin. The number of pixels
    exchanged decreases as the budget is used up.

    Raises the margin for targeted goals too, where the paper uses the cross-entropy. A pixel that
    already has the drawn colour gets the opposite one. Where the region has too few other pixels,
    the same pixels get new colours.

    Attributes:
        queries: greatest number of forward passes a case.
        alpha: share of the changed pixels that a step exchanges, divided by 2 in the first steps
            and by up to 20 in the last, as in the authors' program. They use 0.3, and 0.1 for
            targeted goals.

    Example:
        >>> from plexor.attacks import Misclassify, SparseRS, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="l0", radius=4)
        >>> proposal = SparseRS(queries=50)(model, batch, Misclassify(), threat, seed=0)
        >>> (proposal.delta.count_nonzero((1, 2, 3)) <= 4).tolist()
        [True, True]
    """

    access: ClassVar[Access] = "scores"
    norms: ClassVar[tuple[str, ...]] = ("l0",)
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Croce et al., AAAI 2022, arXiv:2006.12834"
    summary: ClassVar[str] = "random search over sets of pixels and extreme colours"

    queries: int = 10_000
    alpha: float = 0.3

    def __post_init__(self) -> None:
        check_counts("sparse-rs", queries=self.queries)
        if not 0 < self.alpha <= 1:
            raise PlanError(f"sparse-rs: `alpha` must be above 0 and at most 1, got {self.alpha}")

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best perturbation seen; no change where none raises the margin."""
        check_norm("sparse-rs", threat, self.norms)
        best = Best.changeable(Objective(model, batch, goal), threat, queries=self.queries)
        layout = Layout.of(batch, threat)
        if len(best) == 0 or best.left < 1 or layout.radius < 1:
            return best.proposal()
        cases = best.objective.batch
        sets = _Sets.start(cases, layout, threat, seed)
        most = min(layout.radius, layout.n_positions)
        first = sets.fronts(most)[0]
        draws = uniform_draws(cases, seed, "start", (most, layout.n_numbers))
        colours = _corners(first, draws, cases, layout)
        delta = _moved(torch.zeros_like(cases.images), layout.numbers(first), sets.inside, colours)
        margin = best.ask(delta)
        delta, margin, sets = _left(best, delta, margin, sets)
        for step in range(1, best.left + 1):
            if len(best) == 0:
                break
            cases, share = best.objective.batch, self._share(step)
            most = max(1, int(share * layout.radius))
            draws = uniform_draws(cases, seed, f"step-{step}", (most, 2 + layout.n_numbers))
            several = (share * sets.inside).long().clamp(min=1)
            sets.draw(several, draws[..., :2])
            old, new = sets.fronts(most)
            roomy = several <= sets.outside
            new = torch.where(roomy[:, None], new, old)
            trial = _moved(delta, layout.numbers(old), several, torch.zeros_like(draws[..., 2:]))
            colours = _corners(new, draws[..., 2:], cases, layout)
            trial = _moved(trial, layout.numbers(new), several, colours)
            now = best.ask(trial)
            better = now > margin
            delta[better], margin = trial[better], torch.maximum(now, margin)
            sets.exchange(several * (better & roomy), most)
            delta, margin, sets = _left(best, delta, margin, sets)
        return best.proposal()

    def _share(self, step: int) -> float:
        """Share of the changed pixels that this step exchanges."""
        return self.alpha / _DIVISORS[bisect_left(_UNTIL, int(step / self.queries * 10_000))]


@dataclass(slots=True, kw_only=True)
class _Sets:
    """The changed positions of each case, and the others that may change.

    Attributes:
        order: positions, the changed ones first, then the others that may change, (M, positions)
            int32.
        inside: number of changed positions, (M,) int64.
        outside: number of others that may change, (M,) int64.
    """

    order: Tensor
    inside: Tensor
    outside: Tensor

    @classmethod
    def start(cls, batch: Batch, layout: Layout, threat: Threat, seed: int) -> Self:
        """As many random positions as the threat allows."""
        allowed = layout.open(batch, threat)
        order = torch.zeros(len(batch), layout.n_positions, dtype=torch.int32)
        for row, (case_id, mask) in enumerate(zip(batch.ids, allowed.cpu(), strict=True)):
            positions = torch.nonzero(mask).flatten().int()
            drawn = torch.randperm(len(positions), generator=stream(seed, "positions", case_id))
            order[row, : len(positions)] = positions[drawn]
        n_allowed = allowed.sum(dim=1)
        inside = n_allowed.clamp(max=layout.radius)
        return cls(order=order.to(allowed.device), inside=inside, outside=n_allowed - inside)

    def draw(self, several: Tensor, uniform: Tensor) -> None:
        """Draws ``several`` changed and ``several`` other positions, and moves them to the front.

        Args:
            several: number of positions, (M,).
            uniform: uniform draws from [0, 1), (M, n, 2); positions are drawn without replacement.
        """
        zero = torch.zeros_like(self.inside)
        for i in range(uniform.shape[1]):
            for start, size, drawn in (
                (zero, self.inside, uniform[:, i, 0]),
                (self.inside, self.outside, uniform[:, i, 1]),
            ):
                left = (size - i).clamp(min=0)
                chosen = (drawn * left).long().clamp(max=left - 1)
                live = (i < several) & (left > 0)
                self._swap(start + i, start + i + chosen, live)

    def fronts(self, most: int) -> tuple[Tensor, Tensor]:
        """The first ``most`` of the changed and of the other positions, both (M, most) int64.

        Entries beyond the number of such positions are arbitrary.
        """
        places = torch.arange(most, device=self.order.device)
        others = (self.inside[:, None] + places).clamp(max=self.order.shape[1] - 1)
        return self.order[:, :most].long(), self.order.gather(1, others).long()

    def exchange(self, several: Tensor, most: int) -> None:
        """Exchanges the first ``several`` (M,) of both, at most ``most``."""
        for i in range(most):
            here = torch.full_like(self.inside, i)
            self._swap(here, self.inside + i, i < several)

    def _swap(self, one: Tensor, other: Tensor, where: Tensor) -> None:
        one, other = (torch.where(where, place, 0)[:, None] for place in (one, other))
        first, second = self.order.gather(1, one), self.order.gather(1, other)
        self.order.scatter_(1, one, second).scatter_(1, other, first)


def _left(best: Best, delta: Tensor, margin: Tensor, sets: _Sets) -> tuple[Tensor, Tensor, _Sets]:
    """Removes cases that have reached the goal."""
    states = best.leave_with(delta, margin, sets.order, sets.inside, sets.outside)
    delta, margin, order, inside, outside = states
    return delta, margin, _Sets(order=order, inside=inside, outside=outside)


def _corners(positions: Tensor, draws: Tensor, batch: Batch, layout: Layout) -> Tensor:
    """Changes of positions (M, n) to the colours drawn by ``draws`` (M, n, n_numbers)."""
    low, high = batch.low.view(-1, 1, 1), batch.high.view(-1, 1, 1)
    numbers = layout.numbers(positions).flatten(1)
    image = batch.images.flatten(1).gather(1, numbers).view_as(draws)
    down = draws < 0.5
    same = (torch.where(down, low, high) == image).all(dim=2, keepdim=True)
    return torch.where(down ^ same, low, high) - image


def _moved(delta: Tensor, numbers: Tensor, several: Tensor, to: Tensor) -> Tensor:
    """A copy with the numbers (M, n, n_numbers) of the first ``several`` (M,) set to ``to``."""
    live = torch.arange(numbers.shape[1], device=delta.device) < several[:, None]
    # The rest repeats the first, so that no number is written with two values.
    numbers = torch.where(live[..., None], numbers, numbers[:, :1])
    to = torch.where(live[..., None], to, to[:, :1])
    return delta.flatten(1).scatter(1, numbers.flatten(1), to.flatten(1)).view_as(delta)
