"""Goals about a number: that it is moved up, down, or away."""

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
    """Move the number a model gives for the untouched image."""

    def check(self, task: Task) -> None:
        """The task must give a number."""
        if not isinstance(task, Regression):
            raise PlanError(f"goal: `{self.kind}` needs a regression, not {task.kind}")

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """Up, down, or both; in the task's unit, 0 at ``by``."""
        if before is None:
            raise PlanError(f"goal: `{self.kind}` needs what the model said before")
        self.check(task)
        moved = outputs[:, :1] - before[:, :1]
        ways = {"raise": [moved], "lower": [-moved], "deviate": [moved, -moved]}[self.kind]
        return torch.cat(ways, dim=1) - self.by

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """How much further than ``by`` it was moved."""
        return self.ways(task, outputs, truth, before).amax(dim=1)

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """The margin: a number has no other. Undecided between up and down, it goes up."""
        ways = self.ways(task, outputs, truth, before)
        return ways.gather(1, ways.argmax(dim=1, keepdim=True)).squeeze(1)
