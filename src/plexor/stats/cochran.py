"""Whether several proportions of the same observations are equal."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError
from plexor.stats.argument import Booleans, Floats, Groups, as_event_table, group_codes
from plexor.stats.grouped_variance import groups_note
from plexor.stats.result import TestResult


def cochrans_q(outcomes: ArrayLike, groups: Groups | None = None) -> TestResult:
    """Whether k proportions of the same observations are equal; McNemar's test for k > 2.

    Without groups: Cochran's Q (Biometrika 1950;37:256), χ² with k-1 df.

    With groups: with d the sum over a group of each observation's outcomes minus their mean,
    (K-1)/K · Σdᵀ (Σ d dᵀ)⁺ Σd over K groups, χ² with df the rank of Σ d dᵀ. This is Obuchowski's
    test (``clustered_mcnemar``) for k columns; it assumes nothing of the correlation between
    columns.

    Args:
        outcomes: truth values, (n, k): one row per observation, one column per model, reader or
            perturbation.
        groups: the group of each observation; None where they are independent.

    Returns:
        NaN with a note where each observation has the same outcome in all columns, or (with groups)
        where there are no more groups than df.

    Raises:
        PlanError: not (n, k) truth values with k >= 2, or a group is missing.

    Examples:
        >>> right = [[1, 1, 0], [1, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0], [1, 0, 0]]
        >>> round(cochrans_q(right).statistic, 2)
        6.0
    """
    table = _as_table(outcomes)
    n, k = table.shape
    if groups is None:
        statistic, df, n_groups, note = (*_q(table), None, "")
    else:
        codes, n_groups = group_codes(groups, n)
        centred = table - table.mean(axis=1, keepdims=True)
        sums = np.zeros((n_groups, k))
        np.add.at(sums, codes, centred)
        statistic, df = _robust(sums)
        note = "no more groups than degrees of freedom" if df and math.isnan(statistic) else ""
    if df == 0:
        note = "no observation differs between columns"
    note = note or groups_note(groups, n)
    return TestResult(
        statistic=statistic,
        p_value=float(special.chdtrc(df, statistic)) if df else math.nan,
        df=float(df),
        method="Cochran's Q" if groups is None else "Cochran's Q for clustered observations",
        n=n,
        n_groups=n_groups,
        note=note,
    )


def _as_table(outcomes: ArrayLike) -> Booleans:
    table = as_event_table("outcomes", outcomes)
    if table.ndim != 2 or table.shape[1] < 2:
        raise PlanError(
            "outcomes: expected truth values of shape (observations, columns) with two "
            f"columns or more, got shape {table.shape} of {table.dtype}"
        )
    return table


def _q(table: Booleans) -> tuple[float, int]:
    k = table.shape[1]
    columns, rows = table.sum(axis=0, dtype=np.float64), table.sum(axis=1, dtype=np.float64)
    spread = k * rows.sum() - rows @ rows
    if spread == 0:
        return math.nan, 0
    return float((k - 1) * (k * columns @ columns - columns.sum() ** 2) / spread), k - 1


def _robust(sums: Floats) -> tuple[float, int]:
    squares, total = sums.T @ sums, sums.sum(axis=0)
    rank = int(np.linalg.matrix_rank(squares, hermitian=True))
    n_groups = len(sums)
    if rank == 0 or n_groups <= rank:
        return math.nan, rank
    inverse = np.linalg.pinv(squares, hermitian=True)
    return float((n_groups - 1) / n_groups * total @ inverse @ total), rank
