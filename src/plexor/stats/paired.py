"""Difference of two proportions of the same observations."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import (
    Groups,
    as_counts,
    as_events,
    check_level,
    check_same_length,
    group_codes,
    normal_quantile,
)
from plexor.stats.cluster import clustered_ratio, score_correlation
from plexor.stats.difference import score_limits
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import Part, grouped_spread, joined
from plexor.stats.mover import mover_limits
from plexor.stats.proportion import wilson_limits

PairedMethod = Literal["newcombe", "tango", "wald"]

_WORDS: dict[PairedMethod, str] = {
    "newcombe": "Newcombe's paired square-and-add interval (method 10)",
    "tango": "Tango's score interval of a paired difference",
    "wald": "Wald interval of a paired difference",
}


def paired_difference_interval(
    both: int,
    before_only: int,
    after_only: int,
    neither: int,
    *,
    level: float = 0.95,
    method: PairedMethod = "newcombe",
) -> Estimate:
    """The proportion after minus the proportion before, from the counts of independent pairs.

    * ``"newcombe"`` (the default): two Wilson intervals, squared and added with their
      correlation, which is reduced for continuity (Stat Med 1998;17:2635, method 10).
    * ``"tango"``: inverts the score test (Stat Med 1998;17:891); it contains 0 exactly if McNemar's
      asymptotic test is not significant.
    * ``"wald"``: for comparison with published tables only.

    Args:
        both: pairs with the outcome both times.
        before_only: pairs with the outcome before only.
        after_only: pairs with the outcome after only.
        neither: pairs without the outcome both times.
        level: nominal coverage.
        method: see above.

    Returns:
        NaN with a note without pairs.

    Raises:
        PlanError: a negative or fractional count, a level outside 0 … 1, an unknown method.

    Examples:
        >>> found = paired_difference_interval(140, 30, 12, 18)
        >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
        (-0.09, -0.154, -0.027)
    """
    check_level(level)
    if method not in _WORDS:
        raise PlanError(unknown("paired interval", method, get_args(PairedMethod)))
    both, before_only, after_only, neither = as_counts(
        both=both, before_only=before_only, after_only=after_only, neither=neither
    )
    n = both + before_only + after_only + neither
    value = low = high = math.nan
    if n:
        value, z = (after_only - before_only) / n, normal_quantile(level)
        if method == "newcombe":
            low, high = _newcombe(both, before_only, after_only, n, z)
        elif method == "tango":
            low, high = _tango(after_only, before_only, n, z)
        else:
            half = z * math.sqrt(((before_only + after_only) / n - value**2) / n)
            low, high = max(-1.0, value - half), min(1.0, value + half)
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method=_WORDS[method],
        n=n,
        note="" if n else "no observations",
    )


def paired_difference(
    before: ArrayLike, after: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """The proportion after minus the proportion before, of the same observations.

    Without groups this is ``paired_difference_interval`` by Newcombe's method. With groups, each
    Wilson interval is that of ``clustered_proportion``, and the correlation is that of the two
    proportions linearised over groups, reduced in the same way with the effective sample size in
    place of n (the construction that Yang, Sun & Hardin, Pharm Stat 2012;11:386, study). With each
    observation in a group of its own both are equal.

    Args:
        before: one truth value per observation, e.g. whether it was decided rightly, (n,).
        after: the same afterwards, (n,).
        groups: the group of each; None where observations are independent.
        level: nominal coverage.

    Returns:
        NaN with a note without observations; no interval for one single group of several.

    Raises:
        PlanError: lengths differ, entries are not true or false, or a group is missing.

    Examples:
        >>> before, after = [1, 1, 1, 1, 0, 1, 1, 0], [1, 0, 0, 1, 0, 1, 0, 0]
        >>> paired_difference(before, after).value
        -0.375
    """
    check_level(level)
    first, second = as_events("before", before), as_events("after", after)
    n = first.size
    check_same_length(before=n, after=second.size)
    if groups is None:
        counts = np.bincount(2 * ~first + ~second, minlength=4).tolist()
        return paired_difference_interval(*counts, level=level)
    codes, n_groups = group_codes(groups, n)
    old = clustered_ratio(first, codes, n_groups, level)
    new = clustered_ratio(second, codes, n_groups, level)
    rho = float(score_correlation([new, old])[0, 1])
    n_effective = min(old.n_effective, new.n_effective)
    low, high = _square_and_add(
        (new.value, new.low, new.high),
        (old.value, old.low, old.high),
        _reduced(rho, new.value, old.value, n_effective),
    )
    change = Part(values=second.astype(np.float64) - first, codes=codes)
    return Estimate(
        value=new.value - old.value,
        low=low,
        high=high,
        level=level,
        method=_WORDS["newcombe"] + ", at the groups' effective sample sizes",
        n=n,
        n_groups=n_groups,
        variance=grouped_spread([change], n_groups).variance if n else math.nan,
        note=joined(new.note, old.note),
    )


def _newcombe(
    both: int, before_only: int, after_only: int, n: int, z: float
) -> tuple[float, float]:
    before, after = (both + before_only) / n, (both + after_only) / n
    spread = math.sqrt(before * (1 - before) * after * (1 - after))
    rho = (both / n - before * after) / spread if spread else 0.0
    return _square_and_add(
        (after, *wilson_limits(after, n, z)),
        (before, *wilson_limits(before, n, z)),
        _reduced(rho, after, before, n),
    )


def _square_and_add(
    new: tuple[float, float, float], old: tuple[float, float, float], rho: float
) -> tuple[float, float]:
    values, lows, highs = np.array([new, old]).T
    return mover_limits(
        np.array([1.0, -1.0]), values, lows, highs, np.array([[1.0, rho], [rho, 1.0]])
    )


def _reduced(rho: float, p: float, q: float, n: float) -> float:
    """Newcombe's continuity correction, by 1/(2n) in the numerator; it never changes the sign."""
    if not rho > 0:
        return rho
    return max(0.0, rho - 1 / (2 * n * math.sqrt(p * (1 - p) * q * (1 - q))))


def _tango(gained: int, lost: int, n: int, z: float) -> tuple[float, float]:
    return score_limits(
        (gained - lost) / n, n, z, lambda true: tango_variance(gained, lost, n, true)
    )


def tango_variance(gained: int, lost: int, n: int, true: float) -> float:
    """Variance of a paired difference at the likelihood's maximum under a difference of ``true``.

    Tango (Stat Med 1998;17:891), eq. 21.

    Args:
        gained: pairs with the outcome after only.
        lost: pairs with the outcome before only.
        n: pairs.
        true: the proportion after minus the proportion before.
    """
    linear = (2 * n - gained + lost) * true - gained - lost
    constant = -lost * true * (1 - true)
    lost_share = (math.sqrt(max(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
    return max(0.0, 2 * lost_share + true * (1 - true)) / n
