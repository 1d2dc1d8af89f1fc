"""What a map of attention explains: one number a case."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.classification import Binary, Multiclass, Multilabel
from plexor.models.model import Model, answer
from plexor.models.segmentation import Segmentation
from plexor.models.task import Task, decides

Score = Callable[[Tensor], Tensor]
"""Images (N, C, *spatial) in stored numbers → one number a case, (N,)."""


def score_of(model: Model, batch: Batch, output: int | None = None) -> Score:
    """The function of the images that a map explains.

    Args:
        model: any model.
        batch: N cases; their decisions are taken from ``before`` where it is known, else the model
            is asked once.
        output: index of a model output, whose logit (or number) is explained. None explains the
            margin of what the model decides for the untouched image: of the class, or of all labels
            of a multilabel task; of a regression the number. In a segmentation, the mean over
            the pixels that are decided for that class (None: for any foreground class, the lead of
            the class decided); where there is no such pixel, over all pixels.

    Raises:
        PlanError: the model has no such output.
    """
    task = model.task
    if output is not None and not 0 <= output < task.n_outputs:
        raise PlanError(
            f"attention: `output` counts the model's outputs from 0 to {task.n_outputs - 1}, "
            f"got {output}"
        )
    if not isinstance(task, Segmentation | Multiclass | Binary | Multilabel) or (
        output is not None and not isinstance(task, Segmentation)
    ):
        return lambda images: answer(model, batch, images)[:, output or 0]
    before = batch.before
    if before is None:
        with torch.no_grad():
            before = answer(model, batch, batch.images)
    explained = _explained(task, before, output)
    return lambda images: explained(answer(model, batch, images))


def _explained(task: Task, before: Tensor, output: int | None) -> Callable[[Tensor], Tensor]:
    if isinstance(task, Segmentation):
        return _outlined(task, before, output)
    deciding = decides(task)
    decided = deciding.decide(before)
    return lambda outputs: deciding.margin(outputs, decided)


def _outlined(task: Segmentation, before: Tensor, output: int | None) -> Callable[[Tensor], Tensor]:
    decided = task.decide(before)
    if output is None:
        labels = range(1, 1 + len(task.foreground))
        parts = [decided == label for label in labels]
        where = torch.stack(parts).any(dim=0)
        weight = _weights(where)

        def leads(outputs: Tensor) -> Tensor:
            found = [task.lead(outputs, label) for label in labels]
            own = torch.stack(found).amax(dim=0)  # where no pixel is decided: the nearest class
            for part, lead in zip(parts, found, strict=True):
                own = torch.where(part, lead, own)
            return (own * weight).flatten(1).sum(1)

        return leads
    weight = _weights(decided == (output if task.n_outputs > 1 else 1))
    return lambda outputs: (outputs[:, output] * weight).flatten(1).sum(1)


def _weights(where: Tensor) -> Tensor:
    """Weights (N, *spatial) of a mean over a part of each image; over all of it if it is empty."""
    part = where.float()
    empty = part.flatten(1).sum(1) == 0
    part[empty] = 1
    total = part.flatten(1).sum(1).view(-1, *[1] * (part.ndim - 1))
    return part / total
