"""What an adversary wants: the margin that says it is reached, and the loss a search climbs."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from torch import Tensor

from plexor.models.task import Task

LossKind = Literal["ce", "margin", "ratio"]


class Goal(Protocol):
    """A wish about a model's outputs.

    Every method that looks at outputs takes them as (N, ...), with the cases' labels ``truth``
    (N, ...) and the outputs ``before``, for the untouched images, shaped like ``outputs``.
    ``before`` may be None where it is not known; a goal that cannot do without then refuses.

    Attributes:
        looks_back: whether it is about a change from ``before``. Where it is not, only the "ratio"
            loss looks there.
    """

    looks_back: ClassVar[bool]

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

    def ways(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """(N, K), one number for each way to reach the goal; > 0 once that way is taken.

        The goal is reached when one of them is. Piecewise linear in logits where the task allows.
        """
        ...

    def margin(
        self, task: Task, outputs: Tensor, truth: Tensor, before: Tensor | None = None
    ) -> Tensor:
        """(N,), the greatest of the ways; > 0 once the goal is reached."""
        ...

    def loss(
        self,
        task: Task,
        outputs: Tensor,
        truth: Tensor,
        kind: LossKind,
        before: Tensor | None = None,
    ) -> Tensor:
        """(N,), rises towards the goal.

        ``kind`` is "ce" (log-probability; of logits so great that it would not move any more, they
        are scaled down first), "margin", or "ratio" (the margin over a scale of the outputs, so
        that multiplying logits changes nothing). Where a task has one loss only, every kind is it.
        """
        ...
