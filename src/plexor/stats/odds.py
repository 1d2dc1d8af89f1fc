"""Odds ratios of pairs, after against before."""

from __future__ import annotations

import math
from typing import Literal, get_args

from numpy.typing import ArrayLike

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import (
    Groups,
    as_counts,
    as_events,
    check_level,
    check_same_length,
    normal_quantile,
    rows_where,
)
from plexor.stats.cluster import clustered_proportion
from plexor.stats.estimate import Estimate
from plexor.stats.proportion import ProportionMethod, proportion_interval

OddsMethod = Literal["wilson", "clopper-pearson", "mid-p", "wald"]


def paired_odds_ratio_interval(
    before_only: int, after_only: int, *, level: float = 0.95, method: OddsMethod = "wilson"
) -> Estimate:
    """The conditional odds ratio of independent pairs: after only / before only.

    A discordant pair is "after only" with probability ratio / (1 + ratio), so the limits of that
    proportion give those of the ratio (Fagerland, Lydersen & Laake, Stat Med 2014;33:2850). The
    methods are those of ``proportion_interval``, except ``"wald"``, which is symmetric on the
    logarithmic scale.

    Args:
        before_only: pairs with the outcome before only.
        after_only: pairs with the outcome after only.
        level: nominal coverage.
        method: see above.

    Returns:
        ``n`` is the number of discordant pairs. Infinite if no pair has the outcome before only and
        some have it after only; NaN with a note without discordant pairs.

    Raises:
        PlanError: a negative or fractional count, a level outside 0 … 1, an unknown method.

    Examples:
        >>> round(paired_odds_ratio_interval(before_only=30, after_only=12).value, 2)
        0.4
    """
    if method not in get_args(OddsMethod):
        raise PlanError(unknown("odds ratio interval", method, get_args(OddsMethod)))
    before_only, after_only = as_counts(before_only=before_only, after_only=after_only)
    if method == "wald":
        return _log_wald(before_only, after_only, level)
    share: ProportionMethod = method
    return _as_odds(
        proportion_interval(after_only, before_only + after_only, level=level, method=share)
    )


def paired_odds_ratio(
    before: ArrayLike, after: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """The conditional odds ratio of the same observations, after against before.

    The interval is that of ``clustered_proportion`` over the discordant pairs, turned into odds;
    without groups it is ``paired_odds_ratio_interval`` by Wilson's method.

    Args:
        before: one truth value per observation, (n,).
        after: the same afterwards, (n,).
        groups: the group of each; None where observations are independent.
        level: nominal coverage.

    Raises:
        PlanError: lengths differ, entries are not true or false, or a group is missing.

    Examples:
        >>> before, after = [1, 1, 1, 1, 0, 1, 1, 0], [1, 0, 0, 1, 0, 1, 0, 0]
        >>> paired_odds_ratio(before, after).value
        0.0
    """
    first, second = as_events("before", before), as_events("after", after)
    check_same_length(before=first.size, after=second.size)
    changed = first != second
    kept = None if groups is None else rows_where(groups, changed)
    return _as_odds(clustered_proportion(second[changed], kept, level=level))


def _as_odds(share: Estimate) -> Estimate:
    note = "no discordant pairs" if share.n == 0 else share.note
    return Estimate(
        value=_odds(share.value),
        low=_odds(share.low),
        high=_odds(share.high),
        level=share.level,
        method=f"odds ratio of discordant pairs, {share.method}",
        n=share.n,
        n_groups=share.n_groups,
        note=note,
    )


def _odds(p: float) -> float:
    return math.inf if p == 1 else p / (1 - p)


def _log_wald(before_only: int, after_only: int, level: float) -> Estimate:
    check_level(level)
    value = low = high = math.nan
    note = "no discordant pairs"
    if before_only or after_only:
        value, low, high = after_only / before_only if before_only else math.inf, 0.0, math.inf
        note = "all discordant pairs are of one kind: no Wald interval"
    if before_only and after_only:
        half = normal_quantile(level) * math.sqrt(1 / before_only + 1 / after_only)
        low, high, note = value * math.exp(-half), value * math.exp(half), ""
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method="odds ratio of discordant pairs, Wald interval in the logarithm",
        n=int(before_only + after_only),
        note=note,
    )
