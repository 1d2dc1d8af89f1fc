"""The figures of several findings and of numbers, against counts and formulas written out here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from tests.helpers import task_run
from tests.helpers.summary_json import flat
from tests.helpers.task_run import (
    AGE,
    AGES,
    CASES,
    COLUMNS,
    DEVIATE,
    FINDINGS,
    HIDE,
    LOWER,
    OUTLINES,
    dice,
    logits,
    numbers,
)

from plexor.findings.schema import Finding, to_table
from plexor.findings.summary import summarise
from plexor.stats import auc


def _summary(task: dict[str, Any], goal: dict[str, Any], rows: list[Finding]) -> dict[str, Any]:
    frame: pd.DataFrame = to_table(rows).to_pandas()
    return flat(summarise(task_run.plan(goal), task_run.provenance(task), frame))


@pytest.fixture(scope="module")
def several() -> dict[str, Any]:
    return _summary(FINDINGS, HIDE, task_run.several())


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
    effusion = several["probes"][0]["per_label"][0]
    assert effusion["n_present"] == 3
    assert several["clean"]["per_label"][0]["sensitivity"]["value"] == 2 / 3
    assert several["clean"]["per_label"][0]["specificity"]["value"] == 1 / 3
    assert (effusion["sensitivity"]["value"], effusion["sensitivity"]["n"]) == (0, 3)
    assert (effusion["specificity"]["value"], effusion["specificity"]["n"]) == (2 / 3, 3)
    assert effusion["sensitivity_change"]["value"] == pytest.approx(-2 / 3)
    assert effusion["specificity_change"]["value"] == pytest.approx(1 / 3)
    assert (effusion["n_hidden"], effusion["n_invented"]) == (3, 0)
    nodule = several["probes"][0]["per_label"][1]
    assert (nodule["n_hidden"], nodule["n_invented"]) == (1, 0)


def test_the_roc_area_is_of_the_findings_logit(several: dict[str, Any]) -> None:
    truth = np.array(["effusion" in case[0] for case in CASES])
    scores = np.array([logits(case[2], number)[0] for number, case in enumerate(CASES)])
    area = several["probes"][0]["per_label"][0]["auc"]
    u = scipy_stats.mannwhitneyu(scores[truth], scores[~truth]).statistic
    assert area["value"] == pytest.approx(u / (truth.sum() * (~truth).sum()))
    assert area["low"] == pytest.approx(auc(truth, scores, np.arange(6) // 2).low)
    before = several["clean"]["per_label"][0]["auc"]["value"]
    change = several["probes"][0]["per_label"][0]["auc_change"]["value"]
    assert change == pytest.approx(area["value"] - before)
    assert change != 0


@pytest.fixture(scope="module")
def number() -> dict[str, Any]:
    return _summary(AGE, DEVIATE, numbers("deviate"))


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
    probe = _summary(AGE, {"kind": kind, "by": 5.0}, numbers(kind))["probes"][0]
    assert probe["success"]["value"] == pytest.approx(reached / 6)
    assert probe["control_success"]["value"] == 0
    assert probe["goal"] == {"kind": kind, "by": 5.0}
    assert probe["goal_unit"] == "years"


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


@pytest.fixture(scope="module")
def outlined() -> dict[str, Any]:
    return _summary(OUTLINES, LOWER, task_run.outlines())


def test_dice_is_a_mean_over_the_cases_in_which_it_is_defined(outlined: dict[str, Any]) -> None:
    before = [dice(truth, before) for truth, before, _, _ in COLUMNS]
    attacked = [dice(truth, after) for truth, _, after, _ in COLUMNS]
    assert np.isnan(before).tolist() == [False] * 4 + [True]
    assert attacked[-1] == 0
    clean, probe = outlined["clean"], outlined["probes"][0]
    assert clean["dice"]["value"] == pytest.approx(np.nanmean(before))
    assert (clean["dice"]["n"], clean["n_undefined"]) == (4, 1)
    assert probe["dice"]["value"] == pytest.approx(np.mean(attacked))
    change = np.subtract(attacked, before)[:4]
    assert probe["dice_change"]["value"] == pytest.approx(change.mean())
    test = scipy_stats.ttest_rel(attacked[:4], before[:4])
    assert probe["dice_test"]["p_value"] == pytest.approx(test.pvalue)
    interval = scipy_stats.ttest_1samp(change, 0).confidence_interval()
    assert interval.low < -1  # lower than a change of Dice can be
    assert probe["dice_change"]["low"] == -1
    assert probe["dice_change"]["high"] == pytest.approx(interval.high)


def test_a_goal_is_counted_where_it_has_a_meaning_and_is_open(outlined: dict[str, Any]) -> None:
    probe = outlined["probes"][0]
    # Dice untouched 1, 8/9, 1, 0, undefined; attacked 0, 1/4, 1.
    assert (probe["success"]["value"], probe["success"]["n"]) == (pytest.approx(2 / 3), 3)
    assert (probe["control_success"]["value"], probe["control_success"]["n"]) == (0, 3)
    assert probe["n_not_applicable"] == 1


def test_sizes_are_in_square_millimetres_where_files_tell(outlined: dict[str, Any]) -> None:
    label = outlined["probes"][0]["per_label"][0]
    # Ten pixels of 4 square millimetres a column.
    sizes = [[40 * len(one) for one in columns] for columns in COLUMNS]
    truth, before, attacked, _ = np.mean(sizes, axis=0)
    assert outlined["clean"]["size_unit"] == "mm²"
    assert label["size_truth"]["value"] == pytest.approx(truth)
    assert label["size"]["value"] == pytest.approx(attacked)
    assert label["size_change"]["value"] == pytest.approx(attacked - before)
    assert (label["n_present"], label["n_appeared"], label["n_vanished"]) == (4, 1, 0)
    whole = [2 * n / (n + 400) for n in (row[0] for row in sizes) if n]
    assert label["dice_of_everything"] == pytest.approx(np.mean(whole))


def test_agreement_and_shift_are_with_what_was_outlined_before(outlined: dict[str, Any]) -> None:
    label = outlined["probes"][0]["per_label"][0]
    pairs = [(before, after) for _, before, after, _ in COLUMNS]
    assert label["agreement"]["value"] == pytest.approx(np.mean([dice(*pair) for pair in pairs]))
    moved = [abs(np.mean(before) - np.mean(after)) for before, after in pairs[:4]]
    assert (label["moved"]["value"], label["moved"]["n"]) == (pytest.approx(np.mean(moved)), 4)
    assert outlined["cohort"]["cases_by_class"] == {"disc": 4}


def test_a_failed_case_is_counted_and_not_averaged() -> None:
    rows = numbers("deviate")
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
    summary = _summary(AGE, DEVIATE, lost)
    truth, before, _, _ = AGES[1:].T
    assert summary["clean"]["n_failed"] == 1
    assert summary["clean"]["mae"]["value"] == pytest.approx(np.abs(before - truth).mean())


@pytest.mark.parametrize(
    ("task", "goal", "rows"),
    [
        (FINDINGS, HIDE, task_run.several()),
        (AGE, DEVIATE, numbers("deviate")),
        (OUTLINES, LOWER, task_run.outlines()),
    ],
)
def test_where_every_case_failed_all_is_undefined_with_a_note(
    task: dict[str, Any], goal: dict[str, Any], rows: list[Finding]
) -> None:
    failed = [
        Finding(
            case_id=row.case_id, group=row.group, truth=row.truth, probe=row.probe,
            stored="lossless", status="failed", error="e",
        )
        for row in rows
    ]  # fmt: skip
    summary = _summary(task, goal, failed)
    assert summary["clean"]["n"] == 0
    assert summary["clean"]["n_failed"] == len({row.case_id for row in rows})
    success = summary["probes"][0]["success"]
    assert success["value"] is None
    assert success["note"]
