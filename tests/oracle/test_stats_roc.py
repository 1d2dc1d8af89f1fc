"""ROC areas against pROC, SAS's printed example, brute force and identities."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special
from scipy import stats as scipy_stats

from plexor.core.errors import PlanError
from plexor.stats import (
    auc,
    auc_covariance,
    auc_difference,
    auc_one_vs_rest,
    balanced_accuracy,
    delong_test,
    delong_test_all,
    delong_test_unpaired,
    hand_till_auc,
    macro_auc,
    partial_auc,
    proportion_interval,
    roc_curve,
    sensitivity_at_specificity,
    venkatraman_test,
    venkatraman_test_unpaired,
    youden,
)
from plexor.stats.grouped_variance import Part, grouped_spread
from plexor.stats.venkatraman import _area_between, _places

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stats_roc.json").read_text()
)
SETS = pytest.mark.parametrize("data", GOLDEN["sets"].values(), ids=GOLDEN["sets"].keys())
Array = NDArray[np.float64]

# Albumin, total protein, K-G score, whether the patient benefits: DeLong, DeLong &
# Clarke-Pearson, Biometrics 1988;44:837, as printed in the SAS/STAT user's guide.
OVARIAN = np.array(
    [
        [
            3.0,
            3.2,
            3.9,
            2.8,
            3.2,
            0.9,
            2.5,
            1.6,
            3.8,
            3.7,
            3.2,
            3.8,
            4.1,
            3.6,
            4.3,
            3.6,
            2.3,
            4.2,
            4.0,
            3.5,
            3.8,
            3.0,
            4.5,
            3.7,
            3.1,
            4.1,
            4.3,
            4.3,
            3.2,
            2.6,
            3.3,
            1.7,
            3.7,
            3.3,
            4.2,
            3.5,
            2.9,
            2.1,
            2.8,
            4.0,
            3.3,
            3.7,
            3.6,
        ],
        [
            5.8,
            6.3,
            6.8,
            4.8,
            5.8,
            4.0,
            5.7,
            5.6,
            5.7,
            6.7,
            5.4,
            6.6,
            6.6,
            5.7,
            7.0,
            6.7,
            4.4,
            7.6,
            6.6,
            5.8,
            6.8,
            4.7,
            7.4,
            7.4,
            6.6,
            8.2,
            7.0,
            6.5,
            5.1,
            4.7,
            6.8,
            4.0,
            6.1,
            6.3,
            7.7,
            6.2,
            5.7,
            4.8,
            6.2,
            7.0,
            5.7,
            6.9,
            6.6,
        ],
        [
            10,
            5,
            3,
            6,
            3,
            5,
            8,
            5,
            5,
            6,
            4,
            6,
            5,
            5,
            4,
            4,
            6,
            4,
            6,
            6,
            7,
            8,
            5,
            5,
            6,
            6,
            5,
            4,
            5,
            6,
            6,
            7,
            5,
            7,
            6,
            5,
            9,
            7,
            8,
            7,
            6,
            5,
            5,
        ],
        [
            0,
            1,
            1,
            0,
            1,
            0,
            0,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            0,
            1,
            0,
            0,
            1,
            1,
            0,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            1,
            0,
            0,
            1,
            1,
            1,
            1,
            0,
            1,
            0,
            1,
            1,
            1,
            1,
        ],
    ]
).T


@SETS
def test_areas_equal_proc(data: dict[str, Any]) -> None:
    ours = auc(data["truth"], data["a"], interval="wald")
    assert ours.value == pytest.approx(data["auc"], rel=1e-12)
    assert ours.variance == pytest.approx(data["variance"], rel=1e-9)
    assert [ours.low, ours.high] == pytest.approx(data["wald"], rel=1e-9)
    both = auc_covariance(data["truth"], np.column_stack([data["a"], data["b"]]))
    assert both.covariance[0, 1] == pytest.approx(data["covariance"], rel=1e-9)


@SETS
def test_tests_equal_proc(data: dict[str, Any]) -> None:
    ours = delong_test(data["truth"], data["a"], data["b"])
    assert ours.statistic == pytest.approx(data["z"], rel=1e-9)
    # pROC's p is normal; ours Student's, with about the df of the 98 to 300 cases.
    assert 2 * special.ndtr(-abs(ours.statistic)) == pytest.approx(data["p"], rel=1e-8)
    assert data["p"] < ours.p_value < data["p"] + 0.02
    half = len(data["truth"]) // 2
    unpaired = delong_test_unpaired(
        data["truth"][:half], data["a"][:half], data["truth"][half:], data["b"][half:]
    )
    assert unpaired.statistic == pytest.approx(data["unpaired"], rel=1e-9)


@SETS
def test_partial_areas_equal_proc(data: dict[str, Any]) -> None:
    truth, score = data["truth"], data["a"]
    for ours, theirs in [
        (partial_auc(truth, score, specificity=(0.8, 1.0)), "partial"),
        (partial_auc(truth, score, specificity=(0.55, 0.9)), "partial_middle"),
        (partial_auc(truth, score, sensitivity=(0.75, 1.0)), "partial_sensitivity"),
        (partial_auc(truth, score, specificity=(0.8, 1.0), standardised=True), "standardised"),
    ]:
        assert ours.value == pytest.approx(data[theirs], rel=1e-10), theirs
        assert ours.low < ours.value < ours.high


@SETS
def test_curve_and_its_points_equal_proc(data: dict[str, Any]) -> None:
    curve = roc_curve(data["truth"], data["a"])
    np.testing.assert_allclose(curve.sensitivity[::-1], data["sensitivities"], atol=1e-12)
    np.testing.assert_allclose(curve.specificity[::-1], data["specificities"], atol=1e-12)
    point = sensitivity_at_specificity(data["truth"], data["a"], 0.83, seed=1, n_resamples=50)
    assert point.value == pytest.approx(data["at_specificity"], rel=1e-10)
    index, threshold = youden(data["truth"], data["a"], seed=1, n_resamples=50)
    assert index.value == pytest.approx(data["youden"], rel=1e-10)
    called = np.array(data["a"]) >= threshold.value
    truth = np.array(data["truth"], bool)
    assert called[truth].mean() - called[~truth].mean() == pytest.approx(index.value, rel=1e-12)


def test_youdens_index_is_of_the_balanced_accuracy_at_its_threshold() -> None:
    rng = np.random.default_rng(5)
    truth, groups = rng.random(90) < 0.4, np.arange(90) // 3
    scores = np.round(rng.normal(size=90) + truth, 1)
    for of in (None, groups):
        index, threshold = youden(truth, scores, of, seed=1, n_resamples=20)
        share = balanced_accuracy(truth, scores >= threshold.value, [False, True], of)
        found = [index.value, index.low, index.high]
        np.testing.assert_allclose(
            found, [2 * x - 1 for x in (share.value, share.low, share.high)], rtol=1e-12
        )
    # Without groups: Wilson's limits of sensitivity and specificity, squared and added.
    index, threshold = youden(truth, scores, seed=1, n_resamples=20)
    called = scores >= threshold.value
    sides = [
        proportion_interval(int((called & truth).sum()), int(truth.sum())),
        proportion_interval(int((~called & ~truth).sum()), int((~truth).sum())),
    ]
    below = math.hypot(*(side.value - side.low for side in sides))
    assert index.low == pytest.approx(index.value - below, rel=1e-12)


def test_the_threshold_of_few_cases_or_groups_is_noted() -> None:
    truth, scores = np.arange(400) % 2, np.arange(400.0)
    for size, few in ((1, False), (2, False), (4, True)):
        groups = None if size == 1 else np.arange(400) // size
        threshold = youden(truth, scores, groups, seed=0, n_resamples=20)[1]
        assert ("fewer than 200" in threshold.note) == few


def test_youdens_threshold_where_none_is_better_than_none() -> None:
    for scores in ([2.0, 2, 2, 2], [1.0, 2, 3, 4]):  # constant; the wrong way round
        index, threshold = youden([1, 1, 0, 0], scores, seed=0, n_resamples=50)
        assert index.value == 0
        assert index.low < 0 < index.high
        assert math.isnan(threshold.value)
        assert threshold.note == "no threshold is better than calling all cases alike"
    index, threshold = youden([0, 0, 1, 1], [1.0, 2, 3, 4], seed=0, n_resamples=50)
    assert (index.value, threshold.value) == (1, 3)
    assert 0 < index.low < 1 == index.high


def test_delongs_own_example_as_sas_prints_it() -> None:
    truth = OVARIAN[:, 3] == 1
    scores = np.column_stack([10 - OVARIAN[:, 2], OVARIAN[:, 0], OVARIAN[:, 1]])
    areas = auc_covariance(truth, scores)
    # K-G score, albumin, total protein: area and standard error.
    assert np.round(areas.values, 4).tolist() == [0.7258, 0.7366, 0.6478]
    assert np.round(np.sqrt(np.diag(areas.covariance)), 4).tolist() == [0.1028, 0.0927, 0.1000]
    together = delong_test_all(truth, scores)
    assert (round(together.statistic, 4), together.df) == (2.5340, 2)
    # Their p is of χ²; ours of F, with the 12 cases of the rarer class.
    assert round(float(special.chdtrc(2, together.statistic)), 4) == 0.2817
    assert together.p_value == pytest.approx(
        float(special.fdtrc(2, 10, together.statistic * 10 / 22)), rel=1e-12
    )


def test_hanley_mcneil_identity_for_continuous_scores() -> None:
    # The area is the Mann-Whitney U over all pairs.
    rng = np.random.default_rng(4)
    truth, score = rng.random(80) < 0.4, rng.normal(size=80)
    wins = (score[truth][:, None] > score[~truth][None, :]).mean()
    assert auc(truth, score).value == pytest.approx(wins, rel=1e-12)


def brute_covariance(truth: Any, scores: Array, groups: Any) -> Array:
    """Obuchowski 1997 by its definition, in O(n²)."""
    positive, negative = np.flatnonzero(truth), np.flatnonzero(~truth)
    m, n, k = positive.size, negative.size, scores.shape[1]
    names = np.unique(groups)
    x, y = np.zeros((names.size, k)), np.zeros((names.size, k))
    for model in range(k):
        difference = scores[positive, model][:, None] - scores[negative, model][None, :]
        wins = (difference > 0) + 0.5 * (difference == 0)
        area = wins.mean()
        for row, name in enumerate(names):
            x[row, model] = (wins.mean(axis=1) - area)[groups[positive] == name].sum()
            y[row, model] = (wins.mean(axis=0) - area)[groups[negative] == name].sum()
    i10, i01 = np.unique(groups[positive]).size, np.unique(groups[negative]).size
    total = x.T @ x * i10 / (i10 - 1) / m**2 + y.T @ y * i01 / (i01 - 1) / n**2
    cross = x.T @ y * names.size / (names.size - 1) / (m * n)
    result: Array = total + cross + cross.T
    return result


@pytest.mark.parametrize("digits", [1, 6])
def test_clustered_covariance_by_its_definition(digits: int) -> None:
    rng = np.random.default_rng(digits)
    groups = rng.integers(0, 30, 120)
    own = np.take(rng.normal(size=30), groups)
    truth = rng.random(120) < 0.4
    scores = np.round(rng.normal(size=(120, 3)) + own[:, None] + truth[:, None], digits)
    ours = auc_covariance(truth, scores, groups)
    np.testing.assert_allclose(ours.covariance, brute_covariance(truth, scores, groups), rtol=1e-9)


def test_area_over_groups_is_a_sum_of_two_clustered_means() -> None:
    rng = np.random.default_rng(12)
    groups = np.repeat(np.arange(8), 10)
    truth = (np.arange(80) % 10 < 4) & (groups < 6)  # six groups have positives, eight negatives
    a, b = (rng.normal(size=(80, 2)) + truth[:, None]).T
    wins = (a[truth][:, None] > a[~truth]) + 0.5 * (a[truth][:, None] == a[~truth])
    parts = [
        Part(values=wins.mean(axis=1), codes=groups[truth]),
        Part(values=wins.mean(axis=0), codes=groups[~truth]),
    ]
    spread = grouped_spread(parts, 8)
    wald = auc(truth, a, groups, interval="wald")
    assert wald.variance == pytest.approx(spread.variance, rel=1e-12)
    assert wald.value - wald.low == pytest.approx(spread.half_width(0.95), rel=1e-9)
    paired = delong_test(truth, a, b, groups)
    assert (paired.df or 0) < 10  # twice the six groups with positives, less 1
    difference = auc_difference(truth, a, b, groups, level=1 - paired.p_value)
    assert min(abs(difference.low), abs(difference.high)) == pytest.approx(0, abs=1e-9)


def test_groups_that_differ_less_than_their_members_add_nothing_to_the_variance() -> None:
    values = np.array([0, -1, 0, 0, 1, 0, 0, -1, 0, 1, 1, -1, 2, 1, 1, 0.0])
    part = Part(values=values, codes=np.repeat([0, 1, 2], [6, 7, 3]))
    found = grouped_spread([part], 3)
    assert found.variance == grouped_spread([part], 3, correlation=0.0).variance


def test_welchs_degrees_of_freedom_of_an_area() -> None:
    truth = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], bool)
    score = np.array([2.5, 9, 4, 1, 2, 3, 4, 5, 0, 3])
    wins = (score[truth][:, None] > score[~truth]) + 0.5 * (score[truth][:, None] == score[~truth])
    test = scipy_stats.ttest_ind(wins.mean(axis=1), -wins.mean(axis=0), equal_var=False)
    spread = grouped_spread(
        [
            Part(values=wins.mean(axis=1), codes=np.arange(3)),
            Part(values=wins.mean(axis=0), codes=np.arange(3, 10)),
        ],
        10,
    )
    assert spread.df == pytest.approx(test.df, rel=1e-9)
    logit = auc(truth, score, interval="logit")
    half = spread.half_width(0.95) / (logit.value * (1 - logit.value))
    centre = special.logit(logit.value)
    assert [logit.low, logit.high] == pytest.approx(special.expit([centre - half, centre + half]))


def test_score_interval_is_newcombes() -> None:
    # Newcombe 2006 (Stat Med 25:559), part 2, method 5: at either limit the observed area is z
    # standard errors away, with Hanley and McNeil's variance at the limit and (m + n) / 2 - 1.
    truth = np.repeat([False, True], [12, 8])
    score = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 5.5, 7.5, 9.5, 11.5, 12.5, 13, 14, 15])
    ours = auc(truth, score)
    assert "score interval" in ours.method
    for limit in (ours.low, ours.high):
        mean = (12 + 8) / 2 - 1
        variance = (
            limit
            * (1 - limit)
            * (1 + mean * (1 - limit) / (2 - limit) + mean * limit / (1 + limit))
            / (12 * 8)
        )
        assert abs(ours.value - limit) / math.sqrt(variance) >= 1.959963984540054 - 1e-9


def test_partial_variance_is_the_jackknifes() -> None:
    rng = np.random.default_rng(9)
    truth = np.arange(600) < 250
    score = rng.normal(size=600) + truth
    for part in [(0.8, 1.0), (0.5, 0.9)]:
        ours = partial_auc(truth, score, specificity=part)
        left_out = np.array(
            [
                partial_auc(np.delete(truth, i), np.delete(score, i), specificity=part).value
                for i in range(600)
            ]
        )
        squares = sum(
            (size - 1) / size * ((side - side.mean()) ** 2).sum()
            for side, size in ((left_out[truth], 250), (left_out[~truth], 350))
        )
        assert ours.variance == pytest.approx(squares, rel=0.05)


def test_partial_variance_is_that_of_repeated_samples() -> None:
    rng = np.random.default_rng(10)
    truth = np.arange(300) < 120
    found = [
        partial_auc(truth, rng.normal(size=300) + 1.2 * truth, specificity=(0.8, 1))
        for _ in range(1500)
    ]
    values, variances = zip(*[(e.value, e.variance) for e in found], strict=True)
    assert np.mean(np.array(variances, float)) == pytest.approx(np.var(values), rel=0.1)


def test_parts_add_up_to_the_whole() -> None:
    data = GOLDEN["sets"]["ties"]
    parts = [
        partial_auc(data["truth"], data["a"], specificity=part).value
        for part in [(0, 0.3), (0.3, 0.71), (0.71, 1)]
    ]
    assert sum(parts) == pytest.approx(data["auc"], rel=1e-12)
    whole = partial_auc(data["truth"], data["a"], specificity=(0, 1))
    assert whole.variance == pytest.approx(data["variance"], rel=1e-9)
    right = partial_auc(data["truth"], data["a"], sensitivity=(0, 1))
    assert right.value == pytest.approx(data["auc"], rel=1e-12)
    assert right.variance == pytest.approx(data["variance"], rel=1e-9)


def test_hand_till_equals_proc() -> None:
    data = GOLDEN["multiclass"]
    scores = np.array(data["scores"])
    ours = hand_till_auc(data["truth"], scores, ["x", "y", "z"])
    assert ours.value == pytest.approx(data["hand_till"], rel=1e-12)
    assert ours.low < ours.value < ours.high


def test_multiclass_of_two_classes_is_the_area() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 90)
    p = np.round(1 / (1 + np.exp(-rng.normal(size=90) - truth)), 2)
    groups = rng.integers(0, 40, 90)
    scores = np.column_stack([1 - p, p])
    plain = auc(truth, p, groups)
    each = auc_one_vs_rest(truth, scores, [0, 1], groups)
    assert each[0].value == pytest.approx(plain.value, rel=1e-12)
    assert each[1].variance == plain.variance
    for mean in (
        macro_auc(truth, scores, [0, 1], groups),
        hand_till_auc(truth, scores, [0, 1], groups),
    ):
        assert mean.value == pytest.approx(plain.value, rel=1e-12)
        assert mean.variance == pytest.approx(plain.variance, rel=0.1)


def test_multiclass_variance_is_that_of_repeated_samples() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(60), 3)
    found = []
    for _ in range(300):
        truth = rng.integers(0, 3, 180)
        own = np.repeat(rng.normal(size=(60, 3)), 3, axis=0)
        scores = own + rng.normal(size=(180, 3)) + np.eye(3)[truth]
        found.append(
            [
                (e.value, e.variance)
                for e in (
                    macro_auc(truth, scores, [0, 1, 2], groups),
                    hand_till_auc(truth, scores, [0, 1, 2], groups),
                )
            ]
        )
    values, variances = np.moveaxis(np.array(found, dtype=float), 2, 0)
    np.testing.assert_allclose(variances.mean(axis=0), values.var(axis=0), rtol=0.2)


def test_a_model_against_itself_has_no_variance() -> None:
    data = GOLDEN["sets"]["ties"]
    same = delong_test(data["truth"], data["a"], np.array(data["a"]) * 2 + 1)
    assert math.isnan(same.p_value)
    assert "no variance" in same.note
    assert math.isnan(auc_difference(data["truth"], data["a"], data["a"]).low)
    three = np.column_stack([data["a"], data["b"], data["b"]])
    assert delong_test_all(data["truth"], three).df == 1


def test_difference_and_contrasts_agree_with_the_test() -> None:
    data = GOLDEN["sets"]["smooth"]
    ours = auc_difference(data["truth"], data["a"], data["b"])
    test = delong_test(data["truth"], data["a"], data["b"])
    assert ours.value / math.sqrt(ours.variance or 0) == pytest.approx(test.statistic, rel=1e-12)
    two = np.column_stack([data["a"], data["b"]])
    chi = delong_test_all(data["truth"], two, contrasts=[[2.0, -2.0]])
    assert chi.statistic == pytest.approx(test.statistic**2, rel=1e-9)
    with pytest.raises(PlanError, match="rows of 2 weights"):
        delong_test_all(data["truth"], two, contrasts=[[1.0, -1.0, 0.0]])


def test_perfect_separation_is_bounded_by_independent_pairs() -> None:
    truth = np.arange(60) < 20
    ours = auc(truth, truth * 1.0)
    assert (ours.value, ours.high) == (1, 1)
    assert ours.low == pytest.approx(0.025 ** (1 / 20), rel=1e-12)
    worst = auc(~truth, truth * 1.0)
    assert (worst.value, worst.low) == (0, 0)
    assert worst.high == pytest.approx(1 - ours.low, rel=1e-12)
    grouped = auc(truth, truth * 1.0, np.repeat(np.arange(12), 5))
    assert grouped.low == pytest.approx(0.025 ** (1 / 4), rel=1e-12)


def test_corners_are_undefined_with_a_reason() -> None:
    assert auc([1, 1], [0.2, 0.3]).note == "no negative cases"
    assert auc([0, 0], [0.2, 0.3]).note == "no positive cases"
    assert auc([], []).note == "no cases"
    constant = auc([1, 0, 1, 0], [5, 5, 5, 5])
    assert constant.value == 0.5
    assert math.isnan(constant.low)
    assert "all scores are equal" in constant.note
    single = auc([1, 0, 0, 0], [3, 1, 4, 2])
    assert "fewer than two positives" in single.note
    assert math.isnan(single.low)
    assert math.isnan(delong_test([1, 1], [1, 2], [2, 1]).p_value)
    one_group = auc([1, 0, 1, 0], [4, 3, 2, 1], ["g"] * 4)
    assert math.isnan(one_group.low)
    assert math.isnan(sensitivity_at_specificity([1, 1], [1, 2], 0.5, seed=0).value)
    assert youden([0, 0], [1, 2], seed=0)[0].note != ""
    assert auc([1, 0, 1, 0], [np.inf, -np.inf, 2, 1]).value == 1


def test_mistakes_are_refused() -> None:
    with pytest.raises(PlanError, match="1 of 2 cases have NaN"):
        auc([1, 0], [0.1, np.nan])
    with pytest.raises(PlanError, match="truth has 2, scores has 3"):
        auc([1, 0], [1, 2, 3])
    with pytest.raises(PlanError, match="either specificity or sensitivity"):
        partial_auc([1, 0], [1, 2])
    with pytest.raises(PlanError, match="0 <= low < high <= 1"):
        partial_auc([1, 0], [1, 2], specificity=(0.9, 0.9))
    with pytest.raises(PlanError, match="a curve needs both"):
        roc_curve([1, 1], [1, 2])


def test_sensitivity_at_specificity_knows_the_threshold_is_estimated() -> None:
    rng = np.random.default_rng(8)
    truth = np.arange(500) < 400
    score = rng.normal(size=500) + truth
    few_negatives = sensitivity_at_specificity(truth, score, 0.9, seed=3)
    known = math.sqrt(few_negatives.value * (1 - few_negatives.value) / 400)
    assert few_negatives.high - few_negatives.low > 3 * known * 1.96
    again = sensitivity_at_specificity(truth, score, 0.9, seed=3)
    assert again == few_negatives
    full = sensitivity_at_specificity(truth, score, 0.0, seed=3)
    assert (full.value, full.high) == (1, 1)
    assert full.low == pytest.approx(400 / (400 + 1.96**2), rel=1e-4)


def test_venkatraman_equals_proc() -> None:
    data = GOLDEN["sets"]["smooth"]
    ours = venkatraman_test(data["truth"], data["a"], data["b"], seed=1)
    assert ours.statistic == GOLDEN["venkatraman"]["statistic"]
    assert ours.p_value == pytest.approx(GOLDEN["venkatraman"]["p"], abs=0.03)


def test_venkatraman_finds_crossing_curves_of_equal_area() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(400) < 200
    wide = np.where(truth, rng.normal(size=400) * 3 + 1.6, rng.normal(size=400))
    narrow = rng.normal(size=400) + 0.74 * truth
    assert delong_test(truth, wide, narrow).p_value > 0.05
    assert venkatraman_test(truth, wide, narrow, seed=0, n_permutations=300).p_value < 0.02


def test_venkatraman_without_a_difference_or_without_a_class() -> None:
    same = venkatraman_test([0, 1, 0], [1, 2, 3], [1, 2, 3], seed=0, n_permutations=9)
    assert (same.statistic, same.p_value) == (0, 1)
    for truth in ([1, 1], [0, 0]):
        nothing = venkatraman_test(truth, [1, 2], [2, 1], seed=0)
        assert math.isnan(nothing.p_value)
        assert nothing.note == "no positive or no negative cases"


def test_unpaired_venkatraman_equals_proc() -> None:
    data = {key: np.array(GOLDEN["sets"]["smooth"][key]) for key in ("truth", "a", "c")}
    halves = data["truth"][:200], data["a"][:200], data["truth"][200:], data["c"][200:]
    ours = venkatraman_test_unpaired(*halves, seed=1, n_permutations=500)
    # pROC leaves out what lies below the curves' lowest cases, less than 1/200 by 1/200.
    assert ours.statistic == pytest.approx(GOLDEN["venkatraman"]["unpaired"], abs=5e-5)
    assert ours.p_value == pytest.approx(GOLDEN["venkatraman"]["unpaired_p"], abs=0.07)
    assert ours.n == 400


def test_unpaired_venkatraman_where_proc_takes_another_share() -> None:
    data = json.loads((Path(__file__).parent / "golden" / "stats_venkatraman.json").read_text())
    truth, score = np.array(data["truth"]) == 1, np.array(data["score"])
    first, second = slice(None, 80), slice(80, None)
    share = truth.sum() / 230

    def statistic(share: float) -> float:
        rng = np.random.default_rng(0)
        truths = [truth[first], truth[second]]
        places = [_places(truth[part], score[part], share, rng) for part in (first, second)]
        return _area_between(truths, places, share)

    ours = venkatraman_test_unpaired(
        truth[first], score[first], truth[second], score[second], seed=0, n_permutations=9
    )
    assert ours.statistic == pytest.approx(statistic(share), rel=1e-12)
    assert data["share"] == pytest.approx(truth.sum() / 160, rel=1e-12)  # not of both samples
    # pROC leaves out what lies below the lowest place of a sample, where the curves start together.
    assert statistic(data["share"]) == pytest.approx(data["statistic"], abs=2e-3)
    assert abs(ours.statistic - data["statistic"]) > 4e-3


def test_unpaired_venkatraman_by_hand() -> None:
    # Perfect order against reversed: error rates 1/2 - p and 1/2 + p up to 1/2, then back: the
    # area between is two triangles of base 1 and heights 1/2 and 1/2.
    ours = venkatraman_test_unpaired([0, 1], [1, 2], [0, 1], [2, 1], seed=0, n_permutations=20)
    assert ours.statistic == pytest.approx(0.5, rel=1e-12)
    same = venkatraman_test_unpaired([0, 1, 0], [1, 3, 2], [0, 1, 0], [4, 9, 5], seed=0)
    assert (same.statistic, same.p_value) == (0, 1)
    none = venkatraman_test_unpaired([1, 1], [1, 2], [0, 1], [2, 1], seed=0)
    assert math.isnan(none.p_value)
    assert "no negative" in none.note


def test_unpaired_venkatraman_does_not_ask_for_a_common_scale() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.random(40) < 0.5, rng.random(50) < 0.4
    a, b = rng.normal(size=40) + first, rng.normal(size=50) + second
    plain = venkatraman_test_unpaired(first, a, second, b, seed=3, n_permutations=99)
    other = venkatraman_test_unpaired(first, np.exp(a), second, 7 + b**3, seed=3, n_permutations=99)
    assert other == plain


def test_unpaired_venkatraman_errs_as_often_as_said_and_finds_crossing_curves() -> None:
    # Samples of other sizes and prevalences, equal curves; then curves of equal area that cross.
    rng, n = np.random.default_rng(11), 150
    rejected = 0
    for _ in range(n):
        first, second = rng.random(40) < 0.6, rng.random(70) < 0.35
        a, b = rng.normal(size=40) + first, rng.normal(size=70) + second
        test = venkatraman_test_unpaired(first, a, second, b, seed=rng, n_permutations=59)
        rejected += test.p_value <= 0.1
    assert 0.05 < rejected / n < 0.15
    truth = np.arange(400) < 200
    wide = np.where(truth, rng.normal(size=400) * 3 + 1.6, rng.normal(size=400))
    narrow = rng.normal(size=400) + 0.74 * truth
    assert delong_test_unpaired(truth, wide, truth, narrow).p_value > 0.05
    found = venkatraman_test_unpaired(truth, wide, truth, narrow, seed=0, n_permutations=199)
    assert found.p_value < 0.02
