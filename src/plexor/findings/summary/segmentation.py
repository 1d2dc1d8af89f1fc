"""Estimates where each pixel gets a class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from plexor.findings.schema import CLEAN
from plexor.findings.summary.counts import values_of
from plexor.findings.summary.estimate import PairedTest, StoredEstimate, finite
from plexor.findings.summary.judged import Judged, Numbers
from plexor.findings.summary.segmentation_results import (
    OutlineComparison,
    OutlinePerformance,
    SegmentationAttackResult,
    SegmentationComparison,
    SegmentationPerformance,
)
from plexor.stats import clustered_mean, mean_change, paired_t_test
from plexor.threat_model import Goal


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
    def of(cls, labels: tuple[str, ...], findings: pd.DataFrame) -> Segmentation:
        """For these classes; the unit is that of the untouched images."""
        done = findings[(findings["probe"] == CLEAN) & (findings["status"] == "ok")]
        spacing = dict(zip(done["case_id"], map(tuple, done["spacing_mm"]), strict=True))
        dims = {len(mm) for mm in spacing.values()}
        unit = "mm²" if dims == {2} else "ml" if dims == {3} else "pixels"
        scale = {"pixels": math.nan, "mm²": 1.0, "ml": 1e-3}[unit]
        factor = {} if unit == "pixels" else {i: scale * math.prod(s) for i, s in spacing.items()}
        return cls(labels=labels, unit=unit, factor=factor)

    def performance(self, judged: Judged) -> SegmentationPerformance:
        """Dice of cases and of classes, and how large what is outlined is."""
        dice = _of_cases(judged.outlined.dice)
        known = ~np.isnan(dice)
        return SegmentationPerformance(
            **values_of(judged.counts()),
            dice=StoredEstimate.of(clustered_mean(dice[known], judged.group[known])).within(0, 1),
            n_undefined=int((~known).sum()),
            size_unit=self.unit,
            per_label=tuple(self._performance(judged, i) for i in range(len(self.labels))),
        )

    def compared(self, judged: Judged) -> SegmentationComparison:
        """Performance and its changes, with a paired t test of the change of the cases' Dice."""
        dice = judged.outlined.dice_unprobed, judged.outlined.dice
        before, after = (_of_cases(one) for one in dice)
        known = ~np.isnan(before) & ~np.isnan(after)
        pairs = before[known], after[known]
        group = judged.group[known]
        per_label = tuple(self._compared(judged, i) for i in range(len(self.labels)))
        return SegmentationComparison(
            **values_of(self.performance(judged)) | {"per_label": per_label},
            dice_change=StoredEstimate.of(mean_change(*pairs, group)).within(-1, 1),
            dice_test=PairedTest.of(paired_t_test(*pairs, group)),
        )

    def attacked(self, judged: Judged, goal: Goal, control: Judged) -> SegmentationAttackResult:
        """The comparison, success, and cases for which the goal has no meaning."""
        success, noise = judged.success(goal, control, self.labels)
        return SegmentationAttackResult(
            **values_of(self.compared(judged)),
            success=success,
            control_success=noise,
            n_not_applicable=int((~judged.applicable).sum()),
        )

    def _performance(self, judged: Judged, column: int) -> OutlinePerformance:
        found = judged.outlined
        dice, truth = _column(found.dice, column), self._size(judged, found.size_truth, column)
        known, there = ~np.isnan(dice), truth > 0
        size = self._size(judged, found.size, column)
        return OutlinePerformance(
            label=self.labels[column],
            n_present=int(there.sum()),
            n_undefined=int((~known).sum()),
            dice=StoredEstimate.of(clustered_mean(dice[known], judged.group[known])).within(0, 1),
            dice_of_everything=_dice_of_everything(found.size_truth, column),
            size_truth=StoredEstimate.of(clustered_mean(truth, judged.group)).within(0),
            size=StoredEstimate.of(clustered_mean(size, judged.group)).within(0),
        )

    def _compared(self, judged: Judged, column: int) -> OutlineComparison:
        found, group = judged.outlined, judged.group
        before, after = _column(found.dice_unprobed, column), _column(found.dice, column)
        known = ~np.isnan(before) & ~np.isnan(after)
        sizes = (
            self._size(judged, found.size_unprobed, column),
            self._size(judged, found.size, column),
        )
        agreement, moved = _column(found.agreement, column), _column(found.moved, column)
        alike, both = ~np.isnan(agreement), ~np.isnan(moved)
        change = mean_change(before[known], after[known], group[known])
        same = clustered_mean(agreement[alike], group[alike])
        return OutlineComparison(
            **values_of(self._performance(judged, column)),
            dice_change=StoredEstimate.of(change).within(-1, 1),
            size_change=StoredEstimate.of(mean_change(*sizes, group)),
            agreement=StoredEstimate.of(same).within(0, 1),
            moved=StoredEstimate.of(clustered_mean(moved[both], group[both])).within(0),
            n_vanished=int(((sizes[0] > 0) & (sizes[1] == 0)).sum()),
            n_appeared=int(((sizes[0] == 0) & (sizes[1] > 0)).sum()),
        )

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
    dice = 2 * there[:, 1 + column] / (there[:, 1 + column] + there.sum(axis=1))
    return finite(clustered_mean(dice).value)
