"""Calibration of predicted probabilities: intercept, slope and Brier score."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError
from plexor.stats.argument import (
    Booleans,
    Floats,
    Groups,
    as_events,
    as_floats,
    check_level,
    check_same_length,
    normal_quantile,
)
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import mean_spread
from plexor.stats.mean import clustered_mean
from plexor.stats.result_text import Results

_SEPARATED = "the predictions separate the classes: the logistic regression has no maximum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration(Results):
    """How well predicted probabilities are calibrated.

    Attributes:
        slope: of the truth's log odds against the predicted log odds; 1 where the predictions are
            as spread as they should be, below 1 where they are too extreme.
        intercept: of the same regression.
        in_the_large: the intercept with the slope held at 1; 0 where the predictions are right on
            average, above 0 where they are too low.
        brier: mean squared distance of prediction and truth; 0 is best.
    """

    slope: Estimate
    intercept: Estimate
    in_the_large: Estimate
    brier: Estimate


def calibration(
    truth: ArrayLike, probability: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Calibration:
    """Calibration intercept and slope, calibration in the large, and the Brier score.

    Cox's logistic recalibration (Biometrika 1958;45:562; Miller, Hui & Tierney, Stat Med
    1991;10:1213): logit P(truth) = intercept + slope · logit(probability), by maximum likelihood.
    Without groups the variances are those of the information matrix, as R's glm gives them, and the
    intervals normal; with groups each case's share in the estimate is summed over its group
    (``plexor.stats.grouped_variance``) and the intervals are Student's.

    Args:
        truth: whether each case is positive, (n,).
        probability: predicted for each case, strictly within 0 … 1, (n,).
        groups: the group of each case; None where cases are independent.
        level: nominal coverage.

    Returns:
        NaN with a note where a class has no case, where all predictions are equal (the slope), or
        where the predictions separate the classes.

    Raises:
        PlanError: lengths differ, or a probability that is NaN, 0, 1 or beyond: its log odds are
            infinite.

    Examples:
        >>> truth = [0, 0, 1, 0, 1, 0, 1, 1]
        >>> found = calibration(truth, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
        >>> round(found.slope.value, 2), round(found.brier.value, 3)
        (1.35, 0.18)
    """
    check_level(level)
    positive, p = as_probabilities(truth, probability)
    if positive.size and not ((p > 0) & (p < 1)).all():
        raise PlanError(
            "probability: 0 and 1 have no log odds; hold predictions within e.g. 0.001 to 0.999, "
            "and say so"
        )
    odds = special.logit(p)
    both = 0 < np.count_nonzero(positive) < positive.size
    why = "" if both else "no positive or no negative cases"
    ones = np.ones((positive.size, 1))
    spread = bool(both and np.ptp(odds) > 0)
    columns = np.column_stack([ones, odds])
    full = _fit(positive, columns, np.zeros(positive.size)) if spread else None
    mean = _fit(positive, ones, odds) if both else None
    lacking = why or ("all predictions are equal" if not spread else _SEPARATED)

    def estimate(fit: _Fit | None, place: int, what: str) -> Estimate:
        found = _estimate(fit, place, groups, positive.size, level)
        interval = "Wald interval" if groups is None else "Student's interval over groups"
        method = f"{what}, logistic recalibration, {interval}"
        return replace(found, method=method, note=found.note if fit else lacking)

    return Calibration(
        slope=estimate(full, 1, "calibration slope"),
        intercept=estimate(full, 0, "calibration intercept"),
        in_the_large=estimate(mean, 0, "calibration in the large"),
        brier=brier_score(positive, p, groups, level=level),
    )


def brier_score(
    truth: ArrayLike, probability: ArrayLike, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """The mean of (probability - truth)² (Brier, Mon Weather Rev 1950;78:1), as a mean of cases.

    Arguments as for ``calibration``, where probabilities of 0 and 1 are allowed; interval and what
    is undefined as for ``clustered_mean``.

    Examples:
        >>> round(brier_score([0, 1, 1], [0.2, 0.7, 0.9]).value, 4)
        0.0467
    """
    positive, p = as_probabilities(truth, probability)
    return clustered_mean((p - positive) ** 2, groups, level=level)


def as_probabilities(truth: ArrayLike, probability: ArrayLike) -> tuple[Booleans, Floats]:
    """Truth and probabilities, both (n,), checked.

    Raises:
        PlanError: lengths differ, or a probability that is NaN or outside 0 … 1.
    """
    positive, p = as_events("truth", truth), as_floats("probability", probability)
    if p.ndim != 1:
        raise PlanError(f"probability: expected one number per case, got shape {p.shape}")
    check_same_length(truth=positive.size, probability=p.size)
    if not ((p >= 0) & (p <= 1)).all():
        raise PlanError(
            "probability: expected values from 0 to 1, but one is NaN or beyond; "
            "give probabilities, not scores"
        )
    return positive, p


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """Coefficients, the inverse of their information, and each case's score, (n, k)."""

    coefficients: Floats
    covariance: Floats
    scores: Floats


def _fit(positive: Booleans, x: Floats, offset: Floats) -> _Fit | None:
    """Logistic regression by Newton's method with halved steps; None without a maximum."""
    place = np.zeros(x.shape[1])

    def loss(at: Floats) -> float:
        linear = x @ at + offset
        return float(np.logaddexp(0, linear).sum() - linear[positive].sum())

    for _ in range(100):
        p = special.expit(x @ place + offset)
        scores = x * (positive - p)[:, None]
        information = (x * (p * (1 - p))[:, None]).T @ x
        if np.linalg.cond(information) > 1e12:
            return None
        covariance: Floats = np.linalg.inv(information).astype(np.float64)
        step = covariance @ scores.sum(axis=0)
        if float(np.abs(step).max()) < 1e-10 * (1 + float(np.abs(place).max())):
            return _Fit(coefficients=place, covariance=covariance, scores=scores)
        size = 1.0
        while loss(place + size * step) > loss(place) + 1e-12 and size > 1e-10:
            size /= 2
        place = place + size * step
        if float(np.abs(place).max()) > 1e4:
            return None
    return None


def _estimate(
    fit: _Fit | None, place: int, groups: Groups | None, n: int, level: float
) -> Estimate:
    value = variance = half = math.nan
    n_groups, note = None, ""
    if fit is not None:
        value = float(fit.coefficients[place])
        variance = float(fit.covariance[place, place])
        half = normal_quantile(level) * math.sqrt(variance)
        if groups is not None:
            spread = mean_spread(n * (fit.scores @ fit.covariance)[:, place], groups)
            variance, half, n_groups = spread.variance, spread.half_width(level), spread.n_groups
            note = spread.note if half > 0 else "fewer than two groups: no interval"
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        method="",
        n=n,
        n_groups=n_groups,
        variance=variance,
        note=note,
    )
