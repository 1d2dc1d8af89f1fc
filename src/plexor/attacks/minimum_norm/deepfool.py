"""DeepFool: steps to the nearest boundary of the linearised model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from plexor.attacks.description import EVERY_TASK
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
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepFool:
    """DeepFool (Moosavi-Dezfooli et al., CVPR 2016): fast, for a nearly shortest perturbation.

    Each step goes to the nearest boundary of the linearised ways to the goal, until the goal is
    reached. Here a step is the shortest within range and region, and the result is shortened and
    stored as ``shortest_stored`` describes.

    Attributes:
        steps: greatest number of steps; each costs one gradient for each way it compares.
        ways: number of ways to compare, those closest to being reached; 10 as in the authors'
            program.
        overshoot: share by which the sum of the steps is lengthened.

    Example:
        >>> from plexor.attacks import DeepFool, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=8)
        >>> proposal = DeepFool()(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
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

        Where none within the radius does, proposes the perturbation shortened to the radius, or no
        change if that does not raise the margin.

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
