"""Non-inferiority tests of paired proportions and of paired ROC areas."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import Groups, as_events, check_same_length, group_codes
from plexor.stats.delong import area_contrast
from plexor.stats.grouped_variance import Part, grouped_spread
from plexor.stats.paired import tango_variance
from plexor.stats.result import TestResult, t_tail


def proportion_non_inferiority(
    standard: ArrayLike, new: ArrayLike, margin: float, groups: Groups | None = None
) -> TestResult:
    """Test that a proportion is less than ``margin`` below the standard's, in pairs.

    Hypothesis: new - standard <= -margin. Without groups the score test of Tango (Stat Med
    1998;17:891; the same as Nam's, Biometrics 1997;53:1422), whose variance is that of the
    likelihood's maximum at a difference of -margin, and which is defined without any discordant
    pair. With groups Student's t with the variance of ``plexor.stats.grouped_variance``.

    A small p-value means that the new one is not worse by the margin. Fix the margin before the
    data are seen.

    Args:
        standard: one truth value per case (e.g. whether it was decided rightly), (n,).
        new: the same with the new method, for the same cases, (n,).
        margin: greatest loss that is acceptable, strictly within 0 … 1.
        groups: the group of each case; None where cases are independent.

    Returns:
        NaN with a note without cases, or with fewer than two groups.

    Raises:
        PlanError: lengths differ, entries are not true or false, or a margin outside 0 … 1.

    Examples:
        Tango's example: one of 44 patients is better with the standard.

        >>> standard, new = [1] * 44, [1] * 43 + [0]
        >>> round(proportion_non_inferiority(standard, new, 0.1).p_value, 3)
        0.044
    """
    check_margin(margin)
    old, fresh = as_events("standard", standard), as_events("new", new)
    check_same_length(standard=old.size, new=fresh.size)
    n = old.size
    gained, lost = int((fresh & ~old).sum()), int((old & ~fresh).sum())
    difference = (gained - lost) / n if n else math.nan
    variance, df, n_groups = math.nan, math.inf, None
    note = "" if n else "no cases"
    if groups is None and n:
        variance = tango_variance(gained, lost, n, -margin)
    elif groups is not None:
        codes, n_groups = group_codes(groups, n)
        change = Part(values=fresh.astype(np.float64) - old, codes=codes)
        spread = grouped_spread([change], n_groups)
        variance, df, note = spread.variance, spread.df, note or spread.note
    t = (difference + margin) / math.sqrt(variance) if variance > 0 else math.nan
    if math.isnan(t) and not note:
        note = "fewer than two groups, or no case changed"
    return TestResult(
        statistic=t,
        p_value=t_tail(t, df, "greater"),
        df=None if groups is None or math.isnan(df) else df,
        method=f"non-inferiority of a paired proportion, margin {margin:g}, "
        + ("Tango's score test" if groups is None else "t test over groups"),
        n=n,
        n_groups=n_groups,
        alternative="greater",
        note=note,
    )


def auc_non_inferiority(
    truth: ArrayLike,
    standard: ArrayLike,
    new: ArrayLike,
    margin: float,
    groups: Groups | None = None,
) -> TestResult:
    """Test that an area under the ROC curve is less than ``margin`` below the standard's.

    Hypothesis: area(new) - area(standard) <= -margin, on the same cases (Liu et al., Stat Med
    2006;25:1219). Variance and degrees of freedom are those of ``delong_test``; p is below 0.025
    exactly where the lower 95 % limit of ``auc_difference`` (not cut) is above -margin.

    Args:
        truth: whether each case is positive, (n,).
        standard: the standard's scores, greater is more positive, (n,).
        new: the new model's scores, (n,).
        margin: greatest loss of area that is acceptable, strictly within 0 … 1.
        groups: the group of each case; None where cases are independent.

    Returns:
        NaN with a note as ``delong_test``. If both models rank all cases in the same order, the
        difference has no variance, and there is no p-value.

    Raises:
        PlanError: a margin outside 0 … 1; see ``delong_test``.

    Examples:
        >>> truth = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
        >>> standard, new = [1, 2, 3, 4, 5, 4, 6, 7, 8, 9], [1, 2, 3, 5, 4, 4, 6, 7, 9, 8]
        >>> auc_non_inferiority(truth, standard, new, 0.1).p_value < 0.1
        True
    """
    check_margin(margin)
    areas, difference, variance, df, note = area_contrast(truth, new, standard, groups)
    t = (difference + margin) / math.sqrt(variance) if variance > 0 else math.nan
    return TestResult(
        statistic=t,
        p_value=t_tail(t, df, "greater"),
        df=df if math.isfinite(df) else None,
        method=f"non-inferiority of a paired ROC area, margin {margin:g}"
        + ("" if groups is None else ", clustered"),
        n=areas.positive.size,
        n_groups=None if groups is None else areas.n_groups,
        alternative="greater",
        note=note or ("the difference has no variance" if math.isnan(t) else ""),
    )


def check_margin(margin: float) -> None:
    """Refuses a margin that is not strictly within 0 … 1."""
    if not 0 < margin < 1:
        raise PlanError(
            f"margin: expected the greatest acceptable loss within 0 to 1, got {margin}"
        )
