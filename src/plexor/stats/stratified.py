"""Mantel and Haenszel's estimates and test of one effect over strata, such as hospitals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError
from plexor.stats.argument import (
    Floats,
    Groups,
    as_events,
    as_floats,
    check_level,
    check_same_length,
    group_codes,
    normal_quantile,
)
from plexor.stats.estimate import Estimate
from plexor.stats.result import TestResult
from plexor.stats.result_text import Results


@dataclass(frozen=True, slots=True, kw_only=True)
class MantelHaenszel(Results):
    """A comparison of two proportions over strata.

    Attributes:
        odds_ratio: of the first proportion to the second, common to the strata.
        risk_ratio: the ratio of the proportions, common to the strata.
        risk_difference: first proportion minus second, common to the strata.
        test: whether the two are equal in every stratum (Cochran, Mantel and Haenszel's χ²).
        homogeneity: test that the odds ratios of all strata are equal (Breslow & Day's, with
            Tarone's correction); a small p-value means that they differ.
    """

    odds_ratio: Estimate
    risk_ratio: Estimate
    risk_difference: Estimate
    test: TestResult
    homogeneity: TestResult


def mantel_haenszel(
    events: ArrayLike, member: ArrayLike, strata: Groups, *, level: float = 0.95
) -> MantelHaenszel:
    """Comparison of the proportion of events among members and among others, within strata.

    See ``mantel_haenszel_of_tables``.

    Args:
        events: one truth value per observation, (n,).
        member: whether each belongs to the first of the two groups compared, (n,).
        strata: the stratum of each, (n,).
        level: nominal coverage.

    Raises:
        PlanError: lengths differ, entries are not true or false, or a stratum is missing.

    Examples:
        >>> right = [1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0]
        >>> new = [1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0]
        >>> site = ["a"] * 6 + ["b"] * 6
        >>> round(mantel_haenszel(right, new, site).risk_difference.value, 3)
        0.5
    """
    hits, first = as_events("events", events), as_events("member", member)
    check_same_length(events=hits.size, member=first.size)
    codes, k = group_codes(strata, hits.size)
    cells = 4 * codes + 2 * ~first + ~hits
    return mantel_haenszel_of_tables(
        np.bincount(cells, minlength=4 * k).reshape(k, 2, 2), level=level
    )


def mantel_haenszel_of_tables(tables: ArrayLike, *, level: float = 0.95) -> MantelHaenszel:
    """Mantel and Haenszel's (J Natl Cancer Inst 1959;22:719) estimates and test, from counts.

    The variance of the logarithm of the odds ratio is that of Robins, Breslow & Greenland
    (Biometrics 1986;42:311), of the risk ratio that of Greenland & Robins (Biometrics 1985;41:55),
    of the risk difference that of Sato (Biometrics 1989;45:1323). The test has no continuity
    correction. Observations are taken to be independent.

    Args:
        tables: (strata, 2, 2): for members and for others, with the event and without.
        level: nominal coverage.

    Returns:
        NaN with a note where no stratum has both members and others, or (ratios) where neither has
        an event. Strata with members only or others only are ignored.

    Raises:
        PlanError: not (k, 2, 2), or entries that are no counts.

    Examples:
        >>> tables = [[[10, 90], [20, 80]], [[30, 70], [40, 60]]]
        >>> found = mantel_haenszel_of_tables(tables)
        >>> round(found.odds_ratio.value, 3), round(found.test.p_value, 3)
        (0.565, 0.018)
    """
    check_level(level)
    counts = as_floats("tables", tables)
    if counts.ndim != 3 or counts.shape[1:] != (2, 2):
        raise PlanError(f"tables: expected shape (strata, 2, 2), got {counts.shape}")
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts % 1).any():
        raise PlanError("tables: expected counts, whole numbers from 0")
    n_all = int(counts.sum())
    used = counts[(counts.sum(axis=2) > 0).all(axis=1)]
    return MantelHaenszel(
        odds_ratio=_odds_ratio(used, n_all, level),
        risk_ratio=_risk_ratio(used, n_all, level),
        risk_difference=_risk_difference(used, n_all, level),
        test=_test(used, n_all),
        homogeneity=_homogeneity(used, n_all),
    )


def _odds_ratio(t: Floats, n_all: int, level: float) -> Estimate:
    (a, b), (c, d), n = t[:, 0].T, t[:, 1].T, t.sum(axis=(1, 2))
    r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
    up, down = float(r.sum()), float(s.sum())
    spread = math.nan
    if up and down:
        spread = float(
            (p * r).sum() / (2 * up**2)
            + (p * s + q * r).sum() / (2 * up * down)
            + (q * s).sum() / (2 * down**2)
        )
    what = "Mantel-Haenszel odds ratio, Robins-Breslow-Greenland variance"
    return _log_interval((up, down), spread, what, n=n_all, level=level)


def _risk_ratio(t: Floats, n_all: int, level: float) -> Estimate:
    a, c, (m, k), n = t[:, 0, 0], t[:, 1, 0], t.sum(axis=2).T, t.sum(axis=(1, 2))
    up, down = float((a * k / n).sum()), float((c * m / n).sum())
    spread = math.nan
    if up and down:
        spread = float(((m * k * (a + c) - a * c * n) / n**2).sum()) / (up * down)
    what = "Mantel-Haenszel risk ratio, Greenland-Robins variance"
    return _log_interval((up, down), spread, what, n=n_all, level=level)


def _log_interval(
    sums: tuple[float, float], spread: float, what: str, *, n: int, level: float
) -> Estimate:
    up, down = sums
    value = up / down if down else math.inf if up else math.nan
    half = normal_quantile(level) * math.sqrt(spread)
    known = not math.isnan(spread)
    return Estimate(
        value=value,
        low=value * math.exp(-half) if known else math.nan,
        high=value * math.exp(half) if known else math.nan,
        level=level,
        method=what,
        n=n,
        variance=spread * value**2 if known else None,
        note="" if known else "no events on one side, or no stratum with both: no interval",
    )


def _risk_difference(t: Floats, n_all: int, level: float) -> Estimate:
    a, c, (m, k), n = t[:, 0, 0], t[:, 1, 0], t.sum(axis=2).T, t.sum(axis=(1, 2))
    weight = float((m * k / n).sum())
    value = float(((a * k - c * m) / n).sum()) / weight if weight else math.nan
    p = ((m**2 * c - k**2 * a + m * k * (k - m) / 2) / n**2).sum()
    q = ((a * (k - c) + c * (m - a)) / (2 * n)).sum()
    variance = float(value * p + q) / weight**2 if weight else math.nan
    half = normal_quantile(level) * math.sqrt(variance) if variance >= 0 else math.nan
    return Estimate(
        value=value,
        low=max(-1.0, value - half),
        high=min(1.0, value + half),
        level=level,
        method="Mantel-Haenszel risk difference, Sato's variance",
        n=n_all,
        variance=variance,
        note="" if weight else "no stratum has both members and others",
    )


def _test(t: Floats, n_all: int) -> TestResult:
    (m, k), n, events = t.sum(axis=2).T, t.sum(axis=(1, 2)), t[:, :, 0].sum(axis=1)
    several = n > 1
    spread = np.where(several, m * k * events * (n - events) / (n**2 * np.maximum(n - 1, 1)), 0.0)
    variance = float(spread.sum())
    excess = float((t[:, 0, 0] - m * events / n).sum())
    statistic = excess**2 / variance if variance > 0 else math.nan
    return TestResult(
        statistic=statistic,
        p_value=float(special.chdtrc(1, statistic)) if variance > 0 else math.nan,
        df=1.0,
        method="Cochran-Mantel-Haenszel test, without continuity correction",
        n=n_all,
        note="" if variance > 0 else "no stratum has both members and others, events and none",
    )


def _homogeneity(t: Floats, n_all: int) -> TestResult:
    """Breslow & Day 1980, with Tarone's correction (Biometrika 1985;72:91)."""
    (m, k), events = t.sum(axis=2).T, t[:, :, 0].sum(axis=1)
    informative = (events > 0) & (events < m + k)
    t, m, k, events = t[informative], m[informative], k[informative], events[informative]
    ratio = _odds_ratio(t, n_all, 0.95).value if len(t) else math.nan
    statistic, note = math.nan, "one stratum, or no events on one side: nothing to compare"
    if len(t) > 1 and 0 < ratio < math.inf:
        expected = _expected(ratio, m, k, events)
        parts = np.stack([expected, m - expected, events - expected, k - events + expected])
        variances = 1 / (1 / parts).sum(axis=0)
        off = t[:, 0, 0] - expected
        statistic = float((off**2 / variances).sum() - off.sum() ** 2 / variances.sum())
        note = ""
    df = float(max(len(t) - 1, 0))
    return TestResult(
        statistic=statistic,
        p_value=float(special.chdtrc(df, statistic)) if df else math.nan,
        df=df,
        method="Breslow-Day test of one odds ratio, with Tarone's correction",
        n=n_all,
        note=note,
    )


def _expected(ratio: float, m: Floats, k: Floats, events: Floats) -> Floats:
    """Events among members if the odds ratio is ``ratio``: the root within the margins."""
    a = 1 - ratio
    b = k - events + ratio * (m + events)
    c = -ratio * m * events
    if abs(a) < 1e-12:
        flat: Floats = -c / b
        return flat
    root: Floats = (-b + np.sqrt(b * b - 4 * a * c)) / (2 * a)
    return root
