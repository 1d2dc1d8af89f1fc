"""The area under a ROC curve, whole or in part, and its interval."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import Groups, as_events, check_level, normal_quantile
from plexor.stats.estimate import Estimate
from plexor.stats.placement import WHOLE, Range, as_scores
from plexor.stats.roc_areas import PlacedAreas, placed_areas
from plexor.stats.roc_interval import (
    PERFECT,
    SCORE_BELOW,
    AucInterval,
    logit_limits,
    perfect_limits,
    score_limits,
    wald_limits,
)


def auc(
    truth: ArrayLike,
    scores: ArrayLike,
    groups: Groups | None = None,
    *,
    level: float = 0.95,
    interval: AucInterval = "auto",
) -> Estimate:
    """The area under the ROC curve: the share of pairs in which the positive scores higher.

    Ties count half. The variance is DeLong's (Biometrics 1988;44:837), with Welch's degrees of
    freedom of positives and negatives. With groups it is that of ``plexor.stats.grouped_variance``,
    which allows for few groups and for groups of very unequal size.

    * ``"auto"`` (the default): ``"score"`` below 50 positives or negatives (with groups: below 50
      groups that have some), ``"logit"`` from there.
    * ``"score"``: Newcombe's score interval (Stat Med 2006;25:559, method 5), whose variance
      follows from the area; it is widened if DeLong's variance is greater. With few cases DeLong's
      variance is hardly known: with 5 positives and 500 negatives at an area of 0.95 the logit
      interval covers 84 %, this one 98 %.
    * ``"logit"``: Student's, symmetric on the logit scale: it stays within 0 … 1, and its coverage
      is better near 1 (Qin & Hotilovac, Stat Methods Med Res 2008;17:207).
    * ``"wald"``: value ± z·SE cut to 0 … 1, the interval of most programs; it covers 87 % at an
      area of 0.95 and 50 cases (docs/reference/coverage.md). With groups Student's.

    At an area of exactly 1 (or 0) the variance is 0 whatever the truth. The cases then make at
    least ``min(positives, negatives)`` disjoint pairs, all in order, and the limit is Clopper &
    Pearson's for these pairs (with groups: at most half as many pairs as groups), which is
    conservative.

    If positives are few and some of them score far lower than the others, every interval covers too
    little: 87 % for 30 positives whose scores have three times the standard deviation of the
    negatives'.

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

    Examples:
        >>> truth, score = [0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6]
        >>> round(auc(truth, score).value, 3)
        0.889
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
    interval: AucInterval = "auto",
) -> Estimate:
    """The area under a part of the ROC curve, interpolated at its ends.

    The variance includes that of the ends, which are quantiles of the cases (see
    ``plexor.stats.placement``); over the whole curve it is DeLong's. With few cases of a class it
    covers a little less than nominal: 91 % for 50 cases where specificity is 0.8 to 1, and 85 % for
    20 by ``"wald"`` (docs/reference/coverage.md).

    Args:
        truth: whether each case is positive, (n,).
        scores: greater is more positive, (n,).
        groups: the group of each case; None where cases are independent.
        specificity: lowest and highest specificity of the part; give either this or
            ``sensitivity``.
        sensitivity: lowest and highest sensitivity; the area is then to the right of the curve.
        standardised: McClish's index, ½ at chance and 1 at best (Med Decis Making 1989;9:190),
            in place of the area itself.
        level: nominal coverage.
        interval: see ``auc``; the logit is of the share of the greatest possible area, and the
            score interval is for the whole area only.

    Raises:
        PlanError: see ``auc``; also both or neither range.

    Examples:
        >>> truth, score = [0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6]
        >>> round(partial_auc(truth, score, specificity=(0.5, 1)).value, 3)
        0.389
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
        areas = placed_areas(~positive, flipped, groups, sensitivity)
        part = sensitivity
    else:
        part = specificity or WHOLE
        areas = placed_areas(positive, scores, groups, part)
    if areas.contributions.shape[1] != 1:
        raise PlanError("scores: expected one model's, (n,); auc_covariance takes several")
    greatest = part[1] - part[0]
    if interval == "auto":
        score = part == WHOLE and areas.fewest < SCORE_BELOW
        interval = "score" if score else "logit"
    elif interval == "score" and part != WHOLE:
        raise PlanError("interval: the score interval is for the whole area; take 'logit'")
    share, variance, limits, note = _limits(areas, greatest, level, interval)
    numbers = np.array([share, *limits]) * greatest
    if standardised:
        chance = ((1 - part[0]) ** 2 - (1 - part[1]) ** 2) / 2
        numbers = 0.5 + 0.5 * (numbers - chance) / (greatest - chance)
        variance *= (0.5 * greatest / (greatest - chance)) ** 2
    else:
        variance *= greatest**2
    whose = "DeLong" if groups is None else "clustered"
    return Estimate(
        value=float(numbers[0]),
        low=float(numbers[1]),
        high=float(numbers[2]),
        level=level,
        method=f"empirical ROC area, {whose} variance, {interval} interval",
        n=positive.size,
        n_groups=None if groups is None else areas.n_groups,
        variance=variance,
        note=note,
    )


def _limits(
    areas: PlacedAreas, greatest: float, level: float, interval: AucInterval
) -> tuple[float, float, tuple[float, float], str]:
    """The share of the greatest possible area, its variance, its limits, and a note."""
    value, spread, note = areas.contrast(np.ones(1))
    share, variance = value / greatest, spread.variance / greatest**2
    nowhere = math.nan, math.nan
    if note or areas.constant[0]:
        return share, variance, nowhere, note or "all scores are equal: no interval"
    if not 1e-12 < share < 1 - 1e-12 and areas.n_pairs:
        return share, variance, perfect_limits(share, areas.n_pairs, level), PERFECT
    if not variance > 0:
        return share, variance, nowhere, "the estimated variance is 0: no interval"
    half = spread.half_width(level) / greatest
    if interval == "wald":
        if areas.codes is None:
            half = normal_quantile(level) * math.sqrt(variance)
        return share, variance, wald_limits(share, half), spread.note
    if interval == "logit":
        return share, variance, logit_limits(share, half), spread.note
    m = int(areas.positive.sum())
    limits = score_limits(share, spread, m, areas.positive.size - m, level)
    return share, variance, limits, spread.note
