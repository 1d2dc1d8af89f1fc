"""Means, errors and changes against R, Darwin's maize, enumeration and identities."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexor.core.errors import PlanError
from plexor.stats import (
    clustered_mcnemar,
    clustered_mean,
    clustered_quantile,
    equivalence_test,
    mcnemar_test,
    mean_absolute_error,
    mean_change,
    median_absolute_error,
    paired_t_test,
    r_squared,
    root_mean_square_error,
    sign_flip_test,
    signed_rank_test,
)

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stats_continuous.json").read_text()
)
ARGUMENTS = (GOLDEN["truth"], GOLDEN["prediction"], GOLDEN["group"])


def test_errors_beside_survey() -> None:
    mae = mean_absolute_error(*ARGUMENTS)
    assert mae.value == pytest.approx(GOLDEN["mae"], rel=1e-12)
    rmse = root_mean_square_error(*ARGUMENTS)
    assert rmse.value == pytest.approx(GOLDEN["rmse"], rel=1e-12)
    r2 = r_squared(*ARGUMENTS)
    assert r2.value == pytest.approx(GOLDEN["r2"], rel=1e-9)
    # survey's variances do not correct for groups of unequal size, which makes them smaller.
    assert GOLDEN["mae_variance"] < mae.variance < 1.1 * GOLDEN["mae_variance"]
    assert GOLDEN["rmse_variance"] < rmse.variance < 1.1 * GOLDEN["rmse_variance"]
    assert GOLDEN["r2_variance"] < r2.variance < 1.3 * GOLDEN["r2_variance"]
    for ours in (mae, rmse, r2):
        assert ours.low < ours.value < ours.high
        assert ours.n_groups == 30


def test_paired_tests_equal_r() -> None:
    before, after = GOLDEN["before"], GOLDEN["after"]
    t = paired_t_test(before, after)
    assert (t.statistic, t.p_value) == pytest.approx((GOLDEN["t"], GOLDEN["t_p"]), rel=1e-9)
    interval = mean_change(before, after)
    assert [interval.low, interval.high] == pytest.approx(GOLDEN["t_interval"], rel=1e-9)
    tost = equivalence_test(before, after, 1.2)
    assert tost.p_value == pytest.approx(max(GOLDEN["greater"], GOLDEN["less"]), rel=1e-9)
    assert signed_rank_test(before, after).p_value == pytest.approx(GOLDEN["wilcoxon"], rel=1e-9)
    exact = sign_flip_test(GOLDEN["small_before"], GOLDEN["small_after"], seed=0, scores="rank")
    assert exact.p_value == pytest.approx(GOLDEN["small_wilcoxon"], rel=1e-12)
    assert "all 2048 patterns" in exact.method


def test_darwins_maize() -> None:
    # Fisher, The Design of Experiments, 1935, sec. 17 and 21: t = 2.148, and 863 of the 32,768
    # sign patterns give a total as great as the 314 eighths of an inch seen, on either side.
    eighths = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    zero = np.zeros(15)
    assert round(paired_t_test(zero, eighths).statistic, 3) == 2.148
    exact = sign_flip_test(zero, eighths, seed=0, n_permutations=40_000)
    assert exact.statistic == 314
    assert exact.p_value == pytest.approx(2 * 863 / 32768, rel=1e-12)
    drawn = sign_flip_test(zero, eighths, seed=1, n_permutations=20_000)
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.006)


def test_sign_flips_of_truth_values_are_the_exact_mcnemar_test() -> None:
    before = np.array([1] * 3 + [0] * 9 + [1] * 8)
    after = np.array([0] * 3 + [1] * 9 + [1] * 8)
    ours = sign_flip_test(before, after, seed=0)
    assert ours.p_value == pytest.approx(mcnemar_test(3, 9, method="exact").p_value, rel=1e-12)
    copies = sign_flip_test(
        np.repeat(before, 4), np.repeat(after, 4), np.repeat(np.arange(20), 4), seed=0
    )
    assert copies.p_value == pytest.approx(ours.p_value, rel=1e-12)


def test_clustered_ranks_of_truth_values_are_clustered_mcnemar() -> None:
    rng = np.random.default_rng(6)
    before, after = rng.random((2, 120)) < [[0.5], [0.6]]
    groups = rng.integers(0, 40, 120)
    ours = signed_rank_test(before, after, groups)
    chi = clustered_mcnemar(before, after, groups).statistic
    n_groups = np.unique(groups).size
    assert ours.statistic**2 * (n_groups - 1) / n_groups == pytest.approx(chi, rel=1e-10)


def test_groups_of_one_change_nothing() -> None:
    before, after = np.array(GOLDEN["before"]), np.array(GOLDEN["after"])
    own = np.arange(40)
    for function in (paired_t_test, signed_rank_test):
        plain, grouped = function(before, after), function(before, after, own)
        assert grouped.p_value == pytest.approx(plain.p_value, rel=1e-12)
    copies = paired_t_test(np.repeat(before, 3), np.repeat(after, 3), np.repeat(own, 3))
    assert copies.p_value == pytest.approx(paired_t_test(before, after).p_value, rel=1e-9)
    one, other = clustered_quantile(after), clustered_quantile(after, 0.5, own)
    assert (one.low, one.value, one.high) == (other.low, other.value, other.high)


def test_equivalence_agrees_with_the_ninety_percent_interval() -> None:
    before, after = np.array(GOLDEN["before"]), np.array(GOLDEN["after"])
    groups = np.repeat(np.arange(20), 2)
    inner = mean_change(before, after, groups, level=0.9)
    edge = max(abs(inner.low), abs(inner.high))
    assert equivalence_test(before, after, edge * 1.001, groups).p_value < 0.05
    assert equivalence_test(before, after, edge * 0.999, groups).p_value > 0.05
    assert equivalence_test(before, after, edge, groups).p_value == pytest.approx(0.05, rel=1e-9)


def test_median_holds_what_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    groups = np.repeat(np.arange(30), 3)
    for _ in range(600):
        x = np.exp(rng.normal(size=30)[groups] + rng.normal(size=90))
        ours = clustered_quantile(x, 0.5, groups)
        covered += ours.low <= 1 <= ours.high
    assert 0.92 < covered / 600 <= 0.985


def test_quantiles() -> None:
    assert clustered_quantile([3.0, 1.0, 2.0, 10.0]).value == 2.5
    assert clustered_quantile([3.0, 1.0, 2.0]).value == 2
    surface = [1.0] * 30 + [math.inf] * 3
    ours = clustered_quantile(surface, 0.95)
    assert ours.value == ours.high == math.inf
    assert clustered_quantile(surface, 0.5).high == 1
    # Of 101 independent values the 41st to the 61st hold the median in 95.4 % of samples:
    # 41 to 60 of them are then below it.
    median = clustered_quantile(np.arange(1.0, 102.0))
    assert (median.low, median.value, median.high) == (41, 51, 61)
    assert sum(math.comb(101, k) for k in range(41, 61)) / 2**101 == pytest.approx(0.954, abs=1e-3)


def test_median_absolute_error_and_mae_of_two_groups() -> None:
    truth, prediction = [10.0, 20.0, 30.0, 40.0], [11.0, 18.0, 33.0, 44.0]
    assert median_absolute_error(truth, prediction).value == 2.5
    ours = mean_absolute_error(truth, prediction, ["a", "a", "b", "b"])
    # Group sums of deviations from 2.5 are -2 and +2: variance 2 · (4 + 4) / 16 = 1.
    assert ours.variance == pytest.approx(1.0, rel=1e-12)
    assert ours.high == pytest.approx(2.5 + 12.706204736174698, rel=1e-9)


def test_corners() -> None:
    assert clustered_mean([]).note == "no cases"
    infinite = clustered_mean([1.0, math.inf])
    assert (infinite.value, infinite.note) == (math.inf, "a value is infinite")
    assert math.isnan(infinite.low)
    alone = clustered_mean([3.0])
    assert alone.value == 3
    assert math.isnan(alone.low)
    assert r_squared([1.0, 1.0], [1.0, 2.0]).note == "the truth does not vary"
    exact = r_squared([1.0, 2.0], [1.0, 2.0])
    assert exact.value == 1
    assert exact.note == "no error at all: no interval"
    assert root_mean_square_error([1.0, 2.0], [1.0, 2.0]).value == 0
    assert root_mean_square_error([], []).note == "no cases"
    same = paired_t_test([1.0, 2.0], [2.0, 3.0])
    assert math.isnan(same.p_value)
    assert same.note == "all changes are equal"
    assert math.isnan(paired_t_test([1.0], [2.0]).p_value)
    assert signed_rank_test([1.0, 2.0], [1.0, 2.0]).note == "nothing changed in any case"
    still = sign_flip_test([1.0], [1.0], seed=0)
    assert (still.p_value, still.note) == (1, "nothing changed in any case")
    assert math.isnan(equivalence_test([1.0], [1.0], 1.0).p_value)


def test_mistakes_are_refused() -> None:
    with pytest.raises(PlanError, match="1 of 2 are NaN"):
        clustered_mean([1.0, math.nan])
    with pytest.raises(PlanError, match="before has 1, after has 2"):
        mean_change([1.0], [1.0, 2.0])
    with pytest.raises(PlanError, match="greatest harmless change"):
        equivalence_test([1.0], [2.0], 0.0)
    with pytest.raises(PlanError, match="did you mean 'rank'"):
        sign_flip_test([1.0], [2.0], seed=0, scores="ranks")  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 5)),
        min_size=2,
        max_size=25,
    )
)
def test_order_shift_and_sign(rows: list[tuple[float, float, int]]) -> None:
    before, after, groups = (np.array(column) for column in zip(*rows, strict=True))
    order = np.random.default_rng(len(rows)).permutation(len(rows))
    ours = mean_change(before, after, groups)
    again = mean_change(before[order], after[order], groups[order])
    assert again.value == pytest.approx(ours.value, abs=1e-9)
    assert again.low == pytest.approx(ours.low, rel=1e-6, abs=1e-6, nan_ok=True)
    forward, back = signed_rank_test(before, after, groups), signed_rank_test(after, before, groups)
    assert back.statistic == pytest.approx(-forward.statistic, nan_ok=True)
    flips = sign_flip_test(before, after, groups, seed=0)
    assert sign_flip_test(after, before, groups, seed=0).p_value == flips.p_value
    assert 0 < flips.p_value <= 1
