"""Goals about a decision: a wrong one, or a chosen class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.goals.goal import LossKind
from plexor.core.errors import PlanError, unknown
from plexor.models.classification import Binary, Multiclass
from plexor.models.task import Decides, Task, decides
from plexor.threat_model import goals

_FULL_SCALE = 40.0
"""Greatest logits of a softmax; larger ones are scaled down. float32 can represent e^-40."""
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Misclassify(goals.Misclassify):
    """Any wrong decision: a class other than the true one, or any label changed."""

    def check(self, task: Task) -> None:
        """Checks that the task decides."""
        decides(task)

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """Lead of each other decision over the true one."""
        return decides(task).against(outputs, truth)

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """Minus the task's margin of the truth."""
        return -decides(task).margin(outputs, truth)

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """Cross-entropy of the truth, the margin, or the ratio loss."""
        if kind == "ce":
            return decides(task).cross_entropy(_tempered(outputs), truth)
        ways = self.ways(task, outputs, truth)
        if kind == "margin":
            return ways.amax(dim=1)
        start = None if before is None else self.ways(task, before, truth)
        return _ratio(decides(task), ways, outputs, start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Become(goals.Become):
    """A decision for one chosen class."""

    def check(self, task: Task) -> None:
        """Checks that the task chooses one class, and that the target is one of them."""
        if not isinstance(task, Multiclass | Binary):
            raise PlanError(f"goal: `become` needs a task with one class a case, not {task.kind}")
        if self.target not in task.classes:
            raise PlanError("goal: " + unknown("class", self.target, task.classes))

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The margin, as the only way."""
        return self.margin(task, outputs, truth)[:, None]

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The task's margin of the target."""
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

        The gradient of the ratio's scale is ignored: with the target in third place, it would
        cancel that of the margin.
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
    """Logits of each case scaled down so that the gradient of a softmax does not vanish."""
    sizes = outputs.detach().abs()
    if bool((sizes <= _FULL_SCALE).all()):
        return outputs
    return outputs * (_FULL_SCALE / sizes.amax(dim=1, keepdim=True)).clamp(max=1.0)


def _ratio(task: Decides, ways: Tensor, outputs: Tensor, start: Tensor | None) -> Tensor:
    """The margin over a scale of the outputs, after DLR (Croce & Hein, ICML 2020).

    For three classes or more, the scale is the difference of the greatest and third greatest logit,
    as in DLR. Its gradient is ignored once the goal is reached, where the loss would stay at 1. For
    two classes, one logit, or independent labels, the scale is the mean absolute value of the ways
    on the untouched image, ``start``. Loss and direction are invariant to a factor on the logits.
    """
    margin = ways.amax(dim=1)
    if isinstance(task, Multiclass) and len(task.classes) > 2:
        highest = outputs.topk(3, dim=1).values
        scale = highest[:, 0] - highest[:, 2]
        scale = torch.where(margin > 0, scale.detach(), scale)
    else:
        scale = (ways if start is None else start).detach().abs().mean(dim=1)
    return margin / (scale + _NOTHING)
