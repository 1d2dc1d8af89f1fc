"""Truths as labels, and labels in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plexor.cases.case import join_labels, split_labels
from plexor.core.errors import DataError, unknown
from plexor.models.segmentation import Segmentation
from plexor.models.task import Multilabel, Regression, Task

Truth = str | float | NDArray[Any]
"""A class, findings, a number, or a mask (*spatial) that numbers each pixel's class."""


def encode(task: Task, truths: Sequence[Truth]) -> Tensor:
    """Labels of truths: class names, findings such as "effusion|nodule", numbers, or masks.

    Returns:
        (N,) int64 for classes, (N, len(classes)) int64 for findings, (N,) float32 for numbers,
        (N, *spatial) int64 for masks.

    Raises:
        DataError: a truth is not one of the task's classes, or no finite number; or it is a mask
            where the task wants none, or none where it wants one.
    """
    masks = [truth for truth in truths if isinstance(truth, np.ndarray)]
    if isinstance(task, Segmentation):
        if len(masks) < len(truths):
            raise DataError("the truth of a segmentation is a mask, not a word or a number")
        return task.labels(masks)
    if masks:
        raise DataError(f"the truth of {task.kind} is no mask")
    if isinstance(task, Regression):
        return torch.tensor([_number(truth) for truth in truths], dtype=torch.float32)
    index = {name: label for label, name in enumerate(task.classes)}
    several = isinstance(task, Multilabel)
    noun = "finding" if several else "class"
    named = [split_labels(str(truth)) if several else (str(truth),) for truth in truths]
    if strange := [name for names in named for name in names if name not in index]:
        raise DataError(unknown(noun, strange[0], task.classes))
    if not several:
        return torch.tensor([index[name] for (name,) in named])
    labels = torch.zeros(len(named), len(task.classes), dtype=torch.int64)
    for row, names in enumerate(named):
        labels[row, [index[name] for name in names]] = 1
    return labels


def in_words(task: Task, labels: Tensor) -> list[str]:
    """Labels as findings keep them: a class, a number, findings or outlined classes, sorted.

    Args:
        task: what they are labels of.
        labels: as ``task.decide`` gives them, (N, ...).
    """
    if isinstance(task, Segmentation):
        there = [set(mask.unique().tolist()) for mask in labels]
        return [
            join_labels(name for i, name in enumerate(task.foreground, 1) if i in numbers)
            for numbers in there
        ]
    if isinstance(task, Regression):
        return [f"{number:.6g}" for number in labels.tolist()]
    if isinstance(task, Multilabel):
        return [
            join_labels(name for name, there in zip(task.classes, row, strict=True) if there)
            for row in labels.tolist()
        ]
    return [task.classes[label] for label in labels.tolist()]


def _number(truth: Truth) -> float:
    if not isinstance(truth, int | float) or not math.isfinite(truth):
        raise DataError(f"a regression needs a finite number as truth, got {truth!r}")
    return truth
