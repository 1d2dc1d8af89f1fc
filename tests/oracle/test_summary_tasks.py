"""The figures of several findings and of numbers, against counts and formulas written out here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from tests.helpers.json_schema import check

from plexor.findings.schema import CLEAN, Finding, to_table
from plexor.findings.summary import summarise
from plexor.stats import auc

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "reference" / "summary.schema.json").read_text("utf-8")
)
NOISE = "noise-linf-2"


def _summary(task: dict[str, Any], goal: dict[str, Any], rows: list[Finding]) -> dict[str, Any]:
    frame: pd.DataFrame = to_table(rows).to_pandas()
    plan = {
        "name": "",
        "cohort": {"manifest": "cohort.csv", "audit": None},
        "probes": [
            {
                "attack": "pgd",
                "id": None,
                "goal": goal,
                "threat": {"norm": "linf", "radius": [2], "unit": "level"},
            }
        ],
    }
    provenance = {
        "model": {"task": task},
        "cohort_sha256": "",
        "finished": True,
        "checks": [],
        "attacks": {
            "pgd": {"title": "PGD", "summary": "s", "access": "gradients", "reference": "r"}
        },
    }
    summary = json.loads(json.dumps(summarise(plan, provenance, frame), allow_nan=False))
    check(summary, SCHEMA)
    return dict(summary)


# Several findings: truth, called untouched, called attacked, called under noise.
FINDINGS = {"kind": "multilabel", "classes": ["effusion", "nodule"], "threshold": 0.5}
CASES = [
    ("effusion", "effusion", "", "effusion"),
    ("effusion", "effusion|nodule", "nodule", "nodule"),
    ("effusion|nodule", "nodule", "nodule", "nodule"),
    ("nodule", "effusion|nodule", "effusion", "effusion|nodule"),
    ("", "", "", ""),
    ("", "effusion", "", "effusion"),
]


def _logits(called: str, case: int) -> tuple[float, ...]:
    """Sure of what is called, more so in later cases."""
    return tuple(
        (1 if name in called else -1) * (1.0 + case / 10) for name in ("effusion", "nodule")
    )


def _several() -> list[Finding]:
    rows = []
    for number, (truth, before, attacked, noise) in enumerate(CASES):
        for probe, after in (
            (CLEAN, before),
            ("pgd-hide-effusion-linf-2", attacked),
            (NOISE, noise),
        ):
            aimed = probe.startswith("pgd")
            rows.append(
                Finding(
                    case_id=f"case-{number}",
                    group=f"group-{number // 2}",
                    truth=truth,
                    probe=probe,
                    stored="lossless",
                    decision_before=before,
                    decision_after=after,
                    outputs_before=_logits(before, number),
                    outputs_after=_logits(after, number),
                    attempted="effusion" in before if aimed else True,
                    reached=aimed and "effusion" not in after,
                )
            )
    return rows


@pytest.fixture(scope="module")
def several() -> dict[str, Any]:
    return _summary(FINDINGS, {"kind": "hide", "finding": "effusion"}, _several())


def test_a_finding_is_hidden_only_where_it_was_called(several: dict[str, Any]) -> None:
    probe = several["probes"][0]
    # Called untouched in cases 0, 1, 3 and 5; gone in 0, 1 and 5; under noise in 1.
    assert (probe["success"]["value"], probe["success"]["n"]) == (3 / 4, 4)
    assert (probe["control_success"]["value"], probe["control_success"]["n"]) == (1 / 4, 4)


def test_accuracy_is_of_whole_cases(several: dict[str, Any]) -> None:
    # Untouched right: 0 and 4. Attacked: 4 and 5. Noise: 0 and 4.
    assert several["clean"]["accuracy"]["value"] == 2 / 6
    probe = several["probes"][0]
    assert probe["accuracy"]["value"] == 2 / 6
    assert (probe["mcnemar"]["n_lost"], probe["mcnemar"]["n_gained"]) == (1, 1)
    assert several["cohort"]["cases_by_class"] == {"effusion": 3, "nodule": 2}


def test_each_finding_has_its_own_figures(several: dict[str, Any]) -> None:
    effusion = several["probes"][0]["per_finding"][0]
    assert effusion["n_present"] == 3
    assert several["clean"]["per_finding"][0]["sensitivity"]["value"] == 2 / 3
    assert several["clean"]["per_finding"][0]["specificity"]["value"] == 1 / 3
    assert (effusion["sensitivity"]["value"], effusion["sensitivity"]["n"]) == (0, 3)
    assert (effusion["specificity"]["value"], effusion["specificity"]["n"]) == (2 / 3, 3)
    assert effusion["sensitivity_change"]["value"] == pytest.approx(-2 / 3)
    assert effusion["specificity_change"]["value"] == pytest.approx(1 / 3)
    assert (effusion["n_hidden"], effusion["n_invented"]) == (3, 0)
    nodule = several["probes"][0]["per_finding"][1]
    assert (nodule["n_hidden"], nodule["n_invented"]) == (1, 0)


def test_the_roc_area_is_of_the_findings_logit(several: dict[str, Any]) -> None:
    truth = np.array(["effusion" in case[0] for case in CASES])
    scores = np.array([_logits(case[2], number)[0] for number, case in enumerate(CASES)])
    area = several["probes"][0]["per_finding"][0]["auc"]
    u = scipy_stats.mannwhitneyu(scores[truth], scores[~truth]).statistic
    assert area["value"] == pytest.approx(u / (truth.sum() * (~truth).sum()))
    assert area["low"] == pytest.approx(auc(truth, scores, np.arange(6) // 2).low)


# A number: truth, said untouched, attacked, under noise.
AGE = {"kind": "regression", "classes": [], "unit": "years"}
AGES = np.array(
    [
        (21.0, 25.0, 31.0, 25.5),
        (29.9, 28.0, 22.0, 27.0),
        (30.0, 33.0, 40.0, 33.0),
        (44.0, 40.0, 41.0, 40.5),
        (58.0, 66.0, 60.0, 65.5),
        (61.0, 61.0, 54.5, 61.0),
    ]
)


def _numbers(kind: str) -> list[Finding]:
    rows = []
    for number, (truth, before, attacked, noise) in enumerate(AGES):
        for probe, after in ((CLEAN, before), (f"pgd-{kind}-5-linf-2", attacked), (NOISE, noise)):
            moved = after - before
            far = {"deviate": abs(moved), "raise": moved, "lower": -moved}[kind]
            rows.append(
                Finding(
                    case_id=f"case-{number}",
                    group=f"group-{number}",
                    truth=str(truth),
                    probe=probe,
                    stored="lossless",
                    decision_before=f"{before:g}",
                    decision_after=f"{after:g}",
                    outputs_before=(before,),
                    outputs_after=(after,),
                    reached=probe.startswith("pgd") and bool(far > 5),
                )
            )
    return rows


@pytest.fixture(scope="module")
def number() -> dict[str, Any]:
    return _summary(AGE, {"kind": "deviate", "by": 5.0}, _numbers("deviate"))


def test_errors_before_and_after(number: dict[str, Any]) -> None:
    truth, before, attacked, _ = AGES.T
    assert number["clean"]["mae"]["value"] == pytest.approx(np.abs(before - truth).mean())
    assert number["clean"]["rmse"]["value"] == pytest.approx(
        np.sqrt(np.square(before - truth).mean())
    )
    probe = number["probes"][0]
    assert probe["bias"]["value"] == pytest.approx((attacked - truth).mean())
    change = np.abs(attacked - truth) - np.abs(before - truth)
    assert probe["mae_change"]["value"] == pytest.approx(change.mean())
    test = scipy_stats.ttest_rel(np.abs(attacked - truth), np.abs(before - truth))
    assert probe["error_test"]["p_value"] == pytest.approx(test.pvalue)
    assert probe["error_test"]["p_holm"] == pytest.approx(test.pvalue)


def test_shifts_are_from_the_untouched_answer(number: dict[str, Any]) -> None:
    _, before, attacked, noise = AGES.T
    probe, control = number["probes"]
    assert probe["shift"]["value"] == pytest.approx((attacked - before).mean())
    sizes = np.abs(attacked - before)
    assert probe["absolute_shift"]["value"] == pytest.approx(sizes.mean())
    interval = scipy_stats.ttest_1samp(sizes, 0).confidence_interval()
    assert probe["absolute_shift"]["high"] == pytest.approx(interval.high)
    assert probe["median_absolute_shift"]["value"] == pytest.approx(np.median(sizes))
    assert probe["greatest_absolute_shift"] == sizes.max()
    assert control["absolute_shift"]["value"] == pytest.approx(np.abs(noise - before).mean())
    excess = sizes - np.abs(noise - before)
    assert probe["excess_shift"]["value"] == pytest.approx(excess.mean())


@pytest.mark.parametrize(("kind", "reached"), [("deviate", 5), ("raise", 2), ("lower", 3)])
def test_success_is_to_be_moved_far_enough_the_right_way(kind: str, reached: int) -> None:
    probe = _summary(AGE, {"kind": kind, "by": 5.0}, _numbers(kind))["probes"][0]
    assert probe["success"]["value"] == pytest.approx(reached / 6)
    assert probe["control_success"]["value"] == 0
    assert probe["goal"] == {"kind": kind, "by": 5.0, "unit": "years"}


def test_true_values_are_put_into_bins_that_hold_their_lower_end(number: dict[str, Any]) -> None:
    bins = number["probes"][0]["by_truth"]
    assert [(b["low"], b["high"], b["mae"]["n"]) for b in bins] == [
        (20, 30, 2), (30, 40, 1), (40, 50, 1), (50, 60, 1), (60, 70, 1),
    ]  # fmt: skip
    assert bins[0]["shift"]["value"] == pytest.approx(0)
    assert bins[0]["absolute_shift"]["value"] == pytest.approx(6)
    assert number["cohort"]["truth"] == {"min": 21, "max": 61}


def test_nothing_of_a_class_is_said_of_a_number(number: dict[str, Any]) -> None:
    probe = number["probes"][0]
    assert not probe.keys() & {"mcnemar", "accuracy", "fooling_ratio", "confusion", "per_class"}
    assert "classes-rare" in number["flags_unchecked"]


def test_a_failed_case_is_counted_and_not_averaged() -> None:
    rows = _numbers("deviate")
    lost = [
        Finding(
            case_id=row.case_id,
            group=row.group,
            truth=row.truth,
            probe=row.probe,
            stored="lossless",
            status="failed",
            error="e",
        )
        if row.case_id == "case-0"
        else row
        for row in rows
    ]
    summary = _summary(AGE, {"kind": "deviate", "by": 5.0}, lost)
    truth, before, _, _ = AGES[1:].T
    assert summary["clean"]["n_failed"] == 1
    assert summary["clean"]["mae"]["value"] == pytest.approx(np.abs(before - truth).mean())
