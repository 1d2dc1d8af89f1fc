"""Areas under ROC curves of several models on the same cases, with their covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import Booleans, Codes, Floats, Groups, as_events, group_codes
from plexor.stats.grouped_variance import Part, Spread, grouped_spread
from plexor.stats.placement import WHOLE, Range, as_scores, covariance, placements

FEW = "fewer than two positives or negatives (or groups of them)"


@dataclass(frozen=True, slots=True, kw_only=True)
class RocAreas:
    """Areas of several models on the same cases, with their covariance.

    Attributes:
        values: the areas, (k,); NaN where a class is missing.
        covariance: of the values, (k, k), DeLong's or Obuchowski's.
        n: cases.
        n_positive: positive cases.
        n_groups: groups, None where cases are independent.
        note: why something is undefined; empty otherwise.
    """

    values: Floats
    covariance: Floats
    n: int
    n_positive: int
    n_groups: int | None
    note: str = ""


def auc_covariance(
    truth: ArrayLike,
    scores: ArrayLike,
    groups: Groups | None = None,
    *,
    specificity: Range = WHOLE,
) -> RocAreas:
    """Areas under the ROC curves of k models on the same cases, and their covariance.

    DeLong's covariance; with groups Obuchowski's. O(k n log n), ties exact. Intervals and tests of
    one area or one difference (``auc``, ``delong_test``) take a variance corrected for few and
    unequal groups instead of Obuchowski's.

    Args:
        truth: whether each case is positive, (n,).
        scores: greater is more positive, (n,) or (n, k).
        groups: the group of each case; None where cases are independent.
        specificity: lowest and highest specificity of the part of the curve.

    Raises:
        PlanError: lengths differ, a score is NaN, a group is missing, or an empty range.

    Examples:
        >>> areas = auc_covariance([0, 0, 1, 1], [[1, 2], [2, 1], [3, 3], [2, 4]])
        >>> areas.values.tolist()
        [0.875, 1.0]
    """
    return placed_areas(truth, scores, groups, specificity).areas()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedAreas:
    """Contributions of all cases to the areas, from which the variances follow.

    Attributes:
        positive: whether each case is positive, (n,).
        contributions: see ``placements``, (n, k).
        codes: the group of each case, None where cases are independent.
        n_groups: number of groups, or of cases.
        constant: whether all scores of a model are equal, (k,).
        note: why the areas are undefined; empty otherwise.
    """

    positive: Booleans
    contributions: Floats
    codes: Codes | None
    n_groups: int
    constant: tuple[bool, ...]
    note: str

    @property
    def values(self) -> Floats:
        """The areas, (k,)."""
        if self.note:
            return np.full(self.contributions.shape[1], np.nan)
        values: Floats = self.contributions[self.positive].mean(axis=0)
        return values

    @property
    def fewest(self) -> int:
        """The lesser number of positives and negatives (with groups: of groups with any)."""
        if self.codes is None:
            m = int(np.count_nonzero(self.positive))
            return min(m, self.positive.size - m)
        sides = (self.codes[self.positive], self.codes[~self.positive])
        return min(np.unique(side).size for side in sides)

    @property
    def n_pairs(self) -> int:
        """The number of disjoint, independent pairs of a positive and a negative."""
        return self.fewest if self.codes is None else min(self.fewest, self.n_groups // 2)

    def areas(self) -> RocAreas:
        """The areas with DeLong's or Obuchowski's covariance."""
        k = self.contributions.shape[1]
        spread, note = np.full((k, k), np.nan), self.note
        if not note:
            spread = covariance(self.positive, self.contributions, self.codes, self.n_groups)
            note = FEW if np.isnan(spread).any() else ""
        return RocAreas(
            values=self.values,
            covariance=spread,
            n=self.positive.size,
            n_positive=int(self.positive.sum()),
            n_groups=None if self.codes is None else self.n_groups,
            note=note,
        )

    def contrast(self, weights: Floats) -> tuple[float, Spread, str]:
        """A weighted sum of the areas, its spread, and why either is undefined.

        Without groups DeLong's variance, with Welch's degrees of freedom of two means; with groups
        that of ``plexor.stats.grouped_variance`` over positives and negatives.
        """
        groups = None if self.codes is None else self.n_groups
        nowhere = Spread(variance=math.nan, df=math.nan, n_groups=groups)
        if self.note:
            return math.nan, nowhere, self.note
        shares = self.contributions @ weights
        sides = (self.positive, ~self.positive)
        value = float(shares[self.positive].mean())
        if self.codes is None:
            spread = _of_two_means([shares[side] for side in sides])
        else:
            codes = self.codes
            parts = [Part(values=shares[side], codes=codes[side]) for side in sides]
            spread = grouped_spread(parts, self.n_groups)
        if math.isnan(spread.variance):
            return value, spread, FEW
        return value, spread, ""


def placed_areas(
    truth: ArrayLike, scores: ArrayLike, groups: Groups | None, specificity: Range
) -> PlacedAreas:
    """Contributions of all cases to the areas; arguments and errors as for ``auc_covariance``."""
    positive = as_events("truth", truth)
    table = as_scores(positive, scores)
    if not 0 <= specificity[0] < specificity[1] <= 1:
        raise PlanError(f"specificity: expected 0 <= low < high <= 1, got {specificity}")
    n, m = positive.size, int(np.count_nonzero(positive))
    codes, n_groups = (None, n) if groups is None else group_codes(groups, n)
    parts, note = np.full(table.shape, np.nan), ""
    if 0 < m < n:
        columns = [placements(positive, column, specificity) for column in table.T]
        parts = np.array(columns).T
    else:
        note = "no positive cases" if n else "no cases"
        note = "no negative cases" if m else note
    return PlacedAreas(
        positive=positive,
        contributions=parts,
        codes=codes,
        n_groups=n_groups,
        constant=tuple(bool(n and np.ptp(column) == 0) for column in table.T),
        note=note,
    )


def _of_two_means(sides: list[Floats]) -> Spread:
    """Of the sum of two independent means: Welch's degrees of freedom."""
    if min(side.size for side in sides) < 2:
        return Spread(variance=math.nan, df=math.nan)
    variances = [float(side.var(ddof=1)) / side.size for side in sides]
    total = sum(variances)
    squares = sum(v * v / (side.size - 1) for v, side in zip(variances, sides, strict=True))
    fewest = float(min(side.size for side in sides) - 1)
    return Spread(variance=total, df=total * total / squares if squares > 0 else fewest)
