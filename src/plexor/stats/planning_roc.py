"""Power and sample sizes of the comparison of two ROC areas."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import integrate, special

from plexor.core.errors import PlanError
from plexor.stats.argument import normal_quantile
from plexor.stats.planning import check_share, smallest_n


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedAucPlan:
    """Two models' areas on the same cases, ratings normal and of equal spread in both classes.

    Attributes:
        auc_a: area of one model.
        auc_b: area of the other.
        correlation_positive: between the two models' ratings of positive cases.
        correlation_negative: between their ratings of negative cases.
        negatives_per_positive: ratio of class sizes.
    """

    auc_a: float
    auc_b: float
    correlation_positive: float
    correlation_negative: float
    negatives_per_positive: float = 1.0

    def __post_init__(self) -> None:
        check_share("auc_a", self.auc_a)
        check_share("auc_b", self.auc_b)
        correlations = (self.correlation_positive, self.correlation_negative)
        if not all(-1 < r < 1 for r in correlations) or not self.negatives_per_positive > 0:
            raise PlanError(
                "expected correlations strictly between -1 and 1 and a positive ratio, got "
                f"{correlations} and {self.negatives_per_positive}"
            )

    def variance(self, n_positive: int) -> float:
        """Variance of the difference of the two empirical areas, exact for these ratings.

        It is that of a two-sample U-statistic, from the probability that two comparisons that share
        a positive, a negative or both are won together (Hanley & McNeil's Q1 and Q2, Radiology
        1982;143:29, here for the normal and for two models).
        """
        return self._variance(self.auc_a, self.auc_b, n_positive)

    def power(self, n_positive: int, *, alpha: float = 0.05) -> float:
        """Power of the two-sided ``delong_test``, its statistic taken as normal.

        The variance under the hypothesis is that at the mean of both areas. The power is too high
        below about 30 cases in a class; use ``simulated_power`` there.

        Raises:
            PlanError: no positives, or an alpha outside 0 … 1.
        """
        check_share("alpha", alpha)
        mean = (self.auc_a + self.auc_b) / 2
        critical = normal_quantile(1 - alpha) * math.sqrt(self._variance(mean, mean, n_positive))
        spread, shift = math.sqrt(self.variance(n_positive)), abs(self.auc_a - self.auc_b)
        found = special.ndtr((shift - critical) / spread)
        return float(found + special.ndtr((-shift - critical) / spread))

    def sample_size(self, *, power: float = 0.8, alpha: float = 0.05) -> int:
        """Number of positives for a power; negatives are added by the ratio of class sizes.

        Raises:
            PlanError: equal areas, or a power outside 0 … 1.
        """
        if self.auc_a == self.auc_b:
            raise PlanError("auc_a equals auc_b: there is no difference to find")
        return smallest_n(lambda n: self.power(n, alpha=alpha), power)

    def _variance(self, first: float, second: float, m: int) -> float:
        if m < 1:
            raise PlanError(f"n_positive: expected one positive or more, got {m}")
        n = max(1, round(m * self.negatives_per_positive))
        correlations = self.correlation_positive, self.correlation_negative
        own = sum(_covariance(area, area, (1.0, 1.0), m, n) for area in (first, second))
        return own - 2 * _covariance(first, second, correlations, m, n)


def _covariance(
    first: float, second: float, correlations: tuple[float, float], m: int, n: int
) -> float:
    """Of two areas whose ratings correlate as given; 1 and 1 for a model with itself."""
    positive, negative = correlations
    same_pair = _won_together(first, second, (positive + negative) / 2)
    same_positive = _won_together(first, second, positive / 2)
    same_negative = _won_together(first, second, negative / 2)
    return (same_pair + (n - 1) * same_positive + (m - 1) * same_negative) / (m * n)


def _won_together(first: float, second: float, correlation: float) -> float:
    """P(both comparisons won) - P(one) P(other), by Plackett's integral over the correlation."""
    h, k = float(special.ndtri(first)), float(special.ndtri(second))
    if correlation >= 1 and first == second:
        return first * (1 - first)

    def slope(angle: float) -> float:
        cosine = math.cos(angle)
        return math.exp(-(h * h + k * k - 2 * h * k * math.sin(angle)) / (2 * cosine * cosine))

    area, _ = integrate.quad(slope, 0.0, math.asin(correlation), epsabs=1e-13, epsrel=1e-12)
    return float(area) / (2 * math.pi)
