"""Carlini & Wagner's L2 attack: Adam on length and margin, weighted by a searched constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.minimum_norm.boundary import nearest_way
from plexor.attacks.minimum_norm.nearest import Nearest, shortest_stored
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm, check_positive
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

_HIGHEST = 1e10
_INSIDE = 0.999999
_CHECKS = 10
_WORTHWHILE = 0.9999


@dataclass(frozen=True, slots=True, kw_only=True)
class CarliniWagner:
    """Carlini & Wagner's L2 attack (IEEE S&P 2017), for the shortest L2 perturbation.

    Adam minimises the squared length, in units of the storable range, plus a constant times the
    part of the margin that is missing. Each number is the tanh of a free variable, scaled to the
    number's range, so that it cannot leave that range. A smaller constant is tried where the goal
    was reached, a greater one where it was not. The result is stored as ``shortest_stored``
    describes. Of several ways to the goal the paper follows the one with the greatest margin; here
    it is the one whose boundary ``nearest_way`` estimates to be the nearest.

    Attributes:
        steps: greatest number of gradients for each constant; the authors' program takes 10,000 and
            also stops when the loss no longer falls.
        constants: number of constants to try.
        first_constant: the first constant.
        step_size: Adam's learning rate.
        ways: number of ways to compare at the start, at two gradients each, those closest to being
            reached; 1 is the paper's method.

    Example:
        >>> from plexor.attacks import CarliniWagner, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="l2", radius=20)
        >>> attack = CarliniWagner(steps=50, constants=4)
        >>> proposal = attack(model, batch, Misclassify(), threat, seed=0)
        >>> (proposal.delta.flatten(1).norm(dim=1) < 13).tolist()
        [True, True]
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

        Where none within the radius does, proposes the perturbation shortened to the radius, or no
        change if that does not raise the margin.

        Raises:
            PlanError: the threat is not one of L2.
        """
        check_norm("carlini-wagner", threat, self.norms)
        objective = Objective(model, batch, goal)
        nearest = Nearest(objective, threat)
        near = nearest_way(nearest, objective, self.ways)
        constant = torch.full_like(nearest.norms, self.first_constant)
        least, most = torch.zeros_like(constant), torch.full_like(constant, _HIGHEST)
        for _ in range(self.constants):
            enough = self._descend(near, nearest, constant)
            most = torch.where(enough, constant.minimum(most), most)
            least = torch.where(enough, least, constant.maximum(least))
            constant = torch.where(most < _HIGHEST, (least + most) / 2, constant * 10)
        return objective.proposal(shortest_stored(objective, threat, nearest.delta))

    def _descend(self, objective: Objective, nearest: Nearest, constant: Tensor) -> Tensor:
        """Minimises with one constant for each case; returns whether the goal was reached, (N,)."""
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
    """Interval of allowed changes of each number, parametrised by the tanh of a free variable.

    Attributes:
        middle: centre of the interval, (N, C, *spatial).
        half: half its width.
        whole: width of the storable range, (N, 1, ...).
    """

    middle: Tensor
    half: Tensor
    whole: Tensor

    @classmethod
    def of(cls, batch: Batch, threat: Threat) -> _Box:
        """The intervals of a batch's numbers within a threat."""
        low, high = threat.bounds(batch)
        return cls(middle=(low + high) / 2, half=(high - low) / 2, whole=batch.high - batch.low)

    def select(self, index: Tensor) -> _Box:
        """The intervals of some of the cases."""
        return _Box(middle=self.middle[index], half=self.half[index], whole=self.whole[index])

    def untouched(self) -> Tensor:
        """Free variables of no change; at an end of the interval, of a very small change."""
        share = torch.where(self.half > 0, -self.middle / self.half, 0.0)
        return share.clamp(-_INSIDE, _INSIDE).atanh()

    def inside(self, free: Tensor) -> tuple[Tensor, Tensor]:
        """The changes for free variables, and their derivatives."""
        share = free.tanh()
        return self.middle + self.half * share, self.half * (1 - share.square())
