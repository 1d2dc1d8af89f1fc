"""Figures of a model that outlines classes on each case."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

from plexor.findings.summary.counts import Count, Counts
from plexor.findings.summary.estimate import PairedTest, StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlinePerformance:
    """How well one class beside the background is outlined.

    Attributes:
        label: its name.
        n_present: cases whose truth has it.
        n_undefined: cases in which neither truth nor model has it, so that Dice is undefined.
        dice: mean Dice with the truth, over the cases in which it is defined.
        dice_of_everything: mean Dice of outlining the whole image; None where no case has the
            class.
        size_truth: mean size in the truth, in ``size_unit``.
        size: mean size as outlined, in ``size_unit``.
    """

    label: str
    n_present: Count
    n_undefined: Count
    dice: StoredEstimate
    dice_of_everything: float | None
    size_truth: StoredEstimate
    size: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineComparison(OutlinePerformance):
    """The same under a probe, and what changed.

    Attributes:
        dice_change: mean Dice under the probe minus that untouched.
        size_change: mean size under the probe minus that untouched, in ``size_unit``.
        agreement: mean Dice of what is outlined after with what is outlined before.
        moved: mean distance of the two centres in pixels, over the cases that have the class on
            both.
        n_vanished: cases outlined before and not after.
        n_appeared: cases outlined after and not before.
    """

    dice_change: StoredEstimate
    size_change: StoredEstimate
    agreement: StoredEstimate
    moved: StoredEstimate
    n_vanished: Count
    n_appeared: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationPerformance(Counts):
    """How good the outlines are.

    Attributes:
        task: the model's.
        dice: mean over cases of the mean Dice of a case's classes in which it is defined.
        n_undefined: cases in which it is defined for no class.
        size_unit: of sizes: "mm²" or "ml" where every file says how large its pixels are, else
            "pixels".
        per_label: the classes beside the background, in the order of the task's.
    """

    task: Literal["segmentation"] = "segmentation"
    dice: StoredEstimate
    n_undefined: Count
    size_unit: str
    per_label: tuple[OutlinePerformance, ...]

    @property
    def main(self) -> StoredEstimate:
        """The figure that stands for the task: mean Dice of the cases."""
        return self.dice


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationComparison(SegmentationPerformance):
    """Performance under a probe, and what changed from the untouched image in the same container.

    Attributes:
        dice_change: mean Dice of the cases under the probe minus that untouched.
        dice_test: paired t test of whether the cases' Dice changed.
    """

    per_label: tuple[OutlineComparison, ...]
    dice_change: StoredEstimate
    dice_test: PairedTest

    @property
    def main_change(self) -> StoredEstimate:
        """The change of the main figure."""
        return self.dice_change

    @property
    def main_test(self) -> PairedTest:
        """The test of whether the main figure changed."""
        return self.dice_test

    def corrected(self, p_holm: float) -> Self:
        """The same with the corrected p of the main test."""
        return replace(self, dice_test=replace(self.dice_test, p_holm=p_holm))


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationAttackResult(SegmentationComparison):
    """What an attack did in one container.

    Attributes:
        success: share of the cases attempted in which the goal was reached within the threat.
        control_success: the same question about the noise on the same cases.
        n_not_applicable: cases for which the goal has no meaning.
    """

    success: StoredEstimate
    control_success: StoredEstimate
    n_not_applicable: Count
