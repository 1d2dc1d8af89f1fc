"""What is estimated where each case gets one class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from plexor.findings.summary.judged import Judged, Names, Plain
from plexor.stats import Estimate, accuracy, balanced_accuracy, confusion, recall_by_class


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """Accuracy, recalls, confusions.

    Attributes:
        classes: all class names of the task.
    """

    classes: tuple[str, ...]

    def performance(self, judged: Judged) -> Plain:
        """Accuracy, balanced accuracy, recalls, confusion."""
        truth, decision, group = judged.truth, judged.decision, judged.group
        overall = accuracy(truth, decision, group)
        _check_prevalence(truth, decision, overall)
        recalls = recall_by_class(truth, decision, self.classes, group)
        return {
            **judged.counts(),
            "accuracy": overall.to_dict(),
            "balanced_accuracy": balanced_accuracy(truth, decision, self.classes, group).to_dict(),
            "per_class": [
                {"class": name, "recall": recall.to_dict()} for name, recall in recalls.items()
            ],
            "confusion": confusion(truth, decision, self.classes).tolist(),
        }

    def compared(self, judged: Judged) -> Plain:
        """Performance, fooling ratio, change in accuracy with McNemar's test, transitions."""
        before, after = judged.unprobed, judged.decision
        return {
            **self.performance(judged),
            "fooling_ratio": judged.share(before != after, judged.attempted),
            **judged.correctness(judged.truth == before, judged.truth == after),
            "transitions": confusion(before, after, self.classes).tolist(),
        }

    def attacked(self, judged: Judged, goal: Mapping[str, Any], control: Judged) -> Plain:
        """The comparison and success; of a target, also counted from the decisions alone."""
        targeted = None
        if goal["kind"] == "become":
            became = (judged.decision == goal["target"]) & judged.within_threat
            targeted = judged.share(became, judged.before != goal["target"])
        return {
            **self.compared(judged),
            **judged.success(goal, control),
            "targeted_success": targeted,
        }


def _check_prevalence(truth: Names, decision: Names, found: Estimate) -> None:
    """Where every case gets one and the same class, accuracy is that class's prevalence."""
    named = np.unique(decision)
    if len(named) != 1:
        return
    prevalence = float(np.mean(truth == named[0]))
    if not math.isclose(found.value, prevalence, abs_tol=1e-12):
        raise RuntimeError(
            f"internal: every case was called {named[0]}, so accuracy must be its prevalence "
            f"{prevalence}, but it was computed as {found.value}; please report this"
        )
