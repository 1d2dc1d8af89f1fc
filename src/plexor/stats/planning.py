"""Power and sample sizes of McNemar's test, of kappa, and by simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from scipy import special, stats

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import normal_quantile
from plexor.stats.estimate import Estimate
from plexor.stats.mcnemar import EXACT_BELOW
from plexor.stats.proportion import proportion_interval
from plexor.stats.resample import Seed, seed_number

McNemarPlan = Literal["exact", "mid-p", "auto"]


def smallest_n(power: Callable[[int], float], wanted: float, *, at_most: int = 10**7) -> int:
    """The least n from which on the power is at least ``wanted``, for a power that rises with n.

    Bisection finds where the power passes ``wanted``. The power of an exact test also falls at some
    n, so the result is raised until the next 20 sizes reach it, too.

    Raises:
        PlanError: a wanted power outside 0 … 1, or none up to ``at_most``.
    """
    check_share("power", wanted)
    high = 2
    while power(high) < wanted:
        high *= 2
        if high > at_most:
            raise PlanError(
                f"power {wanted} is not reached with {at_most} cases; is there a difference?"
            )
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= wanted else (middle, high)
    while short := [n for n in range(high + 1, high + 21) if power(n) < wanted]:
        high = short[-1] + 1
    return high


def mcnemar_power(
    before_only: float,
    after_only: float,
    n: int,
    *,
    alpha: float = 0.05,
    method: McNemarPlan = "auto",
) -> float:
    """The probability that ``mcnemar_test`` gives p <= alpha, summed over all outcomes.

    Args:
        before_only: probability of a pair with the outcome before only.
        after_only: probability of a pair with the outcome after only.
        n: number of independent pairs; for pairs in groups, the effective number.
        alpha: significance level, two-sided.
        method: the test; "auto" as in ``mcnemar_test``.

    Raises:
        PlanError: probabilities that are negative or add up to more than 1, or an unknown method.

    Examples:
        >>> round(mcnemar_power(0.15, 0.06, 200), 3)
        0.808
    """
    discordant = _discordant(before_only, after_only)
    check_share("alpha", alpha)
    if method not in get_args(McNemarPlan):
        raise PlanError(unknown("McNemar plan", method, (*get_args(McNemarPlan), "formula")))
    if n < 1 or discordant == 0:
        return 0.0
    # Numbers of discordant pairs outside this range have no weight in double precision.
    counts = stats.binom(n, discordant)
    least, most = int(counts.ppf(1e-12)), int(counts.isf(1e-12))
    share = before_only / discordant
    total = 0.0
    for pairs in range(max(1, least), most + 1):
        edge = _critical(pairs, alpha, exact=method == "exact" or _auto_exact(method, pairs))
        if edge >= 0:
            tails = special.bdtr(edge, pairs, share) + special.bdtr(edge, pairs, 1 - share)
            total += float(counts.pmf(pairs) * tails)
    return total


def mcnemar_sample_size(
    before_only: float,
    after_only: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    method: McNemarPlan | Literal["formula"] = "auto",
) -> int:
    """Pairs for a power of ``mcnemar_test``.

    ``"formula"`` is (z_α √d + z_β √(d - δ²))² / δ², with d the probability of a discordant pair
    and δ the difference (Connor, Biometrics 1987;43:207), for the asymptotic test; the others
    search with ``mcnemar_power``. Arguments as there.

    Raises:
        PlanError: no difference to find, or see ``mcnemar_power``.

    Examples:
        >>> mcnemar_sample_size(0.15, 0.06)
        197
    """
    discordant, difference = _discordant(before_only, after_only), before_only - after_only
    if difference == 0:
        raise PlanError("before_only equals after_only: there is no difference to find")
    if method == "formula":
        check_share("power", power)
        spread = math.sqrt(discordant - difference**2)
        z = (
            normal_quantile(1 - alpha) * math.sqrt(discordant)
            + float(special.ndtri(power)) * spread
        )
        return math.ceil((z / difference) ** 2)
    return smallest_n(
        lambda n: mcnemar_power(before_only, after_only, n, alpha=alpha, method=method), power
    )


def kappa_power(
    kappa: float, kappa_null: float, prevalence: float, n: int, *, alpha: float = 0.05
) -> float:
    """Power of the goodness-of-fit test of kappa = kappa_null, two raters, two classes.

    Donner & Eliasziw (Stat Med 1992;11:1511): non-central χ² with 1 df, both raters using the
    class equally often.

    Args:
        kappa: the true kappa.
        kappa_null: kappa under the hypothesis.
        prevalence: probability that a rater gives the first class, within 0 … 1.
        n: cases rated by both.
        alpha: significance level, two-sided.

    Raises:
        PlanError: an impossible prevalence or kappa.

    Examples:
        >>> round(kappa_power(0.7, 0.4, 0.3, 60), 2)
        0.65
    """
    check_share("prevalence", prevalence)
    check_share("alpha", alpha)
    spread = prevalence * (1 - prevalence)
    cells = (
        prevalence**2 + spread * kappa_null,
        2 * spread * (1 - kappa_null),
        (1 - prevalence) ** 2 + spread * kappa_null,
    )
    least = -min(prevalence, 1 - prevalence) / max(prevalence, 1 - prevalence)
    if min(cells) <= 0 or not least <= kappa <= 1:
        raise PlanError(f"kappa {kappa} or {kappa_null} is impossible at prevalence {prevalence}")
    shift = (spread * (kappa - kappa_null)) ** 2
    effect = n * shift * (1 / cells[0] + 4 / cells[1] + 1 / cells[2])
    return float(stats.ncx2.sf(special.chdtri(1, alpha), 1, effect)) if effect else alpha


def kappa_sample_size(
    kappa: float, kappa_null: float, prevalence: float, *, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Cases for a power of the test of kappa = kappa_null; see ``kappa_power``.

    Examples:
        >>> kappa_sample_size(0.7, 0.4, 0.3)
        85
    """
    if kappa == kappa_null:
        raise PlanError("kappa equals kappa_null: there is no difference to find")
    return smallest_n(lambda n: kappa_power(kappa, kappa_null, prevalence, n, alpha=alpha), power)


def simulated_power(
    p_value: Callable[[np.random.Generator], float],
    *,
    seed: Seed,
    alpha: float = 0.05,
    n_simulations: int = 1000,
    level: float = 0.95,
) -> Estimate:
    """Share of simulated studies with a significant p-value, with its Wilson interval.

    Each simulation has its own random stream, from the seed and its number, and does not depend on
    the others.

    Args:
        p_value: a function that draws one study with the given generator and returns its p-value.
            NaN counts as not significant; the note has their number.
        seed: a whole number or a generator.
        alpha: significance level.
        n_simulations: number of studies.
        level: of the interval.

    Raises:
        PlanError: fewer than one simulation, a negative seed, or an alpha outside 0 … 1.

    Examples:
        >>> found = simulated_power(lambda rng: rng.random() ** 2, n_simulations=200, seed=0)
        >>> 0.1 < found.value < 0.4
        True
    """
    if n_simulations < 1:
        raise PlanError(f"n_simulations: expected at least one, got {n_simulations}")
    check_share("alpha", alpha)
    number = seed_number(seed)
    found = np.array(
        [p_value(np.random.default_rng([number, study])) for study in range(n_simulations)]
    )
    undefined = int(np.isnan(found).sum())
    share = proportion_interval(int((found <= alpha).sum()), n_simulations, level=level)
    return Estimate(
        value=share.value,
        low=share.low,
        high=share.high,
        level=level,
        method=f"simulated power at alpha {alpha:g}, {share.method}",
        n=n_simulations,
        note=f"{undefined} studies were undefined, counted as not significant" if undefined else "",
    )


def check_share(name: str, value: float) -> None:
    """Refuses what is not strictly between 0 and 1."""
    if not 0 < value < 1:
        raise PlanError(f"{name}: expected a value strictly between 0 and 1, got {value}")


def _discordant(before_only: float, after_only: float) -> float:
    if not (before_only >= 0 and after_only >= 0 and before_only + after_only <= 1):
        raise PlanError(
            "before_only, after_only: expected probabilities that add up to 1 at most, "
            f"got {before_only} and {after_only}"
        )
    return before_only + after_only


def _auto_exact(method: McNemarPlan, pairs: int) -> bool:
    return method == "auto" and pairs < EXACT_BELOW


def _critical(pairs: int, alpha: float, *, exact: bool) -> int:
    """The greatest value of the smaller count that is significant; -1 if none is."""
    edge = min(int(special.bdtrik(alpha / 2, pairs, 0.5)) + 1, (pairs - 1) // 2)
    while edge >= 0:
        tail = special.bdtr(edge, pairs, 0.5)
        before = special.bdtr(edge - 1, pairs, 0.5) if edge else 0.0
        if (2 * tail if exact else tail + before) <= alpha:
            break
        edge -= 1
    return edge
