"""The interval of one proportion of independent observations."""

from __future__ import annotations

import math
from typing import Literal, get_args

from scipy import optimize, special

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import check_counts, check_level, normal_quantile
from plexor.stats.estimate import Estimate

ProportionMethod = Literal[
    "wilson", "clopper-pearson", "mid-p", "agresti-coull", "jeffreys", "wald"
]

_WORDS: dict[ProportionMethod, str] = {
    "wilson": "Wilson score interval",
    "clopper-pearson": "Clopper-Pearson exact interval",
    "mid-p": "mid-p exact interval",
    "agresti-coull": "Agresti-Coull interval",
    "jeffreys": "Jeffreys equal-tailed interval",
    "wald": "Wald interval",
}


def proportion_interval(
    k: int, n: int, *, level: float = 0.95, method: ProportionMethod = "wilson"
) -> Estimate:
    """A binomial proportion with its two-sided interval, cut to 0 … 1.

    * ``"wilson"`` (the default) inverts the score test; its coverage is near nominal on average,
      and varies with n and p: 91 % at p = 0.01 and n = 50, and 84 % at the least, where n p is
      about 0.18 (Wilson, JASA 1927;22:209; recommended by Newcombe, Stat Med 1998;17:857, as method
      3).
    * ``"clopper-pearson"`` covers at least the nominal level, and is wide for that reason
      (Biometrika 1934;26:404).
    * ``"mid-p"`` is the same with the observed count's probability halved: nearly nominal (Berry &
      Armitage, Statistician 1995;44:417).
    * ``"agresti-coull"`` is Wald around the Wilson interval's centre (Am Stat 1998;52:119).
    * ``"jeffreys"`` is the equal-tailed posterior under Beta(½, ½), with lower limit 0 at k = 0
      and upper limit 1 at k = n (Brown, Cai, DasGupta, Stat Sci 2001;16:101).
    * ``"wald"`` is p ± z·√(p(1-p)/n): for comparison with published tables only; it covers too
      little (19 % at p = 0.01, n = 20; 89 % at p = 0.1, n = 50), and has no width at k = 0 and
      k = n.

    Args:
        k: events, 0 ≤ k ≤ n.
        n: observations; at 0 everything is NaN, with a note.
        level: nominal coverage.
        method: see above.

    Raises:
        PlanError: k outside 0 … n, a level outside 0 … 1, or an unknown method.

    Examples:
        >>> found = proportion_interval(35, 60)
        >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
        (0.583, 0.457, 0.699)
    """
    check_level(level)
    if method not in _WORDS:
        raise PlanError(unknown("proportion interval", method, get_args(ProportionMethod)))
    k, n = check_counts(k, n)
    if n == 0:
        low = high = math.nan
    elif method == "wilson":
        low, high = wilson_limits(k / n, n, normal_quantile(level))
    elif method == "clopper-pearson":
        low, high = _beta_limits(k, n, (k, n - k + 1), (k + 1, n - k), level)
    elif method == "mid-p":
        low, high = _mid_p_limits(k, n, (1 - level) / 2)
    elif method == "jeffreys":
        low, high = _beta_limits(k, n, (k + 0.5, n - k + 0.5), (k + 0.5, n - k + 0.5), level)
    else:
        low, high = _normal_limits(k, n, normal_quantile(level), method)
    return Estimate(
        value=k / n if n else math.nan,
        low=low,
        high=high,
        level=level,
        method=_WORDS[method],
        n=int(n),
        note="" if n else "no observations",
    )


def wilson_limits(p: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's limits for a proportion ``p`` of ``n`` observations; ``n`` need not be whole."""
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    shrink = 1 + z * z / n
    # The limits at no events and at all events are exactly 0 and 1; the formula rounds (n = 10).
    low = 0.0 if p <= 0 else max(0.0, (centre - half) / shrink)
    high = 1.0 if p >= 1 else min(1.0, (centre + half) / shrink)
    return low, high


def _beta_limits(
    k: int, n: int, lower: tuple[float, float], upper: tuple[float, float], level: float
) -> tuple[float, float]:
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else float(special.betaincinv(*lower, tail))
    high = 1.0 if k == n else float(special.betainccinv(*upper, tail))
    return low, high


def _mid_p_limits(k: int, n: int, tail: float) -> tuple[float, float]:
    def above(p: float) -> float:
        """P(X > k) + P(X = k) / 2, increasing in p."""
        at_least, more = special.bdtrc(k - 1, n, p) if k else 1.0, special.bdtrc(k, n, p)
        return float(at_least + more) / 2

    centre = k / n
    low = 0.0 if k == 0 else optimize.brentq(lambda p: above(p) - tail, 0.0, centre, xtol=1e-16)
    high = 1.0 if k == n else optimize.brentq(lambda p: above(p) - 1 + tail, centre, 1, xtol=1e-16)
    return float(low), float(high)


def _normal_limits(k: int, n: int, z: float, method: ProportionMethod) -> tuple[float, float]:
    if method == "agresti-coull":
        n_shrunk = n + z * z
        p = (k + z * z / 2) / n_shrunk
    else:
        n_shrunk, p = float(n), k / n
    half = z * math.sqrt(p * (1 - p) / n_shrunk)
    return max(0.0, p - half), min(1.0, p + half)
