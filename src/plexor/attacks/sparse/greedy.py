"""Greedy search for pixels, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm
from plexor.attacks.proposal import Proposal, stream
from plexor.attacks.sparse.candidates import Candidates, open_cases, sweep
from plexor.attacks.sparse.layout import Layout
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedyPixel:
    """Changes one pixel or voxel at a time, in each round the one that raises the margin most.

    The first round tries every position in every extreme colour, as ``exhaustive-pixel`` does. Each
    later round adds one of the positions that were best in the first round to those already
    changed. CornerSearch (Croce & Hein, ICCV 2019) combines its 100 best positions at random
    instead. The search ends once the goal is reached, the radius is used up, or no change raises
    the margin.

    Attributes:
        shortlist: number of positions that later rounds try. With all positions, each round costs
            as much as the first and finds the best single addition.
        queries: greatest number of forward passes a case; None for no limit. With fewer than
            needed, the first round tries positions drawn at random. It takes the queries that later
            rounds do not need, but at least half of all.
        at_once: images in one forward pass; fewer when memory runs out.

    Example:
        >>> from plexor.attacks import GreedyPixel, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="l0", radius=2)
        >>> proposal = GreedyPixel()(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.count_nonzero((1, 2, 3)).tolist()
        [1, 1]
    """

    access: ClassVar[Access] = "scores"
    norms: ClassVar[tuple[str, ...]] = ("l0",)
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = (
        "In the spirit of CornerSearch: Croce & Hein, ICCV 2019, arXiv:1909.05040"
    )
    summary: ClassVar[str] = (
        "one pixel at a time, each in the extreme colour that raises the margin most"
    )

    shortlist: int = 100
    queries: int | None = None
    at_once: int = 64

    def __post_init__(self) -> None:
        check_counts(
            "greedy-pixel", shortlist=self.shortlist, at_once=self.at_once, queries=self.queries
        )

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the result of all rounds; no change where none raises the margin."""
        check_norm("greedy-pixel", threat, self.norms)
        objective = Objective(model, batch, goal)
        layout = Layout.of(batch, threat)
        delta = torch.zeros_like(batch.images)
        for row, case in open_cases(objective, layout, queries=self.queries, at_once=self.at_once):
            self._search(case, layout, threat, seed)
            delta[row] = case.delta
        return objective.proposal(delta)

    def _search(self, case: Candidates, layout: Layout, threat: Threat, seed: int) -> None:
        """Runs all rounds of one case."""
        positions = torch.nonzero(layout.open(case.batch, threat)[0]).flatten()
        n_colours = 2**layout.n_numbers
        later = (layout.radius - 1) * self.shortlist * n_colours
        most = (case.left - min(later, case.left // 2)) // n_colours
        if len(positions) > most:
            generator = stream(seed, "positions", case.batch.ids[0])
            drawn = torch.randperm(len(positions), generator=generator)[:most]
            positions = positions[drawn.to(positions.device)]
        margins = sweep(case, layout, positions)
        best = margins.topk(min(self.shortlist, len(margins))).indices
        before = None
        for _ in range(layout.radius - 1):
            if case.reached or case.margin == before:
                return
            before = case.margin
            case.settle()
            sweep(case, layout, positions[best])
