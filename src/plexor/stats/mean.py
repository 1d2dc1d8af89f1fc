"""Means, quantiles and errors of measurements, also over groups of cases."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError
from plexor.stats.argument import (
    Floats,
    Groups,
    as_floats,
    check_level,
    check_same_length,
    group_codes,
)
from plexor.stats.cluster import clustered_ratio, independent_size
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import joined, mean_spread

_ONE_GROUP = "fewer than two cases or groups: no interval"
_INFINITE = "a value is infinite"
_MANY = 50
_SKEWED = (
    "skewed values in fewer than 50 cases (or groups): the interval covers too little, on the side "
    "of the long tail"
)
_ALIKE = "all values are equal: the interval has no width"


def as_numbers(name: str, values: ArrayLike) -> Floats:
    """One number per case, (n,), none of them NaN.

    Raises:
        PlanError: another shape, or NaN.
    """
    array = as_floats(name, values)
    if array.ndim != 1:
        raise PlanError(f"{name}: expected one number per case, got shape {array.shape}")
    missing = int(np.isnan(array).sum())
    if missing:
        raise PlanError(
            f"{name}: {missing} of {array.size} are NaN; leave those cases out, and say how many"
        )
    return array


def clustered_mean(
    values: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """The mean of all cases, with Student's interval.

    Without groups this is the usual interval of a mean. With groups the variance and the degrees
    of freedom are those of ``plexor.stats.grouped_variance``, which allow for few groups and for
    groups of very unequal size; with equal groups the degrees of freedom are groups - 1.

    With few cases or groups and skewed values, such as absolute errors, it covers too little, on
    the side of the long tail: 91 % for 20 exponential values, 87 % for 4 groups of 5 with a
    correlation of 0.8 (docs/reference/coverage.md).

    Args:
        values: (n,); e.g. absolute errors, Dice scores, changes.
        groups: the group of each case; None where cases are independent.
        level: nominal coverage.

    Returns:
        NaN with a note without cases; no interval for one case or group, or where a value is
        infinite (a Hausdorff distance to an empty mask), for which ``clustered_quantile`` is meant.

    Raises:
        PlanError: a NaN, lengths that differ, or a missing group.

    Examples:
        >>> patients = ["a", "a", "b", "c", "d"]
        >>> found = clustered_mean([2.0, 4.0, 3.0, 5.0, 1.0], patients)
        >>> found.value, found.n_groups
        (3.0, 4)
    """
    check_level(level)
    x = as_numbers("values", values)
    value = float(x.mean()) if x.size else math.nan
    finite = math.isfinite(value)
    spread = mean_spread(x if finite else np.full(x.size, np.nan), groups)
    half = spread.half_width(level)
    note = "" if finite else _INFINITE if x.size else "no cases"
    if half <= 1e-12 * abs(value):
        note = _ALIKE
    elif finite and half > 0 and (spread.n_groups or x.size) < _MANY and abs(_skewness(x)) > 1:
        note = joined(spread.note, _SKEWED)
    return Estimate(
        value=value,
        low=value - half if finite else math.nan,
        high=value + half if finite else math.nan,
        level=level,
        method="mean, Student's interval" + ("" if groups is None else " over groups"),
        n=x.size,
        n_groups=spread.n_groups,
        variance=spread.variance,
        note=note or (_ONE_GROUP if math.isnan(half) else spread.note),
    )


def _skewness(x: Floats) -> float:
    """The third standardised moment; needs values that differ."""
    centred = x - x.mean()
    return float((centred**3).mean() / (centred**2).mean() ** 1.5)


def clustered_quantile(
    values: ArrayLike, share: float = 0.5, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """A quantile of all cases, by default the median, with limits that are values of the data.

    Without groups the interval is the exact one: the number of cases below the quantile is
    binomial, whatever the distribution, so that the interval between two order statistics covers at
    least the nominal level (Conover, Practical Nonparametric Statistics, 3rd ed. 1999, sec. 3.2).
    With groups the ranks are those for the effective number of independent cases of
    ``clustered_proportion``, scaled to all cases (Woodruff, JASA 1952;47:635, with exact limits in
    place of his normal ones). Values may be infinite.

    The quantile is the lowest value with at least ``share`` of the cases at or below it; if it is
    exactly that share, the mean of this value and the next, as for the usual median.

    Args:
        values: (n,).
        share: strictly within 0 … 1.
        groups: the group of each case; None where cases are independent.
        level: nominal coverage.

    Returns:
        NaN with a note without cases; no interval for one group of several cases. A limit is
        infinite, with a note, if the cases are too few: the median of five cases or groups has no
        95 % limit on either side, because all five are above it with probability 1/32.

    Raises:
        PlanError: a NaN, a share outside 0 … 1, lengths that differ, or a missing group.

    Examples:
        >>> found = clustered_quantile([3, 1, 4, 1, 5, 9, 2, 6, 5, 3])
        >>> found.value, found.low, found.high
        (3.5, 1.0, 6.0)
    """
    check_level(level)
    unsorted = as_numbers("values", values)
    x = np.sort(unsorted)
    if not 0 < share < 1:
        raise PlanError(f"share: expected a value strictly between 0 and 1, got {share}")
    n = x.size
    value = _quantile(x, share) if n else math.nan
    size, n_groups, note = float(n), None, "" if n else "no observations"
    if groups is not None:
        codes, n_groups = group_codes(groups, n)
        at = clustered_ratio(
            unsorted <= (x[_place(x, share)] if n else 0.0), codes, n_groups, level
        )
        size, note = independent_size(at, level), at.note
    low = high = math.nan
    if size > 0:
        tail = (1 - level) / 2
        below, above = _rank(size, share, tail, n), _rank(size, 1 - share, tail, n)
        low = float(x[below - 1]) if below else -math.inf
        high = float(x[n - above]) if above else math.inf
        if not (below and above):
            of_what = "cases" if groups is None else "groups"
            note = "; ".join(filter(None, (note, f"too few {of_what} for a limit on each side")))
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method=("median" if share == 0.5 else f"quantile {share:g}")
        + ", exact interval of order statistics"
        + ("" if groups is None else " at the effective sample size of the groups"),
        n=n,
        n_groups=n_groups,
        note=note,
    )


def mean_absolute_error(
    truth: ArrayLike, prediction: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """``clustered_mean`` of |prediction - truth|, in the unit of the truth.

    Examples:
        >>> truth, predicted = [61, 70, 74, 66, 58], [64, 69, 79, 65, 60]
        >>> mean_absolute_error(truth, predicted).value
        2.4
    """
    return clustered_mean(np.abs(_errors(truth, prediction)), groups, level=level)


def median_absolute_error(
    truth: ArrayLike, prediction: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """The median of |prediction - truth|, in the unit of the truth; see ``clustered_quantile``.

    Examples:
        >>> truth, predicted = [61, 70, 74, 66, 58], [64, 69, 79, 65, 60]
        >>> median_absolute_error(truth, predicted).value
        2.0
    """
    return clustered_quantile(np.abs(_errors(truth, prediction)), 0.5, groups, level=level)


def root_mean_square_error(
    truth: ArrayLike, prediction: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """The root of the mean squared error, in the unit of the truth.

    Student's interval on the logarithmic scale, with the variance and degrees of freedom of
    ``clustered_mean``; arguments and undefined cases as there. If all errors are 0 there is no
    interval.

    Examples:
        >>> truth, predicted = [61, 70, 74, 66, 58], [64, 69, 79, 65, 60]
        >>> round(root_mean_square_error(truth, predicted).value, 3)
        2.828
    """
    check_level(level)
    squares = _errors(truth, prediction) ** 2
    mean = float(squares.mean()) if squares.size else math.nan
    value = math.sqrt(mean)
    usable = 0 < mean < math.inf
    influence = (squares / mean - 1) / 2 if usable else np.full_like(squares, np.nan)
    spread = mean_spread(influence, groups)
    half = spread.half_width(level)
    note = "no cases" if not squares.size else "no error at all: no interval" if mean == 0 else ""
    note = _INFINITE if math.isinf(mean) else note
    if half <= 1e-12:
        note = _ALIKE
    return Estimate(
        value=value,
        low=value * math.exp(-half) if usable else math.nan,
        high=value * math.exp(half) if usable else math.nan,
        level=level,
        method="root mean squared error, Student's interval of its logarithm",
        n=squares.size,
        n_groups=spread.n_groups,
        variance=spread.variance * mean,
        note=note or (_ONE_GROUP if math.isnan(half) else spread.note),
    )


def r_squared(
    truth: ArrayLike, prediction: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """1 - Σ(prediction - truth)² / Σ(truth - mean truth)²: below 0 if worse than the mean.

    Student's interval of the logarithm of 1 - R², with the variance and degrees of freedom of
    ``clustered_mean``. R² is not the squared correlation: it is low for a biased prediction. With
    four groups of five it covers 86 to 92 % (docs/reference/coverage.md).

    Returns:
        NaN with a note without cases, if the truth does not vary, or if a value is infinite; no
        interval if all errors are 0.

    Raises:
        PlanError: a NaN, lengths that differ, or a missing group.

    Examples:
        >>> truth, predicted = [61, 70, 74, 66, 58], [64, 69, 79, 65, 60]
        >>> round(r_squared(truth, predicted).value, 3)
        0.763
    """
    check_level(level)
    errors, y = _errors(truth, prediction) ** 2, as_numbers("truth", truth)
    finite = bool(np.isfinite(errors).all())
    deviations = (y - y.mean()) ** 2 if y.size and finite else np.full_like(y, np.nan)
    total, unexplained = float(deviations.sum()), float(errors.sum())
    value = 1 - unexplained / total if total > 0 else math.nan
    usable = total > 0 and unexplained > 0
    influence = errors / unexplained - deviations / total if usable else np.full_like(y, np.nan)
    spread = mean_spread(influence * y.size, groups)
    half = spread.half_width(level)
    note = "" if total > 0 else "the truth does not vary" if y.size else "no cases"
    note = note if finite else _INFINITE
    if total > 0 and unexplained == 0:
        note = "no error at all: no interval"
    return Estimate(
        value=value,
        low=1 - (1 - value) * math.exp(half),
        high=1 - (1 - value) * math.exp(-half),
        level=level,
        method="R squared, Student's interval of log(1 - R squared)",
        n=y.size,
        n_groups=spread.n_groups,
        variance=spread.variance * (1 - value) ** 2,
        note=note or (_ONE_GROUP if math.isnan(half) else spread.note),
    )


def _errors(truth: ArrayLike, prediction: ArrayLike) -> Floats:
    y, found = as_numbers("truth", truth), as_numbers("prediction", prediction)
    check_same_length(truth=y.size, prediction=found.size)
    with np.errstate(invalid="ignore"):  # both infinite: NaN, refused as such
        errors = found - y
    return as_numbers("prediction - truth", errors)


def _quantile(ordered: Floats, share: float) -> float:
    place = _place(ordered, share)
    exact = abs(share * ordered.size - (place + 1)) < 1e-9
    last = min(place + exact, ordered.size - 1)
    return float(ordered[place] / 2 + ordered[last] / 2)


def _place(ordered: Floats, share: float) -> int:
    """The first value with at least ``share`` of all at or below."""
    place = math.ceil(share * ordered.size - 1e-9) - 1
    return min(max(place, 0), ordered.size - 1)


def _rank(size: float, share: float, tail: float, n: int) -> int:
    """The highest rank whose value exceeds the quantile with a probability of at most ``tail``.

    With ``size`` independent cases the r-th least is above the quantile if fewer than r are below
    it, which is a binomial probability; ``size`` need not be whole. The rank is scaled to n cases;
    0 if even the least value exceeds the quantile too often.
    """
    ranks = np.arange(1, math.floor(size) + 1, dtype=np.float64)
    above = special.betainc(size - ranks + 1, ranks, 1 - share)  # P(fewer than r of size below)
    enough = int(np.count_nonzero(above <= tail))
    return min(n, math.floor(enough * n / size + 1e-9))
