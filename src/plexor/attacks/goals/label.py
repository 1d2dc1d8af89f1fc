"""Goals about one of several labels: that it is not seen, or that it is."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from plexor.attacks.goals.goal import LossKind
from plexor.core.errors import PlanError, unknown
from plexor.models.task import Multilabel, Task
from plexor.threat_model import goals


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip(goals.Flip):
    """Have one label called absent, or present, whatever becomes of the others."""

    def check(self, task: Task) -> None:
        """The task must have that label."""
        self._of(task)

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The one way there is."""
        return self.margin(task, outputs, truth)[:, None]

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The label's logit above its threshold's, or below it."""
        found = self._of(task)
        excess = found.excess(outputs)[:, found.classes.index(self.label)]
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
        if self.label not in task.classes:
            raise PlanError("goal: " + unknown("label", self.label, task.classes))
        return task
