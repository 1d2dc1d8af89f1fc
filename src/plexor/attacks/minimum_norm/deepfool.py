"""DeepFool: step by step to the nearest boundary, as if the model were linear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from plexor.attacks.description import EVERY_TASK, Access
from plexor.attacks.goals import Goal
from plexor.attacks.minimum_norm.boundary import nearest_plane
from plexor.attacks.minimum_norm.nearest import Nearest, shortest_stored
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepFool:
    """DeepFool (Moosavi-Dezfooli et al., CVPR 2016): quick, and near the shortest perturbation.

    Each step goes to the boundary of the way to the goal that is nearest if every way is linear,
    until the goal is reached. Here a step is the shortest that stays in range and region, and what
    is found is shortened along its line, and stored with the least growth.

    Attributes:
        steps: at most; each costs a gradient for each of the ways it looks at.
        ways: how many, those nearest to being taken; 10 as in the authors' program.
        overshoot: share by which a perturbation is longer than the steps to it.
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Moosavi-Dezfooli et al., CVPR 2016, arXiv:1511.04599"
    summary: ClassVar[str] = (
        "a short perturbation, in a few steps to the nearest linearised boundary"
    )

    steps: int = 50
    ways: int = 10
    overshoot: float = 0.02

    def __post_init__(self) -> None:
        check_counts("deepfool", steps=self.steps, ways=self.ways)
        if self.overshoot < 0:
            raise PlanError(f"deepfool: `overshoot` must be at least 0, got {self.overshoot}")

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the shortest storable perturbation on the line to the one found.

        Where none within the radius reaches the goal, the one it would store at the radius, or
        nothing if that is no better.

        Raises:
            PlanError: the threat is one of L0.
        """
        check_norm("deepfool", threat, self.norms)
        objective = Objective(model, batch, goal)
        nearest = Nearest(objective, threat)
        rows = torch.nonzero(~nearest.found).flatten()
        walked = torch.zeros_like(batch.images[rows])
        for _ in range(self.steps):
            if len(rows) == 0:
                break
            some = objective.select(rows)
            low, high = threat.bounds(some.batch)
            delta = ((1 + self.overshoot) * walked).clamp(low, high)
            plane = nearest_plane(some, threat, delta, self.ways)
            nearest.see(delta, plane.margin, rows)
            open_ = (plane.margin <= 0) & plane.step.flatten(1).any(1)
            going = torch.nonzero(open_).flatten()
            rows, walked = rows[going], (walked + plane.step)[going]
        if len(rows) > 0:
            some = objective.select(rows)
            low, high = threat.bounds(some.batch)
            delta = ((1 + self.overshoot) * walked).clamp(low, high)
            nearest.see(delta, some.margin(delta), rows)
        return objective.proposal(shortest_stored(objective, threat, nearest.delta))
