"""One probe's verdicts in one container, and what is estimated from them whatever the task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plexor.findings.schema import NOT_FINITE
from plexor.findings.summary.counts import Counts
from plexor.findings.summary.estimate import McNemarTests, StoredEstimate, StoredTest
from plexor.findings.summary.outlined import Outlined
from plexor.findings.summary.results import AttackResult, Comparison, Performance
from plexor.stats import clustered_mcnemar, clustered_proportion, mcnemar_test, paired_difference
from plexor.threat_model import Goal

Names = NDArray[np.str_]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The cases that could be judged, one entry each; failed ones are only counted.

    Attributes:
        n_failed: cases without a verdict.
        n_not_finite: those whose outputs were finite untouched and are not any more.
        case_id: (n,).
        group: number of its group, (n,).
        truth: as findings keep it, (n,).
        unprobed: decision for the untouched image in the same container, (n,).
        decision: decision for the probed image, (n,).
        before: decision for the untouched image as its own file stores it, (n,).
        outputs_unprobed: the outputs behind ``unprobed``, (n, k).
        outputs: the outputs behind ``decision``, (n, k).
        outputs_before: the outputs behind ``before``, (n, k).
        attempted: the goal did not hold before, (n,) bool.
        reached: the goal holds and the threat was kept, (n,) bool.
        within_threat: the judge found the threat kept, (n,) bool.
        applicable: the goal has a meaning for the case, (n,) bool; False without a goal.
        outlined: of a segmentation, what was outlined; of other tasks, nothing.
    """

    n_failed: int
    n_not_finite: int
    case_id: Names
    group: NDArray[np.intp]
    truth: Names
    unprobed: Names
    decision: Names
    before: Names
    outputs_unprobed: Numbers
    outputs: Numbers
    outputs_before: Numbers
    attempted: Flags
    reached: Flags
    within_threat: Flags
    applicable: Flags
    outlined: Outlined

    @classmethod
    def of(cls, rows: pd.DataFrame, clean: pd.DataFrame) -> Judged:
        """Reads one probe's rows in one container.

        Args:
            rows: its findings.
            clean: the findings of the untouched images in the same container, so that what the
                container does alone is not put down to the probe; may be empty.
        """
        done = rows[rows["status"] == "ok"]
        alone = clean[clean["status"] == "ok"].set_index("case_id")
        broken = (rows["error"] == NOT_FINITE) & rows["case_id"].isin(alone.index)
        case_id = done["case_id"].to_numpy(str)
        known = alone.reindex(case_id)
        there = done["case_id"].isin(alone.index).to_numpy()
        before, before_outputs = done["decision_before"].to_numpy(str), _matrix(done, "before")
        unprobed, outputs_unprobed = before.astype(object), before_outputs.copy()
        if there.any():
            unprobed[there] = known["decision_after"].to_numpy()[there]
            outputs_unprobed[there] = _matrix(known[there], "after")
        return cls(
            n_failed=len(rows) - len(done),
            n_not_finite=int(broken.sum()),
            case_id=case_id,
            group=pd.factorize(done["group"])[0],
            truth=done["truth"].to_numpy(str),
            unprobed=unprobed.astype(str),
            decision=done["decision_after"].to_numpy(str),
            before=before,
            outputs_unprobed=outputs_unprobed,
            outputs=_matrix(done, "after"),
            outputs_before=before_outputs,
            attempted=done["attempted"].to_numpy(bool),
            reached=done["reached"].to_numpy(bool),
            within_threat=done["within_threat"].to_numpy(bool),
            applicable=done["margin_after"].notna().to_numpy(bool),
            outlined=Outlined.of(done, known, there),
        )

    def __len__(self) -> int:
        return len(self.case_id)

    def counts(self) -> Counts:
        """How many cases the estimates rest on."""
        return Counts(
            n=len(self),
            n_groups=len(np.unique(self.group)),
            n_failed=self.n_failed,
            n_not_finite=self.n_not_finite,
        )

    def share(self, events: Flags, among: Flags) -> StoredEstimate:
        """The share of the cases ``among`` for which ``events`` is True."""
        return StoredEstimate.of(clustered_proportion(events[among], self.group[among]))

    def success(
        self, goal: Goal, control: Judged, classes: Sequence[str] = ()
    ) -> tuple[StoredEstimate, StoredEstimate]:
        """How often the goal was reached: by the attack, and by its control on the same cases.

        Args:
            goal: the attack's.
            control: the matching noise's verdicts; may be of no case.
            classes: names of the columns of ``outlined``.
        """
        mine, other = matched(self, control)
        tried = self.attempted[mine]
        held = goal.holds(control, classes)
        noise = clustered_proportion(held[other][tried], self.group[mine][tried])
        return self.share(self.reached, self.attempted), StoredEstimate.of(noise)

    def accuracy_change(
        self, right_before: Flags, right_after: Flags
    ) -> tuple[StoredEstimate, McNemarTests]:
        """The change in accuracy, and McNemar's tests of it."""
        change = paired_difference(right_before, right_after, self.group)
        return StoredEstimate.of(change), _mcnemar(right_before, right_after, self.group)

    def beside(self, control: Judged) -> Beside:
        """How much more often a decision changed than under a control, on the same cases.

        Args:
            control: its verdicts in the same container; may be of no case.
        """
        mine, other = matched(self, control)
        group = self.group[mine]
        here = (self.unprobed != self.decision)[mine]
        there = (control.unprobed != control.decision)[other]
        return Beside(
            control_fooling_ratio=StoredEstimate.of(clustered_proportion(there, group)),
            fooling_excess=StoredEstimate.of(paired_difference(there, here, group)),
            fooling_test=_mcnemar(there, here, group),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """How often decisions changed beside a control; see ``ClassShortcutResult``."""

    control_fooling_ratio: StoredEstimate
    fooling_excess: StoredEstimate
    fooling_test: McNemarTests


class Measures(Protocol):
    """What is estimated for a task."""

    def performance(self, judged: Judged) -> Performance:
        """How good the decisions are."""
        ...

    def compared(self, judged: Judged) -> Comparison:
        """Performance, and what changed from the untouched image in the same container."""
        ...

    def attacked(self, judged: Judged, goal: Goal, control: Judged) -> AttackResult:
        """The comparison, and how often the goal was reached, by the attack and by its control.

        Args:
            judged: the attack's verdicts.
            goal: what it wants.
            control: the matching noise's in the same container; may be of no case.
        """
        ...


def matched(one: Judged, other: Judged) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the cases that both have stand in each, in the order of the first."""
    places = {name: place for place, name in enumerate(other.case_id)}
    pairs = [(i, places[name]) for i, name in enumerate(one.case_id) if name in places]
    index = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return index[:, 0], index[:, 1]


def _mcnemar(before: Flags, after: Flags, group: NDArray[np.intp]) -> McNemarTests:
    """McNemar's tests of whether something holds as often before as after, lost and gained.

    The clustered test counts, unless every case is a group of its own.
    """
    lost, gained = int((before & ~after).sum()), int((~before & after).sum())
    clustered = StoredTest.of(clustered_mcnemar(before, after, group))
    plain = StoredTest.of(mcnemar_test(lost, gained))
    alone = len(np.unique(group)) == len(group)
    return McNemarTests(
        used="plain" if alone else "clustered",
        p_value=(plain if alone else clustered).p_value,
        n_lost=lost,
        n_gained=gained,
        clustered=clustered,
        plain=plain,
    )


def _matrix(rows: pd.DataFrame, when: str) -> Numbers:
    outputs = [np.asarray(row, dtype=np.float64) for row in rows[f"outputs_{when}"]]
    return np.stack(outputs) if outputs else np.empty((0, 1))
