"""How much of the spread of measurements is between cases, not between raters."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import Floats, as_floats, check_level
from plexor.stats.estimate import Estimate

IccKind = Literal["1,1", "A,1", "C,1", "1,k", "A,k", "C,k"]


def icc(measurements: ArrayLike, *, kind: IccKind = "A,1", level: float = 0.95) -> Estimate:
    """Intraclass correlation of k raters' measurements of n cases, with its F interval.

    McGraw & Wong (Psychol Methods 1996;1:30, tables 4 and 7, and their 1996;1:390 correction);
    in the terms of Shrout & Fleiss: "1,1" is ICC(1,1), "A,1" ICC(2,1), "C,1" ICC(3,1).

    * ``"1,1"``: each case by other raters, one measurement;
    * ``"A,1"``: the same raters, absolute agreement (a rater who is always higher counts);
    * ``"C,1"``: the same raters, consistency (a constant difference does not count);
    * ``"1,k"``, ``"A,k"``, ``"C,k"``: of the mean of the k raters.

    The interval of absolute agreement covers too little where raters differ and cases are many:
    with three raters, whose variance is a fifth of the cases', 94 % for 50 cases, 87 % for 200 and
    76 % for 2,000 (docs/reference/coverage.md). There raters are the few; take more of them.

    Args:
        measurements: (n, k), none missing.
        kind: see above.
        level: nominal coverage.

    Returns:
        NaN with a note for fewer than two cases or raters, or where nothing varies; no interval
        where cases do not differ, or raters differ more than the F interval knows.

    Raises:
        PlanError: a wrong shape, a missing or infinite number, or an unknown kind.
    """
    check_level(level)
    if kind not in get_args(IccKind):
        raise PlanError(unknown("ICC", kind, get_args(IccKind)))
    x = as_floats("measurements", measurements)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise PlanError(
            f"measurements: expected finite numbers, (cases, raters), got shape {x.shape}; "
            "leave cases out that some rater did not measure, and say how many"
        )
    n, k = x.shape
    value = low = high = math.nan
    note = "fewer than two cases or raters"
    if n > 1 and k > 1:
        single = _limits_of_one(x, kind, level)
        note = "nothing varies" if math.isnan(single[0]) else ""
        value, low, high = (_of_mean(r, k) if kind.endswith("k") else r for r in single)
        if not note and not low <= high:
            low = high = math.nan
            note = "cases differ too little beside raters: the F interval is undefined"
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method=f"ICC({kind}), F interval",
        n=n,
        note=note,
    )


def _limits_of_one(x: Floats, kind: IccKind, level: float) -> tuple[float, float, float]:
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
        return _absolute((rows, columns, residual), n, k, level)
    noise, df = (within, n * (k - 1)) if kind[0] == "1" else (residual, (n - 1) * (k - 1))
    if noise <= 1e-14 * rows:
        return 1.0, 1.0, 1.0
    f, tail = rows / noise, (1 - level) / 2
    lower, upper = f / _f(1 - tail, n - 1, df), f * _f(1 - tail, df, n - 1)
    value, low, high = ((ratio - 1) / (ratio + k - 1) for ratio in (f, lower, upper))
    return value, low, high


def _absolute(
    squares: tuple[float, float, float], n: int, k: int, level: float
) -> tuple[float, float, float]:
    """ICC(A,1) with Satterthwaite's degrees of freedom (McGraw & Wong, table 7)."""
    rows, columns, residual = squares
    value = (rows - residual) / (rows + (k - 1) * residual + k * (columns - residual) / n)
    a = k * value / (n * (1 - value)) if value < 1 else math.inf
    if math.isinf(a) or max(residual, columns) <= 1e-14 * rows:
        return value, 1.0, 1.0
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    column, rest = a * columns, b * residual
    if rows <= 1e-14 * max(residual, columns) or column + rest <= 0 or b <= 0:
        return value, math.nan, math.nan
    df = (column + rest) ** 2 / (column**2 / (k - 1) + rest**2 / ((n - 1) * (k - 1)))
    tail = (1 - level) / 2
    f_low, f_high = _f(1 - tail, n - 1, df), _f(1 - tail, df, n - 1)
    others = k * columns + (k * n - k - n) * residual
    low = n * (rows - f_low * residual) / (f_low * others + n * rows)
    high = n * (f_high * rows - residual) / (others + n * f_high * rows)
    return value, low, high


def _f(share: float, df_above: float, df_below: float) -> float:
    return float(special.fdtri(df_above, df_below, share))


def _of_mean(r: float, k: int) -> float:
    return k * r / (1 + (k - 1) * r)
