"""Several models as one, by the mean of their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from plexor.core.errors import PlanError
from plexor.core.ids import digest
from plexor.models.batch import Scaling
from plexor.models.card import ModelCard
from plexor.models.features import Features
from plexor.models.model import ModelAccess
from plexor.models.task import Task
from plexor.models.torch_model import TorchModel


class Ensemble:
    """The mean of several models' outputs: of logits, or of a regression's numbers.

    Each model keeps its own preprocessing. All models have the same weight in the mean, so a model
    with greater logits has more influence.

    Args:
        models: at least one; their networks are used as they are, not copied.
        task: decides on the mean. Its classes and its unit must be those of every model; its
            thresholds are used, and those of the models are not.

    Raises:
        PlanError: no model, or one with another task.
    """

    def __init__(self, models: Sequence[TorchModel], *, task: Task) -> None:
        if not models:
            raise PlanError("an ensemble needs at least one model, got none")
        for model in models:
            check_alike(task, model.task, what="an ensemble's model")
        self.models = tuple(models)
        self.task = task
        features = {one.name: one for model in models for one in model.card.features}
        self.card = ModelCard(
            task=task, architecture=type(self).__name__, features=tuple(features.values())
        )
        self.network = nn.ModuleList(model.network for model in models)
        self.was_training = any(model.was_training for model in models)

    @property
    def access(self) -> ModelAccess:
        """See ``Model``."""
        return "gradients"

    @property
    def device(self) -> torch.device:
        """Device of the first model."""
        return self.models[0].device

    def to(self, device: torch.device) -> Self:
        """See ``Model``; moves every model."""
        for model in self.models:
            model.to(device)
        return self

    def identity(self) -> str:
        """SHA-256 of the models' identities, in their order, and of the task."""
        return digest([[model.identity() for model in self.models], self.card.to_dict()["task"]])

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        """The mean of the models' outputs; see ``Model``. Each takes the features of its card."""
        each = [
            model.outputs(images, scaling, features if model.card.features else None)
            for model in self.models
        ]
        return torch.stack(each).mean(0)


def check_alike(task: Task, other: Task, *, what: str) -> None:
    """Checks that two tasks give outputs the same meaning; thresholds may differ.

    Args:
        task: the task expected.
        other: the task found.
        what: the owner of ``other``, for messages.

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
