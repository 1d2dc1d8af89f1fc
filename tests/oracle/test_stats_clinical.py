"""Calibration, predictive values, precision, net benefit, margins, strata: R and by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexor import stats
from plexor.core.errors import PlanError

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stats_clinical.json").read_text()
)
wrong: Any = stats


@pytest.mark.parametrize("row", GOLDEN["calibrations"], ids=lambda row: f"n={len(row['p'])}")
def test_calibration_equals_glm_and_val_prob(row: dict[str, Any]) -> None:
    ours = stats.calibration(row["truth"], row["p"])
    assert ours.slope.value == pytest.approx(row["slope"], rel=1e-8)
    assert ours.slope.variance == pytest.approx(row["slope_variance"], rel=1e-6)
    assert ours.intercept.value == pytest.approx(row["intercept"], rel=1e-8)
    assert ours.in_the_large.value == pytest.approx(row["large"], rel=1e-10)
    assert ours.in_the_large.variance == pytest.approx(row["large_variance"], rel=1e-10)
    assert ours.brier.value == pytest.approx(row["brier"], rel=1e-12)
    assert ours.slope.value == pytest.approx(row["val_slope"], rel=1e-5)
    assert ours.intercept.value == pytest.approx(row["val_intercept"], rel=1e-5)
    grouped = stats.calibration(row["truth"], row["p"], row["group"])
    assert grouped.slope.value == ours.slope.value
    assert grouped.slope.variance == pytest.approx(row["clustered"], rel=1e-6)


def test_calibration_where_it_is_undefined() -> None:
    one_class = stats.calibration([1, 1, 1], [0.2, 0.5, 0.7])
    assert math.isnan(one_class.slope.value)
    assert "no negative" in one_class.slope.note
    separated = stats.calibration([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert math.isnan(separated.slope.value)
    assert "separate the classes" in separated.slope.note
    flat = stats.calibration([0, 1, 1, 0], [0.5] * 4)
    assert "all predictions are equal" in flat.slope.note
    assert flat.in_the_large.value == pytest.approx(0, abs=1e-12)
    with pytest.raises(PlanError, match="have no log odds"):
        stats.calibration([0, 1], [0.0, 0.5])
    with pytest.raises(PlanError, match="probabilities, not scores"):
        stats.calibration([0, 1], [0.2, 1.5])
    assert stats.brier_score([0, 1], [0.0, 1.0]).value == 0


@pytest.mark.parametrize("row", GOLDEN["ratios"], ids=lambda row: str(row["counts"]))
def test_likelihood_ratios_equal_epir(row: dict[str, Any]) -> None:
    logarithm = stats.likelihood_ratios(*row["counts"], interval="log")
    for ours, theirs in (
        (logarithm.positive, row["positive"]),
        (logarithm.negative, row["negative"]),
        (stats.likelihood_ratios(*row["counts"]).positive, row["score"]),
    ):
        assert list(ours) == pytest.approx(theirs, rel=1e-9)


def test_likelihood_ratios_at_the_corners() -> None:
    perfect = stats.likelihood_ratios(10, 0, 0, 10)
    assert perfect.positive.value == perfect.positive.high == math.inf
    assert perfect.negative.value == perfect.negative.low == 0
    # Of 10 and 0 of 10 and 10: the score test of a ratio of 1 / 3.603 has z = 1.96.
    assert 1 / perfect.negative.high == pytest.approx(perfect.positive.low, rel=1e-9)
    assert "take 'score'" in stats.likelihood_ratios(10, 0, 0, 10, interval="log").positive.note
    assert "no positive results" in stats.likelihood_ratios(0, 5, 0, 5).positive.note
    assert "no diseased" in stats.likelihood_ratios(0, 0, 1, 5).positive.note


@given(st.tuples(*[st.integers(0, 40)] * 4))
def test_score_limits_hold_the_ratio(counts: tuple[int, int, int, int]) -> None:
    both = stats.likelihood_ratios(*counts)
    for found in (both.positive, both.negative):
        if not found.note:
            assert found.low <= found.value <= found.high


def test_groups_of_one_give_the_delta_methods_ratio() -> None:
    rng = np.random.default_rng(0)
    truth, called = rng.random(200) < 0.4, rng.random(200) < 0.5
    table = [int((a & b).sum()) for a in (truth, ~truth) for b in (called, ~called)]
    plain = stats.likelihood_ratios(*table, interval="log")
    grouped = stats.clustered_likelihood_ratios(truth, called, np.arange(200))
    assert grouped.positive.value == pytest.approx(plain.positive.value, rel=1e-12)
    # Variances by n - 1 in place of n, and Student's t.
    assert grouped.positive.variance == pytest.approx(plain.positive.variance, rel=0.02)
    assert grouped.positive.low < plain.positive.low < plain.positive.value
    copies = stats.clustered_likelihood_ratios(
        np.repeat(truth, 3), np.repeat(called, 3), np.repeat(np.arange(200), 3)
    )
    assert list(copies.negative) == pytest.approx(list(grouped.negative), rel=1e-9)


def test_likelihood_ratios_over_groups_say_why_they_have_no_interval() -> None:
    truth, apart = [1, 1, 1, 0, 0, 0], list("abcdef")
    same = stats.clustered_likelihood_ratios(truth, [1] * 6, apart).positive
    assert (same.low, same.value, same.high) == (1, 1, 1)
    assert same.note == "no group differs from another: the interval has no width"
    one = stats.clustered_likelihood_ratios(truth, [1, 1, 0, 1, 0, 0], list("aaadef")).positive
    assert math.isnan(one.low)
    assert one.note == "a class is in one group: no interval"
    found = stats.clustered_likelihood_ratios(truth, [1, 1, 0, 1, 0, 0], apart).positive
    assert round(found.value, 9) == 2
    assert found.low < 2 < found.high
    assert found.note == ""


def test_predictive_values_are_bayes_rule() -> None:
    # Sensitivity 0.9, specificity 0.8: at a prevalence of 1 %, 9 true to 198 false positives.
    found = stats.predictive_values(90, 10, 20, 80, 0.01)
    assert found.positive.value == pytest.approx(9 / 207, rel=1e-12)
    assert found.negative.value == pytest.approx(792 / 793, rel=1e-12)
    own = stats.predictive_values(90, 10, 20, 80, 0.5)
    assert own.positive.value == pytest.approx(90 / 110, rel=1e-12)
    assert own.negative.value == pytest.approx(80 / 90, rel=1e-12)
    assert found.negative.low < found.negative.value < found.negative.high
    # Mercaldo, Lau and Zhou 2007: the logit's variance is (1-se)/(se m) + sp/((1-sp) n).
    logit = stats.predictive_values(90, 10, 20, 80, 0.01, interval="log").positive
    half = 1.959963984540054 * math.sqrt(0.1 / 90 + 0.8 / 20)
    centre = math.log(9 / 198)
    assert logit.high == pytest.approx(1 / (1 + math.exp(-centre - half)), rel=1e-9)
    assert logit.low == pytest.approx(1 / (1 + math.exp(-centre + half)), rel=1e-9)
    with pytest.raises(PlanError, match="prevalence"):
        stats.predictive_values(9, 1, 2, 8, 0)


def slow_average_precision(truth: np.ndarray, score: np.ndarray) -> float:
    area, recall = 0.0, 0.0
    for cut in np.unique(score)[::-1]:
        called = score >= cut
        found = float((called & truth).sum() / truth.sum())
        area += (found - recall) * float((called & truth).sum() / called.sum())
        recall = found
    return area


@pytest.mark.parametrize("digits", [0, 1, 6])
def test_average_precision_by_its_definition(digits: int) -> None:
    rng = np.random.default_rng(digits)
    truth = rng.random(90) < 0.3
    score = np.round(rng.normal(size=90) + truth, digits)
    ours = stats.average_precision(truth, score, seed=1, n_resamples=200)
    assert ours.value == pytest.approx(slow_average_precision(truth, score), rel=1e-12)
    assert ours.low < ours.value < ours.high
    assert stats.average_precision(truth, truth * 1.0, seed=1, n_resamples=50).value == 1
    flat = stats.average_precision(truth, np.zeros(90), seed=1, n_resamples=50)
    assert flat.value == pytest.approx(truth.mean(), rel=1e-12)
    nobody = stats.average_precision([0, 0], [1, 2], seed=1, n_resamples=20)
    assert nobody.note == "no positive cases"


def test_f1_and_matthews_by_their_definitions() -> None:
    table = GOLDEN["correlation"]
    truth, called = np.array(table["x"]) == 1, np.array(table["y"]) == 1
    assert stats.matthews_correlation(truth, called).value == pytest.approx(table["r"], rel=1e-12)
    f1 = stats.f1_score(truth, called)
    precision, recall = (truth & called).sum() / called.sum(), (truth & called).sum() / truth.sum()
    assert f1.value == pytest.approx(2 * precision * recall / (precision + recall), rel=1e-12)
    either = int((truth | called).sum())
    share = stats.proportion_interval(int((truth & called).sum()), either)
    assert f1.low == pytest.approx(2 * share.low / (1 + share.low), rel=1e-12)
    assert math.isnan(stats.f1_score([0, 0], [0, 0]).value)
    assert math.isnan(stats.matthews_correlation([0, 1], [1, 1]).value)
    perfect = stats.matthews_correlation([0, 1, 0, 1], [0, 1, 0, 1])
    assert perfect.value == perfect.high == 1
    assert perfect.low < 0.9


def test_matthews_variance_is_that_of_repeated_samples() -> None:
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(100), 3)
    values, variances, plain = [], [], []
    for _ in range(400):
        truth = np.repeat(rng.random(100) < 0.4, 3)
        called = np.where(
            np.repeat(rng.random(100) < 0.7, 3), truth, np.repeat(rng.random(100) < 0.4, 3)
        )
        found = stats.matthews_correlation(truth, called, groups)
        values.append(found.value)
        variances.append(found.variance)
        plain.append(stats.matthews_correlation(truth[::3], called[::3]).variance)
    assert np.mean(np.array(variances, float)) == pytest.approx(np.var(values), rel=0.2)
    assert np.mean(np.array(plain, float)) == pytest.approx(np.var(values), rel=0.2)


def test_net_benefit_by_hand() -> None:
    # 1,000 cases, 80 true and 120 false positives at 20 %: (80 - 120 · 0.25) / 1000 = 0.05; all
    # treated with 100 diseased: (100 - 900 · 0.25) / 1000 = -0.125 (Vickers and Elkin 2006).
    truth = np.repeat([True, True, False, False], [80, 20, 120, 780])
    probability = np.repeat([0.5, 0.1, 0.4, 0.05], [80, 20, 120, 780])
    curve = stats.decision_curve(truth, probability, [0.2, 0.01])
    assert curve.model[0].value == pytest.approx(0.05, rel=1e-12)
    assert curve.treat_all[0].value == pytest.approx(-0.125, rel=1e-12)
    assert curve.advantage[0].value == pytest.approx(0.05, rel=1e-12)
    # At a threshold below every prediction the model treats everybody.
    assert curve.model[1].value == pytest.approx(curve.treat_all[1].value, rel=1e-12)
    assert curve.advantage[1].value == 0
    assert curve.thresholds == (0.2, 0.01)
    for threshold in (0, 1):
        with pytest.raises(PlanError, match="strictly between 0 and 1"):
            stats.decision_curve(truth, probability, [threshold])


def test_tangos_lenses() -> None:
    # Tango 1998, sec. 5: 44 pairs, one better with the standard; margin 0.1, z = 1.709, p = 0.044.
    standard, new = [1] * 44, [1] * 43 + [0]
    ours = stats.proportion_non_inferiority(standard, new, 0.1)
    assert round(ours.statistic, 3) == 1.709
    assert round(ours.p_value, 3) == 0.044
    # p is alpha exactly where the lower limit at 1 - 2 alpha is the margin.
    interval = stats.paired_difference_interval(43, 1, 0, 0, method="tango", level=0.9)
    at = stats.proportion_non_inferiority(standard, new, -interval.low)
    assert at.p_value == pytest.approx(0.05, rel=1e-6)
    equal = stats.proportion_non_inferiority([1] * 30, [1] * 30, 0.1)
    assert 0 < equal.p_value < 0.05
    grouped = stats.proportion_non_inferiority(standard, new, 0.1, np.arange(44) // 2)
    assert 0 < grouped.p_value < 0.05
    assert grouped.df == pytest.approx(21, rel=1e-9)


def test_area_non_inferiority_agrees_with_the_interval() -> None:
    rng = np.random.default_rng(6)
    truth = rng.random(120) < 0.4
    standard, new = rng.normal(size=(2, 120)) + truth
    for groups in (None, np.arange(120) // 3):
        interval = stats.auc_difference(truth, new, standard, groups)
        at = stats.auc_non_inferiority(truth, standard, new, -interval.low, groups)
        assert at.p_value == pytest.approx(0.025, rel=1e-6)
    with pytest.raises(PlanError, match="margin"):
        stats.auc_non_inferiority(truth, standard, new, 0)


@pytest.mark.parametrize(
    "row", GOLDEN["stratified"], ids=lambda row: f"{len(row['tables'])} strata"
)
def test_mantel_haenszel_equals_r(row: dict[str, Any]) -> None:
    ours = stats.mantel_haenszel_of_tables(row["tables"])
    assert ours.odds_ratio.value == pytest.approx(row["odds"], rel=1e-10)
    assert [ours.odds_ratio.low, ours.odds_ratio.high] == pytest.approx(
        row["odds_interval"], rel=1e-10
    )
    assert list(ours.risk_ratio) == pytest.approx(row["risk"], rel=1e-9)
    assert list(ours.risk_difference) == pytest.approx(row["difference"], rel=1e-9)
    assert tuple(ours.test) == pytest.approx((row["statistic"], row["p"]), rel=1e-9)
    assert ours.homogeneity.statistic == pytest.approx(row["tarone"], rel=1e-8)


def test_mantel_haenszel_of_one_and_of_no_stratum() -> None:
    one = stats.mantel_haenszel_of_tables([[[10, 90], [20, 80]]])
    assert one.odds_ratio.value == pytest.approx(10 * 80 / (90 * 20), rel=1e-12)
    assert one.risk_ratio.value == pytest.approx(0.5, rel=1e-12)
    assert one.risk_difference.value == pytest.approx(-0.1, rel=1e-12)
    assert "nothing to compare" in one.homogeneity.note
    empty = stats.mantel_haenszel_of_tables([[[10, 90], [0, 0]]])
    assert math.isnan(empty.risk_difference.value)
    assert "no stratum has both" in empty.test.note
    with pytest.raises(PlanError, match="strata, 2, 2"):
        stats.mantel_haenszel_of_tables([[1, 2], [3, 4]])
    with pytest.raises(PlanError, match="whole numbers"):
        stats.mantel_haenszel_of_tables(np.array([[[1.5, 2], [3, 4]]]))


def test_buderers_example_and_groups() -> None:
    # Buderer 1996: sensitivity 0.9, specificity 0.85, prevalence 0.2, within ± 0.1.
    def plan(**options: Any) -> stats.AccuracyPlan:
        return stats.accuracy_sample_size(
            sensitivity=0.9, specificity=0.85, prevalence=0.2, half_width=0.1, **options
        )

    wald = plan(method="wald")
    assert (wald.n_positive, wald.n_negative, wald.n_cases) == (35, 49, 175)
    grouped = plan(method="wald", cases_per_group=3, correlation=0.5)
    assert grouped.design_effect == 2
    assert (grouped.n_positive, grouped.n_groups) == (70, 117)
    uneven = plan(method="wald", cases_per_group=3, correlation=0.5, size_variation=1)
    assert uneven.design_effect == 3.5
    wilson = plan()
    share = stats.proportion.wilson_limits(0.9, wilson.n_positive, 1.959963984540054)
    assert (share[1] - share[0]) / 2 <= 0.1
    with pytest.raises(PlanError, match="correlation"):
        plan(correlation=2)
