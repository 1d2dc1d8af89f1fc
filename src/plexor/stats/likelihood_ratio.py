"""Likelihood ratios of a diagnostic test, and predictive values at any prevalence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from numpy.typing import ArrayLike
from scipy import optimize

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import (
    Booleans,
    Groups,
    as_counts,
    as_events,
    check_level,
    check_same_length,
    group_codes,
    normal_quantile,
)
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import Part, grouped_spread
from plexor.stats.result_text import Results

RatioInterval = Literal["score", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRatios(Results):
    """Likelihood ratios: how many times as often a result occurs with the disease as without.

    Attributes:
        positive: of a positive result, sensitivity / (1 - specificity).
        negative: of a negative result, (1 - sensitivity) / specificity.
    """

    positive: Estimate
    negative: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictiveValues(Results):
    """Predictive values at a prevalence.

    Attributes:
        positive: probability of the disease after a positive result (PPV).
        negative: probability of no disease after a negative result (NPV).
        prevalence: for which both are computed.
    """

    positive: Estimate
    negative: Estimate
    prevalence: float


def likelihood_ratios(
    true_positive: int,
    false_negative: int,
    false_positive: int,
    true_negative: int,
    *,
    level: float = 0.95,
    interval: RatioInterval = "score",
) -> LikelihoodRatios:
    """Likelihood ratios of independent cases, from their four counts.

    * ``"score"`` (the default) inverts the score test of a ratio of two proportions (Koopman,
      Biometrics 1984;40:513; Miettinen & Nurminen, Stat Med 1985;4:213, without their N/(N-1));
      defined where a count is 0.
    * ``"log"`` is symmetric on the logarithmic scale (Simel, Samsa & Matchar, J Clin Epidemiol
      1991;44:763), as R's epiR gives it; without an interval where a count is 0.

    Args:
        true_positive: diseased cases with a positive result.
        false_negative: diseased cases with a negative result.
        false_positive: healthy cases with a positive result.
        true_negative: healthy cases with a negative result.
        level: nominal coverage.
        interval: see above.

    Returns:
        Infinite where the result does not occur in healthy cases; NaN with a note where it occurs
        in neither, or where a class has no case.

    Raises:
        PlanError: a count that is negative or not whole, or an unknown interval.

    Examples:
        >>> found = likelihood_ratios(90, 10, 20, 80)
        >>> found.positive.value, found.negative.value
        (4.5, 0.125)
    """
    check_level(level)
    if interval not in get_args(RatioInterval):
        raise PlanError(unknown("interval of a ratio", interval, get_args(RatioInterval)))
    tp, fn, fp, tn = as_counts(
        true_positive=true_positive,
        false_negative=false_negative,
        false_positive=false_positive,
        true_negative=true_negative,
    )
    return LikelihoodRatios(
        positive=_ratio((tp, tp + fn), (fp, fp + tn), "positive", level=level, interval=interval),
        negative=_ratio((fn, tp + fn), (tn, fp + tn), "negative", level=level, interval=interval),
    )


def clustered_likelihood_ratios(
    truth: ArrayLike, called: ArrayLike, groups: Groups, *, level: float = 0.95
) -> LikelihoodRatios:
    """Likelihood ratios where several cases belong to a group.

    Student's interval on the logarithmic scale; the variance is that of the two proportions over
    groups (``plexor.stats.grouped_variance``), by the delta method.

    Args:
        truth: whether each case is positive, (n,).
        called: whether its result is positive, (n,).
        groups: the group of each case, (n,).
        level: nominal coverage.

    Returns:
        As ``likelihood_ratios``; no interval where a count is 0, or a class is in one group.

    Raises:
        PlanError: lengths differ, entries are not true or false, or a group is missing.

    Examples:
        >>> truth = [1, 1, 1, 1, 0, 0, 0, 0]
        >>> called = [1, 1, 0, 1, 0, 1, 0, 0]
        >>> groups = ["a", "a", "b", "c", "d", "d", "e", "f"]
        >>> clustered_likelihood_ratios(truth, called, groups).positive.value
        3.0
    """
    check_level(level)
    diseased, result = as_events("truth", truth), as_events("called", called)
    check_same_length(truth=diseased.size, called=result.size)
    codes, n_groups = group_codes(groups, diseased.size)

    def ratio(hit: Booleans, what: str) -> Estimate:
        k, m = int(hit[diseased].sum()), int(diseased.sum())
        j, n = int(hit[~diseased].sum()), int((~diseased).sum())
        plain = _ratio((k, m), (j, n), what, level=level, interval="log")
        variance = half = math.nan
        note = plain.note
        if k and j:
            parts = [
                Part(values=hit[side] / share, codes=codes[side], weight=sign)
                for side, share, sign in ((diseased, k / m, 1.0), (~diseased, j / n, -1.0))
            ]
            spread = grouped_spread(parts, n_groups)
            variance, half = spread.variance, spread.half_width(level)
            note = spread.note
            if math.isnan(half):
                note = "a class is in one group: no interval"
            elif half == 0:
                note = "no group differs from another: the interval has no width"
        return replace(
            plain,
            low=plain.value * math.exp(-half),
            high=plain.value * math.exp(half),
            method=f"likelihood ratio of a {what} result, Student's interval over groups in the "
            "logarithm",
            n_groups=n_groups,
            variance=variance * plain.value**2 if k and j else None,
            note=note,
        )

    return LikelihoodRatios(positive=ratio(result, "positive"), negative=ratio(~result, "negative"))


def predictive_values(
    true_positive: int,
    false_negative: int,
    false_positive: int,
    true_negative: int,
    prevalence: float,
    *,
    level: float = 0.95,
    interval: RatioInterval = "score",
) -> PredictiveValues:
    """Positive and negative predictive value at a prevalence other than the sample's.

    Bayes' rule with the likelihood ratios: the odds after a result are the odds before it times the
    ratio, so the limits of the ratio give those of the predictive value. With ``interval="log"`` it
    is the logit interval of Mercaldo, Lau & Zhou (Stat Med 2007;26:2170). The prevalence is taken
    as known. Arguments otherwise as for ``likelihood_ratios``.

    Args:
        true_positive: diseased cases with a positive result.
        false_negative: diseased cases with a negative result.
        false_positive: healthy cases with a positive result.
        true_negative: healthy cases with a negative result.
        prevalence: share of diseased cases where the test will be used, strictly within 0 … 1.
        level: nominal coverage.
        interval: see ``likelihood_ratios``.

    Raises:
        PlanError: a prevalence that is not strictly within 0 … 1; see ``likelihood_ratios``.

    Examples:
        >>> found = predictive_values(90, 10, 20, 80, prevalence=0.01)
        >>> round(found.positive.value, 3), round(found.negative.value, 4)
        (0.043, 0.9987)
    """
    found = likelihood_ratios(
        true_positive, false_negative, false_positive, true_negative, level=level, interval=interval
    )
    after = probability_after(found.positive, prevalence)
    missed = probability_after(found.negative, prevalence)
    return PredictiveValues(
        positive=replace(after, method=f"positive predictive value, {found.positive.method}"),
        negative=replace(
            missed,
            value=1 - missed.value,
            low=1 - missed.high,
            high=1 - missed.low,
            method=f"negative predictive value, {found.negative.method}",
        ),
        prevalence=float(prevalence),
    )


def probability_after(ratio: Estimate, prevalence: float) -> Estimate:
    """The probability of the disease after a result, from its likelihood ratio.

    Args:
        ratio: an estimate of the likelihood ratio, with or without groups.
        prevalence: probability of the disease before the result, strictly within 0 … 1.

    Raises:
        PlanError: a prevalence that is not strictly within 0 … 1.

    Examples:
        >>> ratio = likelihood_ratios(90, 10, 20, 80).positive
        >>> round(probability_after(ratio, 0.5).value, 3)
        0.818
    """
    if not 0 < prevalence < 1:
        raise PlanError(f"prevalence: expected a share strictly between 0 and 1, got {prevalence}")
    odds = prevalence / (1 - prevalence)

    def after(x: float) -> float:
        return 1.0 if math.isinf(x) else odds * x / (1 + odds * x)

    return replace(
        ratio,
        value=after(ratio.value),
        low=after(ratio.low),
        high=after(ratio.high),
        variance=None,
        method=f"probability at a prevalence of {prevalence:g}, {ratio.method}",
    )


def _ratio(
    diseased: tuple[int, int],
    healthy: tuple[int, int],
    what: str,
    *,
    level: float,
    interval: RatioInterval,
) -> Estimate:
    """The share of ``what`` results among diseased over that among healthy; (results, cases)."""
    (k, m), (j, n) = diseased, healthy
    value = low = high = math.nan
    variance, note = None, ""
    if not m or not n:
        note = "no diseased or no healthy cases"
    elif not k and not j:
        note = f"no {what} results"
    else:
        value = (k / m) / (j / n) if j else math.inf
        if interval == "score":
            low, high = _score_limits(k, m, j, n, normal_quantile(level))
        elif k and j:
            spread = 1 / k - 1 / m + 1 / j - 1 / n
            half = normal_quantile(level) * math.sqrt(spread)
            low, high, variance = value * math.exp(-half), value * math.exp(half), spread * value**2
        else:
            note = "a count is 0: no interval in the logarithm; take 'score'"
    words = "score interval" if interval == "score" else "interval in the logarithm"
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method=f"likelihood ratio of a {what} result, {words}",
        n=m + n,
        variance=variance,
        note=note,
    )


def _score_limits(k: int, m: int, j: int, n: int, z: float) -> tuple[float, float]:
    """The ratios at which the score test has its critical value (Koopman 1984)."""

    def statistic(log_ratio: float) -> float:
        ratio = math.exp(log_ratio)
        # At the maximum of the likelihood under p = ratio · q: a quadratic in q.
        a, b, c = (m + n) * ratio, -(ratio * (m + j) + k + n), float(k + j)
        q = (-b - math.sqrt(max(0.0, b * b - 4 * a * c))) / (2 * a)
        p = min(1.0, ratio * q)
        variance = p * (1 - p) / m + ratio**2 * q * (1 - q) / n
        distance = k / m - ratio * j / n
        if variance > 0:
            return distance**2 / variance - z * z
        return math.inf if abs(distance) > 1e-12 else -z * z

    centre = math.log((k + 0.5) / (m + 0.5) / ((j + 0.5) / (n + 0.5)))
    if k and j:
        centre = math.log(k * n / (m * j))
    low = 0.0 if not k else math.exp(_root(statistic, centre, -1.0))
    high = math.inf if not j else math.exp(_root(statistic, centre, 1.0))
    return low, high


def _root(excess: Callable[[float], float], start: float, direction: float) -> float:
    step = direction
    while excess(start) > 0:  # only where a count is 0, and the start is beside the observed ratio
        start -= step
    while excess(start + step) < 0:
        step *= 2
    return float(optimize.brentq(excess, start, start + step, xtol=1e-13))
