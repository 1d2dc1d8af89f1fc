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

_PARTS = 16
"""Steps of distance a quantum."""
_FINE = 2.0**-10
"""Step of distance where storage has no grid, as a share of the radius."""
_SMALLEST = 9
"""Halvings of the image to the smallest expected random set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayS:
    """RayS (Chen & Gu, KDD 2020), for L∞.

    A direction moves every number up or down by the same amount. The sign of one block of numbers
    is flipped at a time: of the whole image, then of its halves, quarters and so on. A flip is
    kept if the goal is reached at a shorter distance than before, which is then bisected. After
    single numbers, where the paper ends, sets drawn at random follow. The search ends at one
    quantum or when the queries are used up.

    The paper starts from the direction that moves every number up. Where the goal is not reached
    that way at any distance, blocks of random signs follow here, each time twice as many, until one
    reaches it. Where storage has a grid, distances between two whole quanta are dithered: some
    numbers, always the same ones, move by the quantum above and the others by that below. Every
    query is storable, and a flip that gains less than a quantum is still seen.

    Attributes:
        queries: greatest number of forward passes a case.
        starts: greatest number of directions to try for a start.
        stop_at_success: stop searching for a case once its goal is reached within the radius.
            Otherwise the search goes on for a shorter distance.

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
    stop_at_success: bool = False

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
                attack=self,
                case=batch.select(row[None]),
                threat=threat,
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
        self, *, attack: RayS, case: Batch, threat: Threat, generator: torch.Generator
    ) -> None:
        self._attack, self._threat, self._generator = attack, threat, generator
        self._low, self._high = threat.bounds(case)
        self._radius, quantum = float(threat.radii(case)), float(case.quantum)
        self._quantum, self._step = quantum, quantum / _PARTS or _FINE * self._radius
        self._least = _PARTS if quantum else 1
        self._most = max(1, int(float(case.high - case.low) / self._step))
        self.found = torch.zeros_like(case.images)
        self._offsets = torch.randint(0, _PARTS, self.found.shape, generator=generator)

    def run(self) -> Dialogue:
        """The paper's algorithm 1 with its fast check and hierarchical blocks."""
        best = self._most + 1
        signs = torch.ones_like(self.found)
        for start in self._directions():
            if (yield from self._reaches(start, self._most)):
                signs, best = start, (yield from self._nearest(start, self._most))
                break
        flips = self._flips()
        while self._least < best <= self._most and not self._is_done():
            trial = torch.where(next(flips), -signs, signs)
            if (yield from self._reaches(trial, best - 1)):
                signs, best = trial, (yield from self._nearest(trial, best - 1))

    def _is_done(self) -> bool:
        return self._attack.stop_at_success and bool(self.found.any())

    def _flips(self) -> Iterator[Tensor]:
        """Signs to flip, bool: blocks from the whole image to one number, then random sets."""
        n_numbers = self.found.numel()
        numbers = torch.arange(n_numbers, device=self.found.device).view_as(self.found)
        for level in range((n_numbers - 1).bit_length() + 1):
            size = -(-n_numbers // 2**level)
            for block in range(-(-n_numbers // size)):
                yield numbers // size == block
        while True:
            halvings = 1 + (_SMALLEST - 1) * float(torch.rand((), generator=self._generator))
            drawn = torch.rand(self.found.shape, generator=self._generator)
            yield (drawn < 2.0**-halvings).to(self.found.device)

    def _directions(self) -> Iterator[Tensor]:
        """Directions to start from: all up, all down, then ever smaller blocks of random signs."""
        ones = torch.ones_like(self.found)
        yield ones
        yield -ones
        n_numbers = ones.numel()
        for attempt in range(2, self._attack.starts):
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
        trial = (signs * self._length(n_steps)).clamp(self._low, self._high)
        reached = bool((yield trial))
        shorter = not self.found.any() or self._norm(trial) < self._norm(self.found)
        if reached and shorter and self._norm(trial) <= self._radius * (1 + 1e-6):
            self.found = trial
        return reached

    def _length(self, n_steps: int) -> Tensor:
        """How far each number moves, storable: dithered between the quanta below and above."""
        if not self._quantum:
            return torch.full_like(self.found, n_steps * self._step)
        return ((n_steps + self._offsets) // _PARTS).to(self.found) * self._quantum

    def _norm(self, delta: Tensor) -> float:
        return float(self._threat.norms(delta))
