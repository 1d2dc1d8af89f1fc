"""Measures of found positives: average precision, F1, and Matthews' correlation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from plexor.stats.argument import (
    Booleans,
    Floats,
    Groups,
    as_events,
    check_level,
    check_same_length,
    group_codes,
    normal_quantile,
    t_quantile,
)
from plexor.stats.bootstrap import bootstrap_interval
from plexor.stats.cluster import clustered_proportion
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import groups_note, mean_spread
from plexor.stats.proportion import wilson_limits
from plexor.stats.resample import Seed, Statistic
from plexor.stats.roc_curve import one_model
from plexor.stats.roc_point import kish_size

_ONE_KIND = "the truth or the decision is the same in all cases: the correlation is undefined"


def average_precision(
    truth: ArrayLike,
    scores: ArrayLike,
    groups: Groups | None = None,
    *,
    seed: Seed,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """The area under the precision-recall curve, as average precision.

    Σ (increase of recall at a threshold) · (precision at it), without interpolation, which would
    give too high values between thresholds (Davis & Goadrich, ICML 2006). A bootstrap (of groups;
    without groups, of positives and negatives apart) gives the variance; the number of independent
    positives with that variance, at most the number of positives, is put into the Wilson interval,
    as in ``sensitivity_at_specificity``. Average precision depends on the prevalence, here that of
    the cases; for random scores it is equal to the prevalence.

    Args:
        truth: whether each case is positive, (n,).
        scores: greater is more positive, (n,).
        groups: the group of each case; None where cases are independent.
        seed: a whole number or a generator.
        n_resamples: of the bootstrap.
        level: nominal coverage.

    Returns:
        NaN with a note where there is no positive.

    Raises:
        PlanError: lengths differ, or a score is NaN.

    Examples:
        >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], seed=0).value, 4)
        0.8333
    """
    check_level(level)
    positive, column = one_model(truth, scores)
    (booted,) = bootstrap_interval(
        _average_precision(positive, column),
        positive.size,
        groups,
        strata=positive if groups is None else None,
        seed=seed,
        n_resamples=n_resamples,
        method="percentile",
        level=level,
    )
    low = high = math.nan
    note = "no positive cases" if math.isnan(booted.value) else ""
    if not note and groups is not None and (booted.n_groups or 0) < 2:
        note = "one single group: no interval"
    if not note:
        p, variance = booted.value, booted.variance or 0.0
        most = kish_size(positive, groups)
        size = min(most, 1 + p * (1 - p) / variance) if variance > 0 else most
        low, high = wilson_limits(p, size, normal_quantile(level))
    return replace(
        booted,
        low=low,
        high=high,
        method="average precision, Wilson score interval at the effective number of positives by "
        f"{'cluster ' if groups is not None else 'stratified '}bootstrap, {n_resamples} resamples",
        note=note or groups_note(groups, positive.size),
    )


def f1_score(
    truth: ArrayLike, called: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """F1 = 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall.

    With Jaccard's index J, the share of true positives among all cases that are positive or called
    positive, F1 = 2 J / (1 + J). J is a proportion, given the number of those cases; the limits of
    its interval, that of ``clustered_proportion``, give those of F1.

    Args:
        truth: whether each case is positive, (n,).
        called: whether it is called positive, (n,).
        groups: the group of each case; None where cases are independent.
        level: nominal coverage.

    Returns:
        NaN with a note where no case is positive or called positive. ``n`` counts all cases.

    Raises:
        PlanError: lengths differ, entries are not true or false, or a group is missing.

    Examples:
        >>> round(f1_score([1, 1, 0, 0, 1], [1, 0, 0, 1, 1]).value, 4)
        0.6667
    """
    positive, found = as_events("truth", truth), as_events("called", called)
    check_same_length(truth=positive.size, called=found.size)
    either = positive | found
    codes = None if groups is None else group_codes(groups, positive.size)[0][either]
    share = clustered_proportion((positive & found)[either], codes, level=level)

    def turned(j: float) -> float:
        return 2 * j / (1 + j)

    return replace(
        share,
        value=turned(share.value),
        low=turned(share.low),
        high=turned(share.high),
        method=f"F1, from the share of true positives, {share.method}",
        n=positive.size,
        variance=None,
        note=share.note if either.any() else "no case is positive or called so",
    )


def matthews_correlation(
    truth: ArrayLike, called: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """Matthews' correlation coefficient of truth and decision, which is Pearson's of 0 and 1.

    The interval is symmetric on Fisher's scale (arctanh); the variance is linearised over cases or
    groups (``plexor.stats.grouped_variance``) with half a case added to each of the four counts, so
    that it is not 0 if a count is 0. Without groups the interval is normal.

    Args:
        truth: whether each case is positive, (n,).
        called: whether it is called positive, (n,).
        groups: the group of each case; None where cases are independent.
        level: nominal coverage.

    Returns:
        NaN with a note where all cases are of one class, or all decisions are alike.

    Raises:
        PlanError: lengths differ, entries are not true or false, or a group is missing.

    Examples:
        >>> round(matthews_correlation([1, 1, 0, 0, 1, 0], [1, 0, 0, 1, 1, 0]).value, 4)
        0.3333
    """
    check_level(level)
    positive, found = as_events("truth", truth), as_events("called", called)
    check_same_length(truth=positive.size, called=found.size)
    cells = 2 * positive.astype(np.intp) + found
    counts = np.bincount(cells, minlength=4).astype(np.float64)
    value, _ = _correlation(counts)
    low = high = variance = math.nan
    n_groups, note = None, "" if not math.isnan(value) else _ONE_KIND
    if not note:
        centre, influence = _correlation(counts + 0.5)
        variance = float((counts + 0.5) @ influence**2) / (positive.size + 2) ** 2
        quantile = normal_quantile(level)
        if groups is not None:
            spread = mean_spread(influence[cells], groups)
            variance = max(variance, spread.variance)
            n_groups, note = spread.n_groups, spread.note
            quantile = t_quantile(level, spread.df) if spread.df > 0 else math.nan
        half = quantile * math.sqrt(variance) / (1 - centre**2)
        low = min(value, math.tanh(math.atanh(centre) - half))
        high = max(value, math.tanh(math.atanh(centre) + half))
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method="Matthews correlation, interval on Fisher's scale with half a case added to each "
        "count" + ("" if groups is None else ", over groups"),
        n=positive.size,
        n_groups=n_groups,
        variance=variance,
        note=note,
    )


def _correlation(counts: Floats) -> tuple[float, Floats]:
    """Correlation of a table (tn, fp, fn, tp), and each cell's influence on it, (4,)."""
    tn, fp, fn, tp = (counts / counts.sum()).tolist()
    x, y = fn + tp, fp + tp
    if not 0 < x < 1 or not 0 < y < 1:
        return math.nan, np.full(4, np.nan)
    of_x, of_y = x * (1 - x), y * (1 - y)
    r = (tp * tn - fp * fn) / math.sqrt(of_x * of_y)
    a = (np.array([0.0, 0.0, 1.0, 1.0]) - x) / math.sqrt(of_x)
    b = (np.array([0.0, 1.0, 0.0, 1.0]) - y) / math.sqrt(of_y)
    influence: Floats = a * b - r / 2 * (a**2 + b**2)
    return r, influence


def _average_precision(positive: Booleans, scores: Floats) -> Statistic:
    """Average precision as a statistic of weights; NaN where no positive has weight."""
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))
    hit = positive[order]

    def statistic(weights: Floats) -> Floats:
        if not scores.size:
            return np.full((len(weights), 1), np.nan)
        drawn = weights[:, order]
        gained = np.add.reduceat(np.where(hit, drawn, 0.0), starts, axis=1)
        called = np.cumsum(np.add.reduceat(drawn, starts, axis=1), axis=1)
        found, total = np.cumsum(gained, axis=1), gained.sum(axis=1, keepdims=True)
        precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
        area = (gained * precision).sum(axis=1, keepdims=True)
        undefined = np.full_like(area, np.nan)
        averages: Floats = np.divide(area, total, out=undefined, where=total > 0)
        return averages

    return statistic
