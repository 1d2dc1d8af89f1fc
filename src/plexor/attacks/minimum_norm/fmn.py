"""Fast minimum norm (FMN): projections onto a ball of adapted radius."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.description import EVERY_NORM, EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.minimum_norm.boundary import nearest_way
from plexor.attacks.minimum_norm.nearest import Nearest, shortest_stored
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_positive
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

_LAST_STEP = 0.01
_LAST_GAMMA = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class FMN:
    """Fast minimum norm (Pintor et al., NeurIPS 2021), for the shortest perturbation.

    Each step moves along the gradient of the margin, then projects onto a ball whose radius
    shrinks while the goal is reached and grows while it is not; both step sizes decrease along a
    cosine. Here the projection is onto ball and range together, and numbers at the end of their
    range are excluded from a step. The result is stored as ``shortest_stored`` describes.

    Of several ways to the goal the paper follows the one with the greatest margin, whose boundary
    need not be the nearest. Here it is the one whose boundary ``nearest_way``
    estimates to be the nearest.

    Attributes:
        steps: gradients, in addition to two (three under L1 and L0) at the start for each way.
        step_size: Euclidean length of the first step, as a fraction of the storable range; the
            last is a hundredth of it, as in the authors' program.
        gamma: share by which the radius first changes in a step; the last change is by 0.001.
        ways: number of ways to compare at the start, those closest to being reached; 1 is the
            paper's method.

    Example:
        >>> from plexor.attacks import FMN, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=8)
        >>> proposal = FMN(steps=50)(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = EVERY_NORM
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Pintor et al., NeurIPS 2021, arXiv:2102.12827"
    summary: ClassVar[str] = "shortest perturbation, by a ball that shrinks and grows"

    steps: int = 100
    step_size: float = 1.0
    gamma: float = 0.05
    ways: int = 10

    def __post_init__(self) -> None:
        check_counts("fmn", steps=self.steps, ways=self.ways)
        check_positive("fmn", step_size=self.step_size)
        if not 0 < self.gamma < 1:
            raise PlanError(f"fmn: `gamma` must lie between 0 and 1, got {self.gamma}")

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the shortest storable perturbation found that reaches the goal.

        Where none within the radius does, proposes the perturbation shortened to the radius, or no
        change if that does not raise the margin.
        """
        objective = Objective(model, batch, goal)
        nearest = Nearest(objective, threat)
        near = nearest_way(nearest, objective, self.ways)
        delta = torch.zeros_like(batch.images)
        radii = torch.full_like(batch.low, 1.0 if threat.norm == "l0" else torch.inf)
        found = torch.zeros_like(nearest.found)
        for step in range(self.steps):
            fade = (1 + math.cos(math.pi * step / self.steps)) / 2
            margin, way, gradient = near.gradient(delta, "margin")
            nearest.see(delta, margin)
            found |= margin > 0
            gradient = threat.free(gradient, delta, batch)
            gamma = _LAST_GAMMA + (self.gamma - _LAST_GAMMA) * fade
            radii = _adapted(
                radii, nearest, delta, gradient, found=found, margin=margin, way=way, gamma=gamma
            )
            size = self.step_size * (_LAST_STEP + (1 - _LAST_STEP) * fade)
            moved = delta + size * (batch.high - batch.low) * geometry.unit(gradient)
            delta = threat.project(moved, batch, radii=radii)
        return objective.proposal(shortest_stored(objective, threat, nearest.delta))


def _adapted(
    radii: Tensor,
    nearest: Nearest,
    delta: Tensor,
    gradient: Tensor,
    *,
    found: Tensor,
    margin: Tensor,
    way: Tensor,
    gamma: float,
) -> Tensor:
    """Radii of the ball for the next step, (N, 1, ...); algorithm 1, lines 5 to 11.

    ``found`` is whether a step has reached the goal, (N,) bool; no ball is larger than the shortest
    perturbation known.
    """
    threat = nearest.threat

    def as_cases(numbers: Tensor) -> Tensor:
        return numbers.view_as(radii)

    reached, best = as_cases(margin > 0), as_cases(nearest.norms)
    if threat.norm == "l0":
        fewer = torch.minimum(radii - 1, (radii * (1 - gamma)).floor())
        more = torch.maximum(radii + 1, (radii * (1 + gamma)).floor())
        return torch.where(reached, torch.minimum(fewer, best), more).clamp(min=0)
    grown = radii * (1 + gamma)
    if not bool(found.all()):
        slope = (threat.steepest(gradient) * gradient).flatten(1).sum(1)
        boundary = threat.measure(delta) + as_cases(-way / slope.clamp(min=1e-30))
        grown = torch.where(as_cases(found), grown, boundary)
    return torch.minimum(torch.where(reached, radii * (1 - gamma), grown), best)
