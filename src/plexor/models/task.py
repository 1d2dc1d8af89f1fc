"""Tasks: the meaning of a model's outputs, with decision, margin and losses.

Truths and decisions are tensors of labels: a class index for ``Multiclass`` and ``Binary``, 0 or 1
for each named label for ``Multilabel``, a number for ``Regression``, and a class index for every
pixel for ``Segmentation``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from plexor.core.errors import ModelError, PlanError, unknown
from plexor.models.classification import Binary, Multiclass, Multilabel
from plexor.models.segmentation import Segmentation


class Task(Protocol):
    """Meaning of outputs (N, n_outputs), for a segmentation (N, n_outputs, *spatial)."""

    @property
    def kind(self) -> str:
        """Name of the task in plans and cards."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes or labels in the order of the outputs; none for a regression."""
        ...

    @property
    def n_outputs(self) -> int:
        """Number of outputs per case, or per pixel."""
        ...

    def decide(self, outputs: Tensor) -> Tensor:
        """Label decided for each case, (N, ...)."""
        ...


class Decides(Task, Protocol):
    """A task that decides between labels: multiclass, binary, multilabel."""

    def margin(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Margin of ``label`` in logits, (N,): > 0 where it is decided, < 0 where it is not."""
        ...

    def against(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Lead over ``label`` of each of the K alternative decisions, (N, K), in logits.

        The margin is minus the greatest lead.
        """
        ...

    def cross_entropy(self, outputs: Tensor, label: Tensor) -> Tensor:
        """Negative log-probability of ``label``, (N,), in nats."""
        ...

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Probability of each class, (N, len(classes))."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A number with a unit.

    Attributes:
        unit: unit of the number, e.g. "years".

    Example:
        >>> import torch
        >>> Regression(unit="years").decide(torch.tensor([[63.5]]))
        tensor([63.5000])
    """

    unit: str
    classes: tuple[str, ...] = ()
    kind: Literal["regression"] = "regression"

    def __post_init__(self) -> None:
        if self.classes:
            raise PlanError("regression: `classes` has no meaning for a number; leave it out")
        if not self.unit:
            raise PlanError("regression: `unit` is empty; name the unit of the number, e.g. years")

    @property
    def n_outputs(self) -> int:
        """One number."""
        return 1

    def decide(self, outputs: Tensor) -> Tensor:
        """The number, (N,)."""
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
        classes: names of classes or labels, in the order of the outputs; none for a regression.
        threshold: see ``Binary``, ``Multilabel`` and ``Segmentation``; None uses their default.
        unit: see ``Regression``, which needs it.

    Raises:
        PlanError: an unknown task, or an option that has no meaning for it.

    Example:
        >>> task_from("regression", unit="years")
        Regression(unit='years', classes=(), kind='regression')
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
        raise PlanError(f"model: `{strange[0]}` has no meaning for a {kind} task; leave it out")
    if "unit" in known and unit is None:
        raise PlanError(f"model: a {kind} needs the unit of its number, e.g. `unit: years`")
    task: Task = TASKS[kind](**options)
    return task


def decides(task: Task) -> Decides:
    """Returns the task if it decides between labels.

    Raises:
        PlanError: a regression or a segmentation.
    """
    if not isinstance(task, Multiclass | Binary | Multilabel):
        example = "erase: CLASS" if isinstance(task, Segmentation) else "deviate: 5"
        raise PlanError(
            f"the goal misclassify has no meaning for {task.kind}; name another goal, e.g. "
            f"`goal: {{{example}}}`"
        )
    return task


_BINS = (
    "; if these are bins of the number, a plan says so: "
    "`model.target: {bin_range: [lowest edge, highest edge]}`"
)


def _heads_of(outputs: object) -> str:
    """Advice for a network that gives several tensors."""
    if isinstance(outputs, Mapping):
        names = ", ".join(map(str, outputs))
    elif isinstance(outputs, tuple | list):
        names = ", ".join(map(str, range(len(outputs))))
    else:
        return ""
    return f"; a plan names the one that counts as `model.head` (here {names})"


def check_outputs(task: Task, outputs: object, n_cases: int, *, spatial_dims: int = 0) -> None:
    """Checks that outputs are a tensor of the shape that the task needs.

    Args:
        task: the model's task.
        outputs: what the model returned.
        n_cases: number of images given to the model.
        spatial_dims: of the images; outputs of a segmentation have as many further axes, of any
            size.

    Raises:
        ModelError: not a dense tensor of real numbers, or a wrong shape.
    """
    wanted = (n_cases, task.n_outputs)
    spatial = ("*",) * spatial_dims if isinstance(task, Segmentation) else ()
    expected = f"({', '.join(map(str, (*wanted, *spatial)))})"
    if not isinstance(outputs, Tensor):
        raise ModelError(
            f"the model returned a {type(outputs).__name__}, expected a tensor of shape {expected}"
            + _heads_of(outputs)
        )
    if outputs.is_complex() or outputs.layout != torch.strided or outputs.is_meta:
        found = "complex" if outputs.is_complex() else "on meta" if outputs.is_meta else "sparse"
        raise ModelError(
            f"the model returned outputs that are {found} ({outputs.dtype}), expected a dense "
            f"tensor of real numbers of shape {expected}"
        )
    if tuple(outputs.shape[:2]) != wanted or outputs.ndim != 2 + len(spatial):
        raise ModelError(
            f"the model returned outputs of shape {tuple(outputs.shape)}, expected {expected} for "
            f"{task.kind}"
            + (f" with {len(task.classes)} classes" if task.classes else "")
            + (_BINS if isinstance(task, Regression) and outputs.ndim == 2 else "")
        )
