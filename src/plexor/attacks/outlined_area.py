"""What a segmentation outlines on each case, measured against the truth and against before."""

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
    """What is outlined on one case. ``foreground`` are the classes but for the background.

    Attributes:
        dice: Dice with the truth, (len(foreground),); NaN for a class that neither has.
        agreement: Dice with what was outlined on the untouched image, likewise.
        size: pixels of each label, the background first, (1 + len(foreground),).
        moved: how far the centre of each class is from where it was on the untouched image, in
            pixels, (len(foreground),); NaN where the class is not outlined on both.
    """

    dice: Numbers
    agreement: Numbers
    size: NDArray[np.int64]
    moved: Numbers


def outlines(
    task: Segmentation, decided: Tensor, *, truth: Tensor, before: Tensor
) -> list[Outline]:
    """Each case's; all labels are (N, *spatial) int64.

    Args:
        task: what they are labels of.
        decided: the decision.
        truth: the truth.
        before: the decision for the untouched images.
    """
    dice, agreement = task.dice(decided, truth), task.dice(decided, before)
    size, moved = sizes(task, decided), _moved(task, before, decided)
    columns = [column.cpu().numpy() for column in (dice, agreement, size, moved)]
    return [
        Outline(dice=d, agreement=a, size=s, moved=m) for d, a, s, m in zip(*columns, strict=True)
    ]


def sizes(task: Segmentation, labels: Tensor) -> Tensor:
    """Pixels of each label, the background first, (N, 1 + len(foreground)) int64."""
    flat = labels.flatten(1)
    return torch.stack([(flat == i).sum(1) for i in range(1 + len(task.foreground))], dim=1)


def _moved(task: Segmentation, before: Tensor, after: Tensor) -> Tensor:
    """Between the centres, in pixels, (N, len(foreground)) float64."""
    found = []
    for label in range(1, 1 + len(task.foreground)):
        start, end = _centre(before == label), _centre(after == label)
        found.append((end - start).square().sum(dim=1).sqrt())
    return torch.stack(found, dim=1)


def _centre(there: Tensor) -> Tensor:
    """Mean place of what is there (N, *spatial) bool, (N, axes) float64; NaN where nothing is.

    Whole numbers are added up, so that it is exact to the last division.
    """
    axes = range(1, there.ndim)
    places = []
    for axis in axes:
        along = there.sum(dim=[other for other in axes if other != axis])
        numbers = torch.arange(along.shape[1], device=there.device)
        places.append((along * numbers).sum(dim=1).double() / along.sum(dim=1))
    return torch.stack(places, dim=1)
