"""Whether areas under ROC curves differ."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError
from plexor.stats.argument import Floats, Groups, as_floats, check_level, t_quantile
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import groups_note, joined
from plexor.stats.placement import WHOLE, Range
from plexor.stats.result import Alternative, TestResult, check_alternative, t_tail
from plexor.stats.roc_areas import PlacedAreas, placed_areas
from plexor.stats.roc_interval import SCORE_BELOW, model_variance

_NO_SPREAD = "the difference has no variance: both models rank all cases in the same order"


def delong_test(
    truth: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    groups: Groups | None = None,
    *,
    specificity: Range = WHOLE,
    alternative: Alternative = "two-sided",
) -> TestResult:
    """DeLong's test of equal areas of two models on the same cases.

    ``statistic`` is (area a - area b) / SE, with DeLong's variance (Biometrics 1988;44:837) or,
    with groups, that of ``plexor.stats.grouped_variance``. The reference is Student's t: DeLong's
    is normal, and rejects equal areas in 15 to 24 % of studies with two positives and in 10 % with
    five. The degrees of freedom are Welch's for positives and negatives, no more than twice the
    smaller number less 1, since a variance from two or three cases may be small by chance. For many
    cases this is DeLong's test.

    Args:
        truth: whether each case is positive, (n,).
        a: one model's scores, greater is more positive, (n,).
        b: the other's, (n,).
        groups: the group of each case; None where cases are independent.
        specificity: compares the areas of this part of the curves.
        alternative: "greater" tests whether a's area is greater than b's, "less" whether smaller.

    Returns:
        NaN with a note where an area or its variance is undefined, or where the difference has
        no variance.

    Raises:
        PlanError: lengths differ, a score is NaN, a group is missing, an unknown alternative.

    Examples:
        >>> truth = [0, 0, 0, 0, 1, 1, 1, 1]
        >>> a, b = [1, 2, 3, 4, 3, 5, 6, 7], [3, 1, 4, 2, 2, 4, 3, 5]
        >>> test = delong_test(truth, a, b)
        >>> round(test.p_value, 3)
        0.322
    """
    check_alternative(alternative)
    areas, difference, variance, df, note = area_contrast(truth, a, b, groups, specificity)
    t = difference / math.sqrt(variance) if variance > 0 else math.nan
    return TestResult(
        statistic=t,
        p_value=t_tail(t, df, alternative),
        df=df if math.isfinite(df) else None,
        method="DeLong's paired test" + ("" if groups is None else ", clustered"),
        n=areas.positive.size,
        n_groups=None if groups is None else areas.n_groups,
        alternative=alternative,
        note=note or (_NO_SPREAD if math.isnan(t) else ""),
    )


def auc_difference(
    truth: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    groups: Groups | None = None,
    *,
    specificity: Range = WHOLE,
    level: float = 0.95,
) -> Estimate:
    """Area of model a minus area of model b on the same cases, ± t·SE, cut to -1 … 1.

    See ``delong_test`` for arguments, degrees of freedom and what is undefined.

    Examples:
        >>> truth = [0, 0, 0, 0, 1, 1, 1, 1]
        >>> a, b = [1, 2, 3, 4, 3, 5, 6, 7], [3, 1, 4, 2, 2, 4, 3, 5]
        >>> print(auc_difference(truth, a, b).value)
        0.1875
    """
    check_level(level)
    areas, difference, variance, df, note = area_contrast(truth, a, b, groups, specificity)
    half = t_quantile(level, df) * math.sqrt(variance) if variance > 0 else math.nan
    return Estimate(
        value=difference,
        low=max(-1.0, difference - half) if half > 0 else math.nan,
        high=min(1.0, difference + half) if half > 0 else math.nan,
        level=level,
        method="difference of paired ROC areas, "
        + ("DeLong variance" if groups is None else "clustered variance")
        + ", Student's interval",
        n=areas.positive.size,
        n_groups=None if groups is None else areas.n_groups,
        variance=variance,
        note=note or ("" if half > 0 else _NO_SPREAD),
    )


def delong_test_all(
    truth: ArrayLike,
    scores: ArrayLike,
    groups: Groups | None = None,
    *,
    contrasts: ArrayLike | None = None,
    specificity: Range = WHOLE,
) -> TestResult:
    """Whether contrasts of k areas on the same cases are all 0.

    ``statistic`` is Wald's (DeLong 1988, eq. 5), which they compare with χ². With few cases of a
    class χ² rejects equal areas far too often (30 % with a handful of positives in groups), so it
    is taken as Hotelling's T²: with c contrasts, and m cases (or groups) of the rarer class,
    statistic · (m - c) / ((m - 1) c) is compared with F of c and m - c degrees of freedom. For many
    cases this is χ². With very unequal groups it rejects equal areas too often: up to 17 % for 30
    groups of which three hold most cases (docs/reference/coverage.md); compare two areas by
    ``delong_test``, which corrects for that.

    Args:
        truth: whether each case is positive, (n,).
        scores: (n, k), greater is more positive.
        groups: the group of each case; None where cases are independent.
        contrasts: rows of k weights, (c, k); by default each model against the first, which
            tests that all areas are equal.
        specificity: compares the areas of this part of the curves.

    Returns:
        ``df`` is the rank of the contrasts' covariance. No p-value where it is not below the cases
        (or groups) of the rarer class.

    Raises:
        PlanError: see ``delong_test``; also contrasts of another length.

    Examples:
        >>> truth = [0, 0, 0, 0, 1, 1, 1, 1]
        >>> a, b, c = [1, 2, 3, 4, 3, 5, 6, 7], [3, 1, 4, 2, 2, 4, 3, 5], [2, 1, 5, 3, 1, 4, 6, 8]
        >>> scores = list(zip(a, b, c, strict=True))
        >>> delong_test_all(truth, scores).df
        2.0
    """
    placed = placed_areas(truth, scores, groups, specificity)
    areas = placed.areas()
    k = areas.values.size
    if contrasts is None:
        rows = np.hstack([np.full((k - 1, 1), -1.0), np.eye(k - 1)])
    else:
        rows = np.atleast_2d(as_floats("contrasts", contrasts))
    if rows.shape[1] != k or not len(rows):
        raise PlanError(f"contrasts: expected rows of {k} weights, got shape {rows.shape}")
    statistic, df, note = math.nan, 0, areas.note
    if not areas.note:
        spread = rows @ areas.covariance @ rows.T
        df = int(np.linalg.matrix_rank(spread, hermitian=True))
        if df:
            inverse = np.linalg.pinv(spread, hermitian=True)
            contrast = rows @ areas.values
            statistic = float(contrast @ inverse @ contrast)
    rest = placed.fewest - df
    p_value = math.nan
    if df and rest > 0:
        p_value = float(special.fdtrc(df, rest, statistic * rest / ((placed.fewest - 1) * df)))
    elif df:
        note = f"{df} contrasts of {placed.fewest} cases (or groups) of a class: too few for a test"
    elif not note:
        note = _NO_SPREAD
    return TestResult(
        statistic=statistic,
        p_value=p_value,
        df=float(df),
        method="DeLong's test of several areas" + ("" if groups is None else ", clustered"),
        n=areas.n,
        n_groups=areas.n_groups,
        note=note or groups_note(groups, areas.n),
    )


def delong_test_unpaired(
    truth_a: ArrayLike,
    a: ArrayLike,
    truth_b: ArrayLike,
    b: ArrayLike,
    *,
    groups_a: Groups | None = None,
    groups_b: Groups | None = None,
    alternative: Alternative = "two-sided",
) -> TestResult:
    """Whether areas on different cases are equal.

    ``statistic`` is (area a - area b) / SE and the reference Student's t, with Welch's degrees of
    freedom from the four variances: of each sample's positives and negatives. (R's pROC takes
    Welch's from the two samples' numbers of cases, which are large even if positives are few.)
    Below 50 positives or negatives in a sample the p-value is not less than that of the score test
    whose variances follow from the common area (``auc``, ``"score"``): without this, equal areas
    are called different in 10 to 20 % of studies with five positives in one sample and a hundred in
    the other, by either t.

    Args:
        truth_a: whether each case of the first sample is positive, (n,).
        a: their scores, (n,).
        truth_b: the same for the second sample, none of whose cases or groups is in the first.
        b: their scores.
        groups_a: groups of the first sample.
        groups_b: groups of the second.
        alternative: "greater" tests whether a's area is greater than b's, "less" whether smaller.

    Returns:
        NaN with a note where an area or its variance is undefined.

    Raises:
        PlanError: see ``delong_test``.

    Examples:
        >>> first, a = [0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6]
        >>> second, b = [0, 0, 1, 1, 1], [2, 4, 1, 3, 5]
        >>> round(delong_test_unpaired(first, a, second, b).p_value, 2)
        0.35
    """
    check_alternative(alternative)
    samples = [
        placed_areas(truth_a, a, groups_a, WHOLE),
        placed_areas(truth_b, b, groups_b, WHOLE),
    ]
    if any(areas.contributions.shape[1] != 1 for areas in samples):
        raise PlanError("a, b: expected one model's scores each, (n,)")
    (first, spread_a, why_a), (second, spread_b, why_b) = (
        areas.contrast(np.ones(1)) for areas in samples
    )
    total, difference = spread_a.variance + spread_b.variance, first - second
    df = t = p_value = math.nan
    if total > 0:
        squares = spread_a.variance**2 / spread_a.df + spread_b.variance**2 / spread_b.df
        df, t = total**2 / squares, difference / math.sqrt(total)
        p_value = t_tail(t, df, alternative)
        if min(areas.fewest for areas in samples) < SCORE_BELOW:
            floor = _common_variance(samples, (spread_a.variance, spread_b.variance))
            p_value = max(p_value, t_tail(difference / math.sqrt(floor), math.inf, alternative))
    known = groups_a is not None and groups_b is not None
    return TestResult(
        statistic=t,
        p_value=p_value,
        df=None if math.isnan(df) else df,
        method="DeLong's unpaired test",
        n=sum(areas.positive.size for areas in samples),
        n_groups=sum(areas.n_groups for areas in samples) if known else None,
        alternative=alternative,
        note=why_a
        or why_b
        or (_NO_SPREAD if math.isnan(t) else joined(spread_a.note, spread_b.note)),
    )


def _common_variance(samples: list[PlacedAreas], variances: tuple[float, float]) -> float:
    """The variance of the difference if both samples have their common (pooled) area."""
    sides = [(int(areas.positive.sum()), int((~areas.positive).sum())) for areas in samples]
    weights = np.array([m * n / (m + n) for m, n in sides])
    area = float(weights @ [float(areas.values[0]) for areas in samples] / weights.sum())
    return sum(
        max(variance, model_variance(area, m, n))
        for variance, (m, n) in zip(variances, sides, strict=True)
    )


def _side_by_side(a: ArrayLike, b: ArrayLike) -> Floats:
    one, other = as_floats("a", a), as_floats("b", b)
    if one.ndim != 1 or one.shape != other.shape:
        raise PlanError(f"a, b: expected one score per case, got {one.shape} and {other.shape}")
    return np.array([one, other]).T


def area_contrast(
    truth: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    groups: Groups | None,
    specificity: Range = WHOLE,
) -> tuple[PlacedAreas, float, float, float, str]:
    """Areas, area a - area b, its variance, degrees of freedom, and why something is undefined.

    The degrees of freedom are those of ``delong_test``.
    """
    areas = placed_areas(truth, _side_by_side(a, b), groups, specificity)
    value, spread, note = areas.contrast(np.array([1.0, -1.0]))
    df = min(spread.df, 2.0 * (areas.fewest - 1)) if not note else math.nan
    return areas, value, spread.variance, df, note or spread.note
