"""Differences, odds ratios and Cochran's Q against R, published examples and identities."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plexor.core.errors import PlanError
from plexor.stats import (
    Estimate,
    clustered_mcnemar,
    clustered_proportion,
    cochrans_q,
    difference_interval,
    mcnemar_test,
    paired_difference,
    paired_difference_interval,
    paired_odds_ratio,
    paired_odds_ratio_interval,
    proportion_interval,
    subgroup_difference,
)
from plexor.stats.difference import DifferenceMethod
from plexor.stats.odds import OddsMethod
from plexor.stats.paired import PairedMethod

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "stats_difference.json").read_text()
)


def limits(estimate: Estimate) -> list[float]:
    return [estimate.low, estimate.high]


@pytest.mark.parametrize("row", GOLDEN["unpaired"], ids=lambda row: str(row["counts"]))
def test_unpaired_intervals_equal_r(row: dict[str, Any]) -> None:
    newcombe = difference_interval(*row["counts"])
    assert limits(newcombe) == pytest.approx(row["newcombe"], abs=1e-9)
    score = difference_interval(*row["counts"], method="miettinen-nurminen")
    assert limits(score) == pytest.approx(row["score"], abs=2e-7)


@pytest.mark.parametrize(
    ("counts", "method", "published"),
    [
        # Newcombe, Stat Med 1998;17:873, table II: methods 1, 6 and 10.
        ((56, 70, 48, 80), "wald", (0.0575, 0.3425)),
        ((56, 70, 48, 80), "miettinen-nurminen", (0.0528, 0.3382)),
        ((56, 70, 48, 80), "newcombe", (0.0524, 0.3339)),
        ((9, 10, 3, 10), "miettinen-nurminen", (0.1700, 0.8406)),
        ((9, 10, 3, 10), "newcombe", (0.1705, 0.8090)),
        ((5, 56, 0, 29), "miettinen-nurminen", (-0.0326, 0.1933)),
        ((5, 56, 0, 29), "newcombe", (-0.0381, 0.1926)),
        ((10, 10, 0, 10), "newcombe", (0.6075, 1.0000)),
    ],
)
def test_unpaired_intervals_equal_published(
    counts: tuple[int, int, int, int], method: DifferenceMethod, published: tuple[float, float]
) -> None:
    ours = difference_interval(*counts, method=method)
    assert [round(x, 4) for x in limits(ours)] == list(published)


@pytest.mark.parametrize("row", GOLDEN["paired"], ids=lambda row: str(row["counts"]))
def test_tango_equals_numerical_maximisation_in_r(row: dict[str, Any]) -> None:
    ours = paired_difference_interval(*row["counts"], method="tango")
    assert limits(ours) == pytest.approx(row["tango"], abs=2e-7)


@pytest.mark.parametrize(
    ("counts", "method", "published"),
    [
        # Fagerland, Lydersen & Laake, Statistical Analysis of Contingency Tables, 2017, ch. 8
        # (Cavo et al. and Bentur et al.; there before minus after).
        ((59, 6, 16, 80), "tango", (0.0054, 0.1240)),
        ((59, 6, 16, 80), "wald", (0.0058, 0.1184)),
        ((1, 1, 7, 12), "tango", (0.026, 0.517)),
        ((1, 1, 7, 12), "newcombe", (0.026, 0.507)),
    ],
)
def test_paired_intervals_equal_published(
    counts: tuple[int, int, int, int], method: PairedMethod, published: tuple[float, float]
) -> None:
    ours = paired_difference_interval(*counts, method=method)
    digits = 3 if sum(counts) == 21 else 4
    assert [round(x, digits) for x in limits(ours)] == list(published)


@pytest.mark.parametrize(("b", "c"), [(3, 9), (10, 22), (2, 9), (1, 6), (30, 48), (30, 52)])
def test_tango_holds_zero_exactly_where_mcnemar_is_not_significant(b: int, c: int) -> None:
    ours = paired_difference_interval(20, b, c, 20, method="tango")
    p_value = mcnemar_test(b, c, method="asymptotic").p_value
    assert (ours.low <= 0 <= ours.high) == (p_value >= 0.05)


def test_miettinen_nurminen_holds_zero_where_pearsons_chi_square_is_not_significant() -> None:
    for k in range(1, 20):
        table = np.array([[k, 40 - k], [10, 40]], float)
        expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
        chi = float(((table - expected) ** 2 / expected).sum()) * 89 / 90
        ours = difference_interval(k, 40, 10, 50, method="miettinen-nurminen")
        assert (ours.low <= 0 <= ours.high) == (chi <= 3.841458820694124)


@pytest.mark.parametrize("n", [1, 5, 40, 10**7])
def test_degenerate_tables(n: int) -> None:
    z2 = 1.959963984540054**2
    none = paired_difference_interval(n, 0, 0, 0, method="tango")
    assert limits(none) == pytest.approx([-z2 / (n + z2), z2 / (n + z2)], rel=1e-9)
    all_gained = paired_difference_interval(0, 0, n, 0, method="tango")
    assert limits(all_gained) == pytest.approx([(n - z2) / (n + z2), 1.0], rel=1e-9)
    apart = difference_interval(n, n, 0, n, method="miettinen-nurminen")
    assert apart.high == 1
    assert -1 < apart.low < 1
    assert math.isnan(difference_interval(1, n, 0, 0).value)
    assert math.isnan(paired_difference_interval(0, 0, 0, 0, method="tango").low)


def test_tango_at_n_of_one_hundred_million_is_walds() -> None:
    counts = (50_000_000, 10_000_000, 12_000_000, 28_000_000)
    tango = paired_difference_interval(*counts, method="tango")
    assert limits(tango) == pytest.approx(
        limits(paired_difference_interval(*counts, method="wald")), abs=1e-8
    )


def test_subgroups_of_independent_observations() -> None:
    events = np.array([1] * 56 + [0] * 14 + [1] * 48 + [0] * 32, bool)
    member = np.arange(150) < 70
    plain = subgroup_difference(events, member)
    assert limits(plain) == limits(difference_interval(56, 70, 48, 80))
    distinct = subgroup_difference(events, member, np.arange(150))
    assert limits(distinct) == pytest.approx(limits(plain), rel=1e-12)
    apart = subgroup_difference(events, np.ones(150, bool), np.arange(150))
    assert math.isnan(apart.value)
    assert apart.note == "others: no observations"


def test_a_subgroup_of_one_group_has_no_interval() -> None:
    ours = subgroup_difference([1, 0, 1, 0], [1, 1, 0, 0], ["a", "a", "b", "c"])
    assert ours.value == 0
    assert math.isnan(ours.low)
    assert math.isnan(ours.high)
    assert ours.note.startswith("members: one single group")


def test_subgroups_within_a_group_are_correlated() -> None:
    # Each patient has one image on either side, of the same outcome: the difference is certain.
    outcome = np.random.default_rng(0).random(60) < 0.4
    events, member = np.tile(outcome, 2), np.repeat([True, False], 60)
    shared = subgroup_difference(events, member, np.tile(np.arange(60), 2))
    assert limits(shared) == pytest.approx([0, 0], abs=0.02)
    assert shared.variance == pytest.approx(0, abs=1e-15)
    separate = subgroup_difference(events, member, np.arange(120))
    assert separate.high > 0.1


@pytest.mark.parametrize("row", GOLDEN["midp"], ids=lambda row: f"{row['k']}/{row['n']}")
def test_mid_p_equals_r(row: dict[str, Any]) -> None:
    ours = proportion_interval(row["k"], row["n"], method="mid-p")
    assert limits(ours) == pytest.approx(row["limits"], rel=1e-9)


@pytest.mark.parametrize(
    ("before_only", "after_only", "method", "published"),
    [
        # Fagerland, Lydersen & Laake 2017, ch. 8 (Ezra et al. 2010; Cavo et al. 2012).
        (2, 25, "wald", (2.9608, 52.7731)),
        (2, 25, "clopper-pearson", (3.1169, 108.8892)),
        (2, 25, "mid-p", (3.4681, 78.2972)),
        (16, 6, "wilson", (0.1514, 0.9287)),
    ],
)
def test_odds_ratios_equal_published(
    before_only: int, after_only: int, method: OddsMethod, published: tuple[float, float]
) -> None:
    ours = paired_odds_ratio_interval(before_only, after_only, method=method)
    assert [round(x, 4) for x in limits(ours)] == list(published)
    assert ours.value == pytest.approx(after_only / before_only, rel=1e-12)


def test_odds_ratio_of_arrays() -> None:
    before = np.array([True] * 4 + [False] * 9 + [True] * 5)
    after = np.array([False] * 4 + [True] * 9 + [True] * 5)
    plain = paired_odds_ratio(before, after)
    assert limits(plain) == limits(paired_odds_ratio_interval(4, 9))
    copies = paired_odds_ratio(
        np.repeat(before, 3), np.repeat(after, 3), np.repeat([f"p{i}" for i in range(18)], 3)
    )
    assert limits(copies) == pytest.approx(limits(plain), rel=1e-12)
    listed = paired_odds_ratio(before.tolist(), after.tolist(), [f"p{i}" for i in range(18)])
    assert limits(listed) == pytest.approx(limits(plain), rel=1e-12)


def test_odds_ratio_corners() -> None:
    unbounded = paired_odds_ratio_interval(0, 5)
    assert unbounded.value == unbounded.high == math.inf
    assert unbounded.low > 1
    assert unbounded.to_dict()["value"] is None
    assert paired_odds_ratio_interval(0, 5, method="wald").low == 0
    nothing = paired_odds_ratio([True], [True])
    assert math.isnan(nothing.value)
    assert nothing.note == "no discordant pairs"
    with pytest.raises(PlanError, match="did you mean 'mid-p'"):
        paired_odds_ratio_interval(1, 2, method="midp")  # type: ignore[arg-type]


@pytest.mark.parametrize("row", GOLDEN["q"], ids=["k=3", "k=5"])
def test_cochrans_q_equals_r(row: dict[str, Any]) -> None:
    ours = cochrans_q(row["x"])
    assert ours.statistic == pytest.approx(row["statistic"], rel=1e-10)
    assert ours.p_value == pytest.approx(row["p"], rel=1e-9)


def test_cochrans_own_example() -> None:
    # Cochran, Biometrika 1950;37:256, as quoted by others: 69 specimens on 4 media, Q = 8.05.
    rows = [[1, 1, 1, 1]] * 4 + [[1, 1, 0, 1]] * 2 + [[0, 1, 1, 1]] * 3 + [[0, 1, 0, 1]]
    ours = cochrans_q(rows + [[0, 0, 0, 0]] * 59)
    assert round(ours.statistic, 2) == 8.05
    assert ours.df == 3


def test_cochrans_q_of_two_looks_is_mcnemar() -> None:
    rng = np.random.default_rng(2)
    looks, groups = rng.random((80, 2)) < [0.5, 0.6], rng.integers(0, 25, 80)
    before, after = looks.T
    b, c = int((before & ~after).sum()), int((after & ~before).sum())
    plain = mcnemar_test(b, c, method="asymptotic")
    assert cochrans_q(looks).statistic == pytest.approx(plain.statistic, rel=1e-12)
    nothing = cochrans_q(np.zeros((0, 2)), [])
    assert (nothing.df, nothing.note) == (0, "no observation differs between columns")
    clustered = clustered_mcnemar(before, after, groups)
    assert cochrans_q(looks, groups).statistic == pytest.approx(clustered.statistic, rel=1e-10)


def test_clustered_q_ignores_order_copies_and_a_repeated_look() -> None:
    rng = np.random.default_rng(5)
    looks, groups = rng.random((90, 4)) < [0.4, 0.5, 0.6, 0.5], rng.integers(0, 30, 90)
    ours = cochrans_q(looks, groups)
    assert ours.df == 3
    order = rng.permutation(90)
    again = cochrans_q(looks[order][:, [2, 0, 3, 1]], groups[order])
    assert again.statistic == pytest.approx(ours.statistic, rel=1e-9)
    copies = cochrans_q(np.repeat(looks, 3, axis=0), np.repeat(groups, 3))
    assert copies.statistic == pytest.approx(ours.statistic, rel=1e-9)
    twice = cochrans_q(looks[:, [0, 1, 1]], groups)
    assert twice.df == 1
    assert twice.p_value == pytest.approx(cochrans_q(looks[:, :2], groups).p_value, rel=1e-9)


def test_clustered_q_errs_as_often_as_said() -> None:
    # 40 groups of 4 that share a random effect, no difference between 3 looks.
    rng = np.random.default_rng(11)
    rejected = 0
    for _ in range(1500):
        own = np.repeat(rng.random(40), 4)[:, None]
        rejected += (
            cochrans_q(rng.random((160, 3)) < own, np.repeat(np.arange(40), 4)).p_value < 0.05
        )
    assert 0.03 < rejected / 1500 < 0.075


def test_cochrans_q_corners() -> None:
    same = cochrans_q([[1, 1, 1], [0, 0, 0]])
    assert math.isnan(same.p_value)
    assert same.note == "no observation differs between columns"
    assert math.isnan(cochrans_q([[1, 1], [0, 0]], ["a", "b"]).p_value)
    few = cochrans_q([[1, 0, 0], [0, 1, 0]], ["a", "b"])
    assert few.note == "no more groups than degrees of freedom"
    with pytest.raises(PlanError, match="two columns or more"):
        cochrans_q([True, False])


@pytest.mark.parametrize("turned", [False, True])
def test_the_correlation_is_reduced_by_the_smaller_effective_sample_size(turned: bool) -> None:
    """Newcombe's limits by hand, at the groups' effective sizes ``1 + p(1-p)/variance``.

    One look is alike within a group, the other hardly: of the two sizes the smaller corrects more,
    so that the interval is wider.
    """
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(30), 5)
    alike = np.repeat(rng.random(30) < 0.5, 5)
    looks = [alike, np.where(rng.random(150) < 0.6, alike, rng.random(150) < 0.5)]
    before, after = looks[::-1] if turned else looks
    old, new = clustered_proportion(before, groups), clustered_proportion(after, groups)
    assert old.variance
    assert new.variance
    sizes = [
        1 + p.value * (1 - p.value) / variance
        for p, variance in ((old, old.variance), (new, new.variance))
    ]
    assert max(sizes) > 2 * min(sizes)
    first, second = (np.bincount(groups, look - np.mean(look)) for look in (before, after))
    rho = float(first @ second) / math.sqrt(float(first @ first) * float(second @ second))
    spread = math.sqrt(old.value * (1 - old.value) * new.value * (1 - new.value))
    rho -= 1 / (2 * min(sizes) * spread)
    assert rho > 0.1
    down, up = new.value - new.low, old.high - old.value
    low = new.value - old.value - math.sqrt(down**2 + up**2 - 2 * rho * down * up)
    down, up = old.value - old.low, new.high - new.value
    high = new.value - old.value + math.sqrt(down**2 + up**2 - 2 * rho * down * up)
    assert limits(paired_difference(before, after, groups)) == pytest.approx([low, high], rel=1e-9)


def test_difference_of_a_look_with_itself_is_small() -> None:
    rng = np.random.default_rng(1)
    look, groups = rng.random(100) < 0.7, rng.integers(0, 20, 100)
    ours = paired_difference(look, look, groups)
    alone = clustered_proportion(look, groups)
    assert ours.value == 0
    assert ours.high < (alone.high - alone.low) / 2
