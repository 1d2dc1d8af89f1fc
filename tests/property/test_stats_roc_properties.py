"""What must hold of ROC areas for any scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from plexor.stats import (
    Estimate,
    auc,
    auc_covariance,
    delong_test,
    hand_till_auc,
    partial_auc,
    weighted_auc,
)

Row = tuple[bool, int, int, int]
ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 6), st.integers(0, 5)),
    min_size=1,
    max_size=30,
)


def columns(
    rows: list[Row],
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    truth, a, b, groups = zip(*rows, strict=True)
    return np.array(truth), np.array(a, float), np.array(b, float), np.array(groups)


def numbers(estimate: Estimate) -> list[float]:
    return [estimate.value, estimate.low, estimate.high, estimate.variance or 0.0]


def same(expected: list[float]) -> object:
    return pytest.approx(expected, rel=1e-7, abs=1e-7, nan_ok=True)


@given(ROWS)
def test_monotone_transforms_and_order_change_nothing(rows: list[Row]) -> None:
    truth, a, b, groups = columns(rows)
    for given_groups in (None, groups):
        ours = auc(truth, a, given_groups)
        assert numbers(auc(truth, np.exp(a) * 3 - 7, given_groups)) == same(numbers(ours))
    order = np.random.default_rng(len(rows)).permutation(len(rows))
    again = partial_auc(truth[order], a[order], groups[order], specificity=(0.3, 0.9))
    assert numbers(again) == same(numbers(partial_auc(truth, a, groups, specificity=(0.3, 0.9))))
    test = delong_test(truth, a, b, groups)
    other = delong_test(truth[order], a[order] ** 3, b[order] * 2, groups[order])
    assert other.p_value == pytest.approx(test.p_value, rel=1e-6, nan_ok=True)


@given(ROWS)
def test_swapping_classes_mirrors(rows: list[Row]) -> None:
    truth, a, b, groups = columns(rows)
    ours, mirrored = auc(truth, a, groups), auc(~truth, a, groups)
    assert numbers(mirrored) == same(
        [1 - ours.value, 1 - ours.high, 1 - ours.low, ours.variance or 0.0]
    )
    back = auc(~truth, -a, groups)
    assert numbers(back) == same(numbers(ours))
    forward, reverse = delong_test(truth, a, b, groups), delong_test(truth, b, a, groups)
    assert reverse.statistic == pytest.approx(-forward.statistic, rel=1e-7, nan_ok=True)


@given(ROWS, st.integers(2, 3))
def test_copies_within_a_group_change_nothing(rows: list[Row], copies: int) -> None:
    truth, a, b, _ = columns(rows)
    own = np.arange(truth.size)
    scores = np.column_stack([a, b])
    once = auc_covariance(truth, scores)
    many = auc_covariance(
        np.repeat(truth, copies), np.repeat(scores, copies, axis=0), np.repeat(own, copies)
    )
    np.testing.assert_allclose(many.values, once.values, rtol=1e-9)
    np.testing.assert_allclose(many.covariance, once.covariance, rtol=1e-7, atol=1e-12)


@given(ROWS, st.floats(0, 0.9), st.floats(0.05, 1))
def test_a_part_is_within_the_whole(rows: list[Row], low: float, width: float) -> None:
    truth, a, _, _ = columns(rows)
    part = (low, min(1.0, low + width))
    ours = partial_auc(truth, a, specificity=part)
    whole = auc(truth, a)
    if not np.isnan(whole.value):
        assert -1e-12 <= ours.value <= min(whole.value, part[1] - part[0]) + 1e-12


@given(ROWS)
def test_weights_of_one_give_the_area_and_whole_weights_give_copies(rows: list[Row]) -> None:
    truth, a, b, groups = columns(rows)
    statistic = weighted_auc(truth, np.column_stack([a, b]))
    plain = auc_covariance(truth, np.column_stack([a, b])).values
    np.testing.assert_allclose(statistic(np.ones((1, truth.size)))[0], plain, rtol=1e-12)
    weights = groups.astype(float)
    repeated = auc_covariance(
        np.repeat(truth, groups), np.repeat(np.column_stack([a, b]), groups, 0)
    )
    np.testing.assert_allclose(statistic(weights[None, :])[0], repeated.values, rtol=1e-9)


@given(ROWS)
def test_hand_till_ignores_the_order_of_classes(rows: list[Row]) -> None:
    _, a, b, groups = columns(rows)
    labels = groups % 3
    scores = np.column_stack([a, b, a - b])
    ours = hand_till_auc(labels, scores, [0, 1, 2])
    other = hand_till_auc(labels, scores[:, [2, 0, 1]], [2, 0, 1])
    assert numbers(other) == same(numbers(ours))
