"""One probe's verdicts in one container, and what can be estimated from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plexor.stats import (
    Estimate,
    accuracy,
    balanced_accuracy,
    clustered_mcnemar,
    clustered_proportion,
    confusion,
    mcnemar_test,
    paired_difference,
    recall_by_class,
)

Plain = dict[str, Any]
Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The cases that could be judged, one entry each; failed ones are only counted.

    Attributes:
        classes: all class names of the task.
        n_failed: cases without a verdict.
        case_id: (n,).
        group: number of its group, (n,).
        truth: (n,).
        unprobed: decision for the untouched image in the same container, (n,).
        decision: decision for the probed image, (n,).
        before: decision for the untouched image as its own file stores it, (n,).
        attempted: the goal did not hold before, (n,) bool.
        reached: the goal holds and the threat was kept, (n,) bool.
        within_threat: the judge found the threat kept, (n,) bool.
    """

    classes: tuple[str, ...]
    n_failed: int
    case_id: Names
    group: NDArray[np.intp]
    truth: Names
    unprobed: Names
    decision: Names
    before: Names
    attempted: NDArray[np.bool_]
    reached: NDArray[np.bool_]
    within_threat: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: pd.DataFrame, classes: Sequence[str], clean: pd.DataFrame) -> Judged:
        """Reads one probe's rows in one container.

        Args:
            rows: its findings.
            classes: all class names.
            clean: the findings of the untouched images in the same container, so that what the
                container does alone is not put down to the probe; may be empty.
        """
        done = rows[rows["status"] == "ok"]
        before = done["decision_before"].to_numpy(str)
        case_id = done["case_id"].to_numpy(str)
        alone = _decisions(clean)
        unprobed = [alone.get(name, own) for name, own in zip(case_id, before, strict=True)]
        return cls(
            classes=tuple(classes),
            n_failed=len(rows) - len(done),
            case_id=case_id,
            group=pd.factorize(done["group"])[0],
            truth=done["truth"].to_numpy(str),
            unprobed=np.array(unprobed, dtype=str),
            decision=done["decision_after"].to_numpy(str),
            before=before,
            attempted=done["attempted"].to_numpy(bool),
            reached=done["reached"].to_numpy(bool),
            within_threat=done["within_threat"].to_numpy(bool),
        )

    def performance(self) -> Plain:
        """How well the decisions are: accuracy, balanced accuracy, recalls, confusion."""
        overall = accuracy(self.truth, self.decision, self.group)
        _check_prevalence(self.truth, self.decision, overall)
        recalls = recall_by_class(self.truth, self.decision, self.classes, self.group)
        balanced = balanced_accuracy(self.truth, self.decision, self.classes, self.group)
        return {
            "n": len(self.truth),
            "n_groups": len(np.unique(self.group)),
            "n_failed": self.n_failed,
            "accuracy": overall.to_dict(),
            "balanced_accuracy": balanced.to_dict(),
            "per_class": [
                {"class": name, "recall": recall.to_dict()} for name, recall in recalls.items()
            ],
            "confusion": confusion(self.truth, self.decision, self.classes).tolist(),
        }

    def compared(self) -> Plain:
        """Performance, and what changed from the untouched image in the same container."""
        right_before = self.truth == self.unprobed
        right_after = self.truth == self.decision
        change = paired_difference(right_before, right_after, self.group)
        return {
            **self.performance(),
            "fooling_ratio": self._share(self.unprobed != self.decision, self.attempted),
            "accuracy_change": change.to_dict(),
            "mcnemar": self._mcnemar(right_before, right_after),
            "transitions": confusion(self.unprobed, self.decision, self.classes).tolist(),
        }

    def attacked(self, goal: Mapping[str, Any], control: pd.DataFrame) -> Plain:
        """The comparison, and how often the goal was reached, by the attack and by its control.

        Args:
            goal: ``{"kind": "misclassify"}`` or ``{"kind": "become", "target": class}``.
            control: findings of the matching noise in the same container; may be empty.
        """
        return {
            **self.compared(),
            "success": self._share(self.reached, self.attempted),
            "targeted_success": self._targeted_success(goal),
            "control_success": self._control_success(goal, control),
        }

    def _share(self, events: NDArray[np.bool_], among: NDArray[np.bool_]) -> Plain:
        return clustered_proportion(events[among], self.group[among]).to_dict()

    def _targeted_success(self, goal: Mapping[str, Any]) -> Plain | None:
        """Counted from the decisions alone, not from what the judge called reached."""
        if goal["kind"] != "become":
            return None
        became = (self.decision == goal["target"]) & self.within_threat
        return self._share(became, self.before != goal["target"])

    def _control_success(self, goal: Mapping[str, Any], control: pd.DataFrame) -> Plain:
        """The attack's goal, asked of the noise, over the cases the attack attempted."""
        found = _decisions(control)
        decision = np.array([found.get(name, "") for name in self.case_id], dtype=str)
        among = self.attempted & (decision != "")
        wanted = decision == goal["target"] if goal["kind"] == "become" else decision != self.truth
        return self._share(wanted, among)

    def _mcnemar(self, right_before: NDArray[np.bool_], right_after: NDArray[np.bool_]) -> Plain:
        """Both tests. The clustered one counts, unless every case is a group of its own."""
        lost = int((right_before & ~right_after).sum())
        gained = int((~right_before & right_after).sum())
        tests = {
            "clustered": clustered_mcnemar(right_before, right_after, self.group).to_dict(),
            "plain": mcnemar_test(lost, gained).to_dict(),
        }
        used = "plain" if len(np.unique(self.group)) == len(self.group) else "clustered"
        return {
            "used": used,
            "p_value": tests[used]["p_value"],
            "p_holm": None,
            "n_lost": lost,
            "n_gained": gained,
            **tests,
        }


def _decisions(rows: pd.DataFrame) -> dict[str, str]:
    """Case → decision for the image as stored, of the cases that could be judged."""
    done = rows[rows["status"] == "ok"]
    return dict(zip(done["case_id"], done["decision_after"], strict=True))


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
