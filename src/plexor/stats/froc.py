"""Free-response studies: several marks an image, each with a rating and a place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import Groups, as_floats, check_level, group_codes, normal_quantile
from plexor.stats.estimate import Estimate

_UNMARKED = -math.inf
"""The rating of a lesion that was not marked, and of a normal case without a mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrocCase:
    """One reader's marks in one case.

    Attributes:
        lesions: highest rating of the marks at each lesion; -inf for a lesion without a mark.
            Empty for a normal case.
        others: ratings of the marks that are at no lesion.
    """

    lesions: tuple[float, ...] = ()
    others: tuple[float, ...] = ()


def match_marks(
    marks: ArrayLike, ratings: ArrayLike, lesions: ArrayLike, *, radius: float
) -> FrocCase:
    """Scores marks against lesions: a mark within ``radius`` of a lesion's centre is at it.

    A mark near two lesions is at the nearer one; of several marks at a lesion the highest rating
    counts, and the others count neither for nor against.

    Args:
        marks: places, (n, dimensions).
        ratings: of the marks, (n,).
        lesions: centres, (m, dimensions).
        radius: acceptance radius, in the unit of the places.

    Raises:
        PlanError: shapes that do not fit, or a radius that is not above 0.

    Example:
        >>> match_marks([[1, 1], [9, 9]], [3, 2], [[0, 0]], radius=3)
        FrocCase(lesions=(3.0,), others=(2.0,))
    """
    places, centres = as_floats("marks", marks), as_floats("lesions", lesions)
    scores = as_floats("ratings", ratings)
    if places.size == 0:
        places = np.empty((0, centres.shape[1] if centres.size else 1))
    if centres.size == 0:
        centres = np.empty((0, places.shape[1]))
    fits = places.ndim == centres.ndim == 2 and places.shape[1] == centres.shape[1]
    if not fits or scores.shape != (len(places),):
        raise PlanError(
            f"marks, ratings, lesions: expected (n, d), (n,) and (m, d), got {places.shape}, "
            f"{scores.shape} and {centres.shape}"
        )
    if not radius > 0:
        raise PlanError(f"radius: expected a distance above 0, got {radius}")
    found = [_UNMARKED] * len(centres)
    others = []
    for place, score in zip(places, scores, strict=True):
        distances = np.linalg.norm(centres - place, axis=1)
        nearest = int(distances.argmin()) if len(centres) else -1
        if nearest >= 0 and distances[nearest] <= radius:
            found[nearest] = max(found[nearest], float(score))
        else:
            others.append(float(score))
    return FrocCase(lesions=tuple(found), others=tuple(others))


def jafroc(
    cases: Sequence[FrocCase], groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """The JAFROC figure of merit of one reader (Chakraborty & Berbaum, Med Phys 2004;31:2313).

    The chance that a lesion is rated above the highest-rated mark of a normal case (Chakraborty,
    Stat Med 2008;27:1570, the weighted figure with equal weights of lesions within a case, each
    diseased case counting alike). Ties count half; a lesion or a normal case without a mark is
    rated below every mark, and the two tie. Marks at no lesion in diseased cases do not count.

    The variance is that of two-sample U-statistics (DeLong's), over diseased and normal cases, or
    over their groups; the interval is normal and cut at 0 and 1.

    Args:
        cases: one reader's cases.
        groups: the patient of each; None where cases are independent.
        level: nominal coverage.

    Returns:
        ``n`` counts cases. NaN with a note where there is no diseased or no normal case; without
        an interval where there are fewer than two of either.

    Raises:
        PlanError: a missing group, or a level outside 0 … 1.

    Example:
        >>> sick = FrocCase(lesions=(4.0, -math.inf))
        >>> jafroc([sick, FrocCase(others=(2.0,)), FrocCase()]).value
        0.625
    """
    check_level(level)
    n = len(cases)
    codes = np.arange(n) if groups is None else group_codes(groups, n)[0]
    sick = [index for index, case in enumerate(cases) if case.lesions]
    well = [index for index, case in enumerate(cases) if not case.lesions]
    value = low = high = variance = math.nan
    note = "no case with a lesion, or none without"
    if sick and well:
        highest = np.array([max(cases[i].others, default=_UNMARKED) for i in well])
        wins = np.array([_wins(cases[i].lesions, highest) for i in sick])
        value, note = float(wins.mean()), "fewer than two cases with lesions or without: no interval"
        if min(len(sick), len(well)) > 1:
            note = ""
            parts = np.zeros(n)
            parts[sick] = (wins.mean(axis=1) - value) / len(sick)
            parts[well] = (wins.mean(axis=0) - value) / len(well)
            variance = _variance(parts, codes, np.isin(np.arange(n), sick), grouped=groups is not None)
            half = normal_quantile(level) * math.sqrt(variance)
            low, high = max(0.0, value - half), min(1.0, value + half)
            if variance == 0:
                note = "no variation seen: the interval is too narrow"
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method="JAFROC figure of merit, U-statistic variance, normal interval",
        n=n,
        n_groups=None if groups is None else len(set(codes.tolist())),
        variance=variance,
        note=note,
    )


def _wins(lesions: Sequence[float], highest: np.ndarray[tuple[int], np.dtype[np.float64]]) -> object:
    rated = np.array(lesions)[:, None]
    return ((rated > highest) + 0.5 * (rated == highest)).mean(axis=0)


def _variance(
    parts: np.ndarray[tuple[int], np.dtype[np.float64]],
    codes: np.ndarray[tuple[int], np.dtype[np.intp]],
    sick: np.ndarray[tuple[int], np.dtype[np.bool_]],
    *,
    grouped: bool,
) -> float:
    """Σ of squares of the cases' contributions, or of the groups' sums of them."""
    if grouped:
        sums = np.bincount(codes, weights=parts)
        present = np.bincount(codes) > 0
        n_groups = int(present.sum())
        return float(sums @ sums) * n_groups / (n_groups - 1) if n_groups > 1 else math.nan
    return sum(
        float(parts[kind] @ parts[kind]) * kind.sum() / (kind.sum() - 1) for kind in (sick, ~sick)
    )
