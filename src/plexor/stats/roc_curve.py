"""The corners of a ROC curve, and its area as a statistic to resample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import Booleans, Floats, as_events
from plexor.stats.placement import as_scores, curve_steps
from plexor.stats.resample import Statistic


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

    Examples:
        >>> truth, score = [0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6]
        >>> roc_curve(truth, score).sensitivity.round(2).tolist()
        [0.0, 0.33, 0.67, 0.67, 1.0, 1.0, 1.0]
    """
    positive, column = one_model(truth, scores)
    if positive.all() or not positive.any():
        raise PlanError("roc_curve: no positive or no negative cases; a curve needs both")
    steps = curve_steps(positive, column)
    return RocCurve(
        thresholds=np.concatenate([[np.inf], steps.thresholds]),
        sensitivity=steps.true_positive,
        specificity=1 - steps.false_positive,
    )


def weighted_auc(truth: ArrayLike, scores: ArrayLike) -> Statistic:
    """Areas under the ROC curves of k models as a statistic to resample, (n,) or (n, k).

    Examples:
        >>> import numpy as np
        >>> truth, score = [0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6]
        >>> weighted_auc(truth, score)(np.ones((1, 6))).round(3).tolist()
        [[0.889]]
    """
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


def one_model(truth: ArrayLike, scores: ArrayLike) -> tuple[Booleans, Floats]:
    """Truth and scores of a single model, both (n,), checked."""
    positive = as_events("truth", truth)
    table = as_scores(positive, scores)
    if table.shape[1] != 1:
        raise PlanError(f"scores: expected one model's, (n,), got shape {table.shape}")
    return positive, table[:, 0]
