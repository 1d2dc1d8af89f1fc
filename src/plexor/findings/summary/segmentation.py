"""What is estimated where each pixel gets a class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from plexor.findings.schema import CLEAN
from plexor.findings.summary.judged import Judged, Numbers, Plain
from plexor.stats import clustered_mean, mean_change, paired_t_test


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """Dice with the truth, sizes, and how both changed, for each class beside the background.

    Dice is undefined, and left out and counted, where neither truth nor decision has the class;
    where only one of them has it, it is 0. A case's Dice without a class is the mean of its
    classes' that are defined.

    Attributes:
        labels: names of the classes that are not the background.
        unit: of sizes: "mm²" or "ml" where every file says how large its pixels are, else "pixels".
        factor: pixels → that unit, by case id; 1 for a case that is not in it.
    """

    labels: tuple[str, ...]
    unit: str
    factor: Mapping[str, float]

    @classmethod
    def of(cls, task: Mapping[str, Any], findings: pd.DataFrame) -> Segmentation:
        """For a task as a card has it; the unit is that of the untouched images."""
        names = tuple(str(name) for name in task["classes"])
        done = findings[(findings["probe"] == CLEAN) & (findings["status"] == "ok")]
        spacing = dict(zip(done["case_id"], map(tuple, done["spacing_mm"]), strict=True))
        dims = {len(mm) for mm in spacing.values()}
        unit = "mm²" if dims == {2} else "ml" if dims == {3} else "pixels"
        scale = {"pixels": math.nan, "mm²": 1.0, "ml": 1e-3}[unit]
        factor = {} if unit == "pixels" else {i: scale * math.prod(s) for i, s in spacing.items()}
        return cls(labels=names[1:] or names, unit=unit, factor=factor)

    def performance(self, judged: Judged) -> Plain:
        """Dice of cases and of classes, and how large what is outlined is."""
        dice = _of_cases(judged.outlined.dice)
        known = ~np.isnan(dice)
        return {
            **judged.counts(),
            "dice": clustered_mean(dice[known], judged.group[known]).to_dict(),
            "n_undefined": int((~known).sum()),
            "size_unit": self.unit,
            "per_label": [self._performance(judged, i) for i in range(len(self.labels))],
        }

    def compared(self, judged: Judged) -> Plain:
        """Performance and its changes, with a paired t test of the change of the cases' Dice."""
        dice = judged.outlined.dice_unprobed, judged.outlined.dice
        before, after = (_of_cases(one) for one in dice)
        known = ~np.isnan(before) & ~np.isnan(after)
        pairs = before[known], after[known]
        group = judged.group[known]
        return {
            **self.performance(judged),
            "per_label": [
                self._performance(judged, i) | self._change(judged, i)
                for i in range(len(self.labels))
            ],
            "dice_change": mean_change(*pairs, group).to_dict(),
            "dice_test": {**paired_t_test(*pairs, group).to_dict(), "p_holm": None},
        }

    def attacked(self, judged: Judged, goal: Mapping[str, Any], control: Judged) -> Plain:
        """The comparison, success, and cases for which the goal has no meaning."""
        return {
            **self.compared(judged),
            **judged.success(goal, control, self.labels),
            "n_not_applicable": int((~judged.applicable).sum()),
        }

    def _performance(self, judged: Judged, column: int) -> Plain:
        found = judged.outlined
        dice, truth = _column(found.dice, column), self._size(judged, found.size_truth, column)
        known, there = ~np.isnan(dice), truth > 0
        size = self._size(judged, found.size, column)
        return {
            "label": self.labels[column],
            "n_present": int(there.sum()),
            "n_undefined": int((~known).sum()),
            "dice": clustered_mean(dice[known], judged.group[known]).to_dict(),
            "dice_of_everything": _dice_of_everything(found.size_truth, column),
            "size_truth": clustered_mean(truth, judged.group).to_dict(),
            "size": clustered_mean(size, judged.group).to_dict(),
        }

    def _change(self, judged: Judged, column: int) -> Plain:
        found, group = judged.outlined, judged.group
        before, after = _column(found.dice_unprobed, column), _column(found.dice, column)
        known = ~np.isnan(before) & ~np.isnan(after)
        sizes = (
            self._size(judged, found.size_unprobed, column),
            self._size(judged, found.size, column),
        )
        agreement, moved = _column(found.agreement, column), _column(found.moved, column)
        alike, both = ~np.isnan(agreement), ~np.isnan(moved)
        return {
            "dice_change": mean_change(before[known], after[known], group[known]).to_dict(),
            "size_change": mean_change(*sizes, group).to_dict(),
            "agreement": clustered_mean(agreement[alike], group[alike]).to_dict(),
            "moved": clustered_mean(moved[both], group[both]).to_dict(),
            "n_vanished": int(((sizes[0] > 0) & (sizes[1] == 0)).sum()),
            "n_appeared": int(((sizes[0] == 0) & (sizes[1] > 0)).sum()),
        }

    def _size(self, judged: Judged, sizes: Numbers, column: int) -> Numbers:
        """Of a class, in the unit, (n,)."""
        factor = np.array([self.factor.get(name, 1.0) for name in judged.case_id])
        scaled: Numbers = _column(sizes, 1 + column) * factor
        return scaled


def _column(numbers: Numbers, column: int) -> Numbers:
    """One class's numbers, (n,)."""
    return numbers[:, column] if numbers.size else np.empty(len(numbers))


def _of_cases(dice: Numbers) -> Numbers:
    """The mean of each case's classes that are defined, (n,); NaN where none is."""
    known = ~np.isnan(dice)
    total = np.where(known, dice, 0.0).sum(axis=1)
    n = known.sum(axis=1)
    return np.where(n > 0, total / np.maximum(n, 1), math.nan)


def _dice_of_everything(size_truth: Numbers, column: int) -> float | None:
    """Mean Dice of outlining the whole image, over the cases that have the class."""
    there = size_truth[_column(size_truth, 1 + column) > 0]
    if not there.size:
        return None
    return clustered_mean(
        2 * there[:, 1 + column] / (there[:, 1 + column] + there.sum(axis=1))
    ).value
