"""The ROC curve itself, and single points of it with their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import (
    Booleans,
    Floats,
    Groups,
    as_events,
    check_level,
    group_codes,
    normal_quantile,
)
from plexor.stats.bootstrap import bootstrap_interval
from plexor.stats.estimate import Estimate
from plexor.stats.placement import as_scores, curve_steps
from plexor.stats.proportion import wilson_limits
from plexor.stats.resample import Seed, Statistic

_MISSING = "no positive or no negative cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class RocCurve:
    """An empirical ROC curve; a case is called positive from the threshold upwards.

    Attributes:
        thresholds: falling, the first infinite (nothing is called positive), (t,).
        sensitivity: share of positives called positive, rising from 0 to 1, (t,).
        specificity: share of negatives not called positive, falling from 1 to 0, (t,).
    """

    thresholds: Floats
    sensitivity: Floats
    specificity: Floats


def roc_curve(truth: ArrayLike, scores: ArrayLike) -> RocCurve:
    """All corners of the empirical ROC curve, one for each distinct score.

    Args:
        truth: whether each case is positive, (n,).
        scores: greater is more positive, (n,).

    Raises:
        PlanError: lengths differ, a score is NaN, or a class has no case.
    """
    positive, column = _one_model(truth, scores)
    if positive.all() or not positive.any():
        raise PlanError(f"roc_curve: {_MISSING}; a curve needs both")
    steps = curve_steps(positive, column)
    return RocCurve(
        thresholds=np.concatenate([[np.inf], steps.thresholds]),
        sensitivity=steps.true_positive,
        specificity=1 - steps.false_positive,
    )


def weighted_auc(truth: ArrayLike, scores: ArrayLike) -> Statistic:
    """Areas under the ROC curves of k models as a statistic to resample, (n,) or (n, k)."""
    positive = as_events("truth", truth)
    table = as_scores(positive, scores)
    ordered = []
    for column in table.T:
        negatives = np.flatnonzero(~positive)
        negatives = negatives[np.argsort(column[negatives], kind="stable")]
        below = np.searchsorted(column[negatives], column[positive], side="left")
        up_to = np.searchsorted(column[negatives], column[positive], side="right")
        ordered.append((negatives, below, up_to))

    def statistic(weights: Floats) -> Floats:
        of_positives = weights[:, positive]
        pairs = of_positives.sum(axis=1) * (weights.sum(axis=1) - of_positives.sum(axis=1))
        wins = np.empty((len(weights), len(ordered)))
        for model, (negatives, below, up_to) in enumerate(ordered):
            summed = np.zeros((len(weights), negatives.size + 1))
            np.cumsum(weights[:, negatives], axis=1, out=summed[:, 1:])
            won = np.take(summed, below, axis=1) + np.take(summed, up_to, axis=1)
            wins[:, model] = np.einsum("rp,rp->r", of_positives, won) / 2
        undefined = np.full_like(wins, np.nan)
        areas: Floats = np.divide(wins, pairs[:, None], out=undefined, where=pairs[:, None] > 0)
        return areas

    return statistic


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
    """Sensitivity where specificity is as given, on the curve interpolated between its corners.

    The threshold is estimated from the same cases. A bootstrap (of groups; without groups, of
    positives and negatives apart) gives the variance that this and the positives bring; the
    number of independent positives with that variance is put into the Wilson interval, as in
    ``clustered_proportion``. The specificity at a sensitivity is this with ``~truth`` and
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
    """
    check_level(level)
    if not 0 <= specificity <= 1:
        raise PlanError(f"specificity: expected a value within 0 to 1, got {specificity}")
    positive, column = _one_model(truth, scores)
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
    most = _kish_size(positive, groups)
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
        note=_MISSING if math.isnan(booted.value) else "",
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
    """Youden's index, the greatest sensitivity + specificity - 1, and the threshold it is at.

    Both with percentile bootstrap intervals (of groups; without groups, of positives and
    negatives apart). The index is the best of many on the same cases, so it flatters: quote the
    sensitivity and specificity of a threshold on cases it was not chosen on. Of several equally
    good thresholds the highest is given.

    Args:
        truth: whether each case is positive, (n,).
        scores: greater is more positive, (n,).
        groups: the group of each case; None where cases are independent.
        seed: a whole number or a generator.
        n_resamples: of the bootstrap.
        level: nominal coverage.

    Returns:
        The index and the threshold; NaN with a note where a class has no case.

    Raises:
        PlanError: lengths differ, or a score is NaN.
    """
    positive, column = _one_model(truth, scores)
    edges = _weighted_edges(positive, column)
    thresholds = np.concatenate([[np.inf], np.unique(column)[::-1]])

    def statistic(weights: Floats) -> Floats:
        rate, hit = edges(weights)
        gain = hit - rate
        undefined = np.isnan(gain).any(axis=1)
        best = np.argmax(np.where(np.isnan(gain), -np.inf, gain), axis=1)
        rows = np.arange(len(gain))
        found = np.stack([gain[rows, best], thresholds[best]], axis=1)
        found[undefined] = np.nan
        return found

    index, threshold = bootstrap_interval(
        statistic,
        positive.size,
        groups,
        strata=positive if groups is None else None,
        seed=seed,
        n_resamples=n_resamples,
        method="percentile",
        level=level,
    )
    return index, threshold


def _one_model(truth: ArrayLike, scores: ArrayLike) -> tuple[Booleans, Floats]:
    positive = as_events("truth", truth)
    table = as_scores(positive, scores)
    if table.shape[1] != 1:
        raise PlanError(f"scores: expected one model's, (n,), got shape {table.shape}")
    return positive, table[:, 0]


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


def _cumulative(weights: Floats, starts: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    rows, n = weights.shape
    if starts.size < n:
        weights = np.add.reduceat(weights, starts, axis=1) if n else weights
    summed = np.zeros((rows, starts.size + 1))
    np.cumsum(weights, axis=1, out=summed[:, 1:])
    total = summed[:, -1:]
    shares: Floats = np.divide(summed, total, out=np.full_like(summed, np.nan), where=total > 0)
    return shares


def _interpolated(rate: Floats, hit: Floats, at: float) -> Floats:
    """Sensitivity at a false-positive rate, row by row; the top of a vertical step."""
    last = rate.shape[1] - 1
    left = np.clip((rate <= at).sum(axis=1) - 1, 0, last)
    right = np.minimum(left + 1, last)
    rows = np.arange(len(rate))
    gap = rate[rows, right] - rate[rows, left]
    part = np.divide(at - rate[rows, left], gap, out=np.zeros(len(rate)), where=gap > 0)
    found: Floats = hit[rows, left] + part * (hit[rows, right] - hit[rows, left])
    return np.where(np.isnan(rate).any(axis=1), np.nan, found)


def _kish_size(positive: Booleans, groups: Groups | None) -> float:
    """Positives, each group taken to be of one piece."""
    m = float(positive.sum())
    if groups is None:
        return m
    codes, n_groups = group_codes(groups, positive.size)
    sizes = np.bincount(codes[positive], minlength=n_groups).astype(np.float64)
    return m * m / float(sizes @ sizes) if m else math.nan
