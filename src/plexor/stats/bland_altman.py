"""How far two ways of measuring the same thing may lie apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError
from plexor.stats.argument import (
    Groups,
    as_floats,
    check_level,
    group_codes,
    normal_quantile,
    t_quantile,
)
from plexor.stats.estimate import Estimate
from plexor.stats.result_text import Results


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsOfAgreement(Results):
    """Where the differences of two methods lie, in the unit of the measurements.

    Attributes:
        bias: mean difference.
        lower: the lower limit of agreement, with its own interval.
        upper: the upper one.
        sd_between: standard deviation of the differences between subjects; 0 where the estimated
            variance is negative, which the notes of the estimates then say.
        sd_within: standard deviation of the differences within a subject; NaN where each subject
            has one pair.
    """

    bias: Estimate
    lower: Estimate
    upper: Estimate
    sd_between: float
    sd_within: float


def bland_altman(
    first: ArrayLike,
    second: ArrayLike,
    subjects: Groups | None = None,
    *,
    agreement: float = 0.95,
    level: float = 0.95,
) -> LimitsOfAgreement:
    """Bland & Altman's limits of agreement of first - second, also with several pairs a subject.

    Pairs of a subject need not measure the same true value (Bland & Altman, J Biopharm Stat
    2007;17:571, sec. 3): the differences are a one-way random model, their variance the sum of that
    between and within subjects. Intervals of the limits by MOVER (Zou, Stat Methods Med Res
    2013;22:630). The bias is the mean of the subjects' means, so that every subject has the same
    weight; its interval is Student's.

    The intervals of the limits assume normal differences between and within subjects. With several
    pairs a subject and other distributions they cover too little: 87 to 92 % in some designs of
    docs/reference/coverage.md.

    Args:
        first: one method's measurements, (n,).
        second: the other's, (n,).
        subjects: the subject of each pair, (n,); None where each pair is of another subject.
        agreement: share of differences that the limits hold.
        level: nominal coverage of the intervals.

    Returns:
        NaN with a note for fewer than two subjects.

    Raises:
        PlanError: lengths differ, a number is NaN or infinite, or a subject is missing.

    Examples:
        >>> truth, predicted = [61, 70, 74, 66, 58], [64, 69, 79, 65, 60]
        >>> round(bland_altman(truth, predicted).upper.value, 2)
        3.51
    """
    check_level(level)
    check_level(agreement)
    x, y = as_floats("first", first), as_floats("second", second)
    finite = np.isfinite(x).all() and np.isfinite(y).all()
    if x.shape != y.shape or x.ndim != 1 or not finite:
        raise PlanError(
            f"first, second: expected one finite number each per pair, got shapes {x.shape} and "
            f"{y.shape}{'' if finite else ', some NaN or infinite; leave those pairs out'}"
        )
    difference = x - y
    n = difference.size
    codes, k = (np.arange(n), n) if subjects is None else group_codes(subjects, n)
    sizes = np.bincount(codes, minlength=k)
    means = np.bincount(codes, weights=difference, minlength=k) / sizes
    bias = float(means.mean()) if k else math.nan
    of_means = float(means.var(ddof=1)) if k > 1 else math.nan
    harmonic = k / float((1 / sizes).sum()) if k else math.nan
    within_df = n - k
    within = float(((difference - means[codes]) ** 2).sum()) / within_df if within_df else 0.0
    parts = [(of_means, k - 1), ((1 - 1 / harmonic) * within, within_df)]
    total = sum(part for part, _ in parts)
    standard_error = math.sqrt(of_means / k) if k > 1 else math.nan
    shift = normal_quantile(agreement)
    var_low, var_high = _variance_limits(parts, level) if k > 1 else (math.nan, math.nan)
    sd = math.sqrt(total)
    mean_half = normal_quantile(level) * standard_error
    inner = math.hypot(mean_half, shift * (sd - math.sqrt(var_low)))
    outer = math.hypot(mean_half, shift * (math.sqrt(var_high) - sd))
    bias_half = t_quantile(level, k - 1) * standard_error

    note = "" if k > 1 else "fewer than two subjects"
    if k > 1 and total <= 1e-24 * bias**2:
        note = "all differences are equal: the interval has no width"
    elif k > 1 and within_df and of_means < within / harmonic:
        note = (
            "the estimated variance between subjects is negative (their pairs differ more than "
            "their means); it counts as 0 in sd_between"
        )

    def estimate(value: float, below: float, above: float, method: str) -> Estimate:
        return Estimate(
            value=value,
            low=value - below,
            high=value + above,
            level=level,
            method=method,
            n=n,
            n_groups=None if subjects is None else k,
            note=note,
        )

    words = f"{agreement:.0%} limit of agreement, MOVER interval"
    return LimitsOfAgreement(
        bias=estimate(bias, bias_half, bias_half, "mean difference, Student's interval"),
        lower=estimate(bias - shift * sd, outer, inner, words),
        upper=estimate(bias + shift * sd, inner, outer, words),
        sd_between=math.sqrt(max(0.0, of_means - within / harmonic)) if k > 1 else math.nan,
        sd_within=math.sqrt(within) if within_df else math.nan,
    )


def _variance_limits(parts: list[tuple[float, int]], level: float) -> tuple[float, float]:
    """Limits of a sum of independent mean squares, each χ²/df about its expectation."""
    tail = (1 - level) / 2
    total = sum(part for part, _ in parts)
    below = above = 0.0
    for part, df in parts:
        if df:
            below += (part * (1 - df / float(special.chdtri(df, tail)))) ** 2
            above += (part * (df / float(special.chdtri(df, 1 - tail)) - 1)) ** 2
    return max(0.0, total - math.sqrt(below)), total + math.sqrt(above)
