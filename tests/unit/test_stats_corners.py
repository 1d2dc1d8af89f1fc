"""Corners of the statistics: undefined is NaN with a note, a mistake is an error that helps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from plexor import stats
from plexor.core.errors import PlanError
from plexor.stats import Estimate, TestResult

wrong: Any = stats  # called as by somebody without a type checker
INF, NAN = math.inf, math.nan
TRUTH = np.array([0, 0, 0, 1, 1, 1, 0, 1])
SCORES = np.array([1.0, 2, 3, 2, 3, 4, 2, 5])
NUMBERS = np.array([1.0, 2, 4, 3, 5, 2, 7, 4])
ONE_GROUP = np.zeros(8, dtype=int)
ENDLESS = np.where(np.arange(8) == 3, INF, NUMBERS)
PLAN = stats.PairedAucPlan(auc_a=0.9, auc_b=0.8, correlation_positive=0.3, correlation_negative=0.3)
STUDY = stats.reader_study([[0.8, 0.9], [0.75, 0.8]], 0.001 * np.eye(4), 100)
FLAT = stats.reader_study([[0.8, 0.8], [0.7, 0.7]], np.zeros((4, 4)), 100)


def no_interval(found: Estimate, why: str) -> None:
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert why in found.note


def no_test(found: TestResult, why: str) -> None:
    assert math.isnan(found.p_value)
    assert why in found.note


def test_sensitivity_there_with_one_group_says_why_there_is_no_interval() -> None:
    found = stats.sensitivity_at_specificity(TRUTH, SCORES, 0.8, ONE_GROUP, seed=0, n_resamples=20)
    assert found.value == pytest.approx(0.7)
    no_interval(found, "one single group")


def test_infinite_scores_rank_and_have_no_difference() -> None:
    endless = np.where(TRUTH, INF, SCORES)
    index, threshold = stats.youden(TRUTH, endless, seed=0, n_resamples=20)
    assert (index.value, threshold.value) == (1, INF)
    no_interval(threshold, "infinite in some resamples")
    ratings, finite = np.stack([endless, SCORES]), np.stack([np.where(TRUTH, 9.0, SCORES), SCORES])
    assert stats.one_shot_auc(TRUTH, ratings) == stats.one_shot_auc(TRUTH, finite)


def test_infinite_values_leave_no_mean_but_ranks() -> None:
    assert stats.root_mean_square_error(ENDLESS, NUMBERS).value == INF
    no_interval(stats.root_mean_square_error(ENDLESS, NUMBERS), "a value is infinite")
    for pair in ((ENDLESS, NUMBERS), (NUMBERS, ENDLESS)):
        assert math.isnan(stats.r_squared(*pair).value)
        no_interval(stats.r_squared(*pair), "a value is infinite")
        no_test(stats.paired_t_test(*pair), "a change is infinite")
        no_test(stats.equivalence_test(*pair, 1.0, np.arange(8) // 2), "a change is infinite")
        no_test(stats.sign_flip_test(*pair, seed=0), "a change is infinite")
        assert 0 < stats.sign_flip_test(*pair, seed=0, scores="rank").p_value <= 1
    with pytest.raises(PlanError, match="after - before: 1 of 8 are NaN"):
        stats.mean_change(ENDLESS, ENDLESS)


def test_no_cases_leave_no_test() -> None:
    no_test(stats.sign_flip_test([], [], seed=0), "no cases")
    no_test(stats.signed_rank_test([], []), "no cases")
    assert stats.sign_flip_test([1.0], [1.0], seed=0).p_value == 1
    for method in ("bca", "percentile"):
        (found,) = stats.bootstrap_interval(
            stats.weighted_mean([]), 0, seed=0, n_resamples=20, method=method
        )
        no_interval(found, "fewer than two groups")


def test_values_that_do_not_differ_say_so() -> None:
    same = [2.0, 2.0, 2.0]
    assert stats.clustered_mean(same).note == "all values are equal: the interval has no width"
    assert "no width" in stats.root_mean_square_error([1.0, 2, 3], [2.0, 3, 4]).note
    limits = stats.bland_altman([1.0, 2, 3], [2.0, 3, 4])
    assert "no width" in limits.upper.note
    assert stats.clustered_mean([2.0, 2.0, 2.1]).note == ""


def test_agreement_without_spread_has_no_interval() -> None:
    opposite = [0, 1, 0, 1], [1, 0, 1, 0]
    for found in (
        stats.cohens_kappa(*opposite, [0, 1], interval="wald"),
        stats.cohens_kappa([0, 1, 0, 1], [1, 1, 1, 1], [0, 1], interval="wald"),
        stats.fleiss_kappa(np.transpose(opposite), [0, 1]),
        stats.gwet_ac(np.transpose(opposite), [0, 1]),
        stats.krippendorff_alpha(np.transpose(opposite), [0, 1]),
    ):
        assert found.value <= 0.15
        no_interval(found, "variance is 0" if "Wald" not in found.method else "no Wald")
    assert stats.icc(np.array([[1, 2], [1, 2], [1, 2]])).value == 0
    for table in ([[1, 2], [1, 2], [1, 2]], [[1, 2], [2, 1], [1, 2]]):
        no_interval(stats.icc(np.array(table)), "cases differ too little")


def test_an_unbiased_reader_has_no_negative_zero() -> None:
    assert math.copysign(1, stats.detection(5, 5, 0, 5).criterion.value) == 1


def test_weights_of_zero_are_undefined() -> None:
    nothing = np.zeros((1, 8))
    ratings = np.stack([TRUTH, TRUTH[::-1]], axis=1)
    for statistic in (
        stats.weighted_mean(NUMBERS),
        stats.weighted_auc(TRUTH, SCORES),
        stats.alpha_statistic(ratings, [0, 1], "nominal"),
    ):
        assert np.isnan(statistic(nothing)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wrong.proportion_interval("3", 5), "expected whole numbers"),
        (lambda: wrong.proportion_interval(3, INF), "expected whole numbers"),
        (lambda: wrong.proportion_interval(1, NAN), "expected whole numbers"),
        (lambda: wrong.mcnemar_test(NAN, 1), "expected counts, whole numbers"),
        (lambda: wrong.mcnemar_test(1, INF), "expected counts, whole numbers"),
        (
            lambda: wrong.paired_odds_ratio_interval(1.5, 2, method="wald"),
            "expected counts, whole numbers",
        ),
        (lambda: wrong.mcnemar_power(NAN, 0.1, 50), "expected probabilities"),
        (lambda: wrong.mcnemar_power(0.2, 0.1, 50, method="wald"), "unknown McNemar plan"),
        (lambda: wrong.mcnemar_sample_size(0.2, 0.1, method="wald"), "unknown McNemar plan"),
        (lambda: wrong.kappa_power(-0.9, 0.3, 0.3, 100), "is impossible at prevalence"),
        (lambda: wrong.simulated_power(lambda _: 0.0, seed=0, alpha=2), "alpha: expected"),
        (lambda: wrong.simulated_power(lambda _: 0.0, seed=-1), "seed: expected"),
        (lambda: PLAN.power(0), "one positive or more"),
        (lambda: PLAN.power(10, alpha=2), "alpha: expected"),
        (lambda: wrong.reader_study([[0.8, NAN], [0.7, 0.8]], np.eye(4), 9), "one is NaN"),
        (lambda: wrong.reader_study_power(FLAT, 0.05, 5, 100), "a variance to plan from"),
        (lambda: STUDY.difference(0, 2), "a number from 0 to 1"),
        (lambda: STUDY.mean(-1), "a number from 0 to 1"),
        (lambda: wrong.accuracy([1.0, NAN], [1.0, 0.0]), "1 of 2 labels are None, NaN or NA"),
        (lambda: wrong.accuracy(["a", "b"], ["a", None]), "1 of 2 labels are None, NaN or NA"),
        (lambda: wrong.gwet_ac([["a", "b"]], ["a", "b", "a"]), "expected each class once"),
        (
            lambda: wrong.krippendorff_alpha([["a", "b"]], ["a", "b"], scale="interval"),
            "classes: expected numbers",
        ),
        (lambda: wrong.weighted_mean([1.0, INF]), "some are NaN or infinite"),
        (lambda: wrong.auc([0, 1], ["low", "high"]), "scores: expected numbers"),
        (lambda: wrong.clustered_mean(["a", "b"]), "values: expected numbers"),
        (lambda: wrong.icc([[1, 2], [3, INF]]), "measurements: expected finite numbers"),
        (lambda: wrong.bland_altman([1.0, INF], [1.0, 2.0]), "some NaN or infinite"),
        (lambda: wrong.holm(["a"]), "p_values: expected numbers"),
        (lambda: wrong.one_shot_auc([0, 1], [[1.0, 2.0], [1.0]]), "rows of equal length"),
        (
            lambda: wrong.bootstrap_interval(wrong.weighted_mean([1.0, 2.0]), 2, seed=-1),
            "seed: expected",
        ),
        (
            lambda: wrong.bootstrap_interval(
                wrong.weighted_mean([1.0, 2.0]), 2, seed=1, weighting="bayes"
            ),
            "unknown weighting",
        ),
    ],
)
def test_a_mistake_is_an_error_that_says_what_was_expected(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        call()
