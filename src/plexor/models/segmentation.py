"""Segmentation: decisions for every pixel, their margin, and the overlap of two decisions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plexor.core.errors import DataError, PlanError, unknown
from plexor.models.classes import check_classes

_TIE = 1e-30
"""Lead, in logits, of the class that is decided where two logits are equal."""
_WHITE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """A class for every pixel or voxel.

    Outputs are logits (N, n_outputs, *spatial) at the image's own spatial size, labels
    (N, *spatial) int64. Label 0 is the background.

    Attributes:
        classes: either two or more names, the first for the background, with one logit each; the
            greatest logit decides, and the first of equal ones. Or a single name with one logit;
            its label is 1, and the background has no name.
        threshold: probability above which the single class is decided.

    Example:
        >>> import torch
        >>> task = Segmentation(classes=("lesion",))
        >>> task.decide(torch.tensor([[[[-1.0, 0.5], [2.0, 0.0]]]]))
        tensor([[[0, 1],
                 [1, 0]]])
    """

    classes: tuple[str, ...]
    threshold: float = 0.5
    kind: Literal["segmentation"] = "segmentation"

    def __post_init__(self) -> None:
        check_classes(self.kind, self.classes, at_least=1)
        if strange := [name for name in self.classes if "|" in name]:
            raise PlanError(f"segmentation: class names must not contain `|`, got {strange[0]!r}")
        if not 0 < self.threshold < 1:
            raise PlanError(
                f"segmentation: threshold must lie between 0 and 1, got {self.threshold}"
            )
        if len(self.classes) > 1 and self.threshold != 0.5:
            raise PlanError(
                "segmentation: `threshold` is for a single class, with several the greatest logit "
                f"decides; leave it out, got {self.threshold}"
            )

    @property
    def n_outputs(self) -> int:
        """Logits per pixel: one per class."""
        return len(self.classes)

    @property
    def foreground(self) -> tuple[str, ...]:
        """Names of the labels 1, 2, ..."""
        return self.classes[1:] or self.classes

    def label_of(self, name: str) -> int:
        """The label of a foreground class.

        Raises:
            PlanError: no foreground class has this name.
        """
        if name not in self.foreground:
            raise PlanError(unknown("class", name, self.foreground))
        return 1 + self.foreground.index(name)

    def decide(self, outputs: Tensor) -> Tensor:
        """The label of every pixel, (N, *spatial) int64."""
        if self.n_outputs == 1:
            return (self._excess(outputs) > 0).long()
        return outputs.argmax(dim=1)

    def lead(self, outputs: Tensor, label: int) -> Tensor:
        """Logit of a label >= 1 minus the greatest other, at each pixel, (N, *spatial).

        It is > 0 exactly where the label is decided, and < 0 elsewhere; a tie gives ±1e-30. For a
        single class, the logit minus that of the threshold.
        """
        if self.n_outputs == 1:
            lead = self._excess(outputs)
        else:
            others = torch.cat([outputs[:, :label], outputs[:, label + 1 :]], dim=1)
            lead = outputs[:, label] - others.amax(dim=1)
        nudge = torch.where(self.decide(outputs) == label, _TIE, -_TIE)
        return lead + torch.where(lead.detach() == 0, nudge, 0.0)

    def dice(self, one: Tensor, other: Tensor) -> Tensor:
        """Dice coefficient of two label masks (N, *spatial), for each foreground class.

        Returns:
            (N, len(foreground)) float64: 2 |A ∩ B| / (|A| + |B|) of the pixels of the class in each
            mask; NaN where neither mask has the class.
        """
        found = []
        for label in range(1, 1 + len(self.foreground)):
            first, second = (one == label).flatten(1), (other == label).flatten(1)
            total = first.sum(1) + second.sum(1)
            found.append(2 * (first & second).sum(1).double() / total)
        return torch.stack(found, dim=1)

    def labels(self, masks: Sequence[NDArray[Any]]) -> Tensor:
        """Labels (N, *spatial) int64 of masks of one spatial shape, which hold class numbers.

        With one foreground class, 255 is read as 1, since black-and-white masks are stored so.

        Raises:
            DataError: a mask holds a number that is not a label.
        """
        stacked = np.stack([np.asarray(mask) for mask in masks])
        if len(self.foreground) == 1:
            stacked = np.where(stacked == _WHITE, 1, stacked)
        known = np.isin(stacked, np.arange(1 + len(self.foreground)))
        if not known.all():
            raise DataError(
                f"a mask must hold class numbers from 0 to {len(self.foreground)} "
                f"({', '.join(self.foreground)}), found {stacked[~known][0]}; renumber the mask, "
                "or list all classes in the order of their numbers"
            )
        return torch.from_numpy(stacked.astype(np.int64))

    def _excess(self, outputs: Tensor) -> Tensor:
        return outputs[:, 0] - math.log(self.threshold / (1 - self.threshold))
