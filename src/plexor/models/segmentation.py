"""A class for every pixel: the decision, how firm it is, and how well two decisions overlap."""

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
"""The lead, in logits, of the one that is decided where two logits are equal."""
_WHITE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """A class for every pixel or voxel.

    Outputs are logits (N, n_outputs, *spatial) at the image's own spatial size, labels
    (N, *spatial) int64. Label 0 is the background.

    Attributes:
        classes: two or more, the first of them the background, from one logit each; the greatest
            decides (ties: the first). Or a single one from one logit, whose label is 1, with a
            background that goes without a name.
        threshold: probability above which the single class is decided.
    """

    classes: tuple[str, ...]
    threshold: float = 0.5
    kind: Literal["segmentation"] = "segmentation"

    def __post_init__(self) -> None:
        check_classes(self.kind, self.classes, at_least=1)
        if strange := [name for name in self.classes if "|" in name]:
            raise PlanError(f"segmentation: a class needs a name without `|`, got {strange[0]!r}")
        if not 0 < self.threshold < 1:
            raise PlanError(
                f"segmentation: threshold must lie between 0 and 1, got {self.threshold}"
            )
        if len(self.classes) > 1 and self.threshold != 0.5:
            raise PlanError(
                "segmentation: with several classes the greatest logit decides; leave `threshold` "
                f"out, got {self.threshold}"
            )

    @property
    def n_outputs(self) -> int:
        """Logits a pixel: one a class."""
        return len(self.classes)

    @property
    def foreground(self) -> tuple[str, ...]:
        """Names of the labels 1, 2, ..."""
        return self.classes[1:] or self.classes

    def label_of(self, name: str) -> int:
        """The label of a class that is not the background.

        Raises:
            PlanError: there is none of that name.
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
        """How far ahead of every other a label >= 1 is at each pixel, (N, *spatial), in logits.

        It is > 0 exactly where the label is decided, else < 0; a tie counts as next to nothing.
        """
        if self.n_outputs == 1:
            lead = self._excess(outputs)
        else:
            others = torch.cat([outputs[:, :label], outputs[:, label + 1 :]], dim=1)
            lead = outputs[:, label] - others.amax(dim=1)
        nudge = torch.where(self.decide(outputs) == label, _TIE, -_TIE)
        return lead + torch.where(lead.detach() == 0, nudge, 0.0)

    def dice(self, one: Tensor, other: Tensor) -> Tensor:
        """Dice's coefficient of two labellings (N, *spatial), (N, len(foreground)) float64.

        Twice the pixels that both give a class, over the pixels that either gives it, added up.
        NaN where neither gives it to any.
        """
        found = []
        for label in range(1, 1 + len(self.foreground)):
            first, second = (one == label).flatten(1), (other == label).flatten(1)
            total = first.sum(1) + second.sum(1)
            found.append(2 * (first & second).sum(1).double() / total)
        return torch.stack(found, dim=1)

    def labels(self, masks: Sequence[NDArray[Any]]) -> Tensor:
        """Masks of one spatial shape that number the classes as labels, (N, *spatial) int64.

        Where there is one class beside the background, 255 stands for it too: so do images of
        black and white have it.

        Raises:
            DataError: a number that is no label.
        """
        stacked = np.stack([np.asarray(mask) for mask in masks])
        if len(self.foreground) == 1:
            stacked = np.where(stacked == _WHITE, 1, stacked)
        known = np.isin(stacked, np.arange(1 + len(self.foreground)))
        if not known.all():
            raise DataError(
                f"a mask numbers its classes from 0 to {len(self.foreground)} "
                f"({', '.join(self.foreground)}), found {stacked[~known][0]}; number them so, or "
                "name all of them in the order of their numbers"
            )
        return torch.from_numpy(stacked.astype(np.int64))

    def _excess(self, outputs: Tensor) -> Tensor:
        return outputs[:, 0] - math.log(self.threshold / (1 - self.threshold))
