"""Truths as tensors of labels, and tensors of labels as text."""

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
from plexor.models.classification import Multilabel
from plexor.models.segmentation import Segmentation
from plexor.models.task import Regression, Task

Truth = str | float | NDArray[Any]
"""A class name, names of labels, a number, or a mask (*spatial) of class numbers."""


def encode(task: Task, truths: Sequence[Truth]) -> Tensor:
    """Encodes truths as labels.

    Args:
        task: the task that the truths are of.
        truths: class names, labels such as "effusion|nodule", numbers, or masks.

    Returns:
        (N,) int64 for classes, (N, len(classes)) int64, 0 or 1, for several labels, (N,) float32
        for numbers, (N, *spatial) int64 for masks.

    Raises:
        DataError: a name that the task does not have, a number that is not finite, or a mask for a
            task without masks and the reverse.

    Example:
        >>> from plexor.models import Multilabel
        >>> encode(Multilabel(classes=("effusion", "nodule")), ["nodule", "", "effusion|nodule"])
        tensor([[0, 1],
                [0, 0],
                [1, 1]])
    """
    masks = [truth for truth in truths if isinstance(truth, np.ndarray)]
    if isinstance(task, Segmentation):
        if len(masks) < len(truths):
            raise DataError("the truth of a segmentation must be a mask, got a word or a number")
        return task.labels(masks)
    if masks:
        raise DataError(f"the truth of {task.kind} must not be a mask")
    if isinstance(task, Regression):
        return torch.tensor([_number(truth) for truth in truths], dtype=torch.float32)
    index = {name: label for label, name in enumerate(task.classes)}
    several = isinstance(task, Multilabel)
    noun = "label" if several else "class"
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
    """Labels as text, in the form stored in findings.

    Args:
        task: the task that the labels are of.
        labels: (N, ...), as ``task.decide`` returns them.

    Returns:
        Per case: the class name, the number, the names of the labels present, or those of the
        foreground classes in the mask; several names sorted and joined by "|".

    Example:
        >>> import torch
        >>> from plexor.models import Multilabel
        >>> in_words(Multilabel(classes=("effusion", "nodule")), torch.tensor([[1, 1], [0, 0]]))
        ['effusion|nodule', '']
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
        raise DataError(f"the truth of a regression must be a finite number, got {truth!r}")
    return truth
