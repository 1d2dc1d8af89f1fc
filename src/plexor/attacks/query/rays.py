"""RayS: the nearest boundary along directions of equal steps, by decisions alone."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm
from plexor.attacks.proposal import Proposal, stream
from plexor.attacks.query.dialogue import Dialogue, converse
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

_FINE = 2.0**-10
"""Precision of a distance where storage has no grid, as a share of the radius."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayS:
    """RayS (Chen & Gu, KDD 2020), for L∞.

    A direction moves every number up or down by the same amount. The sign of one block of numbers
    is flipped at a time: of the whole image, then of its halves, quarters and so on. A flip is
    kept if the goal is reached at a shorter distance than before, which is then bisected. After
    single numbers the search begins again with the whole image. It ends at one quantum, where a
    round over blocks of all sizes finds nothing shorter, or when the queries are used up.

    The paper starts from the direction that moves every number up. Where the goal is not reached
    that way at any distance, blocks of random signs follow here, each time twice as many, until one
    reaches it. Distances are whole quanta where storage has a grid.

    Attributes:
        queries: greatest number of forward passes a case.
        starts: greatest number of directions to try for a start.

    Example:
        >>> from plexor.attacks import Misclassify, RayS, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=4)
        >>> proposal = RayS(queries=200)(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "decisions"
    norms: ClassVar[tuple[str, ...]] = ("linf",)
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Chen & Gu, KDD 2020, arXiv:2006.12792"
    summary: ClassVar[str] = (
        "nearest boundary along directions of equal steps, from decisions alone"
    )

    queries: int = 10_000
    starts: int = 100

    def __post_init__(self) -> None:
        check_counts("rays", queries=self.queries, starts=self.starts)

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the shortest perturbation seen within the radius; no change if there is none."""
        check_norm("rays", threat, self.norms)
        objective = Objective(model, batch, goal)
        low, high = threat.bounds(batch)
        room = (low < high).flatten(1).any(dim=1)
        open_ = torch.nonzero(~(objective.untouched() > 0) & room).flatten()
        rays = [
            _Ray(
                case=batch.select(row[None]),
                threat=threat,
                starts=self.starts,
                generator=stream(seed, "ray", batch.ids[int(row)]),
            )
            for row in open_
        ]
        converse(objective.select(open_), [ray.run() for ray in rays], queries=self.queries)
        delta = torch.zeros_like(batch.images)
        for row, ray in zip(open_.tolist(), rays, strict=True):
            delta[row] = ray.found[0]
        return objective.proposal(delta)


Reply = Generator[Tensor, Tensor, bool]


class _Ray:
    """The search for one case.

    Attributes:
        found: shortest perturbation within the threat that reaches the goal; zero if none.
    """

    def __init__(
        self, *, case: Batch, threat: Threat, starts: int, generator: torch.Generator
    ) -> None:
        self._case, self._threat = case, threat
        self._starts, self._generator = starts, generator
        self._low, self._high = threat.bounds(case)
        self._radius, quantum = float(threat.radii(case)), float(case.quantum)
        self._step = quantum or _FINE * self._radius
        self._most = max(1, int(float(case.high - case.low) / self._step))
        self.found = torch.zeros_like(case.images)

    def run(self) -> Dialogue:
        """The paper's algorithm 1 with its fast check and hierarchical blocks."""
        best = self._most + 1
        signs = torch.ones_like(self.found)
        for start in self._directions():
            if (yield from self._reaches(start, self._most)):
                signs, best = start, (yield from self._nearest(start, self._most))
                break
        n_numbers, level, block, shorter = signs.numel(), 0, 0, False
        while 1 < best <= self._most:
            size = -(-n_numbers // 2**level)
            flipped = signs.flatten().clone()
            flipped[block * size : (block + 1) * size] *= -1
            trial = flipped.view_as(signs)
            if (yield from self._reaches(trial, best - 1)):
                signs, best = trial, (yield from self._nearest(trial, best - 1))
                shorter = True
            block += 1
            if block * size >= n_numbers:
                block, level = 0, level + 1
                if size == 1:
                    if not shorter:
                        return
                    level, shorter = 0, False

    def _directions(self) -> Iterator[Tensor]:
        """Directions to start from: all up, all down, then ever smaller blocks of random signs."""
        ones = torch.ones_like(self.found)
        yield ones
        yield -ones
        n_numbers = ones.numel()
        for attempt in range(2, self._starts):
            n_blocks = min(2 ** (1 + attempt % (n_numbers - 1).bit_length()), n_numbers)
            drawn = torch.randint(0, 2, (n_blocks,), generator=self._generator).to(ones)
            size = -(-n_numbers // n_blocks)
            yield (2 * drawn - 1).repeat_interleave(size)[:n_numbers].view_as(ones)

    def _nearest(self, signs: Tensor, most: int) -> Generator[Tensor, Tensor, int]:
        """The shortest distance found by bisection that reaches the goal, as ``most`` does."""
        least = 0
        while most - least > 1:
            middle = (least + most) // 2
            if (yield from self._reaches(signs, middle)):
                most = middle
            else:
                least = middle
        return most

    def _reaches(self, signs: Tensor, n_steps: int) -> Reply:
        """Whether the goal is reached at a distance; keeps the perturbation if it is allowed."""
        trial = (n_steps * self._step * signs).clamp(self._low, self._high)
        reached = bool((yield trial))
        shorter = not self.found.any() or self._norm(trial) < self._norm(self.found)
        if reached and shorter and self._norm(trial) <= self._radius * (1 + 1e-6):
            self.found = trial
        return reached

    def _norm(self, delta: Tensor) -> float:
        return float(self._threat.norms(delta))
