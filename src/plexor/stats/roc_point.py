"""Points of a ROC curve with thresholds that are chosen on the same cases."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import (
    Booleans,
    Codes,
    Floats,
    Groups,
    check_level,
    group_codes,
    normal_quantile,
)
from plexor.stats.bootstrap import bootstrap_interval
from plexor.stats.classification import balanced_accuracy
from plexor.stats.cluster import ONE_GROUP
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import groups_note, joined
from plexor.stats.proportion import wilson_limits
from plexor.stats.resample import Seed, Statistic
from plexor.stats.roc_curve import one_model

_MANY = 200
_FEW = "fewer than 200 cases (or groups): the interval of a threshold covers too little"
_MISSING = "no positive or no negative cases"


def sensitivity_at_specificity(
    truth: ArrayLike,
    scores: ArrayLike,
    specificity: float,
    groups: Groups | None = None,
    *,
    seed: Seed,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """Sensitivity at a given specificity, on the curve interpolated between its corners.

    The threshold is estimated from the same cases. A bootstrap (of groups; without groups, of
    positives and negatives separately) gives the variance, including that of the threshold. The
    number of independent positives with that variance is put into the Wilson interval, as in
    ``clustered_proportion``. For the specificity at a given sensitivity call it with ``~truth`` and
    ``-scores``.

    Args:
        truth: whether each case is positive, (n,).
        scores: greater is more positive, (n,).
        specificity: within 0 … 1.
        groups: the group of each case; None where cases are independent.
        seed: a whole number or a generator.
        n_resamples: of the bootstrap.
        level: nominal coverage.

    Returns:
        ``n`` counts all cases. NaN with a note where a class has no case.

    Raises:
        PlanError: lengths differ, a score is NaN, or a specificity outside 0 … 1.

    Examples:
        >>> truth, score = [0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6]
        >>> round(sensitivity_at_specificity(truth, score, 0.6, seed=0).value, 3)
        1.0
    """
    check_level(level)
    if not 0 <= specificity <= 1:
        raise PlanError(f"specificity: expected a value within 0 to 1, got {specificity}")
    positive, column = one_model(truth, scores)
    edges = _weighted_edges(positive, column)

    def statistic(weights: Floats) -> Floats:
        rate, hit = edges(weights)
        return _interpolated(rate, hit, 1 - specificity)[:, None]

    (booted,) = bootstrap_interval(
        statistic,
        positive.size,
        groups,
        strata=positive if groups is None else None,
        seed=seed,
        n_resamples=n_resamples,
        method="percentile",
        level=level,
    )
    most = kish_size(positive, groups)
    low = high = math.nan
    if not math.isnan(booted.value) and (groups is None or (booted.n_groups or 0) > 1):
        p, variance = booted.value, booted.variance or 0.0
        size = most if variance == 0 else min(most, 1 + p * (1 - p) / variance)
        size = most if p in (0.0, 1.0) else size
        low, high = wilson_limits(p, size, normal_quantile(level))
    return Estimate(
        value=booted.value,
        low=low,
        high=high,
        level=level,
        method="Wilson score interval at the effective number of positives by "
        f"{'cluster ' if groups is not None else 'stratified '}bootstrap, {n_resamples} resamples",
        n=positive.size,
        n_groups=booted.n_groups,
        variance=booted.variance,
        note=_MISSING
        if math.isnan(booted.value)
        else (ONE_GROUP if math.isnan(low) else groups_note(groups, positive.size)),
    )


def youden(
    truth: ArrayLike,
    scores: ArrayLike,
    groups: Groups | None = None,
    *,
    seed: Seed,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> tuple[Estimate, Estimate]:
    """Youden's index, the greatest sensitivity + specificity - 1, and its threshold.

    The interval of the index is that of ``balanced_accuracy`` (which is (index + 1) / 2) at that
    threshold: Wilson intervals, squared and added, as Shan (PLoS ONE 2015;10:e0127272) proposes.
    The index is too high, because the threshold is the best one for the same cases (a percentile
    bootstrap interval covers 70 % for 20 cases and 85 % for 200). Report the sensitivity and
    specificity of a threshold for cases on which it was not chosen.

    The threshold has a percentile bootstrap interval (of groups; without groups, of positives and
    negatives separately). It covers too little with few cases and with well separated classes: 89 %
    for 20 cases at a ROC area of 0.75, 69 % at 0.95, and 32 % for four groups of five with a
    correlation of 0.8; from 200 cases on 89 % or more (docs/reference/coverage.md). Of several
    equally good thresholds the highest is given.

    Args:
        truth: whether each case is positive, (n,).
        scores: greater is more positive, (n,).
        groups: the group of each case; None where cases are independent.
        seed: a whole number or a generator, for the threshold's interval.
        n_resamples: of the bootstrap.
        level: nominal coverage.

    Returns:
        The index and the threshold; NaN with a note where a class has no case. If no threshold is
        better than one decision for all cases, the index is 0 and the threshold NaN.

    Raises:
        PlanError: lengths differ, or a score is NaN.

    Examples:
        >>> truth, score = [0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6]
        >>> index, threshold = youden(truth, score, seed=0)
        >>> round(index.value, 3), threshold.value
        (0.667, 3.0)
    """
    positive, column = one_model(truth, scores)
    statistic = _best_threshold(positive, column)
    (threshold,) = bootstrap_interval(
        statistic,
        positive.size,
        groups,
        strata=positive if groups is None else None,
        seed=seed,
        n_resamples=n_resamples,
        method="percentile",
        level=level,
    )
    both = 0 < positive.sum() < positive.size
    if (positive.size if groups is None else threshold.n_groups or 0) < _MANY:
        threshold = replace(threshold, note=joined(threshold.note, _FEW))
    # All called negative, as above the highest score, where no threshold is better.
    cut = math.inf if math.isnan(threshold.value) else threshold.value
    share = balanced_accuracy(positive, column >= cut, [False, True], groups, level=level)
    note = share.note if both else _MISSING
    if both and math.isnan(threshold.value):
        threshold = replace(threshold, note="no threshold is better than calling all cases alike")
    index = replace(
        share,
        value=2 * share.value - 1 if both else math.nan,
        low=2 * share.low - 1 if both else math.nan,
        high=2 * share.high - 1 if both else math.nan,
        variance=4 * share.variance if both and share.variance is not None else None,
        method="Youden's index, square-and-add of Wilson intervals",
        note=note,
    )
    return index, threshold if both else replace(threshold, note=_MISSING)


def _best_threshold(positive: Booleans, scores: Floats) -> Statistic:
    """The highest of the thresholds with the greatest index; NaN if that index is not above 0."""
    edges = _weighted_edges(positive, scores)
    thresholds = np.concatenate([[np.nan], np.unique(scores)[::-1]])

    def statistic(weights: Floats) -> Floats:
        rate, hit = edges(weights)
        gain = hit - rate
        best = np.argmax(np.nan_to_num(gain, nan=0.0), axis=1)
        found: Floats = thresholds[best][:, None]
        return found

    return statistic


def _weighted_edges(
    positive: Booleans, scores: Floats
) -> Callable[[Floats], tuple[Floats, Floats]]:
    """Corners of the curve for each row of weights, both (r, steps + 1); NaN without a class."""
    order = np.argsort(-scores, kind="stable")
    ordered, hit = scores[order], positive[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: ordered.size])

    def at(weights: Floats) -> tuple[Floats, Floats]:
        sorted_weights = weights[:, order]
        return (
            _cumulative(np.where(hit, 0.0, sorted_weights), starts),
            _cumulative(np.where(hit, sorted_weights, 0.0), starts),
        )

    return at


def _cumulative(weights: Floats, starts: Codes) -> Floats:
    rows, n = weights.shape
    if starts.size < n:
        weights = np.add.reduceat(weights, starts, axis=1) if n else weights
    summed = np.zeros((rows, starts.size + 1))
    np.cumsum(weights, axis=1, out=summed[:, 1:])
    total = summed[:, -1:]
    shares: Floats = np.divide(summed, total, out=np.full_like(summed, np.nan), where=total > 0)
    return shares


def _interpolated(rate: Floats, hit: Floats, at: float) -> Floats:
    """Sensitivity at a false-positive rate, by row; at a vertical step, its top."""
    last = rate.shape[1] - 1
    left = np.clip((rate <= at).sum(axis=1) - 1, 0, last)
    right = np.minimum(left + 1, last)
    rows = np.arange(len(rate))
    gap = rate[rows, right] - rate[rows, left]
    part = np.divide(at - rate[rows, left], gap, out=np.zeros(len(rate)), where=gap > 0)
    found: Floats = hit[rows, left] + part * (hit[rows, right] - hit[rows, left])
    return np.where(np.isnan(rate).any(axis=1), np.nan, found)


def kish_size(positive: Booleans, groups: Groups | None) -> float:
    """The effective number of positives with full correlation within groups."""
    m = float(positive.sum())
    if groups is None:
        return m
    codes, n_groups = group_codes(groups, positive.size)
    sizes = np.bincount(codes[positive], minlength=n_groups).astype(np.float64)
    return m * m / float(sizes @ sizes) if m else math.nan
