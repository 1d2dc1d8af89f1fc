"""Goals about one of several labels: to hide or to invent it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from plexor.attacks.goals.goal import LossKind
from plexor.core.errors import PlanError, unknown
from plexor.models.classification import Multilabel
from plexor.models.task import Task
from plexor.threat_model import goals


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip(goals.Flip):
    """Change the decision on one label to absent or present; other labels may change."""

    def check(self, task: Task) -> None:
        """Checks that the task has the label."""
        self._of(task)

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The margin, as the only way."""
        return self.margin(task, outputs, truth)[:, None]

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """Logit of the label relative to its threshold, or the negative for "hide"."""
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
        """The margin, for every kind: losses of one logit have the same direction."""
        return self.margin(task, outputs, truth)

    def _of(self, task: Task) -> Multilabel:
        if not isinstance(task, Multilabel):
            raise PlanError(f"goal: `{self.kind}` needs a multilabel task, not {task.kind}")
        if self.label not in task.classes:
            raise PlanError("goal: " + unknown("label", self.label, task.classes))
        return task
