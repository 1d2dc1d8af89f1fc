"""Reader studies in which not everybody reads everything: identities and simulation."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plexor.core.errors import PlanError
from plexor.stats import reader_study_auc, reader_study_cases

Array = NDArray[np.float64]
Labels = NDArray[np.intp]
VAN_DYKE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "van_dyke.json").read_text()
)
TRUTH = np.array([int(digit) for digit in VAN_DYKE["truth"]])
RATINGS = np.array(
    [[[float(digit) for digit in row] for row in rows] for rows in VAN_DYKE["ratings"]]
)
CROSSED = reader_study_auc(TRUTH, RATINGS)


def apart(ratings: Array, labels: Labels) -> Array:
    """The same ratings, but of other cases wherever labels (treatments, readers) differ."""
    treatments, readers, n = ratings.shape
    wide = np.full((treatments, readers, n * (int(labels.max()) + 1)), np.nan)
    for t, r in np.ndindex(treatments, readers):
        start = int(labels[t, r]) * n
        wide[t, r, start : start + n] = ratings[t, r]
    return wide


def everybodys(n_sets: int) -> Array:
    return np.tile(TRUTH, n_sets)


def test_a_block_read_again_by_others_doubles_f_and_its_df() -> None:
    # Twice the readers, in two blocks with the same answers about other cases: MS(T) doubles,
    # MS(T·R) within blocks and the covariances stay, and so do those of the mean, but halved.
    twice = np.concatenate([RATINGS, RATINGS], axis=1)
    blocks = reader_study_auc(everybodys(2), apart(twice, np.repeat([[0, 1]] * 2, 5, axis=1)))
    assert (blocks.n_blocks, blocks.n) == (2, 228)
    ours, single = blocks.test(), CROSSED.test()
    assert ours.statistic == pytest.approx(2 * single.statistic, rel=1e-12)
    assert ours.df == pytest.approx(2 * (single.df or 0), rel=1e-12)
    fixed = blocks.test(inference="fixed readers").statistic
    assert fixed == pytest.approx(2 * CROSSED.test(inference="fixed readers").statistic, rel=1e-12)
    assert blocks.mean(0).variance == pytest.approx((CROSSED.mean(0).variance or 0) / 2, rel=1e-12)
    assert blocks.treatment_by_reader == pytest.approx(CROSSED.treatment_by_reader, rel=1e-12)


def test_the_order_of_readers_changes_nothing() -> None:
    labels = np.array([[1, 0, 0, 1]] * 2)
    shuffled = reader_study_auc(everybodys(2), apart(RATINGS[:, :4], labels))
    ordered = reader_study_auc(
        everybodys(2), apart(RATINGS[:, [1, 2, 0, 3]], np.sort(labels, axis=1))
    )
    assert shuffled.difference(0, 1) == ordered.difference(0, 1)
    assert shuffled.n_blocks == 2


def test_cases_nested_in_readers_leave_only_the_interaction() -> None:
    # No two readers share a case, so Cov2 = Cov3 = 0 and F = MS(T) / MS(T·R): as if the cases
    # were fixed, 8.704 with 4 degrees of freedom for Van Dyke's figures.
    own = reader_study_auc(everybodys(5), apart(RATINGS, np.array([range(5)] * 2)))
    test = own.test()
    assert (round(test.statistic, 3), round(test.p_value, 5)) == (8.704, 0.04196)
    assert test.df == pytest.approx(4)
    assert own.same_reader == pytest.approx(CROSSED.same_reader, rel=1e-12)
    each = reader_study_auc(everybodys(10), apart(RATINGS, np.arange(10).reshape(2, 5)))
    assert each.test().statistic == pytest.approx(test.statistic, rel=1e-12)
    assert each.same_reader == 0


def test_cases_nested_in_treatments_lose_what_pairing_gave() -> None:
    # Cov1 = Cov3 = 0: the denominator is MS(T·R) + r Cov2.
    ours = reader_study_auc(everybodys(2), apart(RATINGS, np.array([[0] * 5, [1] * 5])))
    between, interaction = CROSSED.mean_squares
    expected = between / (interaction + 5 * CROSSED.same_treatment)
    assert ours.test().statistic == pytest.approx(expected, rel=1e-12)
    assert (ours.same_reader, ours.neither) == (0, 0)


def test_readers_nested_in_treatments() -> None:
    # Readers 1 and 2 under the first treatment, 3 and 4 under the second, the same cases.
    ratings = np.full((2, 4, 114), np.nan)
    ratings[0, :2], ratings[1, 2:] = RATINGS[0, :2], RATINGS[1, 2:4]
    ours = reader_study_auc(TRUTH, ratings)
    (a, b), (c, d) = ours.values
    np.testing.assert_allclose(ours.values, CROSSED.values[[[0, 0], [1, 1]], [[0, 1], [2, 3]]])
    between = 2 * ((a + b - c - d) / 4) ** 2 * 2
    within = ((a - b) ** 2 + (c - d) ** 2) / 4
    assert ours.mean_squares == pytest.approx((between, within), rel=1e-12)
    excess = max(ours.same_treatment - ours.neither, 0.0)
    test = ours.test()
    assert test.statistic == pytest.approx(between / (within + 2 * excess), rel=1e-12)
    assert test.df == pytest.approx(2 * ((within + 2 * excess) / within) ** 2, rel=1e-12)


@pytest.mark.parametrize(
    ("labels", "nested"),
    [
        (np.array([[0, 0, 0, 1, 1, 1]] * 2), False),
        (np.array([[0] * 4, [1] * 4]), False),
        (np.array([[0] * 5] * 2), True),
        (np.array([[0] * 5, [1] * 5]), True),
    ],
    ids=["blocks", "cases in treatments", "readers in treatments", "both in treatments"],
)
def test_errs_as_often_as_said_and_knows_its_variance(labels: Labels, nested: bool) -> None:
    # Readers, cases and their interactions random, treatments alike (Roe & Metz 1997).
    rng, (treatments, readers) = np.random.default_rng(5), labels.shape
    n_sets, n = int(labels.max()) + 1, 60
    truth = np.tile(np.arange(n) < n // 2, n_sets)
    p_values, differences, variances = [], [], []
    for _ in range(300):
        case, by_treatment = rng.normal(size=truth.size), rng.normal(size=(2, 1, truth.size))
        skill = rng.normal(size=(2 if nested else 1, readers, 1)) * 0.3
        taste = rng.normal(size=(treatments, readers, 1)) * 0.2
        noise = rng.normal(size=(treatments, readers, truth.size))
        ratings = (1.5 + skill + taste) * truth + 0.8 * case + 0.5 * by_treatment + 0.8 * noise
        for t, r in np.ndindex(treatments, readers):
            ratings[t, r, np.arange(truth.size) // n != labels[t, r]] = np.nan
        if nested:
            empty = np.full_like(ratings[0], np.nan)
            ratings = np.stack(
                [np.concatenate([ratings[0], empty]), np.concatenate([empty, ratings[1]])]
            )
        study = reader_study_auc(truth, ratings)
        found = study.difference(0, 1)
        p_values.append(study.test().p_value)
        differences.append(found.value)
        variances.append(found.variance or math.nan)
    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.1
    assert np.mean(variances) == pytest.approx(np.var(differences), rel=0.25)


def _lone_cell(ratings: Array) -> Array:
    ratings[0, 0, 3] = np.nan
    return ratings


def _unequal_blocks(ratings: Array) -> Array:
    return apart(ratings, np.array([[0, 0, 0, 1, 1]] * 2))[:, :, : 2 * 114]


def _unequal_readers(ratings: Array) -> Array:
    ratings[0, :2], ratings[1, 2:] = np.nan, np.nan
    return ratings


@pytest.mark.parametrize("spoil", [_lone_cell, _unequal_blocks, _unequal_readers])
def test_other_designs_are_refused(spoil: Callable[[Array], Array]) -> None:
    ratings = spoil(RATINGS.copy())
    with pytest.raises(PlanError, match="take one_shot_difference"):
        reader_study_auc(everybodys(ratings.shape[2] // 114), ratings)


def test_a_group_in_two_blocks_is_refused_and_own_groups_are_counted() -> None:
    ratings = apart(RATINGS[:, :4], np.array([[0, 0, 1, 1]] * 2))
    patients = np.arange(114) // 2
    with pytest.raises(PlanError, match="two sets of cases"):
        reader_study_auc(everybodys(2), ratings, np.tile(patients, 2))
    ours = reader_study_auc(everybodys(2), ratings, np.concatenate([patients, patients + 57]))
    assert ours.n_groups == 114
    assert not math.isnan(ours.test().p_value)
    with pytest.raises(PlanError, match="split-plot"):
        reader_study_cases(ours, 0.05, 5)
