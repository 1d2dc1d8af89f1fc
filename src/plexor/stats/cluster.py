"""Proportions where several observations belong to a group, such as images to a patient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from plexor.stats.argument import (
    Booleans,
    Codes,
    Floats,
    Groups,
    as_events,
    check_level,
    group_codes,
    normal_quantile,
    t_quantile,
)
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import Part, grouped_spread
from plexor.stats.proportion import proportion_interval, wilson_limits

CLUSTERED_WILSON = "Wilson score interval at the effective sample size of the groups"

ONE_GROUP = "one single group: how groups differ is unknown, so there is no interval"
BELOW_ONE = "design effect below 1, not used"
ALL_ALIKE = "all outcomes are equal: full correlation within groups is assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusteredRatio:
    """A proportion over groups of unequal size, with what is needed to combine it with others.

    Attributes:
        value: events / observations; NaN without observations.
        low: lower limit; NaN without observations and for one single group of several.
        high: upper limit.
        variance: of ``value``, over groups (``plexor.stats.grouped_variance``).
        df: degrees of freedom with which it is known.
        n: observations.
        n_groups: groups that have an observation.
        n_effective: number of independent observations with the same variance.
        scores: each group's share in ``value - expectation``, (all groups,); their sum is 0.
        note: why something is undefined, or a warning.
    """

    value: float
    low: float
    high: float
    variance: float
    df: float
    n: int
    n_groups: int
    n_effective: float
    scores: Floats
    note: str


def clustered_proportion(
    events: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """A proportion with an interval for observations that are correlated within groups.

    The variance of the proportion and the degrees of freedom with which it is known are those of
    ``plexor.stats.grouped_variance``, which allow for few groups and for groups of very unequal
    size. The number of independent observations with the same variance,
    ``n_effective - 1 = p (1 - p) / variance``, is put into the Wilson interval (the effective
    sample size of Rao & Scott, Biometrics 1992;48:577, in the form that Korn & Graubard, Survey
    Methodology 1998;24:193, use for exact limits). As they do, it is reduced by the squared ratio
    of Student's t at ``n_effective - 1`` to t at those degrees of freedom.

    With each observation in a group of its own, or ``groups=None``, this is the plain Wilson
    interval. Repeating each observation several times, in one group, changes nothing.

    Few events: if all outcomes are equal, the variance is 0 whatever the correlation, so a
    correlation of 1 within groups is assumed, with an effective number of ``n² / sum(size²)``
    (Kish). If one of the outcomes is seen in g groups only, the correlation can hardly be
    estimated; so the design effect is at least ``1 + (Kish's - 1) / g``, which is Kish's own for
    one group and 1 for many. In g, groups count by their size: a few small groups with the rarer
    outcome, beside large groups without it, count as one. This floor is Plexor's own: in the
    designs of docs/reference/coverage.md with equal groups it lifts the least coverage from 0.75 to
    0.89, at the cost of intervals up to 1.5 times as wide where few groups have an event and cases
    within groups are not correlated. One single group of several observations has a value and no
    interval.

    Args:
        events: one truth value per observation, (n,).
        groups: the group of each, any hashables, (n,).
        level: nominal coverage.

    Raises:
        PlanError: lengths differ, events are not true or false, a group is missing.

    Examples:
        >>> patients = ["a", "a", "b", "c", "d"]
        >>> found = clustered_proportion([1, 1, 0, 1, 1], patients)
        >>> found.value, found.n_groups
        (0.8, 4)
    """
    check_level(level)
    hits = as_events("events", events)
    if groups is None:
        return proportion_interval(int(hits.sum()), hits.size, level=level)
    codes, n_groups = group_codes(groups, hits.size)
    ratio = clustered_ratio(hits, codes, n_groups, level)
    return Estimate(
        value=ratio.value,
        low=ratio.low,
        high=ratio.high,
        level=level,
        method=CLUSTERED_WILSON,
        n=ratio.n,
        n_groups=ratio.n_groups,
        variance=ratio.variance,
        note=ratio.note,
    )


def clustered_ratio(hits: Booleans, codes: Codes, n_groups: int, level: float) -> ClusteredRatio:
    """``clustered_proportion`` on numbered groups, some of which may have no observation."""
    n = hits.size
    sizes = np.bincount(codes, minlength=n_groups).astype(np.float64)
    present = int(np.count_nonzero(sizes))
    if n == 0:
        nan = math.nan
        return ClusteredRatio(
            value=nan,
            low=nan,
            high=nan,
            variance=nan,
            df=nan,
            n=0,
            n_groups=0,
            n_effective=nan,
            scores=np.zeros(n_groups),
            note="no observations",
        )
    p = float(hits.mean())
    scores = (np.bincount(codes, weights=hits, minlength=n_groups) - p * sizes) / n
    spread = grouped_spread([Part(values=hits.astype(np.float64), codes=codes)], n_groups)
    rare = groups_showing(hits, codes, sizes)
    n_effective, note = _effective_size(p, spread.variance, sizes, present, rare)
    ratio = ClusteredRatio(
        value=p,
        low=math.nan,
        high=math.nan,
        variance=spread.variance,
        df=spread.df,
        n=n,
        n_groups=present,
        n_effective=n_effective,
        scores=scores,
        note="; ".join(filter(None, (note, spread.note))),
    )
    size = independent_size(ratio, level)
    if math.isnan(size):
        return ratio
    low, high = wilson_limits(p, size, normal_quantile(level))
    return replace(ratio, low=low, high=high)


def score_correlation(ratios: Sequence[ClusteredRatio]) -> Floats:
    """The correlation of proportions over the same groups, (k, k); 0 where one has no spread."""
    scores = np.array([ratio.scores for ratio in ratios])
    lengths = np.sqrt(np.square(scores).sum(axis=1, keepdims=True))
    directions = np.divide(scores, lengths, out=np.zeros_like(scores), where=lengths > 0)
    correlation: Floats = directions @ directions.T
    np.fill_diagonal(correlation, 1.0)
    return correlation


def groups_showing(hits: Booleans, codes: Codes, sizes: Floats) -> float:
    """Number of groups with the rarer outcome, weighted by size, 1 or more.

    It is the number of observations in groups with that outcome, divided by the mean size of an
    observation's group. For equal groups it is their number; a few small groups with the outcome,
    beside large groups without it, count as one.
    """
    typical = float(sizes @ sizes) / float(sizes.sum())
    seen = [np.bincount(codes[outcome], minlength=sizes.size) > 0 for outcome in (hits, ~hits)]
    return max(1.0, min(float(sizes[shows].sum()) for shows in seen) / typical)


def least_design_effect(sizes: Floats, rare: float) -> float:
    """The least design effect that is assumed if the rarer outcome is seen in ``rare`` groups.

    Kish's design effect (a correlation of 1) for one such group, 1 for many: see
    ``clustered_proportion``. ``sizes`` counts each group's observations, (groups,).
    """
    return 1 + (float(sizes @ sizes) / float(sizes.sum()) - 1) / rare


def _effective_size(
    p: float, variance: float, sizes: Floats, present: int, rare: float
) -> tuple[float, str]:
    """Number of independent observations with the same information; see ``groups_showing``."""
    n = float(sizes.sum())
    if present == n:
        return n, ""
    if present == 1:
        return math.nan, ONE_GROUP
    if p in (0.0, 1.0):
        return n * n / float(sizes @ sizes), ALL_ALIKE
    most = n / least_design_effect(sizes, rare)
    if variance * (n - 1) <= p * (1 - p):
        return most, BELOW_ONE
    return min(most, 1 + p * (1 - p) / variance), ""


def independent_size(ratio: ClusteredRatio, level: float) -> float:
    """Independent observations with the same variance, fewer if its df are few; NaN if unknown.

    The number is multiplied by the squared ratio of Student's t at that number less 1 to t at
    ``df`` (Korn & Graubard; see ``clustered_proportion``).
    """
    size = ratio.n_effective
    alone = ratio.n == ratio.n_groups
    if alone or not size > ratio.df + 1 or ratio.value in (0.0, 1.0):
        return size
    return size * (t_quantile(level, size - 1) / t_quantile(level, ratio.df)) ** 2
