"""The interval of a weighted sum from the intervals of its terms (MOVER).

Zou & Donner, Stat Med 2008;27:1693 (the name); Newcombe, Stat Med 1998;17:2635 (squaring and
adding with a correlation); Zou, Huang & Zhang, Comput Stat Data Anal 2009;53:1080 (many terms).
"""

from __future__ import annotations

import math

from plexor.stats.argument import Floats


def mover_limits(
    weights: Floats, values: Floats, lows: Floats, highs: Floats, correlation: Floats
) -> tuple[float, float]:
    """The two-sided limits of ``sum(weights * values)``.

    Args:
        weights: any sign, (k,).
        values: the estimates, (k,).
        lows: their lower limits, all at the level wanted, (k,).
        highs: their upper limits, (k,).
        correlation: between the estimates, (k, k), 1 on the diagonal.
    """
    total = float(weights @ values)
    below = weights * (values - lows) * (weights > 0) + weights * (highs - values) * (weights < 0)
    above = weights * (highs - values) * (weights > 0) + weights * (values - lows) * (weights < 0)
    return total - _length(below, correlation), total + _length(above, correlation)


def _length(distances: Floats, correlation: Floats) -> float:
    square = float(distances @ correlation @ distances)
    # Rounding may leave a negative zero; NaN, an undefined term, stays NaN.
    return 0.0 if square < 0 else math.sqrt(square)
