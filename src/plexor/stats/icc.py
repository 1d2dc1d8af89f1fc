"""Intraclass correlation: the share of the variance of measurements that is between cases."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import Floats, as_floats, check_level
from plexor.stats.estimate import Estimate
from plexor.stats.mover import mover_limits

IccKind = Literal["1,1", "A,1", "C,1", "1,k", "A,k", "C,k"]
IccInterval = Literal["mover", "f"]


def icc(
    measurements: ArrayLike,
    *,
    kind: IccKind = "A,1",
    interval: IccInterval = "mover",
    level: float = 0.95,
) -> Estimate:
    """Intraclass correlation of k raters' measurements of n cases, with its interval.

    McGraw & Wong (Psychol Methods 1996;1:30, tables 4 and 7, and their 1996;1:390 correction);
    in the terms of Shrout & Fleiss: "1,1" is ICC(1,1), "A,1" ICC(2,1), "C,1" ICC(3,1).

    * ``"1,1"``: each case is measured by different raters; of one measurement;
    * ``"A,1"``: the same raters, absolute agreement (a constant difference of raters lowers it);
    * ``"C,1"``: the same raters, consistency (a constant difference of raters does not lower it);
    * ``"1,k"``, ``"A,k"``, ``"C,k"``: of the mean of the k raters.

    The kinds of agreement have a choice of intervals; the other kinds have an exact one, from the F
    distribution.

    * ``"mover"``: the correlations r for which the limits of (1 - r) R - (1 + r (k - 1 - k / n)) E
      - r k / n C contain 0, where R, C and E are the mean squares of cases, raters and the rest.
      Each mean square has chi-squared limits, which MOVER combines (see ``plexor.stats.mover``).
    * ``"f"``: McGraw & Wong's, with Satterthwaite's degrees of freedom, as in R's psych. It covers
      too little where raters differ and cases are many: with three raters, whose variance is a
      fifth of the cases', 94 % for 50 cases, 87 % for 200 and 76 % for 2,000.

    The modified large-sample interval of Cappelleri & Ting (Stat Med 2003;22:1861), made for the
    same purpose, is not offered. With two raters ``"mover"`` is wide, because their variance is
    hardly known.

    Args:
        measurements: (n, k), none missing.
        kind: see above.
        interval: for agreement, see above; ignored for the other kinds.
        level: nominal coverage.

    Returns:
        NaN with a note for fewer than two cases or raters, or where nothing varies; no interval
        where cases do not differ, where the value is below the least possible in a population, or
        where raters differ too much for the F interval. The lower limit of MOVER is not below that
        least value, -1 / (k - 1) for one measurement and minus infinity for the mean.

    Raises:
        PlanError: a wrong shape, a missing or infinite number, an unknown kind or interval.

    Examples:
        >>> round(icc([[61, 64], [70, 69], [74, 79], [66, 65], [58, 60]]).value, 3)
        0.916
    """
    check_level(level)
    if kind not in get_args(IccKind):
        raise PlanError(unknown("ICC", kind, get_args(IccKind)))
    if interval not in get_args(IccInterval):
        raise PlanError(unknown("interval of the ICC", interval, get_args(IccInterval)))
    x = as_floats("measurements", measurements)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise PlanError(
            f"measurements: expected finite numbers, (cases, raters), got shape {x.shape}; "
            "leave cases out that some rater did not measure, and say how many"
        )
    n, k = x.shape
    by_mover = kind[0] == "A" and interval == "mover"
    value = low = high = math.nan
    note = "fewer than two cases or raters"
    if n > 1 and k > 1:
        single = _limits_of_one(x, kind, interval, level)
        note = "nothing varies" if math.isnan(single[0]) else ""
        value, low, high = (_of_mean(r, k) if kind.endswith("k") else r for r in single)
        if not note and not low <= high:
            low = high = math.nan
            note = "cases differ too little compared with raters: no interval"
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method=f"ICC({kind}), {'MOVER' if by_mover else 'F'} interval",
        n=n,
        note=note,
    )


def _limits_of_one(
    x: Floats, kind: IccKind, interval: IccInterval, level: float
) -> tuple[float, float, float]:
    """Value and limits for one measurement; those of the mean follow by Spearman-Brown."""
    n, k = x.shape
    centred = x - x.mean()
    rows = k * float((centred.mean(axis=1) ** 2).sum()) / (n - 1)
    columns = n * float((centred.mean(axis=0) ** 2).sum()) / (k - 1)
    total = float((centred**2).sum())
    residual = (total - (n - 1) * rows - (k - 1) * columns) / ((n - 1) * (k - 1))
    residual = max(0.0, residual)
    within = (total - (n - 1) * rows) / (n * (k - 1))
    if total <= 1e-24 * max(1.0, float((x**2).sum())):
        return math.nan, math.nan, math.nan
    if kind[0] == "A":
        return _absolute((rows, columns, residual), n, k, interval, level)
    noise, df = (within, n * (k - 1)) if kind[0] == "1" else (residual, (n - 1) * (k - 1))
    if noise <= 1e-14 * rows:
        return 1.0, 1.0, 1.0
    f, tail = rows / noise, (1 - level) / 2
    lower, upper = f / _f(1 - tail, n - 1, df), f * _f(1 - tail, df, n - 1)
    value, low, high = ((ratio - 1) / (ratio + k - 1) for ratio in (f, lower, upper))
    return value, low, high


def _absolute(
    squares: tuple[float, float, float], n: int, k: int, interval: IccInterval, level: float
) -> tuple[float, float, float]:
    """ICC(A,1) and its limits, also if only the cases or only the raters vary."""
    rows, columns, residual = squares
    value = (rows - residual) / (rows + (k - 1) * residual + k * (columns - residual) / n)
    if value >= 1 or max(residual, columns) <= 1e-14 * rows:
        return value, 1.0, 1.0
    if rows <= 1e-14 * max(residual, columns):
        return value, math.nan, math.nan
    limits = _mover if interval == "mover" else _satterthwaite
    return value, *limits(squares, n, k, value, level)


def _mover(
    squares: tuple[float, float, float], n: int, k: int, value: float, level: float
) -> tuple[float, float]:
    """The least and greatest correlation for which MOVER limits of the mean squares contain 0."""
    found = np.array(squares) / max(squares)
    freedom = np.array([n - 1.0, k - 1.0, (n - 1.0) * (k - 1.0)])
    tail = (1 - level) / 2
    lows = found * freedom / special.chdtri(freedom, tail)
    highs = found * freedom / special.chdtri(freedom, 1 - tail)
    independent = np.eye(3)

    def limit(r: float, side: int) -> float:
        weights = np.array([1 - r, -r * k / n, -(1 + r * (k - 1 - k / n))])
        return mover_limits(weights, found, lows, highs, independent)[side]

    least = -1 / (k - 1)  # no correlation of k raters is less; then their mean has no variance
    if value <= least:
        return math.nan, math.nan
    low, high = least, optimize.brentq(limit, value, 1.0, args=(1,), xtol=1e-14)
    if limit(least, 0) > 0:
        low = optimize.brentq(limit, least, value, args=(0,), xtol=1e-14)
    return float(low), float(high)


def _satterthwaite(
    squares: tuple[float, float, float], n: int, k: int, value: float, level: float
) -> tuple[float, float]:
    """With Satterthwaite's degrees of freedom (McGraw & Wong, table 7)."""
    rows, columns, residual = squares
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    column, rest = a * columns, b * residual
    if column + rest <= 0 or b <= 0:
        return math.nan, math.nan
    df = (column + rest) ** 2 / (column**2 / (k - 1) + rest**2 / ((n - 1) * (k - 1)))
    tail = (1 - level) / 2
    f_low, f_high = _f(1 - tail, n - 1, df), _f(1 - tail, df, n - 1)
    others = k * columns + (k * n - k - n) * residual
    low = n * (rows - f_low * residual) / (f_low * others + n * rows)
    high = n * (f_high * rows - residual) / (others + n * f_high * rows)
    return low, high


def _f(share: float, df_above: float, df_below: float) -> float:
    return float(special.fdtri(df_above, df_below, share))


def _of_mean(r: float, k: int) -> float:
    return -math.inf if r == -1 / (k - 1) else k * r / (1 + (k - 1) * r)
