"""Multiplicity and planning against R, published examples and simulation."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special

from plexor.core.errors import PlanError
from plexor.stats import (
    PairedAucPlan,
    adjust,
    auc,
    auc_covariance,
    benjamini_hochberg,
    by_subgroup,
    delong_test,
    hochberg,
    holm,
    kappa_power,
    kappa_sample_size,
    mcnemar_power,
    mcnemar_sample_size,
    mcnemar_test,
    paired_t_test,
    selected_level,
    simulated_power,
    simultaneous_level,
)

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stats_planning.json").read_text()
)
P = np.array(GOLDEN["p"], dtype=float)
Array = NDArray[np.float64]


@pytest.mark.parametrize(
    ("function", "key"), [(holm, "holm"), (hochberg, "hochberg"), (benjamini_hochberg, "bh")]
)
def test_adjusted_p_values_equal_r(function: Callable[[Array], Array], key: str) -> None:
    np.testing.assert_allclose(function(P), np.array(GOLDEN[key], float), rtol=1e-12)


def test_benjamini_and_hochbergs_own_example() -> None:
    # J R Stat Soc B 1995;57:289, sec. 2.4: 15 p-values; at 0.05 their procedure rejects four,
    # Bonferroni's (and Holm's) three.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    p += [0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert (benjamini_hochberg(p) <= 0.05).sum() == 4
    assert (holm(p) <= 0.05).sum() == 3
    assert selected_level(p) == pytest.approx(1 - 4 * 0.05 / 15, rel=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_adjustments_are_ordered(p_values: list[float]) -> None:
    p = np.array(p_values)
    assert (p <= benjamini_hochberg(p) + 1e-15).all()
    assert (benjamini_hochberg(p) <= hochberg(p) + 1e-15).all()
    assert (hochberg(p) <= holm(p) + 1e-15).all()
    assert (holm(p) <= np.minimum(p * p.size, 1) + 1e-15).all()


def test_tests_keep_their_own_p() -> None:
    tests = {
        "weak": mcnemar_test(3, 9),
        "strong": mcnemar_test(0, 12),
        "undefined": mcnemar_test(0, 0, method="asymptotic"),
    }
    ours = adjust(tests)
    assert ours["strong"].p_adjusted == pytest.approx(2 * ours["strong"].test.p_value)
    assert ours["weak"].p_adjusted == ours["weak"].test.p_value
    assert math.isnan(ours["undefined"].p_adjusted)
    assert ours["weak"].n_tests == 2
    assert adjust({}) == {}


def test_subgroups_are_measured_by_themselves_and_adjusted() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=(2, 60))
    sex = np.array(["f", "m", "f"] * 20)
    patients = [f"p{place // 2}" for place in range(60)]
    tests = by_subgroup(paired_t_test, sex, before, after + 0.5, patients)
    assert list(tests) == ["f", "m"]
    own = [patient for patient, is_male in zip(patients, sex == "m", strict=True) if is_male]
    alone = paired_t_test(before[sex == "m"], after[sex == "m"] + 0.5, own)
    assert tests["m"] == alone
    assert adjust(tests)["m"].p_adjusted >= alone.p_value
    areas = by_subgroup(auc, [1, 1, 1, 2], [1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0], None)
    assert areas[1].value == 0.5
    assert areas[2].note == "no positive cases"
    with pytest.raises(PlanError, match="subgroup has 60, column 1 has 59"):
        by_subgroup(paired_t_test, sex, before, after[1:])


def test_levels_for_several_intervals() -> None:
    assert simultaneous_level(4) == pytest.approx(0.9875, rel=1e-12)
    assert math.isnan(selected_level([0.5, 0.9]))
    with pytest.raises(PlanError, match="at least one"):
        simultaneous_level(0)
    with pytest.raises(PlanError, match="did you mean 'hochberg'"):
        adjust({}, adjustment="hochber")  # type: ignore[arg-type]


@pytest.mark.parametrize("row", GOLDEN["power"], ids=lambda row: f"n={row['n']}")
def test_mcnemar_power_equals_the_sum_over_all_tables_in_r(row: dict[str, Any]) -> None:
    arguments = (row["b"], row["c"], row["n"])
    exact = mcnemar_power(*arguments, alpha=row["alpha"], method="exact")
    assert exact == pytest.approx(row["exact"], rel=1e-9)
    mid = mcnemar_power(*arguments, alpha=row["alpha"], method="mid-p")
    assert mid == pytest.approx(row["mid"], rel=1e-9)


def test_mcnemar_sample_sizes() -> None:
    # (1.959964 √0.15 + 0.841621 √0.1475)² / 0.05² = 468.6 by hand.
    assert mcnemar_sample_size(0.1, 0.05, method="formula") == 469
    for method in ("exact", "mid-p"):
        n = mcnemar_sample_size(0.3, 0.1, method=method, power=0.9)
        assert mcnemar_power(0.3, 0.1, n, method=method) >= 0.9
        assert min(mcnemar_power(0.3, 0.1, n + k, method=method) for k in range(20)) >= 0.9
        assert mcnemar_power(0.3, 0.1, n - 1, method=method) < 0.9
        assert n == pytest.approx(
            mcnemar_sample_size(0.3, 0.1, method="formula", power=0.9), abs=14
        )


def test_mcnemar_power_is_what_a_simulation_finds() -> None:
    def study(rng: np.random.Generator) -> float:
        b, c, _ = rng.multinomial(70, [0.22, 0.06, 0.72])
        return mcnemar_test(int(b), int(c)).p_value

    found = simulated_power(study, seed=2, n_simulations=1500)
    assert found.low <= mcnemar_power(0.22, 0.06, 70) <= found.high
    assert simulated_power(study, seed=2, n_simulations=50).n == 50
    nothing = simulated_power(lambda _: math.nan, seed=0, n_simulations=10)
    assert nothing.value == 0
    assert nothing.note.startswith("10 studies were undefined")


def test_mcnemar_corners() -> None:
    assert mcnemar_power(0, 0, 50) == 0
    assert mcnemar_power(1, 0, 30) == 1
    assert mcnemar_power(0.2, 0.2, 100) < 0.05
    with pytest.raises(PlanError, match="no difference to find"):
        mcnemar_sample_size(0.1, 0.1)
    with pytest.raises(PlanError, match="add up to 1 at most"):
        mcnemar_power(0.6, 0.5, 10)
    with pytest.raises(PlanError, match="strictly between 0 and 1"):
        mcnemar_sample_size(0.2, 0.1, power=1.0)


def test_kappa_sample_size() -> None:
    # Said to be an example of Donner & Eliasziw (Stat Med 1992;11:1511): kappa 0.9 against 0.6 at
    # prevalence 0.3: 66. Not compared with the paper; the simulation below is what counts.
    assert kappa_sample_size(0.9, 0.6, 0.3) == 66
    assert kappa_power(0.6, 0.6, 0.3, 100) == 0.05
    with pytest.raises(PlanError, match="impossible at prevalence"):
        kappa_power(0.5, -0.9, 0.1, 50)


def test_kappa_power_is_near_a_simulation() -> None:
    # The test it is the power of: cells of both, one and neither rater against those expected.
    def study(rng: np.random.Generator) -> float:
        seen = rng.multinomial(100, [0.09 + 0.21 * 0.8, 2 * 0.21 * 0.2, 0.49 + 0.21 * 0.8])
        share = (2 * seen[0] + seen[1]) / 200
        spread = share * (1 - share)
        expected = np.array(
            [share**2 + 0.5 * spread, 2 * spread * 0.5, (1 - share) ** 2 + 0.5 * spread]
        )
        chi = float(((seen - 100 * expected) ** 2 / (100 * expected)).sum())
        return float(special.chdtrc(1, chi))

    found = simulated_power(study, seed=1, n_simulations=2000)
    assert kappa_power(0.8, 0.5, 0.3, 100) == pytest.approx(found.value, abs=0.05)


def draw(plan: PairedAucPlan, m: int, rng: np.random.Generator) -> tuple[Any, Array]:
    n = round(m * plan.negatives_per_positive)
    root = math.sqrt(2)

    shift = root * special.ndtri([plan.auc_a, plan.auc_b])
    truth = np.arange(m + n) < m
    both = [
        rng.multivariate_normal(mean, [[1, r], [r, 1]], size)
        for mean, r, size in (
            (shift, plan.correlation_positive, m),
            ([0, 0], plan.correlation_negative, n),
        )
    ]
    return truth, np.concatenate(both)


PLAN = PairedAucPlan(
    auc_a=0.9,
    auc_b=0.82,
    correlation_positive=0.6,
    correlation_negative=0.3,
    negatives_per_positive=2.0,
)


def test_planned_variance_of_areas_is_the_simulated() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(1500):
        truth, scores = draw(PLAN, 20, rng)
        values = auc_covariance(truth, scores).values
        found.append(values[0] - values[1])
    assert np.mean(found) == pytest.approx(0.08, abs=0.004)
    assert PLAN.variance(20) == pytest.approx(np.var(found), rel=0.12)


def test_planned_power_of_areas_is_the_simulated() -> None:
    n = PLAN.sample_size()
    assert PLAN.power(n) >= 0.8 > PLAN.power(n - 1)

    def study(rng: np.random.Generator) -> float:
        truth, scores = draw(PLAN, n, rng)
        return delong_test(truth, scores[:, 0], scores[:, 1]).p_value

    assert simulated_power(study, seed=3, n_simulations=400).value == pytest.approx(0.8, abs=0.06)


def test_hanley_and_mcneils_q_for_the_normal() -> None:
    # An uninformative model: the variance of U is (m + n + 1) / (12 m n) each, for two of them.
    plan = PairedAucPlan(auc_a=0.5, auc_b=0.5, correlation_positive=0.0, correlation_negative=0.0)
    assert plan.variance(30) == pytest.approx(2 * 61 / (12 * 900), rel=1e-9)
    with pytest.raises(PlanError, match="no difference to find"):
        plan.sample_size()
    with pytest.raises(PlanError, match="strictly between -1 and 1"):
        PairedAucPlan(auc_a=0.6, auc_b=0.5, correlation_positive=1.0, correlation_negative=0.0)
