"""Figures of a model that names one class for each case (multiclass or binary)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

from plexor.findings.summary.counts import Counts
from plexor.findings.summary.estimate import McNemarTests, StoredEstimate

Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRecall:
    """How many cases of a class are recognised.

    Attributes:
        name: the class.
        recall: share of its cases for which it is named.
    """

    name: str
    recall: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPerformance(Counts):
    """How good the decisions are.

    Attributes:
        task: the model's.
        accuracy: share of cases for which the right class is named.
        balanced_accuracy: mean of the recalls of the classes that have cases.
        per_class: in the order of the task's classes.
        confusion: cases by true class (rows) and decision (columns), (K, K).
    """

    task: Literal["multiclass", "binary"]
    accuracy: StoredEstimate
    balanced_accuracy: StoredEstimate
    per_class: tuple[ClassRecall, ...]
    confusion: Matrix

    @property
    def main(self) -> StoredEstimate:
        """The figure that stands for the task: accuracy."""
        return self.accuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassComparison(ClassPerformance):
    """Performance under a probe, and what changed from the untouched image in the same container.

    Attributes:
        fooling_ratio: share of the cases attempted whose decision changed.
        accuracy_change: accuracy under the probe minus accuracy untouched.
        mcnemar: of whether as many cases are right after as before.
        transitions: cases by decision before (rows) and after (columns), (K, K).
    """

    fooling_ratio: StoredEstimate
    accuracy_change: StoredEstimate
    mcnemar: McNemarTests
    transitions: Matrix

    @property
    def main_change(self) -> StoredEstimate:
        """The change of the main figure."""
        return self.accuracy_change

    @property
    def main_test(self) -> McNemarTests:
        """The test of whether the main figure changed."""
        return self.mcnemar

    def corrected(self, p_holm: float) -> Self:
        """The same with the corrected p of the main test."""
        return replace(self, mcnemar=replace(self.mcnemar, p_holm=p_holm))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAttackResult(ClassComparison):
    """What an attack did in one container.

    Attributes:
        success: share of the cases attempted in which the goal was reached within the threat.
        control_success: the same question about the noise on the same cases.
        targeted_success: of an attack with a target, the share called the target among the cases
            not called so before, counted from decisions; None without a target.
    """

    success: StoredEstimate
    control_success: StoredEstimate
    targeted_success: StoredEstimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassShortcutResult(ClassComparison):
    """What a shortcut did in one container, beside its control on the same cases.

    Attributes:
        control_fooling_ratio: share of cases whose decision changed under the control.
        fooling_excess: share whose decision changed with the shortcut, minus that under the
            control.
        fooling_test: of whether a decision changes as often with the shortcut as under the control:
            ``n_lost`` counts cases changed under the control only, ``n_gained`` with the shortcut
            only.
    """

    control_fooling_ratio: StoredEstimate
    fooling_excess: StoredEstimate
    fooling_test: McNemarTests

    def fooling_corrected(self, p_holm: float) -> Self:
        """The same with the corrected p of the fooling test."""
        return replace(self, fooling_test=replace(self.fooling_test, p_holm=p_holm))
