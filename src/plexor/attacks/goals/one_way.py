"""A goal of which a single way is followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from plexor.attacks.goals.goal import Goal, LossKind
from plexor.models.task import Multiclass, Task

_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay:
    """A goal whose losses climb one of its ways; any way still reaches it.

    Attributes:
        goal: what is wanted.
        rank: which way, of each case, counted from the one nearest to being taken untouched.
    """

    looks_back: ClassVar[bool] = True
    goal: Goal
    rank: int

    @property
    def name(self) -> str:
        """The goal's."""
        return self.goal.name

    def check(self, task: Task) -> None:
        """As the goal does."""
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
        """The way; for "ratio", from four classes up, the targeted DLR loss.

        That is equation 7 of Croce & Hein (ICML 2020).
        """
        way = self.ways(task, outputs, truth, before).squeeze(1)
        if kind != "ratio" or not isinstance(task, Multiclass) or len(task.classes) < 4:
            return way
        highest = outputs.topk(4, dim=1).values
        return way / (highest[:, 0] - (highest[:, 2] + highest[:, 3]) / 2 + _NOTHING)
