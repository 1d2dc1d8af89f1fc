"""Figures of a model that decides several labels for each case, each by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

from plexor.findings.summary.counts import Count, Counts
from plexor.findings.summary.estimate import McNemarTests, StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPerformance:
    """How well one label is decided.

    Attributes:
        label: its name.
        n_present: cases that truly have it.
        auc: area under the ROC curve of its output; None where no case could be judged.
        sensitivity: share decided present among the cases that have it.
        specificity: share decided absent among the cases that do not.
    """

    label: str
    n_present: Count
    auc: StoredEstimate | None
    sensitivity: StoredEstimate
    specificity: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelComparison(LabelPerformance):
    """The same under a probe, and what changed.

    Attributes:
        auc_change: area under the probe minus area untouched; None where no case could be judged.
        sensitivity_change: likewise.
        specificity_change: likewise.
        n_hidden: cases decided present before and absent after, right or wrong.
        n_invented: cases decided absent before and present after, right or wrong.
    """

    auc_change: StoredEstimate | None
    sensitivity_change: StoredEstimate
    specificity_change: StoredEstimate
    n_hidden: Count
    n_invented: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class MultilabelPerformance(Counts):
    """How good the decisions are.

    Attributes:
        task: the model's.
        accuracy: share of cases with every label decided rightly.
        per_label: in the order of the task's classes.
    """

    task: Literal["multilabel"] = "multilabel"
    accuracy: StoredEstimate
    per_label: tuple[LabelPerformance, ...]

    @property
    def main(self) -> StoredEstimate:
        """The figure that stands for the task: accuracy of whole cases."""
        return self.accuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class MultilabelComparison(MultilabelPerformance):
    """Performance under a probe, and what changed from the untouched image in the same container.

    Attributes:
        fooling_ratio: share of the cases attempted in which any label's decision changed.
        accuracy_change: accuracy under the probe minus accuracy untouched.
        mcnemar: of whether as many cases are right after as before.
    """

    per_label: tuple[LabelComparison, ...]
    fooling_ratio: StoredEstimate
    accuracy_change: StoredEstimate
    mcnemar: McNemarTests

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
class MultilabelAttackResult(MultilabelComparison):
    """What an attack did in one container.

    Attributes:
        success: share of the cases attempted in which the goal was reached within the threat.
        control_success: the same question about the noise on the same cases.
    """

    success: StoredEstimate
    control_success: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class MultilabelShortcutResult(MultilabelComparison):
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
