"""McNemar's test of paired proportions, also over groups."""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import (
    Floats,
    Groups,
    as_counts,
    as_events,
    check_same_length,
    group_codes,
)
from plexor.stats.grouped_variance import effective_groups, joined, uneven_note
from plexor.stats.result import Alternative, TestResult, check_alternative, t_tail

McNemarMethod = Literal["auto", "exact", "mid-p", "asymptotic", "corrected"]
ClusteredMcNemarMethod = Literal["obuchowski", "durkalski"]

EXACT_BELOW = 25
"""Discordant pairs below which ``"auto"`` takes the exact test."""

_NO_DISCORDANT = "no discordant pairs"


def mcnemar_test(
    b: int,
    c: int,
    *,
    method: McNemarMethod = "auto",
    alternative: Alternative = "two-sided",
) -> TestResult:
    """McNemar's test of equal proportions in pairs.

    Under the hypothesis, each discordant pair is of either kind with probability ½.

    * ``"exact"``: binomial; its type-I error is never above nominal. ``statistic`` is ``b``.
    * ``"mid-p"``: the same, with half the probability of the observed result (Fagerland, Lydersen &
      Laake, BMC Med Res Methodol 2013;13:91): nearly nominal, less conservative. ``statistic`` is
      ``b``.
    * ``"asymptotic"``: (b-c)²/(b+c), χ² with 1 df (McNemar, Psychometrika 1947;12:153).
    * ``"corrected"``: (max(|b-c|-1, 0))²/(b+c) (Edwards, Psychometrika 1948;13:185).
    * ``"auto"``: exact below 25 discordant pairs, mid-p from there; ``method`` of the result says
      which was taken.

    Args:
        b: pairs that were so before only (e.g. right before, wrong after).
        c: pairs that were so after only.
        method: see above.
        alternative: "greater" tests whether ``b`` is more likely than ``c``, "less" whether it is
            less likely; the asymptotic methods then take half of the two-sided tail of χ².

    Returns:
        ``n`` is ``b + c``; concordant pairs do not enter this test. Without discordant pairs
        the exact and mid-p tests give p = 1, the others NaN, with a note.

    Raises:
        PlanError: a count that is negative or not whole, an unknown method or alternative.

    Examples:
        >>> round(mcnemar_test(30, 12).p_value, 4)
        0.0054
        >>> round(mcnemar_test(30, 12, alternative="greater").p_value, 4)
        0.0027
    """
    check_alternative(alternative)
    if method not in get_args(McNemarMethod):
        raise PlanError(unknown("McNemar method", method, get_args(McNemarMethod)))
    b, c = as_counts(b=b, c=c)
    if method == "auto":
        method = "exact" if b + c < EXACT_BELOW else "mid-p"
    n = int(b + c)
    if method in ("exact", "mid-p"):
        statistic, df = float(b), None
        p_value = _binomial_p(b, n, mid=method == "mid-p", alternative=alternative)
    else:
        distance = abs(b - c) if method == "asymptotic" else max(abs(b - c) - 1, 0)
        statistic, df = (distance**2 / n if n else math.nan), 1.0
        signed = math.copysign(math.sqrt(statistic), b - c)
        p_value = t_tail(signed, math.inf, alternative)
    words = {
        "exact": "McNemar's exact test",
        "mid-p": "McNemar's mid-p test",
        "asymptotic": "McNemar's asymptotic test",
        "corrected": "McNemar's asymptotic test, continuity-corrected",
    }
    return TestResult(
        statistic=statistic,
        p_value=p_value,
        df=df,
        method=words[method],
        n=n,
        alternative=alternative,
        note="" if n else _NO_DISCORDANT,
    )


def _binomial_p(b: int, n: int, *, mid: bool, alternative: Alternative) -> float:
    """P(as extreme as ``b``, or more), counting "as extreme" half where ``mid``."""
    if alternative != "two-sided":
        least = b if alternative == "less" else n - b
        found = float(special.bdtr(least, n, 0.5))
        same = found - (float(special.bdtr(least - 1, n, 0.5)) if least else 0.0)
        return found - same / 2 if mid and n else found
    least = min(b, n - b)
    at_least_as_far = min(1.0, 2 * float(special.bdtr(least, n, 0.5))) if n else 1.0
    if not mid or n == 0:
        return at_least_as_far
    as_far = float(special.bdtr(least, n, 0.5) - (special.bdtr(least - 1, n, 0.5) if least else 0))
    return at_least_as_far - as_far * (0.5 if 2 * least == n else 1.0)


def clustered_mcnemar(
    before_correct: ArrayLike,
    after_correct: ArrayLike,
    groups: Groups,
    *,
    method: ClusteredMcNemarMethod = "obuchowski",
) -> TestResult:
    """McNemar's test where several pairs belong to a group; two-sided, χ² with 1 df.

    With d = (after only) - (before only) in each of K groups:

    * ``"obuchowski"``: (K-1)/K · (Σd)² / Σd² (Stat Med 1998;17:1495, with the variance pooled under
      the hypothesis): every observation has the same weight, so it tests what ``paired_difference``
      estimates.
    * ``"durkalski"``: (Σd/size)² / Σ(d/size)² (Durkalski et al., Stat Med 2003;22:2417): every
      group has the same weight; with groups of one it is McNemar's asymptotic test.

    Both are conservative if few groups have a discordant pair or if a few groups hold most of the
    pairs (they reject 1.2 % in place of 5 % for ten groups), because the variance is that under the
    hypothesis. Both need many groups: below about 25 groups with a discordant pair the note says
    so, and ``sign_flip_test`` is exact.

    Args:
        before_correct: one truth value per observation, (n,).
        after_correct: the same observation afterwards, (n,).
        groups: the group of each, (n,).
        method: see above.

    Returns:
        NaN with a note where there is no discordant pair, or one group only.

    Raises:
        PlanError: lengths differ, entries are not true or false, a group is missing, or an
            unknown method.

    Examples:
        >>> before, after = [1, 1, 1, 1, 0, 1, 1, 0], [1, 0, 0, 1, 0, 1, 0, 0]
        >>> round(clustered_mcnemar(before, after, [1, 1, 2, 3, 4, 4, 5, 6]).statistic, 2)
        2.5
    """
    if method not in get_args(ClusteredMcNemarMethod):
        choices = get_args(ClusteredMcNemarMethod)
        raise PlanError(unknown("clustered McNemar method", method, choices))
    before = as_events("before_correct", before_correct)
    after = as_events("after_correct", after_correct)
    check_same_length(before_correct=before.size, after_correct=after.size)
    codes, n_groups = group_codes(groups, before.size)
    change = after.astype(np.float64) - before
    sums = np.bincount(codes, weights=change, minlength=n_groups).astype(np.float64)
    scale = 1.0
    if method == "obuchowski":
        scale = (n_groups - 1) / n_groups if n_groups else math.nan
    else:
        sums = sums / np.bincount(codes, minlength=n_groups)
    statistic, note = _sum_against_squares(sums, scale, any_discordant=bool(change.any()))
    if not math.isnan(statistic):
        note = joined(note, uneven_note(n_groups, effective_groups(codes, n_groups)))
    return TestResult(
        statistic=statistic,
        p_value=float(special.chdtrc(1, statistic)),
        df=1.0,
        method="McNemar's test for clustered pairs "
        + ("(Obuchowski 1998)" if method == "obuchowski" else "(Durkalski 2003)"),
        n=int(before.size),
        n_groups=n_groups,
        note=note,
    )


def _sum_against_squares(sums: Floats, scale: float, *, any_discordant: bool) -> tuple[float, str]:
    if sums.size < 2:
        return math.nan, "fewer than two groups: how groups differ is unknown"
    squares = float(sums @ sums)
    if squares == 0:
        why = "changes cancel within every group" if any_discordant else _NO_DISCORDANT
        return math.nan, why
    changed = int(np.count_nonzero(sums))
    few = f"only {changed} groups changed: the p-value is approximate"
    return scale * float(sums.sum()) ** 2 / squares, few if changed < EXACT_BELOW else ""
