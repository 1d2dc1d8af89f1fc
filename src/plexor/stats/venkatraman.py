"""Whether two ROC curves are the same curve, not only of the same area."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from plexor.stats.argument import Booleans, Floats, Groups, as_events, group_codes
from plexor.stats.placement import as_scores
from plexor.stats.resample import Seed
from plexor.stats.result import TestResult


def venkatraman_test(
    truth: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    groups: Groups | None = None,
    *,
    seed: Seed,
    n_permutations: int = 2000,
) -> TestResult:
    """Venkatraman & Begg's permutation test (Biometrika 1996;83:835) of equal curves, paired.

    ``statistic`` is their E: over all cuts by rank, the sum of the absolute difference in errors
    between the models. Under the hypothesis a case's two ranks may change places; with groups,
    those of all cases of a group together. Ties are broken at random. p = (1 + permutations at
    least as great) / (1 + permutations).

    Args:
        truth: whether each case is positive, (n,).
        a: one model's scores, (n,).
        b: the other's, (n,).
        groups: the group of each case; None where cases are independent.
        seed: a whole number or a generator.
        n_permutations: how many to draw.

    Returns:
        NaN with a note where a class has no case.

    Raises:
        PlanError: lengths differ, or a score is NaN.
    """
    positive = as_events("truth", truth)
    scores = np.concatenate([as_scores(positive, a), as_scores(positive, b)], axis=1)
    n = positive.size
    codes, n_groups = (np.arange(n), n) if groups is None else group_codes(groups, n)
    statistic = p_value = math.nan
    note = "" if 0 < positive.sum() < n else "no positive or no negative cases"
    if not note:
        rng = np.random.default_rng(seed)
        ranks = np.stack([_ranks(column, rng) for column in scores.T])
        statistic = _distance(positive, ranks)
        greater = 0
        for _ in range(n_permutations):
            swap = rng.random(n_groups)[codes] < 0.5
            swapped = np.where(swap, ranks[::-1], ranks)
            again = np.stack([_ranks(row, rng) for row in swapped])
            greater += _distance(positive, again) >= statistic
        p_value = (1 + greater) / (1 + n_permutations)
    return TestResult(
        statistic=statistic,
        p_value=p_value,
        method=f"Venkatraman and Begg's permutation test, {n_permutations} permutations",
        n=n,
        n_groups=None if groups is None else n_groups,
        note=note,
    )


def _ranks(values: Floats, rng: np.random.Generator) -> Floats:
    order = np.lexsort((rng.random(values.size), values))
    ranks = np.empty(values.size)
    ranks[order] = np.arange(values.size)
    return ranks


def _distance(positive: Booleans, ranks: Floats) -> float:
    """Positives at or below a cut are errors, and so are negatives above it."""
    sign = np.where(positive, 1, -1)
    errors = [np.cumsum(sign[np.argsort(row)]) for row in ranks]
    return float(np.abs(errors[0] - errors[1]).sum())
