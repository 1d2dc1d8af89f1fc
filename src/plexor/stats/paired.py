"""How much a proportion differs between two looks at the same observations."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from plexor.stats.argument import Groups, as_events, check_level, check_same_length, group_codes
from plexor.stats.cluster import ClusteredRatio, clustered_ratio
from plexor.stats.estimate import Estimate
from plexor.stats.mover import mover_limits


def paired_difference(
    before: ArrayLike, after: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """The proportion after minus the proportion before, of the same observations.

    Without groups the interval is Newcombe's square-and-add of two Wilson intervals with the
    correlation reduced for continuity (Stat Med 1998;17:2635, method 10). With groups, each
    Wilson interval is that of ``clustered_proportion``, and the correlation is that of the two
    proportions linearised over groups, reduced in the same way with the effective sample size in
    place of n (the construction that Yang, Sun & Hardin, Pharm Stat 2012;11:386, study). With
    every observation its own group both are equal.

    Args:
        before: one truth value per observation, e.g. whether it was decided rightly, (n,).
        after: the same afterwards, (n,).
        groups: the group of each; None where observations are independent.
        level: nominal coverage.

    Returns:
        NaN with a note without observations; no interval for one single group of several.

    Raises:
        PlanError: lengths differ, entries are not true or false, or a group is missing.
    """
    check_level(level)
    first, second = as_events("before", before), as_events("after", after)
    n = first.size
    check_same_length(before=n, after=second.size)
    codes, n_groups = (np.arange(n), n) if groups is None else group_codes(groups, n)
    old = clustered_ratio(first, codes, n_groups, level)
    new = clustered_ratio(second, codes, n_groups, level)
    low, high = mover_limits(
        np.array([1.0, -1.0]),
        np.array([new.value, old.value]),
        np.array([new.low, old.low]),
        np.array([new.high, old.high]),
        _correlation(new, old),
    )
    shares = new.scores - old.scores
    enough = n_groups > 1
    return Estimate(
        value=new.value - old.value,
        low=low,
        high=high,
        level=level,
        method="Newcombe's paired square-and-add interval (method 10)"
        + ("" if groups is None else ", at the groups' effective sample sizes"),
        n=n,
        n_groups=None if groups is None else n_groups,
        variance=n_groups / (n_groups - 1) * float(shares @ shares) if enough else math.nan,
        note="; ".join(dict.fromkeys(note for note in (new.note, old.note) if note)),
    )


def _correlation(
    one: ClusteredRatio, other: ClusteredRatio
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The 2 x 2 correlation matrix of two proportions, reduced for continuity where positive."""
    length = math.sqrt(float(one.scores @ one.scores) * float(other.scores @ other.scores))
    rho = float(one.scores @ other.scores) / length if length > 0 else 0.0
    if rho > 0:
        spread = math.sqrt(one.value * (1 - one.value) * other.value * (1 - other.value))
        rho = max(0.0, rho - 1 / (2 * min(one.n_effective, other.n_effective) * spread))
    return np.array([[1.0, rho], [rho, 1.0]])
