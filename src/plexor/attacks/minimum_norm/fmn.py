"""Fast minimum norm: a ball that shrinks while the goal is reached in it and grows while not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.description import EVERY_NORM, EVERY_TASK, Access
from plexor.attacks.goals import Goal
from plexor.attacks.minimum_norm.boundary import evened
from plexor.attacks.minimum_norm.nearest import Nearest, shortest_stored
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_positive
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model

_LAST_STEP = 0.01
_LAST_GAMMA = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class FMN:
    """Fast minimum norm (Pintor et al., NeurIPS 2021), for the shortest perturbation there is.

    A perturbation climbs the goal's margin, and is projected onto a ball whose radius is adapted
    to where the goal is reached; both steps shrink along a cosine. Here the projection is onto
    ball and range together, and numbers at the end of their range take no part in a step. What is
    found is stored with the least growth.

    Of several ways to the goal the paper climbs the one furthest ahead, whose boundary need not be
    the nearest. Here it is, but under L0, the one short by least over its slope at the start.

    Attributes:
        steps: gradients, besides one at the start for each of the ways.
        step_size: Euclidean length of the first step, as a fraction of the storable range; the
            last is a hundredth of it, as in the authors' program.
        gamma: share by which the ball shrinks or grows at first; at last by 0.001.
        ways: compare so many at the start, those nearest to being taken; 1 does as the paper does.
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

        Where none within the radius does, the one it would store at the radius, or nothing if
        that is no better.
        """
        objective = Objective(model, batch, goal)
        nearest = Nearest(objective, threat)
        near = evened(objective, threat, self.ways)
        delta = torch.zeros_like(batch.images)
        radii = torch.full_like(batch.low, 1.0 if threat.norm == "l0" else torch.inf)
        for step in range(self.steps):
            fade = (1 + math.cos(math.pi * step / self.steps)) / 2
            margin, way, gradient = near.gradient(delta, "margin")
            nearest.see(delta, margin)
            gradient = threat.free(gradient, delta, batch)
            gamma = _LAST_GAMMA + (self.gamma - _LAST_GAMMA) * fade
            radii = _adapted(radii, nearest, delta, gradient, margin=margin, way=way, gamma=gamma)
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
    margin: Tensor,
    way: Tensor,
    gamma: float,
) -> Tensor:
    """The ball's radii for the next step, (N, 1, ...); algorithm 1, lines 5 to 11."""
    threat = nearest.threat

    def as_cases(numbers: Tensor) -> Tensor:
        return numbers.view_as(radii)

    reached, best = as_cases(margin > 0), as_cases(nearest.norms)
    if threat.norm == "l0":
        fewer = torch.minimum(radii - 1, (radii * (1 - gamma)).floor())
        more = torch.maximum(radii + 1, (radii * (1 + gamma)).floor())
        return torch.where(reached, torch.minimum(fewer, best), more).clamp(min=0)
    grown = radii * (1 + gamma)
    if not bool(nearest.found.all()):
        slope = (threat.steepest(gradient) * gradient).flatten(1).sum(1)
        boundary = threat.measure(delta) + as_cases(-way / slope.clamp(min=1e-30))
        grown = torch.where(as_cases(nearest.found), grown, boundary)
    return torch.where(reached, torch.minimum(radii * (1 - gamma), best), grown)
