"""What is estimated where each case has several findings, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from plexor.cases.case import split_labels
from plexor.findings.summary.judged import Flags, Judged, Names, Plain
from plexor.stats import auc, auc_difference, paired_difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Multilabel:
    """For each finding the area under its ROC curve, sensitivity and specificity.

    Accuracy is of whole cases: every finding decided rightly.

    Attributes:
        findings: their names, in the order of the outputs.
    """

    findings: tuple[str, ...]

    def performance(self, judged: Judged) -> Plain:
        """Accuracy of whole cases, and each finding by itself."""
        everyone = np.ones(len(judged), dtype=bool)
        return {
            **judged.counts(),
            "accuracy": judged.share(judged.truth == judged.decision, everyone),
            "per_finding": [
                self._performance(judged, column, name) for column, name in enumerate(self.findings)
            ],
        }

    def compared(self, judged: Judged) -> Plain:
        """Performance and its changes; fooling is a change of any finding."""
        before, after = judged.unprobed, judged.decision
        per_finding = [
            self._performance(judged, column, name) | self._change(judged, column, name)
            for column, name in enumerate(self.findings)
        ]
        return {
            **self.performance(judged),
            "per_finding": per_finding,
            "fooling_ratio": judged.share(before != after, judged.attempted),
            **judged.correctness(judged.truth == before, judged.truth == after),
        }

    def attacked(self, judged: Judged, goal: Mapping[str, Any], control: Judged) -> Plain:
        """The comparison and success: over the cases where the finding to hide was called, say."""
        return {**self.compared(judged), **judged.success(goal, control)}

    def _performance(self, judged: Judged, column: int, name: str) -> Plain:
        present, called = _names(judged.truth, name), _names(judged.decision, name)
        area = auc(present, judged.outputs[:, column], judged.group) if len(judged) else None
        return {
            "finding": name,
            "n_present": int(present.sum()),
            "auc": None if area is None else area.to_dict(),
            "sensitivity": judged.share(called, present),
            "specificity": judged.share(~called, ~present),
        }

    def _change(self, judged: Judged, column: int, name: str) -> Plain:
        present = _names(judged.truth, name)
        before, after = _names(judged.unprobed, name), _names(judged.decision, name)
        area = None
        if len(judged):
            scores = judged.outputs[:, column], judged.outputs_unprobed[:, column]
            area = auc_difference(present, *scores, judged.group)

        def difference(there: Flags, *, right: bool) -> Plain:
            pair = (before[there] == right, after[there] == right)
            return paired_difference(*pair, judged.group[there]).to_dict()

        return {
            "auc_change": None if area is None else area.to_dict(),
            "sensitivity_change": difference(present, right=True),
            "specificity_change": difference(~present, right=False),
            "n_hidden": int((before & ~after).sum()),
            "n_invented": int((~before & after).sum()),
        }


def _names(texts: Names, finding: str) -> Flags:
    """Whether each text names the finding."""
    return np.array([finding in split_labels(text) for text in texts], dtype=bool)
