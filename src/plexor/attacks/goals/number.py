"""Goals about a number: to raise it, lower it, or change it either way."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.goals.goal import LossKind
from plexor.core.errors import PlanError
from plexor.models.task import Regression, Task
from plexor.threat_model import goals


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(goals.Move):
    """Change the number relative to the output for the untouched image."""

    def check(self, task: Task) -> None:
        """Checks that the task is a regression."""
        if not isinstance(task, Regression):
            raise PlanError(f"goal: `{self.kind}` needs a regression, not {task.kind}")

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """Changes up, down, or both, minus ``by``, in the task's unit."""
        if before is None:
            raise PlanError(f"goal: `{self.kind}` needs what the model said before")
        self.check(task)
        moved = outputs[:, :1] - before[:, :1]
        ways = {"raise": [moved], "lower": [-moved], "deviate": [moved, -moved]}[self.kind]
        return torch.cat(ways, dim=1) - self.by

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """Change beyond ``by``, in the task's unit."""
        return self.ways(task, outputs, truth, before).amax(dim=1)

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """The margin, for every kind. With equal ways, that of the upward way."""
        ways = self.ways(task, outputs, truth, before)
        return ways.gather(1, ways.argmax(dim=1, keepdim=True)).squeeze(1)
