"""Whether areas under ROC curves differ."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError
from plexor.stats.argument import Floats, Groups, as_floats, check_level, t_quantile, t_two_sided
from plexor.stats.estimate import Estimate
from plexor.stats.placement import WHOLE, Range
from plexor.stats.result import TestResult
from plexor.stats.roc import RocAreas, auc_covariance

_NO_SPREAD = "the difference has no variance: every case ranks alike in both"


def delong_test(
    truth: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    groups: Groups | None = None,
    *,
    specificity: Range = WHOLE,
) -> TestResult:
    """DeLong's test of equal areas of two models on the same cases; two-sided, normal.

    With groups, the variance is Obuchowski's (Biometrics 1997;53:567) and the reference Student's
    t as in ``auc``. ``statistic`` is (area a - area b) / SE.

    Args:
        truth: whether each case is positive, (n,).
        a: one model's scores, greater is more positive, (n,).
        b: the other's, (n,).
        groups: the group of each case; None where cases are independent.
        specificity: compares the areas of this part of the curves.

    Returns:
        NaN with a note where an area or its variance is undefined, or where the difference has
        no variance.

    Raises:
        PlanError: lengths differ, a score is NaN, or a group is missing.
    """
    areas = auc_covariance(truth, _side_by_side(a, b), groups, specificity=specificity)
    difference, variance = _difference(areas)
    return _z_test(
        difference,
        variance,
        method="DeLong's paired test" if groups is None else "Obuchowski's paired test, clustered",
        df=areas.df,
        n=areas.n,
        n_groups=areas.n_groups,
        note=areas.note,
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
    """Area of model a minus area of model b on the same cases, ± z·SE (or t·SE), cut to -1 … 1.

    See ``delong_test`` for arguments and for what is undefined.
    """
    check_level(level)
    areas = auc_covariance(truth, _side_by_side(a, b), groups, specificity=specificity)
    difference, variance = _difference(areas)
    half = t_quantile(level, areas.df) * math.sqrt(variance) if variance > 0 else math.nan
    return Estimate(
        value=difference,
        low=max(-1.0, difference - half) if half > 0 else math.nan,
        high=min(1.0, difference + half) if half > 0 else math.nan,
        level=level,
        method="difference of paired ROC areas, "
        + ("DeLong variance" if groups is None else "Obuchowski's clustered variance"),
        n=areas.n,
        n_groups=areas.n_groups,
        variance=variance,
        note=areas.note or ("" if half > 0 else _NO_SPREAD),
    )


def delong_test_all(
    truth: ArrayLike,
    scores: ArrayLike,
    groups: Groups | None = None,
    *,
    contrasts: ArrayLike | None = None,
    specificity: Range = WHOLE,
) -> TestResult:
    """Whether contrasts of k areas on the same cases are all 0; Wald's χ² (DeLong 1988, eq. 5).

    Args:
        truth: whether each case is positive, (n,).
        scores: (n, k), greater is more positive.
        groups: the group of each case; None where cases are independent.
        contrasts: rows of k weights, (c, k); by default each model against the first, which
            tests that all areas are equal.
        specificity: compares the areas of this part of the curves.

    Returns:
        ``df`` is the rank of the contrasts' covariance.

    Raises:
        PlanError: see ``delong_test``; also contrasts of another length.
    """
    areas = auc_covariance(truth, scores, groups, specificity=specificity)
    k = areas.values.size
    if contrasts is None:
        rows = np.hstack([np.full((k - 1, 1), -1.0), np.eye(k - 1)])
    else:
        rows = np.atleast_2d(as_floats("contrasts", contrasts))
    if rows.shape[1] != k or not len(rows):
        raise PlanError(f"contrasts: expected rows of {k} weights, got shape {rows.shape}")
    statistic, df, note = math.nan, 0, areas.note
    if not note:
        spread = rows @ areas.covariance @ rows.T
        df = int(np.linalg.matrix_rank(spread, hermitian=True))
        if df:
            inverse = np.linalg.pinv(spread, hermitian=True)
            contrast = rows @ areas.values
            statistic = float(contrast @ inverse @ contrast)
        else:
            note = _NO_SPREAD
    return TestResult(
        statistic=statistic,
        p_value=float(special.chdtrc(df, statistic)) if df else math.nan,
        df=float(df),
        method="DeLong's test of several areas" + ("" if groups is None else ", clustered"),
        n=areas.n,
        n_groups=areas.n_groups,
        note=note,
    )


def delong_test_unpaired(
    truth_a: ArrayLike,
    a: ArrayLike,
    truth_b: ArrayLike,
    b: ArrayLike,
    *,
    groups_a: Groups | None = None,
    groups_b: Groups | None = None,
) -> TestResult:
    """Whether areas on different cases are equal; two-sided, normal.

    Args:
        truth_a: whether each case of the first sample is positive, (n,).
        a: their scores, (n,).
        truth_b: the same for the second sample, none of whose cases or groups is in the first.
        b: their scores.
        groups_a: groups of the first sample.
        groups_b: groups of the second.
    """
    first, second = auc_covariance(truth_a, a, groups_a), auc_covariance(truth_b, b, groups_b)
    known = first.n_groups is not None and second.n_groups is not None
    return _z_test(
        float(first.values[0] - second.values[0]),
        float(first.covariance[0, 0] + second.covariance[0, 0]),
        method="DeLong's unpaired test",
        df=min(first.df, second.df),
        n=first.n + second.n,
        n_groups=(first.n_groups or 0) + (second.n_groups or 0) if known else None,
        note=first.note or second.note,
    )


def _side_by_side(a: ArrayLike, b: ArrayLike) -> Floats:
    one, other = as_floats("a", a), as_floats("b", b)
    if one.ndim != 1 or one.shape != other.shape:
        raise PlanError(f"a, b: expected one score per case, got {one.shape} and {other.shape}")
    return np.stack([one, other], axis=1)


def _difference(areas: RocAreas) -> tuple[float, float]:
    weights = np.array([1.0, -1.0])
    variance = float(weights @ areas.covariance @ weights)
    # Rounding leaves about 1e-17 where two models rank all cases alike.
    scale = float(np.abs(areas.covariance).max())
    return float(weights @ areas.values), 0.0 if variance <= 1e-12 * scale else variance


def _z_test(
    difference: float,
    variance: float,
    *,
    method: str,
    df: float,
    n: int,
    n_groups: int | None,
    note: str,
) -> TestResult:
    z = difference / math.sqrt(variance) if variance > 0 else math.nan
    return TestResult(
        statistic=z,
        p_value=t_two_sided(z, df),
        df=None if math.isinf(df) else df,
        method=method,
        n=n,
        n_groups=n_groups,
        note=note or (_NO_SPREAD if math.isnan(z) else ""),
    )
