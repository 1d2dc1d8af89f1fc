"""Variance of reader-averaged ROC areas as a U-statistic, whoever read whichever case.

Gallas (Acad Radiol 2006;13:353) and Gallas & Brown (Neural Netw 2008;21:387): unbiased, without
a model, for fully crossed, split-plot and ragged studies alike.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import Booleans, Floats, as_events, check_level, normal_quantile
from plexor.stats.estimate import Estimate

_SETS = [frozenset(c) for size in range(4) for c in combinations(range(3), size)]


def one_shot_auc(truth: ArrayLike, ratings: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The area under the ROC curve, averaged over readers; random readers and cases.

    All comparisons of a positive with a negative by the same reader count alike, so a reader who
    read more counts more. Normal interval: with fewer than about five readers it is too narrow,
    and ``reader_study_auc`` (for crossed studies) is better.

    Args:
        truth: whether each case is positive, (n,).
        ratings: (readers, n), NaN where a reader did not read a case.
        level: nominal coverage.

    Returns:
        NaN with a note where no reader compared a positive with a negative. The interval needs
        two readers, and two cases of each class; an unbiased variance may be negative, and then
        has none.

    Raises:
        PlanError: shapes that do not fit.
    """
    positive, table = _checked(truth, ratings)
    wins, seen = _comparisons(positive, table)
    variance = _covariance(wins, seen, wins, seen)
    value = float(wins.sum() / seen.sum()) if seen.any() else math.nan
    return _estimate(value, variance, positive.size, level, "mean ROC area over readers")


def one_shot_difference(
    truth: ArrayLike, first: ArrayLike, second: ArrayLike, *, level: float = 0.95
) -> Estimate:
    """Area averaged over readers under one treatment minus that under another.

    Rows of ``first`` and ``second`` are the same readers and columns the same cases; either may
    have been read under one treatment only (NaN under the other), which gives the split-plot
    designs. See ``one_shot_auc`` for the rest.

    Args:
        truth: whether each case is positive, (n,).
        first: ratings, (readers, n).
        second: the same under the other treatment.
        level: nominal coverage.
    """
    positive, table = _checked(truth, first)
    _, other = _checked(truth, second)
    if table.shape != other.shape:
        raise PlanError(
            f"first, second: expected the same readers and cases, got {table.shape} and "
            f"{other.shape}; give NaN for what was not read"
        )
    wins, seen = _comparisons(positive, table)
    more, also = _comparisons(positive, other)
    value = math.nan
    if seen.any() and also.any():
        value = float(wins.sum() / seen.sum() - more.sum() / also.sum())
    variance = (
        _covariance(wins, seen, wins, seen)
        + _covariance(more, also, more, also)
        - 2 * _covariance(wins, seen, more, also)
    )
    return _estimate(value, variance, positive.size, level, "difference of mean ROC areas")


def _checked(truth: ArrayLike, ratings: ArrayLike) -> tuple[Booleans, Floats]:
    positive, table = as_events("truth", truth), np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != positive.size:
        raise PlanError(
            f"ratings: expected (readers, {positive.size} cases), got shape {table.shape}"
        )
    return positive, table


def _comparisons(positive: Booleans, ratings: Floats) -> tuple[Floats, Floats]:
    """Wins (ties half) and which comparisons there are, (readers, negatives, positives)."""
    difference = ratings[:, None, positive] - ratings[:, ~positive, None]
    seen = ~np.isnan(difference)
    wins = np.where(seen, (difference > 0) + 0.5 * (difference == 0), 0.0)
    return wins, seen.astype(np.float64)


def _covariance(wins: Floats, seen: Floats, other_wins: Floats, other_seen: Floats) -> float:
    """Unbiased covariance of two averages of comparisons.

    E(product) is a mean over pairs of comparisons, sorted by what the two share (reader,
    negative, positive); pairs that share nothing estimate the product of the expectations.
    """
    products, counts = _exactly_shared(wins, other_wins), _exactly_shared(seen, other_seen)
    total = float(seen.sum() * other_seen.sum())
    nothing = frozenset[int]()
    if total == 0 or counts[nothing] < 0.5:
        return math.nan
    unrelated = products[nothing] / counts[nothing]
    return sum(
        counts[shared] / total * (products[shared] / counts[shared] - unrelated)
        for shared in _SETS
        if counts[shared] > 0.5
    )


def _exactly_shared(one: Floats, other: Floats) -> dict[frozenset[int], float]:
    """Sums of products over pairs of entries that share exactly these axes."""
    at_least = {}
    for shared in _SETS:
        summed = tuple(axis for axis in range(3) if axis not in shared)
        at_least[shared] = float((one.sum(axis=summed) * other.sum(axis=summed)).sum())
    return {
        shared: sum(
            (-1) ** (len(more) - len(shared)) * at_least[more] for more in _SETS if shared <= more
        )
        for shared in _SETS
    }


def _estimate(value: float, variance: float, n: int, level: float, what: str) -> Estimate:
    check_level(level)
    half = normal_quantile(level) * math.sqrt(variance) if variance > 0 else math.nan
    note = "" if half > 0 else "the unbiased variance is not above 0: no interval"
    if math.isnan(variance):
        note = "fewer than two readers or two cases of a class compared: no interval"
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        method=f"{what}, one-shot U-statistic variance, normal interval",
        n=n,
        variance=variance,
        note="no reader compared a positive with a negative" if math.isnan(value) else note,
    )
