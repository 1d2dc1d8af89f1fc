"""Permutation tests of equal ROC curves, not only of equal areas."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import integrate

from plexor.stats.argument import Booleans, Floats, Groups, as_events, group_codes
from plexor.stats.placement import as_scores
from plexor.stats.resample import Seed, generator_of
from plexor.stats.result import TestResult


def venkatraman_test(
    truth: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    groups: Groups | None = None,
    *,
    seed: Seed,
    n_permutations: int = 2000,
) -> TestResult:
    """Venkatraman & Begg's permutation test (Biometrika 1996;83:835) of equal curves, paired.

    ``statistic`` is their E, the sum over all cuts by rank of the absolute difference between the
    models' numbers of errors. Under the hypothesis the two ranks of a case are exchangeable; with
    groups, those of all cases of a group together. Ties are broken at random. p = (1 + permutations
    at least as great) / (1 + permutations).

    Args:
        truth: whether each case is positive, (n,).
        a: one model's scores, (n,).
        b: the other's, (n,).
        groups: the group of each case; None where cases are independent.
        seed: a whole number or a generator.
        n_permutations: number of permutations to draw.

    Returns:
        NaN with a note where a class has no case.

    Raises:
        PlanError: lengths differ, or a score is NaN.

    Examples:
        >>> truth = [0, 0, 0, 0, 1, 1, 1, 1]
        >>> a, b = [1, 2, 3, 4, 3, 5, 6, 7], [3, 1, 4, 2, 2, 4, 3, 5]
        >>> 0 < venkatraman_test(truth, a, b, seed=0, n_permutations=99).p_value <= 1
        True
    """
    positive = as_events("truth", truth)
    scores = np.concatenate([as_scores(positive, a), as_scores(positive, b)], axis=1)
    n = positive.size
    codes, n_groups = (np.arange(n), n) if groups is None else group_codes(groups, n)
    statistic = p_value = math.nan
    note = "" if 0 < positive.sum() < n else "no positive or no negative cases"
    if not note:
        rng = generator_of(seed)
        orders = [_order(column, rng) for column in scores.T]
        statistic = _distance(positive, orders)
        ranks = np.stack([_ranks(order) for order in orders])
        greater = 0
        for _ in range(n_permutations):
            swap = rng.random(n_groups)[codes] < 0.5
            swapped = np.where(swap, ranks[::-1], ranks)
            again = [_order(row, rng) for row in swapped]
            greater += _distance(positive, again) >= statistic
        p_value = (1 + greater) / (1 + n_permutations)
    return TestResult(
        statistic=statistic,
        p_value=p_value,
        method=f"Venkatraman and Begg's permutation test, {n_permutations} permutations",
        n=n,
        n_groups=None if groups is None else n_groups,
        note=note,
    )


def venkatraman_test_unpaired(
    truth_a: ArrayLike,
    a: ArrayLike,
    truth_b: ArrayLike,
    b: ArrayLike,
    *,
    seed: Seed,
    n_permutations: int = 2000,
) -> TestResult:
    """Venkatraman's permutation test (Biometrics 2000;56:1134) of equal curves, different cases.

    The two models' scores need no common scale. The place of a case is the share of cases at or
    below it in its sample, with both samples weighted to their pooled share of positives.
    ``statistic`` is the area between the models' error rates (false negatives and false positives,
    weighted by that share) over all places of a cut. Under the hypothesis the places of positives
    are exchangeable between the samples, and so are those of negatives. Ties are broken at random.
    p = (1 + permutations at least as great) / (1 + permutations).

    R's pROC (1.18) divides the positives of both samples by twice the size of the first, not by the
    size of both, and so gives another statistic where the sizes differ; with its share this one
    agrees with it (tests/oracle/golden/stats_venkatraman.R).

    Cases are taken as independent. For samples of equal size and prevalence places are ranks; for
    other samples places are exchangeable, ranks are not.

    Args:
        truth_a: whether each case of the first sample is positive, (n,).
        a: one model's scores of these, (n,).
        truth_b: whether each case of the second sample is positive, (m,).
        b: the other model's scores of these, (m,).
        seed: a whole number or a generator.
        n_permutations: number of permutations to draw.

    Returns:
        NaN with a note where a sample lacks a class. ``n`` counts both samples.

    Raises:
        PlanError: lengths differ, or a score is NaN.

    Examples:
        >>> first, a = [0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6]
        >>> second, b = [0, 0, 1, 1, 1], [2, 4, 1, 3, 5]
        >>> test = venkatraman_test_unpaired(first, a, second, b, seed=0, n_permutations=99)
        >>> 0 < test.p_value <= 1
        True
    """
    first, second = as_events("truth_a", truth_a), as_events("truth_b", truth_b)
    samples = [(first, as_scores(first, a)[:, 0]), (second, as_scores(second, b)[:, 0])]
    n = first.size + second.size
    statistic = p_value = math.nan
    lacking = any(not 0 < positive.sum() < positive.size for positive, _ in samples)
    if not lacking:
        rng = generator_of(seed)
        share = float(first.sum() + second.sum()) / n
        places = [_places(positive, scores, share, rng) for positive, scores in samples]
        statistic = _area_between([first, second], places, share)
        greater = 0
        for _ in range(n_permutations):
            again = [
                _places(positive, values, share, rng)
                for positive, values in zip(
                    (first, second), _exchanged((first, second), places, rng), strict=True
                )
            ]
            greater += _area_between([first, second], again, share) >= statistic
        p_value = (1 + greater) / (1 + n_permutations)
    return TestResult(
        statistic=statistic,
        p_value=p_value,
        method=f"Venkatraman's unpaired permutation test, {n_permutations} permutations",
        n=n,
        note="no positive or no negative cases in a sample" if lacking else "",
    )


def _order(values: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    """The cases from the least value to the greatest, ties in random order."""
    shuffled = rng.permutation(values.size)
    order: NDArray[np.intp] = shuffled[np.argsort(values[shuffled])]
    return order


def _ranks(order: NDArray[np.intp]) -> Floats:
    ranks = np.empty(order.size)
    ranks[order] = np.arange(order.size)
    return ranks


def _distance(positive: Booleans, orders: Sequence[NDArray[np.intp]]) -> float:
    """The sum over cuts; errors are positives at or below a cut and negatives above it."""
    sign = np.where(positive, 1, -1)
    errors = [np.cumsum(sign[order]) for order in orders]
    return float(np.abs(errors[0] - errors[1]).sum())


def _shares(positive: Booleans, order: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Share of positives, and of negatives, at or below each case in that order."""
    hit = positive[order]
    return np.cumsum(hit) / positive.sum(), np.cumsum(~hit) / (~positive).sum()


def _places(positive: Booleans, values: Floats, share: float, rng: np.random.Generator) -> Floats:
    order = _order(values, rng)
    below, passed = _shares(positive, order)
    places = np.empty(values.size)
    places[order] = share * below + (1 - share) * passed
    return places


def _exchanged(
    truths: Sequence[Booleans], places: Sequence[Floats], rng: np.random.Generator
) -> list[Floats]:
    drawn = [np.empty_like(place) for place in places]
    for outcome in (True, False):
        members = [truth == outcome for truth in truths]
        pool = rng.permutation(
            np.concatenate([place[m] for place, m in zip(places, members, strict=True)])
        )
        drawn[0][members[0]], drawn[1][members[1]] = np.split(pool, [int(members[0].sum())])
    return drawn


def _area_between(truths: Sequence[Booleans], places: Sequence[Floats], share: float) -> float:
    curves = []
    for positive, place in zip(truths, places, strict=True):
        below, passed = _shares(positive, np.argsort(place))
        error = share * below + (1 - share) * (1 - passed)
        curves.append((np.append(0.0, np.sort(place)), np.append(1 - share, error)))
    cuts = np.unique(np.concatenate([place for place, _ in curves]))
    first, second = (np.interp(cuts, place, error) for place, error in curves)
    return float(integrate.trapezoid(np.abs(first - second), cuts))
