"""Areas that a segmentation outlines, compared with the truth and with the untouched image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plexor.models.segmentation import Segmentation

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """Measurements on one case, for each of F foreground classes.

    Attributes:
        dice: Dice with the truth, (F,); NaN for a class that is in neither.
        agreement: Dice with the decision for the untouched image, (F,); NaN likewise.
        size: number of pixels of each label, the background first, (1 + F,).
        moved: distance of the centre of each class from its centre on the untouched image, in
            pixels, (F,); NaN where the class is not outlined on both.
    """

    dice: Numbers
    agreement: Numbers
    size: NDArray[np.int64]
    moved: Numbers


def outlines(
    task: Segmentation, decided: Tensor, *, truth: Tensor, before: Tensor
) -> list[Outline]:
    """The outline of each case.

    Args:
        task: the segmentation task.
        decided: the decision, labels (N, *spatial) int64.
        truth: the true labels, likewise.
        before: the decision for the untouched images, likewise.
    """
    dice, agreement = task.dice(decided, truth), task.dice(decided, before)
    size, moved = sizes(task, decided), _moved(task, before, decided)
    columns = [column.cpu().numpy() for column in (dice, agreement, size, moved)]
    return [
        Outline(dice=d, agreement=a, size=s, moved=m) for d, a, s, m in zip(*columns, strict=True)
    ]


def sizes(task: Segmentation, labels: Tensor) -> Tensor:
    """Number of pixels of each label, the background first, (N, 1 + F) int64."""
    flat = labels.flatten(1)
    return torch.stack([(flat == i).sum(1) for i in range(1 + len(task.foreground))], dim=1)


def _moved(task: Segmentation, before: Tensor, after: Tensor) -> Tensor:
    """Distance between the centres, in pixels, (N, F) float64."""
    found = []
    for label in range(1, 1 + len(task.foreground)):
        start, end = _centre(before == label), _centre(after == label)
        found.append((end - start).square().sum(dim=1).sqrt())
    return torch.stack(found, dim=1)


def _centre(there: Tensor) -> Tensor:
    """Mean position of the True entries of (N, *spatial), (N, axes) float64; NaN if there is none.

    Sums are of integers, so that only the final division is rounded.
    """
    axes = range(1, there.ndim)
    places = []
    for axis in axes:
        along = there.sum(dim=[other for other in axes if other != axis])
        numbers = torch.arange(along.shape[1], device=there.device)
        places.append((along * numbers).sum(dim=1).double() / along.sum(dim=1))
    return torch.stack(places, dim=1)
