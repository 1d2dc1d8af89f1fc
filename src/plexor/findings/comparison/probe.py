"""One probe in two runs, on the same cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plexor.findings.comparison.pairing import Pairing
from plexor.findings.comparison.results import ChangedCase, Figure, ProbeDifference
from plexor.findings.summary.estimate import (
    McNemarTests,
    PairedTest,
    StoredEstimate,
    StoredTest,
)
from plexor.stats import (
    clustered_mcnemar,
    clustered_mean,
    clustered_proportion,
    mcnemar_test,
    mean_change,
    paired_difference,
    paired_t_test,
)

MOST_CHANGED = 20
"""Cases listed of a number or a Dice, those that changed by most."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """A probe's rows of both runs, pair by pair, and which pairs have two verdicts."""

    a: pd.DataFrame
    b: pd.DataFrame
    group: NDArray[np.intp]
    n_failed_a: int
    n_failed_b: int

    @classmethod
    def of(cls, rows_a: pd.DataFrame, rows_b: pd.DataFrame, pairing: Pairing) -> _Rows:
        a = rows_a.set_index("case_id").reindex(list(pairing.a))
        b = rows_b.set_index("case_id").reindex(list(pairing.b))
        ok_a, ok_b = (a["status"] == "ok").to_numpy(), (b["status"] == "ok").to_numpy()
        both = ok_a & ok_b
        return cls(
            a=a[both].reset_index(),
            b=b[both].reset_index(),
            group=pairing.group[both],
            n_failed_a=int((~ok_a).sum()),
            n_failed_b=int((~ok_b).sum()),
        )

    def only(self, known: NDArray[np.bool_]) -> _Rows:
        """The pairs for which a figure is defined."""
        return _Rows(
            a=self.a[known].reset_index(drop=True),
            b=self.b[known].reset_index(drop=True),
            group=self.group[known],
            n_failed_a=self.n_failed_a,
            n_failed_b=self.n_failed_b,
        )


def compare_probe(
    probe: str,
    rows_a: pd.DataFrame,
    rows_b: pd.DataFrame,
    *,
    pairing: Pairing,
    task: str,
    same_settings: bool,
    kind: str,
) -> ProbeDifference:
    """Compares a probe on the pairs that both runs judged; tests are not yet corrected.

    Args:
        probe: its id.
        rows_a: its findings in the first run, losslessly stored.
        rows_b: the same in the second.
        pairing: the pairs.
        task: kind of the models' task.
        same_settings: see ``ProbeDifference``.
        kind: see ``ProbeDifference``.
    """
    rows = _Rows.of(rows_a, rows_b, pairing)
    about: dict[str, Any] = {"id": probe, "kind": kind, "same_settings": same_settings}
    if task == "regression":
        return _of_numbers(rows, _errors(rows.a), _errors(rows.b), "mean error", about)
    if task == "segmentation":
        return _of_numbers(rows, _dice(rows.a), _dice(rows.b), "Dice", about)
    return _of_decisions(rows, about)


def _of_decisions(rows: _Rows, about: dict[str, Any]) -> ProbeDifference:
    right_a, right_b = (
        (part["decision_after"] == part["truth"]).to_numpy(bool) for part in (rows.a, rows.b)
    )
    broken, mended = right_a & ~right_b, ~right_a & right_b
    clustered = StoredTest.of(clustered_mcnemar(right_a, right_b, rows.group))
    plain = StoredTest.of(mcnemar_test(int(broken.sum()), int(mended.sum())))
    alone = len(np.unique(rows.group)) == len(rows.group)
    return ProbeDifference(
        **about,
        figure="accuracy",
        **_counts(rows, 0),
        a=StoredEstimate.of(clustered_proportion(right_a, rows.group)),
        b=StoredEstimate.of(clustered_proportion(right_b, rows.group)),
        difference=StoredEstimate.of(paired_difference(right_a, right_b, rows.group)),
        test=McNemarTests(
            used="plain" if alone else "clustered",
            p_value=(plain if alone else clustered).p_value,
            n_lost=int(broken.sum()),
            n_gained=int(mended.sum()),
            clustered=clustered,
            plain=plain,
        ),
        n_broken=int(broken.sum()),
        n_mended=int(mended.sum()),
        broken=_cases(rows, broken),
        mended=_cases(rows, mended),
        verdict="undecided",
    )


def _of_numbers(
    rows: _Rows, a: Numbers, b: Numbers, figure: Figure, about: dict[str, Any]
) -> ProbeDifference:
    known = np.isfinite(a) & np.isfinite(b)
    n_undefined = int((~known).sum())
    rows, a, b = rows.only(known), a[known], b[known]
    worse = (b - a) if figure == "mean error" else (a - b)
    by_most = np.argsort(-worse, kind="stable")
    least = 0.0 if figure == "mean error" else -1.0

    def listed(order: NDArray[np.intp]) -> tuple[ChangedCase, ...]:
        return tuple(_case(rows, n, f"{a[n]:.3g}", f"{b[n]:.3g}") for n in order[:MOST_CHANGED])

    mean_a, mean_b = (StoredEstimate.of(clustered_mean(one, rows.group)) for one in (a, b))
    return ProbeDifference(
        **about,
        figure=figure,
        **_counts(rows, n_undefined),
        a=mean_a.within(0.0) if figure == "mean error" else mean_a.within(0.0, 1.0),
        b=mean_b.within(0.0) if figure == "mean error" else mean_b.within(0.0, 1.0),
        difference=_within(StoredEstimate.of(mean_change(a, b, rows.group)), least),
        test=PairedTest.of(paired_t_test(a, b, rows.group)),
        n_broken=None,
        n_mended=None,
        broken=listed(by_most[worse[by_most] > 0]),
        mended=listed(by_most[::-1][worse[by_most[::-1]] < 0]),
        verdict="undecided",
    )


def _within(change: StoredEstimate, least: float) -> StoredEstimate:
    """A change of Dice lies from -1 to 1; one of an error is not bounded."""
    return change.within(-1.0, 1.0) if least < 0 else change


def _counts(rows: _Rows, n_undefined: int) -> dict[str, Any]:
    return {
        "n_failed_a": rows.n_failed_a,
        "n_failed_b": rows.n_failed_b,
        "n_undefined": n_undefined,
    }


def _errors(rows: pd.DataFrame) -> Numbers:
    """Absolute error of each case."""
    decided, truth = rows["decision_after"].astype(float), rows["truth"].astype(float)
    return np.asarray((decided - truth).abs(), dtype=np.float64)


def _dice(rows: pd.DataFrame) -> Numbers:
    """Mean Dice of each case over the classes for which it is defined; NaN without any."""
    found = [np.asarray(row, dtype=np.float64) for row in rows["dice_after"]]
    known = [row[np.isfinite(row)] for row in found]
    means = [float(row.mean()) if len(row) else np.nan for row in known]
    return np.array(means, dtype=np.float64)


def _cases(rows: _Rows, which: NDArray[np.bool_]) -> tuple[ChangedCase, ...]:
    return tuple(
        _case(rows, n, str(rows.a["decision_after"][n]), str(rows.b["decision_after"][n]))
        for n in np.flatnonzero(which)
    )


def _case(rows: _Rows, n: np.intp, a: str, b: str) -> ChangedCase:
    return ChangedCase(
        case_id=str(rows.a["case_id"][n]),
        case_id_b=str(rows.b["case_id"][n]),
        truth=str(rows.a["truth"][n]),
        a=a,
        b=b,
    )
