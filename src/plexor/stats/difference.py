"""Difference of two proportions of different observations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import (
    Groups,
    as_events,
    check_counts,
    check_level,
    check_same_length,
    group_codes,
    normal_quantile,
)
from plexor.stats.cluster import clustered_ratio, score_correlation
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import Part, grouped_spread
from plexor.stats.mover import mover_limits
from plexor.stats.proportion import wilson_limits

DifferenceMethod = Literal["newcombe", "miettinen-nurminen", "wald"]

_WORDS: dict[DifferenceMethod, str] = {
    "newcombe": "Newcombe's square-and-add interval (method 10)",
    "miettinen-nurminen": "Miettinen-Nurminen score interval",
    "wald": "Wald interval of a difference",
}


def difference_interval(
    k_first: int,
    n_first: int,
    k_second: int,
    n_second: int,
    *,
    level: float = 0.95,
    method: DifferenceMethod = "newcombe",
) -> Estimate:
    """The first proportion minus the second, of two independent samples.

    * ``"newcombe"`` (the default): two Wilson intervals, squared and added (Stat Med
      1998;17:873, method 10).
    * ``"miettinen-nurminen"``: inverts the score test, with the variance at the likelihood's
      maximum under each difference and times N/(N-1) (Stat Med 1985;4:213).
    * ``"wald"``: for comparison with published tables only.

    Args:
        k_first: events in the first sample.
        n_first: its size; at 0 everything is NaN, with a note.
        k_second: events in the second.
        n_second: its size.
        level: nominal coverage.
        method: see above.

    Raises:
        PlanError: counts that are impossible, a level outside 0 … 1, or an unknown method.

    Examples:
        >>> found = difference_interval(56, 70, 48, 80)
        >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
        (0.2, 0.052, 0.334)
    """
    check_level(level)
    if method not in _WORDS:
        raise PlanError(unknown("difference interval", method, get_args(DifferenceMethod)))
    k_first, n_first = check_counts(k_first, n_first)
    k_second, n_second = check_counts(k_second, n_second)
    value = low = high = math.nan
    if n_first and n_second:
        p, q, z = k_first / n_first, k_second / n_second, normal_quantile(level)
        value = p - q
        if method == "newcombe":
            (low_p, high_p), (low_q, high_q) = (
                wilson_limits(p, n_first, z),
                wilson_limits(q, n_second, z),
            )
            low, high = mover_limits(
                np.array([1.0, -1.0]),
                np.array([p, q]),
                np.array([low_p, low_q]),
                np.array([high_p, high_q]),
                np.eye(2),
            )
        elif method == "wald":
            half = z * math.sqrt(p * (1 - p) / n_first + q * (1 - q) / n_second)
            low, high = max(-1.0, value - half), min(1.0, value + half)
        else:
            low, high = _miettinen_nurminen(k_first, n_first, k_second, n_second, z)
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method=_WORDS[method],
        n=int(n_first + n_second),
        note="" if n_first and n_second else "no observations in one of the samples",
    )


def subgroup_difference(
    events: ArrayLike, member: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """The proportion among members of a subgroup minus that among the others.

    Newcombe's square-and-add of the two intervals of ``clustered_proportion``; where groups have
    observations on both sides (a patient on two scanners), the correlation of the two proportions,
    linearised over groups, enters. Without groups this is ``difference_interval``.

    Args:
        events: one truth value per observation, (n,).
        member: whether each belongs to the subgroup, (n,).
        groups: the group of each; None where observations are independent.
        level: nominal coverage.

    Returns:
        NaN with a note where one side has no observation; no interval where the observations of a
        side are several, all of one group.

    Raises:
        PlanError: lengths differ, entries are not true or false, or a group is missing.

    Examples:
        >>> right, new = [1, 1, 0, 1, 0, 0], [1, 1, 1, 0, 0, 0]
        >>> round(subgroup_difference(right, new, [1, 1, 2, 3, 3, 4]).value, 3)
        0.333
    """
    hits, inside = as_events("events", events), as_events("member", member)
    n = hits.size
    check_same_length(events=n, member=inside.size)
    if groups is None:
        ins, outs = hits[inside], hits[~inside]
        return difference_interval(
            int(ins.sum()), ins.size, int(outs.sum()), outs.size, level=level
        )
    check_level(level)
    codes, n_groups = group_codes(groups, n)
    one = clustered_ratio(hits[inside], codes[inside], n_groups, level)
    other = clustered_ratio(hits[~inside], codes[~inside], n_groups, level)
    low, high = mover_limits(
        np.array([1.0, -1.0]),
        np.array([one.value, other.value]),
        np.array([one.low, other.low]),
        np.array([one.high, other.high]),
        score_correlation([one, other]),
    )
    parts = [
        Part(values=hits[side].astype(np.float64), codes=codes[side], weight=sign)
        for side, sign in ((inside, 1.0), (~inside, -1.0))
    ]
    known = one.n and other.n
    notes = dict.fromkeys(
        f"{side}: {ratio.note}"
        for side, ratio in (("members", one), ("others", other))
        if ratio.note
    )
    return Estimate(
        value=one.value - other.value,
        low=low,
        high=high,
        level=level,
        method=_WORDS["newcombe"] + ", at the groups' effective sample sizes",
        n=n,
        n_groups=n_groups,
        variance=grouped_spread(parts, n_groups).variance if known else math.nan,
        note="; ".join(notes),
    )


def score_limits(
    value: float, n: float, z: float, variance: Callable[[float], float]
) -> tuple[float, float]:
    """The two differences at which the score test of the observed one has its critical value.

    Args:
        value: the observed difference, within -1 … 1.
        n: number of observations, which sets the tolerance of the search.
        z: critical value.
        variance: of the observed difference, as a function of the true one; 0 at -1 and 1.
    """

    def excess(true: float) -> float:
        return (value - true) ** 2 - z * z * variance(true)

    # At the value itself the variance can be 0, a root that is not the limit: start beside it.
    # No limit is nearer than about z²/n.
    beside = 1e-3 * z * z / (n + z * z)
    low = -1.0 if value <= -1 else optimize.brentq(excess, -1.0, value - beside, xtol=1e-16)
    high = 1.0 if value >= 1 else optimize.brentq(excess, value + beside, 1.0, xtol=1e-16)
    return float(low), float(high)


def _miettinen_nurminen(k1: int, n1: int, k2: int, n2: int, z: float) -> tuple[float, float]:
    total, events = n1 + n2, k1 + k2

    def variance(true: float) -> float:
        """At the maximum of the likelihood under p1 - p2 = true: their appendix 1's cubic."""
        l2 = (n1 + 2 * n2) * true - total - events
        l1 = (n2 * true - total - 2 * k2) * true + events
        l0 = k2 * true * (1 - true)
        shift = l2 / (3 * total)
        inner = shift**3 - l1 * l2 / (6 * total**2) + l0 / (2 * total)
        root = math.copysign(math.sqrt(max(0.0, shift**2 - l1 / (3 * total))), inner)
        cosine = inner / root**3 if root else 0.0
        angle = (math.pi + math.acos(min(1.0, max(-1.0, cosine)))) / 3
        p2 = min(1.0, max(0.0, 2 * root * math.cos(angle) - shift))
        p1 = min(1.0, max(0.0, p2 + true))
        return (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * total / (total - 1)

    return score_limits(k1 / n1 - k2 / n2, min(n1, n2), z, variance)
