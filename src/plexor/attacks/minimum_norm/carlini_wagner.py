"""Carlini & Wagner's L2 attack: length and margin weighed by a constant that is searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks.description import EVERY_TASK, Access
from plexor.attacks.goals import Goal
from plexor.attacks.minimum_norm.boundary import evened
from plexor.attacks.minimum_norm.nearest import Nearest, shortest_stored
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm, check_positive
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model

_HIGHEST = 1e10
_INSIDE = 0.999999
_CHECKS = 10
_WORTHWHILE = 0.9999


@dataclass(frozen=True, slots=True, kw_only=True)
class CarliniWagner:
    """Carlini & Wagner's L2 attack (IEEE S&P 2017), for the shortest L2 perturbation.

    Adam descends the squared length, in units of the storable range, plus a constant times what
    is missing to the goal's margin. Each number is the tanh of a free variable, stretched over its
    own range, so that none can leave it. Where a constant sufficed a smaller one is tried, else a
    greater one. What is found is stored with the least growth. Of several ways to the goal the
    paper climbs the one furthest ahead; here it is the one short by least over its slope at the
    start.

    Attributes:
        steps: gradients for each constant, at most; the authors' program takes 10,000, and like
            this stops when the loss no longer falls.
        constants: how many are tried.
        first_constant: the first of them.
        step_size: Adam's learning rate.
        ways: compare so many at the start, at a gradient each, those nearest to being taken; 1 does
            as the paper does.
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Carlini & Wagner, IEEE S&P 2017, arXiv:1608.04644"
    summary: ClassVar[str] = "shortest L2 perturbation, by Adam on length and margin"

    steps: int = 1000
    constants: int = 9
    first_constant: float = 1e-3
    step_size: float = 0.01
    ways: int = 10

    def __post_init__(self) -> None:
        check_counts("carlini-wagner", steps=self.steps, constants=self.constants, ways=self.ways)
        check_positive(
            "carlini-wagner", first_constant=self.first_constant, step_size=self.step_size
        )

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the shortest storable perturbation found that reaches the goal.

        Where none within the radius does, the one it would store at the radius, or nothing if
        that is no better.

        Raises:
            PlanError: the threat is not one of L2.
        """
        check_norm("carlini-wagner", threat, self.norms)
        objective = Objective(model, batch, goal)
        nearest = Nearest(objective, threat)
        near = evened(objective, threat, self.ways)
        constant = torch.full_like(nearest.norms, self.first_constant)
        least, most = torch.zeros_like(constant), torch.full_like(constant, _HIGHEST)
        for _ in range(self.constants):
            enough = self._descend(near, nearest, constant)
            most = torch.where(enough, constant.minimum(most), most)
            least = torch.where(enough, least, constant.maximum(least))
            constant = torch.where(most < _HIGHEST, (least + most) / 2, constant * 10)
        return objective.proposal(shortest_stored(objective, threat, nearest.delta))

    def _descend(self, objective: Objective, nearest: Nearest, constant: Tensor) -> Tensor:
        """One constant for each case; returns which reached the goal with it, (N,) bool."""
        enough = torch.zeros_like(constant, dtype=torch.bool)
        rows = torch.arange(len(objective), device=constant.device)
        last = torch.full_like(constant, torch.inf)
        box = _Box.of(objective.batch, nearest.threat)
        free = box.untouched()
        mean, square = torch.zeros_like(free), torch.zeros_like(free)
        for step in range(self.steps):
            delta, slope = box.inside(free)
            margin, way, gradient = objective.gradient(delta, "margin")
            nearest.see(delta, margin, rows)
            enough[rows] |= margin > 0
            length = (delta / box.whole).flatten(1).square().sum(1)
            loss = length + constant * torch.where(margin > 0, 0.0, -way)
            weight = torch.where(margin > 0, 0.0, constant).view_as(box.whole)
            uphill = (2 * delta / box.whole.square() - weight * gradient) * slope
            mean, square = 0.9 * mean + 0.1 * uphill, 0.999 * square + 0.001 * uphill.square()
            spread = (square / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
            free = free - self.step_size / (1 - 0.9 ** (step + 1)) * mean / spread
            if step % max(1, self.steps // _CHECKS) == 0:
                going = torch.nonzero(loss <= _WORTHWHILE * last).flatten()
                if len(going) == 0:
                    break
                objective, box = objective.select(going), box.select(going)
                rows, constant, last = rows[going], constant[going], loss[going]
                free, mean, square = free[going], mean[going], square[going]
        return enough


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """The range and region of each number, as the tanh of a free variable fills it.

    Attributes:
        middle: (N, C, *spatial), of where its change may lie.
        half: half of how wide that is.
        whole: (N, 1, ...), how wide the storable range is.
    """

    middle: Tensor
    half: Tensor
    whole: Tensor

    @classmethod
    def of(cls, batch: Batch, threat: Threat) -> _Box:
        """Of each number of the batch."""
        low, high = threat.bounds(batch)
        return cls(middle=(low + high) / 2, half=(high - low) / 2, whole=batch.high - batch.low)

    def select(self, index: Tensor) -> _Box:
        """That of some of the cases."""
        return _Box(middle=self.middle[index], half=self.half[index], whole=self.whole[index])

    def untouched(self) -> Tensor:
        """The free variables of no change, or, at the ends of a range, of next to none."""
        share = torch.where(self.half > 0, -self.middle / self.half, 0.0)
        return share.clamp(-_INSIDE, _INSIDE).atanh()

    def inside(self, free: Tensor) -> tuple[Tensor, Tensor]:
        """The changes that free variables stand for, and the slopes of these."""
        share = free.tanh()
        return self.middle + self.half * share, self.half * (1 - share.square())
