"""Figures of the validation split, and the one that chooses the best epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from plexor.core.errors import DataError
from plexor.models.classification import Multilabel
from plexor.models.segmentation import Segmentation
from plexor.models.task import Regression, Task
from plexor.stats import auc


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The figure that chooses the epoch, and those reported beside it.

    Attributes:
        name: of the figure that chooses.
        mode: "max" where greater is better, else "min".
        figures: function of task, outputs (N, n_outputs) in its unit, and labels, which returns
            name → value. For a segmentation the Dice of each case and class, (N, len(foreground)),
            is given instead of the outputs.
    """

    name: str
    mode: Literal["max", "min"]
    figures: Callable[[Task, Tensor, Tensor], dict[str, float]]


def score_of(task: Task) -> Score:
    """Balanced accuracy, mean area of several labels, mean absolute error, or mean Dice."""
    if isinstance(task, Regression):
        return Score(name="mae", mode="min", figures=_of_number)
    if isinstance(task, Multilabel):
        return Score(name="mean_auc", mode="max", figures=_of_labels)
    if isinstance(task, Segmentation):
        return Score(name="mean_dice", mode="max", figures=_of_masks)
    return Score(name="balanced_accuracy", mode="max", figures=_of_classes)


def _of_classes(task: Task, outputs: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy, and the mean recall of the classes present."""
    right = (task.decide(outputs) == labels).float()
    recalls = [right[labels == label].mean() for label in sorted(set(labels.tolist()))]
    return {
        "balanced_accuracy": float(torch.stack(recalls).mean()),
        "accuracy": float(right.mean()),
    }


def _of_labels(task: Task, outputs: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy of all labels of a case together, and the mean area under the ROC curve.

    The mean is over the labels that are present in some cases and absent in others.
    """
    scores, truth = outputs.cpu().numpy(), labels.cpu().numpy() == 1
    areas = [auc(truth[:, i], scores[:, i]).value for i in range(truth.shape[1])]
    known = [area for area in areas if not math.isnan(area)]
    if not known:
        raise DataError(
            "every label is present in all cases of the validation split, or in none; use another "
            "split"
        )
    whole = (task.decide(outputs) == labels).all(dim=1).float()
    return {"mean_auc": float(np.mean(known)), "accuracy": float(whole.mean())}


def _of_number(_task: Task, outputs: Tensor, labels: Tensor) -> dict[str, float]:
    """Mean absolute and root mean squared error, in the task's unit."""
    errors = outputs[:, 0] - labels
    return {"mae": float(errors.abs().mean()), "rmse": float(errors.square().mean().sqrt())}


def _of_masks(task: Task, dice: Tensor, _labels: Tensor) -> dict[str, float]:
    """Mean Dice of each class over the cases where it is defined, and the mean of the classes."""
    means = dict(zip(getattr(task, "foreground", ()), dice.nanmean(dim=0).tolist(), strict=True))
    known = [mean for mean in means.values() if not math.isnan(mean)]
    if not known:
        raise DataError("no mask of the validation split has a foreground class; use another split")
    return {"mean_dice": float(np.mean(known))} | {
        f"dice_{name}": mean for name, mean in means.items() if not math.isnan(mean)
    }
