"""Estimates where each case gets one class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from plexor.findings.summary.class_results import (
    ClassAttackResult,
    ClassComparison,
    ClassPerformance,
    ClassRecall,
    ClassShortcutResult,
    Matrix,
)
from plexor.findings.summary.counts import values_of
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.judged import Judged, Names
from plexor.stats import Estimate, accuracy, balanced_accuracy, confusion, recall_by_class
from plexor.threat_model import Goal
from plexor.threat_model.goals import Become


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """Accuracy, recalls, confusions.

    Attributes:
        task: the model's.
        classes: all class names of the task.
    """

    task: Literal["multiclass", "binary"]
    classes: tuple[str, ...]

    def performance(self, judged: Judged) -> ClassPerformance:
        """Accuracy, balanced accuracy, recalls, confusion."""
        truth, decision, group = judged.truth, judged.decision, judged.group
        overall = accuracy(truth, decision, group)
        _check_prevalence(truth, decision, overall)
        balanced = balanced_accuracy(truth, decision, self.classes, group)
        recalls = recall_by_class(truth, decision, self.classes, group)
        return ClassPerformance(
            **values_of(judged.counts()),
            task=self.task,
            accuracy=StoredEstimate.of(overall),
            balanced_accuracy=StoredEstimate.of(balanced),
            per_class=tuple(
                ClassRecall(name=name, recall=StoredEstimate.of(recall))
                for name, recall in recalls.items()
            ),
            confusion=self._counted(truth, decision),
        )

    def compared(self, judged: Judged) -> ClassComparison:
        """Performance, fooling ratio, change in accuracy with McNemar's test, transitions."""
        before, after = judged.unprobed, judged.decision
        change, test = judged.accuracy_change(judged.truth == before, judged.truth == after)
        return ClassComparison(
            **values_of(self.performance(judged)),
            fooling_ratio=judged.share(before != after, judged.attempted),
            accuracy_change=change,
            mcnemar=test,
            transitions=self._counted(before, after),
        )

    def attacked(self, judged: Judged, goal: Goal, control: Judged) -> ClassAttackResult:
        """The comparison and success; of a target, also counted from the decisions alone."""
        targeted = None
        if isinstance(goal, Become):
            became = (judged.decision == goal.target) & judged.within_threat
            targeted = judged.share(became, judged.before != goal.target)
        success, noise = judged.success(goal, control)
        return ClassAttackResult(
            **values_of(self.compared(judged)),
            success=success,
            control_success=noise,
            targeted_success=targeted,
        )

    def shortcut(self, judged: Judged, control: Judged) -> ClassShortcutResult:
        """The comparison, and how much more often a decision changed than under the control."""
        beside = judged.beside(control)
        return ClassShortcutResult(**values_of(self.compared(judged)), **values_of(beside))

    def _counted(self, rows: Names, columns: Names) -> Matrix:
        table = confusion(rows, columns, self.classes)
        return tuple(tuple(int(n) for n in row) for row in table)


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
