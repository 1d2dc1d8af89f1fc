"""Goals of an adversary: the margin that decides success, and the losses that searches maximise."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from torch import Tensor

from plexor.models.task import Task

LossKind = Literal["ce", "margin", "ratio"]


class Goal(Protocol):
    """A condition on a model's outputs.

    Methods take outputs (N, ...), the cases' labels ``truth`` (N, ...) and the outputs ``before``
    for the untouched images, of the shape of ``outputs``. ``before`` may be None where unknown; a
    goal that needs it then raises PlanError.

    Attributes:
        looks_back: whether the goal depends on ``before``. If not, only the "ratio" loss uses it.
    """

    looks_back: ClassVar[bool]

    @property
    def name(self) -> str:
        """The part of a probe's id that names the goal; "" for the default goal."""
        ...

    def check(self, task: Task) -> None:
        """Checks that the goal applies to the task.

        Raises:
            PlanError: e.g. the target is not one of the task's classes.
        """
        ...

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """One number for each of K ways to the goal, (N, K); > 0 where it is reached that way.

        The goal is reached when any of them is > 0. Piecewise linear in logits where possible.
        """
        ...

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """The greatest of the ways, (N,); > 0 where the goal is reached."""
        ...

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """The loss that a search maximises, (N,).

        ``kind`` is "ce" (log-probability, with very large logits scaled down so that the gradient
        does not vanish), "margin", or "ratio" (the margin divided by a scale of the outputs, so
        that it is invariant to a factor on the logits). Goals with one loss use it for all kinds.
        """
        ...
