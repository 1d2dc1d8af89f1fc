"""Areas under ROC curves, whole and partial, and their comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import (
    Floats,
    Groups,
    as_events,
    check_level,
    group_codes,
    t_quantile,
)
from plexor.stats.estimate import Estimate
from plexor.stats.placement import WHOLE, Range, as_scores, covariance, placements

AucInterval = Literal["logit", "wald"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RocAreas:
    """Areas of several models on the same cases, with their covariance.

    Attributes:
        values: the areas, (k,); NaN where a class is missing.
        covariance: of the values, (k, k).
        n: cases.
        n_positive: cases whose truth holds.
        n_groups: groups, None where cases are independent.
        df: of intervals and tests: with groups the smaller number of groups on either side less 1,
            because few groups tell the variance badly; infinite (normal) without.
        n_pairs: disjoint, independent pairs of a positive and a negative that the cases hold.
        constant: whether all scores of a model are equal, (k,).
        note: why something is undefined; empty otherwise.
    """

    values: Floats
    covariance: Floats
    n: int
    n_positive: int
    n_groups: int | None
    df: float
    n_pairs: int
    constant: tuple[bool, ...]
    note: str = ""


def auc_covariance(
    truth: ArrayLike,
    scores: ArrayLike,
    groups: Groups | None = None,
    *,
    specificity: Range = WHOLE,
) -> RocAreas:
    """Areas under the ROC curves of k models on the same cases, and their covariance.

    DeLong's covariance; with groups Obuchowski's. O(k n log n), ties exact.

    Args:
        truth: whether each case is positive, (n,).
        scores: greater is more positive, (n,) or (n, k).
        groups: the group of each case; None where cases are independent.
        specificity: the part of the curve whose area is meant.

    Raises:
        PlanError: lengths differ, a score is NaN, a group is missing, or an empty range.
    """
    positive = as_events("truth", truth)
    table = as_scores(positive, scores)
    if not 0 <= specificity[0] < specificity[1] <= 1:
        raise PlanError(f"specificity: expected 0 <= low < high <= 1, got {specificity}")
    n, m = positive.size, int(positive.sum())
    codes, n_groups = (None, n) if groups is None else group_codes(groups, n)
    k = table.shape[1]
    values, spread, note = np.full(k, np.nan), np.full((k, k), np.nan), ""
    n_pairs, df = 0, math.inf
    if 0 < m < n:
        parts = np.stack([placements(positive, column, specificity) for column in table.T], axis=1)
        values = parts[positive].mean(axis=0)
        spread = covariance(positive, parts, codes, n_groups)
        n_pairs = min(m, n - m)
        if codes is not None:
            sides = np.unique(codes[positive]).size, np.unique(codes[~positive]).size
            n_pairs, df = min(*sides, n_groups // 2), float(min(sides) - 1)
        if np.isnan(spread).any():
            note = "fewer than two positives or negatives (or groups of them)"
    else:
        note = "no positive cases" if n else "no cases"
        note = "no negative cases" if m else note
    return RocAreas(
        values=values,
        covariance=spread,
        n=n,
        n_positive=m,
        n_groups=None if groups is None else n_groups,
        df=df,
        n_pairs=n_pairs,
        constant=tuple(bool(n and np.ptp(column) == 0) for column in table.T),
        note=note,
    )


def auc(
    truth: ArrayLike,
    scores: ArrayLike,
    groups: Groups | None = None,
    *,
    level: float = 0.95,
    interval: AucInterval = "logit",
) -> Estimate:
    """The area under the ROC curve: how often a positive scores above a negative (ties half).

    The variance is DeLong's and the interval normal. With groups the variance is Obuchowski's and
    the interval Student's, its df the smaller number of groups that have positives or negatives
    less 1: hers is normal, and holds the area too seldom with few groups.

    Even so it covers too little where a class is in few groups that resemble each other strongly:
    86 % in place of 95 % at an area of 0.95, twenty groups of ten cases and a correlation of 0.8
    (docs/reference/coverage.md).

    ``interval="logit"`` (the default) is symmetric on the logit scale, where it stays within
    0 … 1 and covers better near 1 (Qin & Hotilovac, Stat Methods Med Res 2008;17:207).
    ``"wald"`` is value ± z·SE (or t·SE) cut to 0 … 1, which is what most programs print; it covers
    87 % at an area of 0.95 and 50 cases, 77 % where the logit covers 86 %.

    At an area of exactly 1 (or 0) the variance says nothing. The data then hold at least
    ``min(positives, negatives)`` independent pairs, all in order, and the limit is Clopper &
    Pearson's for those (with groups: no more pairs than half the groups); this is conservative.

    Args:
        truth: whether each case is positive, (n,).
        scores: greater is more positive, (n,).
        groups: the group of each case; None where cases are independent.
        level: nominal coverage.
        interval: see above.

    Returns:
        NaN with a note where a class has no case; no interval where one has a single case (or
        group), or where all scores are equal.

    Raises:
        PlanError: lengths differ, a score is NaN, a group is missing, or an unknown interval.
    """
    return partial_auc(truth, scores, groups, specificity=WHOLE, level=level, interval=interval)


def partial_auc(
    truth: ArrayLike,
    scores: ArrayLike,
    groups: Groups | None = None,
    *,
    specificity: Range | None = None,
    sensitivity: Range | None = None,
    standardised: bool = False,
    level: float = 0.95,
    interval: AucInterval = "logit",
) -> Estimate:
    """The area under a part of the ROC curve, interpolated at its ends.

    The variance knows that the ends are quantiles of the cases at hand (see
    ``plexor.stats.placement``); over the whole curve it is DeLong's. With few cases of a class it
    covers a little less than nominal: 91 % for 50 cases where specificity is 0.8 to 1, and 85 %
    for 20 by ``"wald"`` (docs/reference/coverage.md).

    Args:
        truth: whether each case is positive, (n,).
        scores: greater is more positive, (n,).
        groups: the group of each case; None where cases are independent.
        specificity: lowest and highest specificity of the part; give this or ``sensitivity``.
        sensitivity: lowest and highest sensitivity; the area is then to the right of the curve.
        standardised: McClish's index, ½ at chance and 1 at best (Med Decis Making 1989;9:190),
            in place of the area itself.
        level: nominal coverage.
        interval: see ``auc``; the logit is of the share of the greatest possible area.

    Raises:
        PlanError: see ``auc``; also both or neither range.
    """
    check_level(level)
    if interval not in get_args(AucInterval):
        raise PlanError(unknown("AUC interval", interval, get_args(AucInterval)))
    if (specificity is None) == (sensitivity is None):
        raise PlanError("partial_auc: give either specificity or sensitivity, as (low, high)")
    positive = as_events("truth", truth)
    if specificity is None and sensitivity is not None:
        # The curve seen from its other corner: classes and order of scores change places.
        flipped = -as_scores(positive, scores)
        areas, part = (
            auc_covariance(~positive, flipped, groups, specificity=sensitivity),
            sensitivity,
        )
    else:
        part = specificity or WHOLE
        areas = auc_covariance(positive, scores, groups, specificity=part)
    if areas.values.size != 1:
        raise PlanError("scores: expected one model's, (n,); auc_covariance takes several")
    greatest = part[1] - part[0]
    share, variance = float(areas.values[0]) / greatest, float(areas.covariance[0, 0]) / greatest**2
    low, high, note = _share_limits(share, variance, areas, level, interval)
    numbers = np.array([share, low, high]) * greatest
    if standardised:
        chance = ((1 - part[0]) ** 2 - (1 - part[1]) ** 2) / 2
        numbers = 0.5 + 0.5 * (numbers - chance) / (greatest - chance)
        variance *= (0.5 * greatest / (greatest - chance)) ** 2
    else:
        variance *= greatest**2
    whose = "DeLong" if groups is None else "Obuchowski's clustered"
    return Estimate(
        value=float(numbers[0]),
        low=float(numbers[1]),
        high=float(numbers[2]),
        level=level,
        method=f"empirical ROC area, {whose} variance, {interval} interval",
        n=areas.n,
        n_groups=areas.n_groups,
        variance=variance,
        note=note,
    )


def logit_limits(share: float, half: float) -> tuple[float, float]:
    """Limits symmetric on the logit scale, from a half width on the scale of the share.

    Args:
        share: strictly within 0 … 1.
        half: quantile times standard error.
    """
    centre, width = special.logit(share), half / (share * (1 - share))
    return float(special.expit(centre - width)), float(special.expit(centre + width))


def _share_limits(
    share: float, variance: float, areas: RocAreas, level: float, interval: AucInterval
) -> tuple[float, float, str]:
    if areas.note or areas.constant[0]:
        return math.nan, math.nan, areas.note or "all scores are equal: no interval"
    tail = (1 - level) / 2
    perfect = "perfect separation: limit from the independent pairs the cases hold"
    if share > 1 - 1e-12 and areas.n_pairs:
        return tail ** (1 / areas.n_pairs), 1.0, perfect
    if share < 1e-12 and areas.n_pairs:
        return 0.0, 1 - tail ** (1 / areas.n_pairs), perfect
    if not variance > 0:
        return math.nan, math.nan, "the cases tell no variance: no interval"
    half = t_quantile(level, areas.df) * math.sqrt(variance)
    if interval == "wald":
        return max(0.0, share - half), min(1.0, share + half), ""
    return *logit_limits(share, half), ""
