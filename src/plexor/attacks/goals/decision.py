"""Goals about a decision: that it is wrong, or that it is one chosen class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.goals.goal import LossKind
from plexor.core.errors import PlanError, unknown
from plexor.models.task import Binary, Decides, Multiclass, Task, decides
from plexor.threat_model import goals

_FULL_SCALE = 40.0
"""Logits beyond this are scaled down before a softmax: e^-40 is still a number float32 can hold."""
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Misclassify(goals.Misclassify):
    """Be wrong: any class but the true one; of several labels, any one changed."""

    def check(self, task: Task) -> None:
        """Every task that decides will do."""
        decides(task)

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """How far each other decision is ahead of the truth."""
        return decides(task).against(outputs, truth)

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """How firmly the truth is *not* decided."""
        return -decides(task).margin(outputs, truth)

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """Cross-entropy of the truth, the margin, or their ratio loss."""
        if kind == "ce":
            return decides(task).cross_entropy(_tempered(outputs), truth)
        ways = self.ways(task, outputs, truth)
        if kind == "margin":
            return ways.amax(dim=1)
        start = None if before is None else self.ways(task, before, truth)
        return _ratio(decides(task), ways, outputs, start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Become(goals.Become):
    """Be called one chosen class."""

    def check(self, task: Task) -> None:
        """The task must choose one of its classes, and the target be one of them."""
        if not isinstance(task, Multiclass | Binary):
            raise PlanError(f"goal: `become` needs a task with one class a case, not {task.kind}")
        if self.target not in task.classes:
            raise PlanError("goal: " + unknown("class", self.target, task.classes))

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The one way there is."""
        return self.margin(task, outputs, truth)[:, None]

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """How firmly the target is decided."""
        return decides(task).margin(outputs, self._label(task, truth))

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """Log-probability of the target, its margin, or the ratio loss.

        In the last the scale is held still: with the target in third place it would move with the
        margin, and the loss not at all.
        """
        label = self._label(task, truth)
        if kind == "ce":
            return -decides(task).cross_entropy(_tempered(outputs), label)
        ways = self.ways(task, outputs, truth)
        if kind == "margin":
            return ways.amax(dim=1)
        start = None if before is None else self.ways(task, before, truth)
        return _ratio(decides(task), ways, outputs.detach(), start)

    def _label(self, task: Task, truth: Tensor) -> Tensor:
        return torch.full_like(truth, task.classes.index(self.target))


def _tempered(outputs: Tensor) -> Tensor:
    """Logits scaled down, case by case, to where a softmax still has a gradient."""
    greatest = outputs.detach().abs().amax(dim=1, keepdim=True)
    return outputs * (_FULL_SCALE / greatest).clamp(max=1.0)


def _ratio(task: Decides, ways: Tensor, outputs: Tensor, start: Tensor | None) -> Tensor:
    """The margin over a scale of the outputs, in the spirit of DLR (Croce & Hein, ICML 2020).

    From three classes up the scale is the distance from the first logit to the third, as in DLR,
    which moves with the margin until the goal is reached; beyond, it would hold the loss at 1.
    With two classes, one logit, or independent findings there is no third to measure by: the scale
    is how far the ways were from being taken on the untouched image, ``start``, on average. Logits
    times a factor then change neither loss nor direction.
    """
    margin = ways.amax(dim=1)
    if isinstance(task, Multiclass) and len(task.classes) > 2:
        highest = outputs.topk(3, dim=1).values
        scale = highest[:, 0] - highest[:, 2]
        scale = torch.where(margin > 0, scale.detach(), scale)
    else:
        scale = (ways if start is None else start).detach().abs().mean(dim=1)
    return margin / (scale + _NOTHING)
