"""Goals about one of several findings: that it is not seen, or that it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from plexor.attacks.goals.goal import LossKind
from plexor.core.errors import PlanError, unknown
from plexor.models.task import Multilabel, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Have one finding called absent, or present, whatever becomes of the others.

    Attributes:
        finding: its name.
        kind: "hide" or "invent".
    """

    finding: str
    looks_back: ClassVar[bool] = False
    kind: Literal["hide", "invent"]

    @property
    def name(self) -> str:
        """What is hidden or invented."""
        return f"{self.kind}-{self.finding}"

    def check(self, task: Task) -> None:
        """The task must have that finding."""
        self._of(task)

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The one way there is."""
        return self.margin(task, outputs, truth)[:, None]

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The finding's logit above its threshold's, or below it."""
        found = self._of(task)
        excess = found.excess(outputs)[:, found.classes.index(self.finding)]
        return excess if self.kind == "invent" else -excess

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """The margin: with one logit to move, every other loss has its direction."""
        return self.margin(task, outputs, truth)

    def _of(self, task: Task) -> Multilabel:
        if not isinstance(task, Multilabel):
            raise PlanError(f"goal: `{self.kind}` needs a multilabel task, not {task.kind}")
        if self.finding not in task.classes:
            raise PlanError("goal: " + unknown("finding", self.finding, task.classes))
        return task
