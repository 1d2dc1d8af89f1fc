"""FAB: along the boundary of the goal, drawn back towards the untouched image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal, OneWay
from plexor.attacks.minimum_norm.boundary import nearest_plane
from plexor.attacks.minimum_norm.nearest import Nearest, shortest_stored
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm
from plexor.attacks.proposal import Proposal, normal_noise
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

_MOST_BIAS = 0.1
"""alpha_max"""
_OVERSHOOT = 1.05
"""eta"""
_BACK = 0.9
"""beta"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FAB:
    """Fast adaptive boundary (Croce & Hein, ICML 2020), for the shortest perturbation.

    Each step linearises the nearest way to the goal, projects both the perturbation and the
    untouched image onto a point a little beyond the boundary, and takes a mean of the two
    projections, weighted by their lengths. Where the goal is reached, the perturbation is shortened
    by a tenth before the next step. Projections respect range and region exactly. The paper's final
    search on the line to the untouched image is done by ``shortest_stored``.

    Attributes:
        steps: of each search; each costs one forward pass and one gradient for each way it
            compares.
        restarts: searches, the first from the untouched image, the others from a random
            perturbation half as long as the shortest found, or as the radius.
        ways: number of ways to compare, those closest to being reached.
        targeted: search along each of these ways separately, at one gradient a step, instead of
            choosing among them at every step.

    Example:
        >>> from plexor.attacks import FAB, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=8)
        >>> proposal = FAB(steps=10)(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Croce & Hein, ICML 2020, arXiv:1907.02044"
    summary: ClassVar[str] = (
        "shortest perturbation, by projections onto the linearised decision boundary"
    )

    steps: int = 100
    restarts: int = 1
    ways: int = 10
    targeted: bool = False

    def __post_init__(self) -> None:
        check_counts("fab", steps=self.steps, restarts=self.restarts, ways=self.ways)

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the shortest storable perturbation found that reaches the goal.

        Where none within the radius does, proposes the perturbation shortened to the radius, or no
        change if that does not raise the margin.

        Raises:
            PlanError: the threat is one of L0.
        """
        check_norm("fab", threat, self.norms)
        objective = Objective(model, batch, goal)
        nearest = Nearest(objective, threat)
        for number, followed in enumerate(self._followed(objective)):
            for restart in range(self.restarts):
                start = torch.zeros_like(batch.images)
                if restart > 0:
                    noise = normal_noise(batch, seed, f"start-{number}-{restart}")
                    start = _start(noise, batch, nearest)
                self._search(followed, nearest, start)
        return objective.proposal(shortest_stored(objective, threat, nearest.delta))

    def _followed(self, objective: Objective) -> list[Objective]:
        """The objective of each search: of all ways, or of one way each."""
        if not self.targeted:
            return [objective]
        goal, batch, before = objective.goal, objective.batch, objective.before
        n_ways = goal.ways(objective.model.task, before, batch.truth, before).shape[1]
        ranks = range(min(self.ways, n_ways))
        return [objective.towards(OneWay(goal=goal, rank=rank)) for rank in ranks]

    def _search(self, objective: Objective, nearest: Nearest, delta: Tensor) -> None:
        """Algorithm 1, for every case; keeps its perturbations in ``nearest``."""
        threat, batch = nearest.threat, objective.batch
        origin = torch.zeros_like(delta)
        low, high = threat.bounds(batch)
        for _ in range(self.steps):
            plane = nearest_plane(objective, threat, delta, self.ways)
            rise = plane.rise + (plane.gradient * delta).flatten(1).sum(1)
            on, back = plane.step, threat.crossing(plane.gradient, rise, origin, batch)
            far, near = threat.measure(on), threat.measure(back)
            bias = (far / (far + near).clamp(min=1e-30)).clamp(max=_MOST_BIAS)
            moved = (1 - bias) * (delta + _OVERSHOOT * on) + bias * _OVERSHOOT * back
            delta = moved.clamp(low, high)
            margin = objective.margin(delta)
            nearest.see(delta, margin)
            delta = torch.where((margin > 0).view_as(bias), _BACK * delta, delta)


def _start(noise: Tensor, batch: Batch, nearest: Nearest) -> Tensor:
    """A random perturbation half as long as the shortest known to reach the goal."""
    radii = nearest.threat.radii(batch)
    enough = torch.minimum(nearest.norms.view_as(radii), radii)
    return nearest.threat.random_start(noise, batch) * (enough / radii / 2)
