"""Estimates where each case has several labels, or none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plexor.cases.case import split_labels
from plexor.findings.summary.counts import values_of
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.judged import Flags, Judged, Names
from plexor.findings.summary.multilabel_results import (
    LabelComparison,
    LabelPerformance,
    MultilabelAttackResult,
    MultilabelComparison,
    MultilabelPerformance,
    MultilabelShortcutResult,
)
from plexor.stats import auc, auc_difference, paired_difference
from plexor.threat_model import Goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Multilabel:
    """For each label the area under its ROC curve, sensitivity and specificity.

    Accuracy is of whole cases: every label decided rightly.

    Attributes:
        labels: their names, in the order of the outputs.
    """

    labels: tuple[str, ...]

    def performance(self, judged: Judged) -> MultilabelPerformance:
        """Accuracy of whole cases, and each label by itself."""
        everyone = np.ones(len(judged), dtype=bool)
        return MultilabelPerformance(
            **values_of(judged.counts()),
            accuracy=judged.share(judged.truth == judged.decision, everyone),
            per_label=tuple(
                self._performance(judged, column, name) for column, name in enumerate(self.labels)
            ),
        )

    def compared(self, judged: Judged) -> MultilabelComparison:
        """Performance and its changes; fooling is a change of any label."""
        before, after = judged.unprobed, judged.decision
        change, test = judged.accuracy_change(judged.truth == before, judged.truth == after)
        per_label = tuple(
            self._compared(judged, column, name) for column, name in enumerate(self.labels)
        )
        return MultilabelComparison(
            **values_of(self.performance(judged)) | {"per_label": per_label},
            fooling_ratio=judged.share(before != after, judged.attempted),
            accuracy_change=change,
            mcnemar=test,
        )

    def attacked(self, judged: Judged, goal: Goal, control: Judged) -> MultilabelAttackResult:
        """The comparison and success: over the cases where the label to hide was called, say."""
        success, noise = judged.success(goal, control)
        return MultilabelAttackResult(
            **values_of(self.compared(judged)), success=success, control_success=noise
        )

    def shortcut(self, judged: Judged, control: Judged) -> MultilabelShortcutResult:
        """The comparison, and how much more often a decision changed than under the control."""
        return MultilabelShortcutResult(
            **values_of(self.compared(judged)), **values_of(judged.beside(control))
        )

    def _performance(self, judged: Judged, column: int, name: str) -> LabelPerformance:
        present, called = _names(judged.truth, name), _names(judged.decision, name)
        area = auc(present, judged.outputs[:, column], judged.group) if len(judged) else None
        return LabelPerformance(
            label=name,
            n_present=int(present.sum()),
            auc=None if area is None else StoredEstimate.of(area),
            sensitivity=judged.share(called, present),
            specificity=judged.share(~called, ~present),
        )

    def _compared(self, judged: Judged, column: int, name: str) -> LabelComparison:
        present = _names(judged.truth, name)
        before, after = _names(judged.unprobed, name), _names(judged.decision, name)
        area = None
        if len(judged):
            scores = judged.outputs[:, column], judged.outputs_unprobed[:, column]
            area = auc_difference(present, *scores, judged.group)

        def difference(there: Flags, *, right: bool) -> StoredEstimate:
            pair = (before[there] == right, after[there] == right)
            return StoredEstimate.of(paired_difference(*pair, judged.group[there]))

        return LabelComparison(
            **values_of(self._performance(judged, column, name)),
            auc_change=None if area is None else StoredEstimate.of(area),
            sensitivity_change=difference(present, right=True),
            specificity_change=difference(~present, right=False),
            n_hidden=int((before & ~after).sum()),
            n_invented=int((~before & after).sum()),
        )


def _names(texts: Names, label: str) -> Flags:
    """Whether each text names the label."""
    return np.array([label in split_labels(text) for text in texts], dtype=bool)
