"""Several models as one, by the mean of their outputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from plexor.core.errors import PlanError
from plexor.models.batch import Scaling
from plexor.models.model import Model
from plexor.models.task import Task


class Ensemble(Model):
    """The mean of several models' outputs: logits, or a regression's numbers.

    Each model keeps its own preprocessing; nothing weighs one more than another, but that the
    greater logits have more to say.

    Args:
        models: at least one; their networks are used as they are, not copied.
        task: what the mean is decided by. Classes and unit must be those of every model; its
            thresholds are taken, not theirs.

    Raises:
        PlanError: no model, or one of another task.
    """

    def __init__(self, models: Sequence[Model], *, task: Task) -> None:
        if not models:
            raise PlanError("an ensemble needs at least one model, got none")
        for model in models:
            check_alike(task, model.task, what="an ensemble's model")
        super().__init__(nn.ModuleList(model.network for model in models), task=task)
        self.models = tuple(models)

    def outputs(self, images: Tensor, scaling: Scaling | None = None) -> Tensor:
        """See ``Model``."""
        return torch.stack([model.outputs(images, scaling) for model in self.models]).mean(0)


def check_alike(task: Task, other: Task, *, what: str) -> None:
    """Refuses a task whose outputs do not mean the same; thresholds may differ.

    Args:
        task: the one that counts.
        other: the one looked at.
        what: has ``other``, for messages.

    Raises:
        PlanError: another kind, other classes or another order of them, or another unit.
    """
    for name in ("kind", "classes", "unit"):
        wanted, found = getattr(task, name, None), getattr(other, name, None)
        if wanted != found:
            raise PlanError(
                f"{what} must have the same {name} as the model it stands for, {_said(wanted)}; it "
                f"has {_said(found)}"
            )


def _said(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
