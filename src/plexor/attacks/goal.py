"""What an adversary wants: the margin that says it is reached, and the loss a search climbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from plexor.core.errors import PlanError, unknown
from plexor.models.task import Task

LossKind = Literal["ce", "margin"]


class Goal(Protocol):
    """A wish about a model's outputs (N, n_outputs), for cases with labels ``truth`` (N,)."""

    @property
    def name(self) -> str:
        """As it stands in a probe's id; "" for the goal that goes without saying."""
        ...

    def check(self, task: Task) -> None:
        """Refuses a task the goal makes no sense for.

        Raises:
            PlanError: e.g. the target is not one of the task's classes.
        """
        ...

    def margin(self, task: Task, outputs: Tensor, truth: Tensor) -> Tensor:
        """(N,), in logits; > 0 once the goal is reached."""
        ...

    def loss(self, task: Task, outputs: Tensor, truth: Tensor, kind: LossKind) -> Tensor:
        """(N,), rises towards the goal."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Misclassify:
    """Be wrong: any class but the true one."""

    kind: Literal["misclassify"] = "misclassify"

    @property
    def name(self) -> str:
        """Goes without saying."""
        return ""

    def check(self, task: Task) -> None:
        """Every classifying task will do."""

    def margin(self, task: Task, outputs: Tensor, truth: Tensor) -> Tensor:
        """How firmly the true class is *not* decided."""
        return -task.margin(outputs, truth)

    def loss(self, task: Task, outputs: Tensor, truth: Tensor, kind: LossKind) -> Tensor:
        """Cross-entropy of the true class, or the margin."""
        return task.cross_entropy(outputs, truth) if kind == "ce" else -task.margin(outputs, truth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Become:
    """Be called one chosen class.

    Attributes:
        target: that class's name.
    """

    target: str
    kind: Literal["become"] = "become"

    @property
    def name(self) -> str:
        """The target."""
        return f"to-{self.target}"

    def check(self, task: Task) -> None:
        """The target must be one of the classes."""
        if self.target not in task.classes:
            raise PlanError("goal: " + unknown("class", self.target, task.classes))

    def margin(self, task: Task, outputs: Tensor, truth: Tensor) -> Tensor:
        """How firmly the target is decided."""
        return task.margin(outputs, self._label(task, truth))

    def loss(self, task: Task, outputs: Tensor, truth: Tensor, kind: LossKind) -> Tensor:
        """Log-probability of the target, or its margin."""
        label = self._label(task, truth)
        return -task.cross_entropy(outputs, label) if kind == "ce" else task.margin(outputs, label)

    def _label(self, task: Task, truth: Tensor) -> Tensor:
        return torch.full_like(truth, task.classes.index(self.target))
