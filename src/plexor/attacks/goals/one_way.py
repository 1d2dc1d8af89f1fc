"""A goal with losses along a single way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from plexor.attacks.goals.goal import Goal, LossKind
from plexor.attacks.goals.number import Move
from plexor.models.classification import Multiclass
from plexor.models.task import Task

_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay:
    """A goal with losses along one of its ways; it can still be reached along any way.

    Attributes:
        goal: the goal.
        rank: rank of the way in each case, from 0 for the way closest to being reached on the
            untouched image.
    """

    looks_back: ClassVar[bool] = True
    goal: Goal
    rank: int

    @property
    def name(self) -> str:
        """That of the goal."""
        return self.goal.name

    def check(self, task: Task) -> None:
        """As in the goal."""
        self.goal.check(task)

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The way, (N, 1)."""
        ways = self.goal.ways(task, outputs, truth, before)
        start = ways if before is None else self.goal.ways(task, before, truth, before)
        order = start.argsort(dim=1, descending=True, stable=True)
        return ways.gather(1, order[:, self.rank : self.rank + 1])

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """That of the goal."""
        return self.goal.margin(task, outputs, truth, before)

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """The way; for "ratio" and at least four classes, the targeted DLR loss.

        Equation 7 of Croce & Hein (ICML 2020).
        """
        way = self.ways(task, outputs, truth, before).squeeze(1)
        if kind != "ratio" or not isinstance(task, Multiclass) or len(task.classes) < 4:
            return way
        highest = outputs.topk(4, dim=1).values
        return way / (highest[:, 0] - (highest[:, 2] + highest[:, 3]) / 2 + _NOTHING)


def directions(goal: Goal) -> tuple[Goal, ...]:
    """The goals that a climb must be begun for, so that it finds whichever is nearer.

    A climb follows the foremost way. Among classes it can change over to another; from a number
    that is to change up or down it cannot, since each step away from one makes the other recede.

    Returns:
        Up and down for ``deviate``; for every other goal the goal itself.
    """
    if isinstance(goal, Move) and goal.kind == "deviate":
        return OneWay(goal=goal, rank=0), OneWay(goal=goal, rank=1)
    return (goal,)
