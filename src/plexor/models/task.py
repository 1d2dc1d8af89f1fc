"""What a model's outputs mean: the decision, its margin and its losses.

A *label* is what the truth and the decision are given as inside tensors: a class index for
``Multiclass`` and ``Binary``, a 0 or 1 for each finding for ``Multilabel``, a number for
``Regression``, a class index for every pixel for ``Segmentation``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from plexor.cases.case import split_labels
from plexor.core.errors import ModelError, PlanError, unknown
from plexor.models.classes import check_classes
from plexor.models.segmentation import Segmentation


class Task(Protocol):
    """What every task can say of outputs (N, n_outputs), or (N, n_outputs, *spatial)."""

    @property
    def kind(self) -> str:
        """Its name in a plan and a card."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels 0, 1, ..., or of the findings; none for a number."""
        ...

    @property
    def n_outputs(self) -> int:
        """Numbers a case must get from the network."""
        ...

    def decide(self, outputs: Tensor) -> Tensor:
        """The label decided for each case, (N, ...)."""
        ...


class Decides(Task, Protocol):
    """A task that decides between labels: multiclass, binary, multilabel."""

    def margin(self, outputs: Tensor, label: Tensor) -> Tensor:
        """How firmly ``label`` is decided, (N,), in logits: > 0 if it is, < 0 if it is not."""
        ...

    def against(self, outputs: Tensor, label: Tensor) -> Tensor:
        """How far ahead of ``label`` each decision next to it is, (N, K), in logits.

        The margin is minus the greatest of them.
        """
        ...

    def cross_entropy(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Negative log-probability of ``label``, (N,), in nats."""
        ...

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Probability of each class, (N, len(classes))."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiclass:
    """One of several classes; one logit a class; the greatest decides (ties: the first)."""

    classes: tuple[str, ...]
    kind: Literal["multiclass"] = "multiclass"

    def __post_init__(self) -> None:
        check_classes(self.kind, self.classes, at_least=2)

    @property
    def n_outputs(self) -> int:
        """One logit a class."""
        return len(self.classes)

    def decide(self, outputs: Tensor) -> Tensor:
        """Index of the greatest logit."""
        return outputs.argmax(dim=1)

    def margin(self, outputs: Tensor, label: Tensor) -> Tensor:
        """The label's logit minus the greatest other."""
        column = label[:, None]
        others = outputs.scatter(1, column, -math.inf)
        return outputs.gather(1, column).squeeze(1) - others.amax(dim=1)

    def against(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Every other class's logit minus the label's, (N, len(classes) - 1), in their order."""
        column = label[:, None]
        others = torch.arange(outputs.shape[1] - 1, device=outputs.device)
        others = others + (others >= column).long()
        return outputs.gather(1, others) - outputs.gather(1, column)

    def cross_entropy(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Softmax cross-entropy, as softplus(log Σ exp(others) - label's logit).

        The usual form's gradient is a difference from 1, which float32 loses where the label is
        ahead by 17 logits; this one keeps its direction up to 100.
        """
        column = label[:, None]
        others = outputs.scatter(1, column, -math.inf).logsumexp(dim=1)
        return functional.softplus(others - outputs.gather(1, column).squeeze(1))

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Softmax."""
        return outputs.softmax(dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """Absent or present, from one logit.

    Attributes:
        classes: (negative, positive).
        threshold: probability above which the decision is positive.
    """

    classes: tuple[str, ...]
    threshold: float = 0.5
    kind: Literal["binary"] = "binary"

    def __post_init__(self) -> None:
        check_classes(self.kind, self.classes, at_least=2)
        if len(self.classes) != 2:
            raise PlanError(f"binary: needs two classes, got {len(self.classes)}; use multiclass")
        if not 0 < self.threshold < 1:
            raise PlanError(f"binary: threshold must lie between 0 and 1, got {self.threshold}")

    @property
    def n_outputs(self) -> int:
        """One logit."""
        return 1

    def decide(self, outputs: Tensor) -> Tensor:
        """1 where the logit exceeds the threshold's."""
        return (self._excess(outputs) > 0).long()

    def margin(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Logit above the threshold's for the positive label, below it for the negative."""
        return torch.where(label == 1, 1.0, -1.0) * self._excess(outputs)

    def against(self, outputs: Tensor, label: Tensor) -> Tensor:
        """The other label is the only other decision, (N, 1)."""
        return -self.margin(outputs, label)[:, None]

    def cross_entropy(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Logistic loss, with a gradient that does not vanish on one side before the other."""
        return functional.softplus(torch.where(label == 1, -1.0, 1.0) * outputs[:, 0])

    def probabilities(self, outputs: Tensor) -> Tensor:
        """(1 - sigmoid, sigmoid)."""
        positive = outputs[:, 0].sigmoid()
        return torch.stack([1 - positive, positive], dim=1)

    def _excess(self, outputs: Tensor) -> Tensor:
        return outputs[:, 0] - math.log(self.threshold / (1 - self.threshold))


@dataclass(frozen=True, slots=True, kw_only=True)
class Multilabel:
    """Several findings, each absent or present, one logit each.

    Attributes:
        classes: names of the findings.
        threshold: probability above which a finding is called present; one for all, or one each.
    """

    classes: tuple[str, ...]
    threshold: float | tuple[float, ...] = 0.5
    kind: Literal["multilabel"] = "multilabel"

    def __post_init__(self) -> None:
        check_classes(self.kind, self.classes, at_least=1)
        if len(self._thresholds) != len(self.classes):
            raise PlanError(
                f"multilabel: `threshold` has {len(self._thresholds)} numbers, expected 1 or one "
                f"for each of the {len(self.classes)} findings"
            )
        if strange := [name for name in self.classes if split_labels(name) != (name,)]:
            raise PlanError(f"multilabel: a finding needs a name without `|`, got {strange[0]!r}")
        if not all(0 < number < 1 for number in self._thresholds):
            raise PlanError(f"multilabel: thresholds lie between 0 and 1, got {self.threshold}")

    @property
    def n_outputs(self) -> int:
        """One logit a finding."""
        return len(self.classes)

    def excess(self, outputs: Tensor) -> Tensor:
        """Logits above the thresholds', (N, len(classes)): > 0 where a finding is present."""
        logits = [math.log(number / (1 - number)) for number in self._thresholds]
        return outputs - torch.tensor(logits, dtype=outputs.dtype, device=outputs.device)

    def decide(self, outputs: Tensor) -> Tensor:
        """(N, len(classes)) int64, 1 where a finding is present."""
        return (self.excess(outputs) > 0).long()

    def margin(self, outputs: Tensor, label: Tensor) -> Tensor:
        """That of the finding decided least firmly as ``label`` (N, len(classes)) says."""
        return -self.against(outputs, label).amax(dim=1)

    def against(self, outputs: Tensor, label: Tensor) -> Tensor:
        """How far beyond its threshold each finding is on the side that ``label`` is not."""
        return torch.where(label == 1, -1.0, 1.0) * self.excess(outputs)

    def cross_entropy(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Sum of the findings' logistic losses."""
        return functional.softplus(torch.where(label == 1, -1.0, 1.0) * outputs).sum(dim=1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Sigmoid of each finding; they need not sum to 1."""
        return outputs.sigmoid()

    @property
    def _thresholds(self) -> tuple[float, ...]:
        if isinstance(self.threshold, tuple):
            return self.threshold
        return (self.threshold,) * len(self.classes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A number with a unit.

    Attributes:
        unit: what it counts, e.g. "years".
    """

    unit: str
    classes: tuple[str, ...] = ()
    kind: Literal["regression"] = "regression"

    def __post_init__(self) -> None:
        if self.classes:
            raise PlanError("regression: a number has no classes; leave `classes` out")
        if not self.unit:
            raise PlanError("regression: `unit` must say what the number counts, e.g. years")

    @property
    def n_outputs(self) -> int:
        """One number."""
        return 1

    def decide(self, outputs: Tensor) -> Tensor:
        """The number itself, (N,)."""
        return outputs[:, 0]


TASKS: dict[str, type[Any]] = {
    "multiclass": Multiclass,
    "binary": Binary,
    "multilabel": Multilabel,
    "regression": Regression,
    "segmentation": Segmentation,
}


def task_from(
    kind: str,
    classes: Sequence[str] = (),
    *,
    threshold: float | Sequence[float] | None = None,
    unit: str | None = None,
) -> Task:
    """The task of that name.

    Args:
        kind: "multiclass", "binary", "multilabel", "regression" or "segmentation".
        classes: class names, or findings, in the order of the outputs; none for a regression.
        threshold: see ``Binary``, ``Multilabel`` and ``Segmentation``; None takes theirs.
        unit: see ``Regression``, which needs it.

    Raises:
        PlanError: an unknown task, or what has no meaning for it.
    """
    if kind not in TASKS:
        raise PlanError(unknown("task", kind, TASKS))
    options: dict[str, Any] = {"classes": tuple(classes)}
    if threshold is not None:
        options["threshold"] = tuple(threshold) if isinstance(threshold, Sequence) else threshold
    if unit is not None:
        options["unit"] = unit
    known = {field.name for field in fields(TASKS[kind])} - {"kind"}
    if strange := sorted(options.keys() - known):
        raise PlanError(f"model: `{strange[0]}` means nothing to a {kind} task; leave it out")
    if "unit" in known and unit is None:
        raise PlanError(f"model: a {kind} needs `unit`, what its number counts, e.g. `unit: years`")
    task: Task = TASKS[kind](**options)
    return task


def decides(task: Task) -> Decides:
    """The task, if it decides between labels.

    Raises:
        PlanError: it does not.
    """
    if not isinstance(task, Multiclass | Binary | Multilabel):
        example = "erase: CLASS" if isinstance(task, Segmentation) else "deviate: 5"
        raise PlanError(
            f"being wrong has no meaning for {task.kind}; say what is to happen, e.g. "
            f"`goal: {{{example}}}`"
        )
    return task


def check_outputs(task: Task, outputs: object, n_cases: int, *, spatial_dims: int = 0) -> None:
    """Refuses outputs that cannot be what the task promises.

    Args:
        task: what they are of.
        outputs: what a network gave.
        n_cases: how many images it was given.
        spatial_dims: of these; a segmentation has as many axes more, of any size.

    Raises:
        ModelError: not a tensor, or one of a wrong shape.
    """
    wanted = (n_cases, task.n_outputs)
    spatial = ("*",) * spatial_dims if isinstance(task, Segmentation) else ()
    expected = f"({', '.join(map(str, (*wanted, *spatial)))})"
    if not isinstance(outputs, Tensor):
        raise ModelError(
            f"the model gave a {type(outputs).__name__}, expected a tensor of shape {expected}"
        )
    if tuple(outputs.shape[:2]) != wanted or outputs.ndim != 2 + len(spatial):
        raise ModelError(
            f"the model gave outputs of shape {tuple(outputs.shape)}, expected {expected} for "
            f"{task.kind}" + (f" with {len(task.classes)} classes" if task.classes else "")
        )
