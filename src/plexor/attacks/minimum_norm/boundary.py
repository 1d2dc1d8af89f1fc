"""Where a model's boundary seems to be, seen from a perturbation: the plane of the nearest way."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.objective import Objective
from plexor.attacks.threat import Threat
from plexor.models.task import Task


def nearest_plane(
    objective: Objective, threat: Threat, delta: Tensor, most: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The way whose boundary is nearest in the threat's norm, each way taken for linear.

    The distance is ``|way|`` over the gradient's dual norm, of the numbers that may change.
    Costs a gradient for each way.

    Args:
        objective: the cases.
        threat: the norm and the region.
        delta: where the ways are taken for linear, (N, C, *spatial).
        most: look at so many ways only, the nearest to being taken.

    Returns:
        By how much that way must rise, (N,); its gradient, (N, C, *spatial); and the goal's
        margin, (N,), infinite where it is no number.
    """
    ways, gradients = objective.ways(delta, most)
    low, high = threat.bounds(objective.batch)
    gradients = gradients * (low < high)[:, None]
    flat = gradients.flatten(0, 1)
    slopes = (threat.steepest(flat) * flat).flatten(1).sum(1).view_as(ways)
    distances = torch.where(slopes > 0, ways.abs() / slopes, torch.inf)
    rows, index = torch.arange(len(ways), device=ways.device), distances.argmin(dim=1)
    margin = ways.amax(dim=1)
    return -ways[rows, index], gradients[rows, index], margin.nan_to_num(nan=torch.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay:
    """A goal of which a single way is followed; any way still reaches it.

    Attributes:
        goal: the goal.
        rank: which way, in the order of how near they are to being taken on the untouched image.
    """

    goal: Goal
    rank: int

    @property
    def name(self) -> str:
        """The goal's."""
        return self.goal.name

    def check(self, task: Task) -> None:
        """As the goal's."""
        self.goal.check(task)

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """(N, 1), the way itself."""
        ways = self.goal.ways(task, outputs, truth, before)
        start = ways if before is None else self.goal.ways(task, before, truth, before)
        order = start.argsort(dim=1, descending=True, stable=True)
        return ways.gather(1, order[:, self.rank : self.rank + 1])

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The goal's."""
        return self.goal.margin(task, outputs, truth, before)

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """The way: with one to follow, every kind of loss is that."""
        return self.ways(task, outputs, truth, before).squeeze(1)
