"""Decoupled direction and norm (DDN): steps on a sphere of adapted radius."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from plexor.attacks import geometry
from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.minimum_norm.boundary import nearest_way
from plexor.attacks.minimum_norm.nearest import Nearest, shortest_stored
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_names, check_norm, check_positive
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

_LAST_STEP = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class DDN:
    """Decoupled direction and norm (Rony et al., CVPR 2019), for the shortest L2 perturbation.

    The gradient changes the direction of the perturbation only. Its length decreases by a fixed
    share where the goal is reached, and increases by it otherwise. Here the length holds after
    clipping to the range, not before, and the result is rounded once, as ``shortest_stored``
    describes, instead of in every step: rounding a change of a fraction of a level gives zero.

    The paper maximises the cross-entropy, whose gradient mixes all other classes. Here the default
    is the margin of the way whose boundary ``nearest_way`` estimates to be the nearest.

    Attributes:
        steps: gradients, in addition to two at the start for each way.
        first_norm: initial length, as a fraction of the storable range.
        gamma: share by which the length changes in a step.
        loss: the loss that is maximised.
        ways: for the margin, number of ways to compare at the start, those closest to being
            reached.

    Example:
        >>> from plexor.attacks import DDN, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="l2", radius=20)
        >>> proposal = DDN(steps=50)(model, batch, Misclassify(), threat, seed=0)
        >>> (proposal.delta.flatten(1).norm(dim=1) < 13).tolist()
        [True, True]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l2",)
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Rony et al., CVPR 2019, arXiv:1811.09600"
    summary: ClassVar[str] = "shortest L2 perturbation, with direction and length decoupled"

    steps: int = 100
    first_norm: float = 1.0
    gamma: float = 0.05
    loss: LossKind = "margin"
    ways: int = 10

    def __post_init__(self) -> None:
        check_names("ddn", loss=self.loss)
        check_counts("ddn", steps=self.steps, ways=self.ways)
        check_positive("ddn", first_norm=self.first_norm)
        if not 0 < self.gamma < 1:
            raise PlanError(f"ddn: `gamma` must lie between 0 and 1, got {self.gamma}")

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the shortest storable perturbation found that reaches the goal.

        Where none within the radius does, proposes the perturbation shortened to the radius, or no
        change if that does not raise the margin.

        Raises:
            PlanError: the threat is not one of L2.
        """
        check_norm("ddn", threat, self.norms)
        objective = Objective(model, batch, goal)
        nearest = Nearest(objective, threat)
        near = nearest_way(nearest, objective, self.ways) if self.loss == "margin" else objective
        delta = torch.zeros_like(batch.images)
        whole = batch.high - batch.low
        radii = self.first_norm * whole
        for step in range(self.steps):
            margin, _, gradient = near.gradient(delta, self.loss)
            nearest.see(delta, margin)
            reached = (margin > 0).view_as(radii)
            radii = radii * torch.where(reached, 1 - self.gamma, 1 + self.gamma)
            fade = (1 + math.cos(math.pi * step / self.steps)) / 2
            size = _LAST_STEP + (1 - _LAST_STEP) * fade
            direction = geometry.unit(threat.free(gradient, delta, batch))
            delta = threat.furthest(delta + size * whole * direction, batch, radii=radii)
        return objective.proposal(shortest_stored(objective, threat, nearest.delta))
