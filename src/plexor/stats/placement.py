"""Contribution of each case to an area under a ROC curve: its place among the other class.

The area under an empirical ROC curve between two false-positive rates is a mean over positives, and
its variance is that of the contributions of single positives and single negatives (DeLong, DeLong &
Clarke-Pearson, Biometrics 1988;44:837, there for the whole curve). Ties are straight segments of
the curve, so all formulas are exact with ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import Booleans, Codes, Floats, as_floats, check_same_length

Range = tuple[float, float]
"""Lowest and highest specificity of a part of the curve."""

WHOLE: Range = (0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The corners of an empirical ROC curve from (0, 0) to (1, 1), one step per distinct score.

    Attributes:
        thresholds: the distinct scores, falling, (u,).
        false_positive: share of negatives at or above each, after a leading 0, (u + 1,).
        true_positive: share of positives at or above each, after a leading 0, (u + 1,).
        step: the step to which each case belongs, (n,).
    """

    thresholds: Floats
    false_positive: Floats
    true_positive: Floats
    step: Codes


def as_scores(truth: Booleans, scores: ArrayLike) -> Floats:
    """Scores as (n, models), checked.

    Raises:
        PlanError: a wrong shape, or NaN: the rank of a case without a score is unknown.
    """
    table = as_floats("scores", scores)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2:
        raise PlanError(f"scores: expected shape (cases,) or (cases, models), got {table.shape}")
    check_same_length(truth=truth.size, scores=len(table))
    unknown = np.isnan(table)
    if unknown.any():
        missing = int(unknown.any(axis=1).sum())
        raise PlanError(
            f"scores: {missing} of {truth.size} cases have NaN, which has no rank; "
            "leave those cases out, and say how many"
        )
    return table


def curve_steps(truth: Booleans, scores: Floats) -> Steps:
    """The corners of one model's curve; needs a positive and a negative."""
    order = np.argsort(-scores)
    ordered = scores[order]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    number = np.cumsum(new) - 1
    step = np.empty(truth.size, dtype=np.intp)
    step[order] = number
    size = int(number[-1]) + 1
    positives = np.bincount(step[truth], minlength=size)
    negatives = np.bincount(step[~truth], minlength=size)
    return Steps(
        thresholds=ordered[new],
        false_positive=np.concatenate([[0.0], np.cumsum(negatives) / negatives.sum()]),
        true_positive=np.concatenate([[0.0], np.cumsum(positives) / positives.sum()]),
        step=step,
    )


def placements(truth: Booleans, scores: Floats, specificity: Range = WHOLE) -> Floats:
    """Each case's contribution to the area between two specificities, (n,).

    The mean over positives is the area. The contribution of a negative is the sensitivity at its
    score; beyond the ends of the part of the curve it is the sensitivity at that end. This is the
    influence function of the partial area, with ends that are estimated quantiles of the negatives.
    """
    if specificity == WHOLE:
        return _whole_placements(truth, scores)
    curve = curve_steps(truth, scores)
    first, last = 1 - specificity[1], 1 - specificity[0]
    low, high = curve.false_positive[:-1], curve.false_positive[1:]
    of_positives = _area_left_of(last, low, high) - _area_left_of(first, low, high)
    of_negatives = _mean_sensitivity(curve, first, last)
    values: Floats = np.where(truth, of_positives[curve.step], of_negatives[curve.step])
    return values


def _whole_placements(truth: Booleans, scores: Floats) -> Floats:
    """Share of negatives below each positive, and of positives above each negative, ties half.

    The same as ``placements`` for the whole curve, with fewer passes over the cases.
    """
    order = np.argsort(scores)
    ordered, hit = scores[order], truth[order]
    starts = np.append(0, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1)
    sizes = np.diff(starts, append=ordered.size)
    own = np.add.reduceat(hit, starts, dtype=np.intp)
    positives = np.cumsum(own)
    negatives = np.cumsum(sizes - own)
    m, n = int(positives[-1]), int(negatives[-1])
    below = (negatives - (sizes - own) / 2) / n
    above = (m - positives + own / 2) / m
    found = np.empty(scores.size)
    found[order] = np.where(hit, np.repeat(below, sizes), np.repeat(above, sizes))
    return found


def _area_left_of(rate: float, low: Floats, high: Floats) -> Floats:
    """Area, up to a false-positive rate, under a curve that rises from 0 to 1 on [low, high]."""
    width = np.where(high > low, high - low, 1.0)
    rising = np.clip(rate - low, 0.0, high - low) ** 2 / (2 * width)
    area: Floats = rising + np.maximum(rate - high, 0.0)
    return area


def _mean_sensitivity(curve: Steps, first: float, last: float) -> Floats:
    """Mean sensitivity over each step, rates clipped to first … last; 0 without negatives."""
    low, high = curve.false_positive[:-1], curve.false_positive[1:]
    below, above = curve.true_positive[:-1], curve.true_positive[1:]
    wide = high > low
    width = np.where(wide, high - low, 1.0)
    slope = (above - below) / width
    at_first, at_last = _sensitivity_within(curve, first, last)
    start, end = np.clip(low, first, last), np.clip(high, first, last)
    middle = below + slope * ((start + end) / 2 - low)
    before = np.clip(first, low, high) - low
    after = high - np.clip(last, low, high)
    total = at_first * before + middle * (end - start) + at_last * after
    mean: Floats = np.where(wide, total / width, 0.0)
    return mean


def _sensitivity_within(curve: Steps, first: float, last: float) -> tuple[float, float]:
    """Sensitivity at both ends of the part, as limits from inside it."""
    low, high = curve.false_positive[:-1], curve.false_positive[1:]
    steps = np.flatnonzero(high > low)
    left = steps[np.searchsorted(high[steps], first, side="right").clip(max=steps.size - 1)]
    right = steps[np.searchsorted(high[steps], last, side="left").clip(max=steps.size - 1)]

    def at(rate: float, step: int) -> float:
        part = (rate - low[step]) / (high[step] - low[step])
        rise = curve.true_positive[step + 1] - curve.true_positive[step]
        return float(curve.true_positive[step] + part * rise)

    return at(first, int(left)), at(last, int(right))


def covariance(
    truth: Booleans, contributions: Floats, codes: Codes | None, n_groups: int
) -> Floats:
    """Covariance of mean contributions, (k, k), from (n, k).

    Without groups DeLong's; with groups Obuchowski's (Biometrics 1997;53:567), which adds the
    products of positives with negatives of the same group. NaN where a class has fewer than two
    cases (or groups).
    """
    m, n = int(truth.sum()), int((~truth).sum())
    positives = contributions[truth] - contributions[truth].mean(axis=0)
    negatives = contributions[~truth] - contributions[~truth].mean(axis=0)
    if codes is None:
        return _spread(positives, m) / m**2 + _spread(negatives, n) / n**2
    x = _group_sums(positives, codes[truth], n_groups)
    y = _group_sums(negatives, codes[~truth], n_groups)
    with_positives = np.unique(codes[truth]).size
    with_negatives = np.unique(codes[~truth]).size
    cross = x.T @ y * (n_groups / (n_groups - 1) if n_groups > 1 else np.nan) / (m * n)
    total: Floats = (
        _spread(x, with_positives) / m**2 + _spread(y, with_negatives) / n**2 + cross + cross.T
    )
    return total


def _spread(deviations: Floats, size: int) -> Floats:
    products: Floats = deviations.T @ deviations
    return products * (size / (size - 1)) if size > 1 else np.full_like(products, np.nan)


def _group_sums(values: Floats, codes: Codes, n_groups: int) -> Floats:
    columns = [np.bincount(codes, weights=column, minlength=n_groups) for column in values.T]
    return np.stack(columns, axis=1)
