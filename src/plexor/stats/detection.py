"""Signal detection: sensitivity d' and criterion of a reader, from counts of answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from plexor.stats.argument import check_counts, check_level, normal_quantile
from plexor.stats.estimate import Estimate
from plexor.stats.proportion import proportion_interval
from plexor.stats.result_text import Results


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection(Results):
    """d', criterion and A' of a reader who answers "is it there?".

    Attributes:
        d_prime: distance between cases with and without signal, in standard deviations; 0 is
            guessing.
        criterion: above 0 for a reader who seldom says yes, below 0 for one who often does.
        a_prime: A', an area between 0 and 1 that assumes no distribution; ½ is guessing.
    """

    d_prime: Estimate
    criterion: Estimate
    a_prime: float


def detection(
    hits: int, n_signal: int, false_alarms: int, n_noise: int, *, level: float = 0.95
) -> Detection:
    """d', the criterion c and A' from yes/no answers.

    d' and c always have the log-linear correction: 0.5 is added to each count and 1 to each number
    of cases, so that they are finite for rates of 0 and 1 (Hautus, Behav Res Methods 1995;27:46).
    Their variances are those of Gourevitch & Galanter (Psychometrika 1967;32:25) at the corrected
    rates; the intervals are normal (least coverage 92 %, at d' = 3 and c = 1 with 25 of each kind;
    docs/reference/coverage.md). A' is computed from the uncorrected rates (Snodgrass & Corwin, J
    Exp Psychol Gen 1988;117:34, which also covers readers below chance).

    Args:
        hits: cases with the signal and the answer yes.
        n_signal: cases with the signal.
        false_alarms: cases without the signal and the answer yes.
        n_noise: cases without the signal.
        level: nominal coverage.

    Returns:
        NaN with a note where there is no case with, or none without, the signal.

    Raises:
        PlanError: impossible counts, or a level outside 0 … 1.

    Examples:
        >>> found = detection(hits=18, n_signal=30, false_alarms=14, n_noise=30)
        >>> round(found.d_prime.value, 3)
        0.326
    """
    check_level(level)
    hits, n_signal = check_counts(hits, n_signal)
    false_alarms, n_noise = check_counts(false_alarms, n_noise)
    known = n_signal > 0 and n_noise > 0
    distance = bias = variance = math.nan
    if known:
        rates = [(k + 0.5) / (n + 1) for k, n in ((hits, n_signal), (false_alarms, n_noise))]
        z_hit, z_false = (float(special.ndtri(rate)) for rate in rates)
        distance, bias = z_hit - z_false, 0.0 - (z_hit + z_false) / 2
        variance = sum(
            rate * (1 - rate) / n * 2 * math.pi * math.exp(z * z)
            for rate, n, z in zip(rates, (n_signal, n_noise), (z_hit, z_false), strict=True)
        )

    counts = (hits, n_signal - hits, false_alarms, n_noise - false_alarms)
    few = "fewer than 5 of a kind of answer: the interval may cover too little"
    few = few if min(counts) < 5 else ""

    def estimate(value: float, spread: float, what: str) -> Estimate:
        half = normal_quantile(level) * math.sqrt(spread)
        return Estimate(
            value=value,
            low=value - half,
            high=value + half,
            level=level,
            method=f"{what}, log-linear correction, Gourevitch-Galanter variance",
            n=n_signal + n_noise,
            variance=spread,
            note=few if known else "no cases with, or none without, the signal",
        )

    return Detection(
        d_prime=estimate(distance, variance, "d'"),
        criterion=estimate(bias, variance / 4, "criterion c"),
        a_prime=_a_prime(hits / n_signal, false_alarms / n_noise) if known else math.nan,
    )


def forced_choice(correct: int, n: int, *, level: float = 0.95) -> tuple[Estimate, Estimate]:
    """Two-alternative forced choice: the proportion of correct choices, and d'.

    The proportion (Wilson interval) is itself an estimate of the area under the ROC curve; d' is √2
    Φ⁻¹ of it, for a reader without preference for a side (Green & Swets, Signal Detection Theory
    1966), and infinite where all choices are correct.

    Raises:
        PlanError: impossible counts, or a level outside 0 … 1.

    Examples:
        >>> share, d_prime = forced_choice(38, 50)
        >>> share.value, round(d_prime.value, 3)
        (0.76, 0.999)
    """
    share = proportion_interval(correct, n, level=level)
    value, low, high = (
        math.sqrt(2) * float(special.ndtri(p)) for p in (share.value, share.low, share.high)
    )
    distance = Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method=f"d' of two-alternative forced choice, {share.method}",
        n=share.n,
        note=share.note,
    )
    return share, distance


def _a_prime(hit: float, false: float) -> float:
    if hit == false:
        return 0.5
    high, low = max(hit, false), min(hit, false)
    excess = (high - low) * (1 + high - low) / (4 * high * (1 - low))
    return 0.5 + excess if hit > false else 0.5 - excess
