"""What must hold for any data: order, names, copies and swapped classes change nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from plexor.stats import (
    Estimate,
    balanced_accuracy,
    clustered_mcnemar,
    clustered_proportion,
    holm,
    mcnemar_test,
    paired_difference,
    proportion_interval,
)
from plexor.stats.proportion import ProportionMethod

Row = tuple[bool, bool, int]
ROWS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 6)), min_size=1, max_size=40)
METHODS: list[ProportionMethod] = ["wilson", "clopper-pearson", "agresti-coull", "jeffreys", "wald"]


def numbers(estimate: Estimate) -> list[float]:
    return [estimate.value, estimate.low, estimate.high]


def same(expected: list[float]) -> object:
    return pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def columns(rows: list[Row]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.intp]]:
    before, after, groups = zip(*rows, strict=True)
    return np.array(before), np.array(after), np.array(groups)


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from(METHODS), st.floats(0.5, 0.999))
def test_interval_holds_the_value_and_mirrors(
    k: int, n: int, method: ProportionMethod, level: float
) -> None:
    k = min(k, n)
    ours = proportion_interval(k, n, level=level, method=method)
    assert 0 <= ours.low <= ours.high <= 1
    if method != "jeffreys":  # a posterior's tails need not hold k/n at low levels
        assert ours.low - 1e-12 <= ours.value <= ours.high + 1e-12
    mirrored = proportion_interval(n - k, n, level=level, method=method)
    assert numbers(mirrored) == same([1 - ours.value, 1 - ours.high, 1 - ours.low])


@given(ROWS)
def test_order_and_names_do_not_matter(rows: list[Row]) -> None:
    before, after, groups = columns(rows)
    order = np.random.default_rng(len(rows)).permutation(len(rows))
    names = np.array([f"patient {9 - group}" for group in groups])
    first = paired_difference(before, after, groups)
    again = paired_difference(before[order], after[order], names[order])
    assert numbers(again) == same(numbers(first))
    first = clustered_proportion(before, groups)
    assert numbers(clustered_proportion(before[order], names[order])) == same(numbers(first))


@given(ROWS, st.integers(2, 4))
def test_copies_within_a_group_change_nothing(rows: list[Row], copies: int) -> None:
    before, after, _ = columns(rows)
    own = np.arange(before.size)
    many = [np.repeat(column, copies) for column in (before, after, own)]
    if before.size == 1:  # copies of one observation are one group, which tells nothing
        assert np.isnan(clustered_proportion(many[0], many[2]).low)
        return
    once = clustered_proportion(before, own)
    assert numbers(clustered_proportion(many[0], many[2])) == same(numbers(once))
    plain = proportion_interval(int(before.sum()), before.size)
    assert numbers(once) == same(numbers(plain))
    difference = paired_difference(before, after)
    assert numbers(paired_difference(*many)) == same(numbers(difference))
    assert numbers(paired_difference(before, after, own)) == same(numbers(difference))


@given(ROWS)
def test_swapping_classes_mirrors_or_changes_nothing(rows: list[Row]) -> None:
    before, after, groups = columns(rows)
    hits = clustered_proportion(before, groups)
    misses = clustered_proportion(~before, groups)
    assert numbers(misses) == same([1 - hits.value, 1 - hits.high, 1 - hits.low])
    forward = paired_difference(before, after, groups)
    back = paired_difference(after, before, groups)
    assert numbers(back) == same([-forward.value, -forward.high, -forward.low])
    truth, decision = before, after
    one = balanced_accuracy(truth, decision, [False, True], groups)
    other = balanced_accuracy(~truth, ~decision, [False, True], groups)
    assert numbers(other) == same(numbers(one))
    assert other.variance == pytest.approx(one.variance, rel=1e-9, abs=1e-12, nan_ok=True)


@given(ROWS)
def test_clustered_mcnemar_is_symmetric(rows: list[Row]) -> None:
    before, after, groups = columns(rows)
    forward, back = (
        clustered_mcnemar(before, after, groups),
        clustered_mcnemar(after, before, groups),
    )
    assert back.p_value == pytest.approx(forward.p_value, rel=1e-12, nan_ok=True)


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_is_symmetric_and_mid_p_is_below_exact(b: int, c: int) -> None:
    exact, mid = mcnemar_test(b, c, method="exact"), mcnemar_test(b, c, method="mid-p")
    assert mcnemar_test(c, b, method="exact").p_value == exact.p_value
    assert 0 <= mid.p_value <= exact.p_value <= 1


@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), max_size=12))
def test_holm_only_raises_and_keeps_the_order(p_values: list[float]) -> None:
    p = np.array(p_values, dtype=float)
    adjusted = holm(p)
    known = ~np.isnan(p)
    assert np.isnan(adjusted[~known]).all()
    assert (adjusted[known] >= p[known]).all()
    assert (np.diff(adjusted[known][np.argsort(p[known], kind="stable")]) >= 0).all()
