"""The bootstrap against R's boot, closed forms, and itself in other pieces."""

import dataclasses
import json
import math
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plexor.core.errors import PlanError
from plexor.stats import (
    Estimate,
    auc,
    bootstrap_interval,
    by_indices,
    clustered_proportion,
    weighted_auc,
    weighted_mean,
)
from plexor.stats.bootstrap import BootstrapMethod, replicate_limits
from plexor.stats.resample import resampler

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stats_bootstrap.json").read_text()
)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_limits_equal_boot_on_its_own_resamples(level: float) -> None:
    x, weights = np.array(GOLDEN["x"]), np.array(GOLDEN["weights"], float)
    row = [0.8, 0.95].index(level)
    value = float(x.mean())
    replicates = weights @ x / 25
    percentile = replicate_limits(value, replicates, None, "percentile", level)
    assert percentile[:2] == pytest.approx(GOLDEN["percentile"][row], rel=1e-9)
    jackknife = (x.sum() - x) / 24
    bca = replicate_limits(value, replicates, jackknife, "bca", level)
    assert bca[:2] == pytest.approx(GOLDEN["bca"][row], rel=1e-9)
    variances = (weights * (x - replicates[:, None]) ** 2).sum(axis=1) / 25 / 25
    errors = np.sqrt(np.concatenate([[x.var() / 25], variances]))
    studentised = replicate_limits(value, replicates, errors, "studentised", level)
    assert studentised[:2] == pytest.approx(GOLDEN["studentised"][row], rel=1e-9)


def test_variance_of_a_mean_is_its_closed_form() -> None:
    x = np.random.default_rng(0).normal(size=200)
    (ours,) = bootstrap_interval(weighted_mean(x), 200, seed=1, n_resamples=10_000)
    assert ours.value == pytest.approx(x.mean(), rel=1e-12)
    assert ours.variance == pytest.approx(x.var() / 200, rel=0.05)


def test_cluster_variance_is_the_linearised_one() -> None:
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 80, 400)
    hits = rng.random(400) < np.take(rng.random(80), groups)
    (ours,) = bootstrap_interval(weighted_mean(hits), 400, groups, seed=5, n_resamples=8000)
    linear = clustered_proportion(hits, groups)
    assert ours.variance == pytest.approx(linear.variance, rel=0.08)
    assert ours.method.startswith("cluster BCa bootstrap")
    (poisson,) = bootstrap_interval(
        weighted_mean(hits), 400, groups, seed=5, n_resamples=8000, weighting="poisson"
    )
    assert poisson.variance == pytest.approx(linear.variance, rel=0.08)
    assert "poisson" in poisson.method


def test_bootstrapped_areas_agree_with_delong() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(400) < 0.4
    scores = np.round(rng.normal(size=(400, 3)) + truth[:, None], 1)
    ours = bootstrap_interval(weighted_auc(truth, scores), 400, seed=0, n_resamples=3000)
    for column, estimate in enumerate(ours):
        plain = auc(truth, scores[:, column])
        assert estimate.value == pytest.approx(plain.value, rel=1e-12)
        assert estimate.variance == pytest.approx(plain.variance, rel=0.1)
        assert [estimate.low, estimate.high] == pytest.approx([plain.low, plain.high], abs=0.008)


def test_pieces_and_orders_change_nothing() -> None:
    x = np.random.default_rng(1).normal(size=(50, 2))
    whole = resampler(50, seed=9)
    bits = dataclasses.replace(whole, chunk_bytes=8 * 50 * 7)
    single = dataclasses.replace(whole, chunk_bytes=1)
    statistic = weighted_mean(x)
    expected = whole.replicates(statistic, 40)
    np.testing.assert_allclose(bits.replicates(statistic, 40), expected, rtol=1e-13)
    np.testing.assert_allclose(single.replicates(statistic, 40), expected, rtol=1e-13)
    np.testing.assert_allclose(whole.replicates(statistic, 25), expected[:25], rtol=1e-13)


def test_a_mean_of_group_sums_is_the_mean_of_cases() -> None:
    rng = np.random.default_rng(3)
    x, groups = rng.normal(size=60), rng.integers(0, 9, 60)
    draws = resampler(60, groups, seed=2)

    mean = weighted_mean(x)

    def case_by_case(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return mean(weights)

    by_cases = draws.replicates(case_by_case, 20)
    np.testing.assert_allclose(draws.replicates(weighted_mean(x), 20), by_cases, rtol=1e-12)


def test_seeds() -> None:
    x = weighted_mean([1.0, 2.0, 4.0, 8.0])
    assert bootstrap_interval(x, 4, seed=1) == bootstrap_interval(x, 4, seed=1)
    assert bootstrap_interval(x, 4, seed=1) != bootstrap_interval(x, 4, seed=2)
    one, two = (bootstrap_interval(x, 4, seed=np.random.default_rng(4)) for _ in range(2))
    assert one == two


def test_strata_keep_their_sizes() -> None:
    strata = np.array([0] * 10 + [1] * 30)
    draws = resampler(40, strata=strata, seed=0)
    for weights in islice(draws.weights(), 20):
        assert (weights[:10].sum(), weights[10:].sum()) == (10, 30)
    with pytest.raises(PlanError, match="a group is in two"):
        resampler(4, ["a", "a", "b", "b"], strata=[0, 1, 0, 0], seed=0)


def test_groups_are_drawn_whole() -> None:
    groups = np.array([3, 3, 3, 7, 7, 9])
    draws = resampler(6, groups, seed=0)
    seen = draws.replicates(lambda weights: weights, 30)
    assert (seen[:, 0] == seen[:, 2]).all()
    assert (seen[:, 3] == seen[:, 4]).all()
    assert set(seen[:, [0, 3, 5]].sum(axis=1)) == {3.0}


def test_functions_of_indices() -> None:
    x = np.random.default_rng(0).normal(size=30)
    (weighted,) = bootstrap_interval(weighted_mean(x), 30, seed=3, n_resamples=300)
    (indexed,) = bootstrap_interval(
        by_indices(lambda rows: x[rows].mean()), 30, seed=3, n_resamples=300
    )
    assert [indexed.low, indexed.high] == pytest.approx([weighted.low, weighted.high], rel=1e-12)
    (median,) = bootstrap_interval(by_indices(lambda rows: np.median(x[rows])), 30, seed=3)
    assert median.low < np.median(x) < median.high


def test_undefined_resamples_are_counted() -> None:
    truth = np.array([False] * 10 + [True, True] + [False] * 10)
    (ours,) = bootstrap_interval(weighted_auc(truth, np.arange(22.0)), 22, seed=0, n_resamples=500)
    lost = int(ours.note.split(" of ")[0])
    assert 30 < lost < 110  # a share of (20/22)^22 = 0.123 has no positive
    (constant,) = bootstrap_interval(weighted_mean(np.ones(9)), 9, seed=0)
    assert math.isnan(constant.low)
    assert "equal in all resamples" in constant.note
    (one,) = bootstrap_interval(weighted_mean([1.0, 2.0]), 2, ["g", "g"], seed=0)
    assert one.note == "fewer than two groups to resample"


def test_mistakes_are_refused() -> None:
    with pytest.raises(PlanError, match="needs standard_error"):
        bootstrap_interval(weighted_mean([1.0]), 1, seed=0, method="studentised")
    with pytest.raises(PlanError, match="did you mean 'bca'"):
        bootstrap_interval(weighted_mean([1.0]), 1, seed=0, method="bcaa")  # type: ignore[arg-type]
    with pytest.raises(PlanError, match="at least 2"):
        bootstrap_interval(weighted_mean([1.0]), 1, seed=0, n_resamples=1)


def test_a_studentised_interval_is_longer_on_the_side_of_the_long_tail() -> None:
    values = np.random.default_rng(0).exponential(size=40)

    def error(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        n = weights.sum(axis=1)
        variance = weights @ values**2 / n - (weights @ values / n) ** 2
        return np.asarray(np.sqrt(variance / n))[:, None]

    def interval(method: BootstrapMethod) -> Estimate:
        return bootstrap_interval(
            weighted_mean(values), 40, seed=0, n_resamples=400, method=method, standard_error=error
        )[0]

    found, plain = interval("studentised"), interval("percentile")
    assert found.value == plain.value == pytest.approx(values.mean())
    assert found.high - found.value > found.value - found.low
    assert found.high > plain.high
