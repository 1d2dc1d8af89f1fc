"""Variance of reader-averaged ROC areas as a U-statistic, for any design of readers and cases.

Gallas (Acad Radiol 2006;13:353) and Gallas & Brown (Neural Netw 2008;21:387): unbiased, without
a model, for fully crossed, split-plot and ragged studies alike.

Their intervals are normal, which is far too narrow with a few readers. Here they are Student's,
with the degrees of freedom of Hillis (Stat Med 2007;26:596) for U-statistics. The variance V has a
part C, the covariance of different readers, which comes from the cases they share; the rest, V - C,
comes from R readers; so df = (R - 1) (V / (V - C))². In a crossed study of two treatments these are
Hillis', apart from how the components are estimated. R is the effective number of readers, 1 / Σ
share², with the share of all comparisons that each reader made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import Booleans, Floats, as_events, as_floats, check_level, t_quantile
from plexor.stats.estimate import Estimate
from plexor.stats.mrmc import FEW_READERS, MANY_READERS
from plexor.stats.roc_interval import logit_limits

_READER = 0
_NOTHING = frozenset[int]()
_SETS = [frozenset(c) for size in range(4) for c in combinations(range(3), size)]


def one_shot_auc(truth: ArrayLike, ratings: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The area under the ROC curve, averaged over readers; random readers and cases.

    All comparisons of a positive with a negative by the same reader have the same weight, so a
    reader who read more cases has more weight. The interval is symmetric on the logit scale.

    Args:
        truth: whether each case is positive, (n,).
        ratings: (readers, n), NaN where a reader did not read a case.
        level: nominal coverage.

    Returns:
        NaN with a note where no reader compared a positive with a negative. The interval needs two
        readers and two cases of each class. The unbiased variance may be negative; then there is no
        interval, which the note says.

    Raises:
        PlanError: shapes that do not fit.

    Examples:
        >>> truth = [0, 0, 0, 1, 1, 1]
        >>> ratings = [[1, 2, 3, 2, 4, 5], [1, 1, 2, 3, 3, 5], [2, 1, 1, 2, 5, 4]]
        >>> round(one_shot_auc(truth, ratings).value, 3)
        0.926
    """
    positive, table = _checked(truth, ratings)
    own = _comparisons(positive, table)
    found = _estimate(
        own.mean, _covariance(own, own), positive.size, level, "mean ROC area over readers"
    )
    if not 0 < own.mean < 1 or math.isnan(found.low):
        return replace(found, low=math.nan, high=math.nan)
    low, high = logit_limits(own.mean, own.mean - found.low)
    return replace(found, low=low, high=high, method=f"{found.method}, logit interval")


def one_shot_difference(
    truth: ArrayLike, first: ArrayLike, second: ArrayLike, *, level: float = 0.95
) -> Estimate:
    """Area averaged over readers under one treatment minus that under another.

    Rows of ``first`` and ``second`` are the same readers, columns the same cases. In split-plot
    designs a reader or a case has NaN under one of the treatments. Undefined cases and errors as
    for ``one_shot_auc``.

    Args:
        truth: whether each case is positive, (n,).
        first: ratings under the first treatment, (readers, n), NaN where not read.
        second: the same under the second treatment.
        level: nominal coverage.

    Examples:
        >>> truth = [0, 0, 0, 1, 1, 1]
        >>> first = [[1, 2, 3, 2, 4, 5], [1, 1, 2, 3, 3, 5]]
        >>> second = [[2, 2, 3, 2, 3, 5], [1, 3, 2, 3, 2, 5]]
        >>> round(one_shot_difference(truth, first, second).value, 3)
        0.167
    """
    positive, table = _checked(truth, first)
    _, other = _checked(truth, second)
    if table.shape != other.shape:
        raise PlanError(
            f"first, second: expected the same readers and cases, got {table.shape} and "
            f"{other.shape}; give NaN for what was not read"
        )
    one, two = _comparisons(positive, table), _comparisons(positive, other)
    parts = _covariance(one, one), _covariance(two, two), _covariance(one, two)
    variance = _Variance(
        total=parts[0].total + parts[1].total - 2 * parts[2].total,
        of_cases=parts[0].of_cases + parts[1].of_cases - 2 * parts[2].of_cases,
        n_readers=min(parts[0].n_readers, parts[1].n_readers),
    )
    return _estimate(
        one.mean - two.mean, variance, positive.size, level, "difference of mean ROC areas"
    )


def _checked(truth: ArrayLike, ratings: ArrayLike) -> tuple[Booleans, Floats]:
    positive, table = as_events("truth", truth), as_floats("ratings", ratings)
    if table.ndim != 2 or table.shape[1] != positive.size:
        raise PlanError(
            f"ratings: expected (readers, {positive.size} cases), got shape {table.shape}"
        )
    return positive, table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparisons:
    """Sums of comparisons won (ties half) and of comparisons made, over subsets of the axes.

    Axes are readers, negatives and positives; a key is the set of axes that are kept.
    """

    wins: Mapping[frozenset[int], Floats]
    seen: Mapping[frozenset[int], Floats]

    @property
    def mean(self) -> float:
        """The share of comparisons won; NaN where there is none."""
        made = float(self.seen[_NOTHING])
        return float(self.wins[_NOTHING]) / made if made else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variance:
    """A variance or covariance, its part between different readers, and their effective number."""

    total: float
    of_cases: float
    n_readers: float

    @property
    def df(self) -> float:
        """Hillis' degrees of freedom; see the module."""
        of_readers = min(self.total, self.total - self.of_cases)
        return (self.n_readers - 1) * (self.total / of_readers) ** 2 if of_readers > 0 else math.inf


def _comparisons(positive: Booleans, ratings: Floats) -> _Comparisons:
    above, below = ratings[:, None, positive], ratings[:, ~positive, None]
    seen = ~(np.isnan(above) | np.isnan(below))
    wins = (above > below) + 0.5 * (above == below)
    return _Comparisons(wins=_sums(wins), seen=_sums(seen.astype(np.float64)))


def _sums(table: Floats) -> dict[frozenset[int], Floats]:
    return {
        kept: np.asarray(table.sum(axis=tuple(axis for axis in range(3) if axis not in kept)))
        for kept in _SETS
    }


def _covariance(one: _Comparisons, other: _Comparisons) -> _Variance:
    """Unbiased covariance of two averages of comparisons.

    The expectation of the product is a mean over pairs of comparisons, by what the two share
    (reader, negative, positive); pairs that share nothing estimate the product of the expectations.
    """
    products, counts = _exactly_shared(one.wins, other.wins), _exactly_shared(one.seen, other.seen)
    pairs = float(one.seen[_NOTHING] * other.seen[_NOTHING])
    if pairs == 0 or counts[_NOTHING] < 0.5:
        return _Variance(total=math.nan, of_cases=math.nan, n_readers=math.nan)
    unrelated = products[_NOTHING] / counts[_NOTHING]
    excess = {
        shared: (products[shared] - counts[shared] * unrelated) / pairs
        for shared in _SETS
        if counts[shared] > 0.5
    }
    apart = sum(counts[shared] for shared in _SETS if _READER not in shared) / pairs
    return _Variance(
        total=sum(excess.values()),
        of_cases=sum(x for shared, x in excess.items() if _READER not in shared) / apart,
        n_readers=1 / (1 - apart) if apart < 1 else math.inf,
    )


def _exactly_shared(
    one: Mapping[frozenset[int], Floats], other: Mapping[frozenset[int], Floats]
) -> dict[frozenset[int], float]:
    """Sums of products over pairs of entries that share exactly these axes."""
    at_least = {shared: float((one[shared] * other[shared]).sum()) for shared in _SETS}
    return {
        shared: sum(
            (-1) ** (len(more) - len(shared)) * at_least[more] for more in _SETS if shared <= more
        )
        for shared in _SETS
    }


def _estimate(value: float, variance: _Variance, n: int, level: float, what: str) -> Estimate:
    check_level(level)
    total = variance.total
    half = t_quantile(level, variance.df) * math.sqrt(total) if total > 0 else math.nan
    note = FEW_READERS if variance.n_readers < MANY_READERS - 1e-9 else ""
    if math.isnan(half):
        note = "the unbiased variance is not above 0: no interval"
    if math.isnan(total):
        note = "fewer than two readers or two cases of a class compared: no interval"
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        method=f"{what}, one-shot U-statistic variance, Student's t with Hillis' df",
        n=n,
        variance=total,
        note="no reader compared a positive with a negative" if math.isnan(value) else note,
    )
