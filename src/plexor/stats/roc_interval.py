"""Intervals of an area under a ROC curve, from its value and its spread."""

from __future__ import annotations

import math
from typing import Literal

from scipy import optimize, special

from plexor.stats.argument import normal_quantile, t_quantile
from plexor.stats.grouped_variance import Spread

AucInterval = Literal["auto", "score", "logit", "wald"]

SCORE_BELOW = 50
"""Positives or negatives (or groups of them) below which ``"auto"`` takes the score interval."""

PERFECT = "perfect separation: limit from the independent pairs the cases hold"


def logit_limits(share: float, half: float) -> tuple[float, float]:
    """Limits symmetric on the logit scale, from a half width on the scale of the share.

    Args:
        share: strictly within 0 … 1.
        half: quantile times standard error.
    """
    centre, width = special.logit(share), half / (share * (1 - share))
    return float(special.expit(centre - width)), float(special.expit(centre + width))


def wald_limits(share: float, half: float) -> tuple[float, float]:
    """``share ± half``, cut to 0 … 1."""
    return max(0.0, share - half), min(1.0, share + half)


def model_variance(area: float, n_positive: int, n_negative: int) -> float:
    """The variance of an empirical area where scores are exponential in both classes.

    Hanley & McNeil's (Radiology 1982;143:29), with the mean of both classes' numbers in place of
    each, as in Newcombe's method 5 (Stat Med 2006;25:559).
    """
    shared = (n_positive + n_negative) / 2 - 1
    share = 1 + shared * ((1 - area) / (2 - area) + area / (1 + area))
    return area * (1 - area) * share / (n_positive * n_negative)


def score_limits(
    area: float, spread: Spread, n_positive: int, n_negative: int, level: float
) -> tuple[float, float]:
    """Newcombe's score limits, widened if the estimated variance is above his model's.

    The areas at which (area - true)² is the squared quantile times ``model_variance`` (Stat Med
    2006;25:559, method 5). Where the estimated variance is above the model's at the observed area,
    the variance at every area is raised in that ratio, and the quantile is Student's.

    Args:
        area: the observed area, strictly within 0 … 1.
        spread: its estimated variance and degrees of freedom.
        n_positive: positive cases.
        n_negative: negative cases.
        level: nominal coverage.
    """
    observed = model_variance(area, n_positive, n_negative)
    quantile = max(
        normal_quantile(level),
        t_quantile(level, spread.df) * math.sqrt(spread.variance / observed),
    )

    def excess(true: float) -> float:
        return (area - true) ** 2 - quantile**2 * model_variance(true, n_positive, n_negative)

    low = optimize.brentq(excess, 0.0, area, xtol=1e-15)
    return float(low), float(optimize.brentq(excess, area, 1.0, xtol=1e-15))


def perfect_limits(area: float, n_pairs: int, level: float) -> tuple[float, float]:
    """Clopper & Pearson's limits where all of ``n_pairs`` independent pairs are in order.

    Args:
        area: 1, or 0 where all are out of order.
        n_pairs: disjoint pairs of a positive and a negative, 1 or more.
        level: nominal coverage.
    """
    limit = ((1 - level) / 2) ** (1 / n_pairs)
    return (limit, 1.0) if area > 0.5 else (0.0, 1 - limit)
