"""The best perturbation of each case, and the cases that a search still works on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from plexor.attacks.goals import Goal, directions
from plexor.attacks.objective import BROKEN, Objective
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat

_LARGE = 2**12
"""Numbers of an image from which on cases are copied one by one."""

Search = Callable[[Objective, int], tuple[Tensor, Tensor]]
"""(open cases, number of the search from 0) → perturbations (M, C, *spatial), margins (M,)."""


class Best:
    """The perturbation with the greatest margin found for each of N cases.

    A search works on the M cases that are *open*: at first all, until ``leave`` removes those whose
    goal is reached. ``ask`` and ``ask_only`` also count queries against a budget.

    Args:
        objective: of all N cases.
        margins: margins that a perturbation must exceed to be kept, (N,); None for those of the
            untouched images, which cost one query a case where outputs ``before`` are unknown.
        queries: forward passes allowed for a case, including those already spent; None for no
            limit.

    Attributes:
        objective: of the M open cases.
        delta: the best perturbations, (N, C, *spatial); zero where none exceeded ``margins``.
        margins: the greatest margins, (N,).
        left: queries that every open case still has. All open cases get equally many queries.

    Example:
        >>> import torch
        >>> from plexor.attacks import Misclassify, Objective
        >>> from plexor.attacks.best import Best
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> best = Best(Objective(model, batch, Misclassify()), queries=5)
        >>> best.ask(torch.full_like(batch.images, 3.0)).tolist()
        [2.0, -10.0]
        >>> best.leave().tolist()
        [1]
        >>> best.proposal().delta.mean((1, 2, 3)).tolist()
        [3.0, 0.0]
    """

    def __init__(
        self, objective: Objective, *, margins: Tensor | None = None, queries: int | None = None
    ) -> None:
        self._all = self.objective = objective
        self._delta: Tensor | None = None
        self.margins = objective.untouched() if margins is None else margins.clone()
        self._breaking: Tensor | None = None
        self._breaks = torch.zeros_like(self.margins, dtype=torch.bool)
        self._rows = torch.arange(len(objective), device=objective.batch.images.device)
        self.left = sys.maxsize
        if queries is not None:
            self.left = queries - max(objective.spent().tolist(), default=0)

    @classmethod
    def changeable(cls, objective: Objective, threat: Threat, *, queries: int) -> Best:
        """Begins with the cases that are not at the goal and in which ``threat`` allows a change.

        The other cases are not open, and nothing is proposed for them.
        """
        best = cls(objective, queries=queries)
        low, high = threat.bounds(objective.batch)
        room = (low < high).flatten(1).any(dim=1)
        best._keep_open(torch.nonzero((best.margins <= 0) & room).flatten())
        return best

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def delta(self) -> Tensor:
        """The best perturbations, (N, C, *spatial); in memory from when they are first needed."""
        if self._delta is None:
            self._delta = torch.zeros_like(self._all.batch.images)
        return self._delta

    @property
    def open_margins(self) -> Tensor:
        """The greatest margin of each open case, (M,)."""
        return self.margins[self._rows]

    def ask_only(self, trial: Tensor) -> Tensor:
        """Margins of perturbations that are not kept, (M,); one query a case.

        For perturbations that estimate a gradient, and need not lie within the threat.
        """
        self.left -= 1
        return self.objective.margin(trial)

    def ask(self, trial: Tensor) -> Tensor:
        """Margins of storable perturbations within the threat, (M,); keeps the better ones.

        Costs one query a case.
        """
        margin = self.ask_only(trial)
        self.keep(trial, margin)
        return margin

    def keep(self, trial: Tensor, margin: Tensor) -> None:
        """Keeps the perturbations (M, C, *spatial) whose margin (M,) exceeds the greatest so far.

        Costs no query.
        """
        better = margin > self.open_margins
        rows = self._rows[better]
        self.margins[rows] = margin[better]
        if len(rows) == len(self._all):
            self.delta.copy_(trial)
        elif trial[0].numel() < _LARGE:
            self.delta[rows] = trial[better]
        else:  # one by one: a selection is a copy, and images may be large
            for row, place in zip(
                torch.nonzero(better).flatten().tolist(), rows.tolist(), strict=True
            ):
                self.delta[place].copy_(trial[row])
        broken = margin == BROKEN
        if bool(broken.any()):
            if self._breaking is None:
                self._breaking = torch.zeros_like(self.delta)
            rows = self._rows[broken]
            self._breaking[rows], self._breaks[rows] = trial[broken], True

    def adopt(self, trial: Tensor, margin: Tensor) -> None:
        """As ``keep``, of perturbations that nobody else uses, and that may be overwritten.

        Where most are better, those that are not are copied into ``trial`` instead.
        """
        worse = ~(margin > self.open_margins)
        rows = torch.nonzero(worse).flatten().tolist()
        few_better = len(self) < len(self._all) or 2 * len(rows) > len(self)
        if few_better or bool((margin == BROKEN).any()):
            self.keep(trial, margin)
            return
        for row in rows:
            trial[row] = 0.0 if self._delta is None else self._delta[row]
        self._delta, self.margins = trial, torch.where(worse, self.margins, margin)

    def outcome(self) -> tuple[Tensor, Tensor]:
        """The perturbations to propose, (N, C, *spatial), and their margins, (N,).

        A perturbation that makes the outputs infinite or NaN is an outcome too, and is proposed
        where none was found that reaches the goal; its margin is ``BROKEN``.
        """
        if self._breaking is None:
            return self.delta, self.margins
        chosen = self._breaks & (self.margins <= 0)
        wide = chosen.view(-1, *[1] * (self.delta.ndim - 1))
        margins = torch.where(chosen, BROKEN, self.margins)
        return torch.where(wide, self._breaking, self.delta), margins

    def leave(self) -> Tensor | None:
        """Removes cases that have reached the goal from the open ones.

        Returns:
            Indices among the M open cases of those that remain, int64; None if all remain.
        """
        stay = torch.nonzero(self.open_margins <= 0).flatten()
        if len(stay) == len(self):
            return None
        self._keep_open(stay)
        return stay

    def leave_with(self, *states: Tensor) -> tuple[Tensor, ...]:
        """As ``leave``, with the rows of ``states`` (M, ...) for the cases that remain."""
        stay = self.leave()
        return states if stay is None else tuple(state[stay] for state in states)

    def proposal(self) -> Proposal:
        """The best perturbation of all N cases, and the cost of the search."""
        return self._all.proposal(self.outcome()[0])

    def _keep_open(self, stay: Tensor) -> None:
        self._rows = self._rows[stay]
        self.objective = self.objective.select(stay)


def unbeaten(objective: Objective) -> Best:
    """A ``Best`` that keeps the first perturbation it is given, whatever its margin."""
    return Best(objective, margins=torch.full_like(objective.batch.low.flatten(), -torch.inf))


def best_of(
    objective: Objective, restarts: int, search: Search, *, goals: Sequence[Goal] = ()
) -> Proposal:
    """The perturbation with the greatest margin of several searches.

    The first search is for every case, each later one for the cases that have not reached the
    goal. Proposes no change where no search exceeds the margin of the untouched image.

    Args:
        objective: the cases.
        restarts: searches for each of ``goals``.
        search: one search, see ``Search``; it is numbered through all goals.
        goals: what to climb towards, one after the other; those of ``directions`` if empty.
    """
    best = Best(objective)
    for turn, goal in enumerate(goals or directions(objective.goal)):
        for restart in range(restarts):
            if len(best) == 0:
                return best.proposal()
            some = best.objective
            if goal is not some.goal:
                some = some.towards(goal)
            best.adopt(*search(some, turn * restarts + restart))
            best.leave()
    return best.proposal()
