"""Free-response studies: any number of marks in an image, each with a rating and a position."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import (
    Booleans,
    Codes,
    Floats,
    Groups,
    as_floats,
    check_level,
    group_codes,
    normal_quantile,
)
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import groups_note
from plexor.stats.mrmc import ReaderStudy
from plexor.stats.reader_study import reader_study

LesionWeights = Literal["lesion", "case"]
_UNMARKED = -math.inf
"""The rating of a lesion that was not marked, and of a normal case without a mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrocCase:
    """One reader's marks in one case.

    Attributes:
        lesions: highest rating of the marks at each lesion; -inf for a lesion without a mark. Empty
            for a normal case.
        others: ratings of the marks that are at no lesion.
    """

    lesions: tuple[float, ...] = ()
    others: tuple[float, ...] = ()


def match_marks(
    marks: ArrayLike, ratings: ArrayLike, lesions: ArrayLike, *, radius: float
) -> FrocCase:
    """Scores marks against lesions: a mark within ``radius`` of a lesion's centre is at it.

    A mark near two lesions belongs to the nearer one. Of several marks at a lesion only the highest
    rating counts; the others are ignored.

    Args:
        marks: positions, (n, dimensions).
        ratings: of the marks, (n,).
        lesions: centres, (m, dimensions).
        radius: acceptance radius, in the unit of the positions.

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
    cases: Sequence[FrocCase],
    groups: Groups | None = None,
    *,
    weights: LesionWeights = "lesion",
    level: float = 0.95,
) -> Estimate:
    """The JAFROC figure of merit of one reader (Chakraborty & Berbaum, Med Phys 2004;31:2313).

    The chance that a lesion is rated above the highest-rated mark of a normal case. Ties count
    half; a lesion or a normal case without a mark is rated below every mark, and the two tie. Marks
    at no lesion in diseased cases do not count. ``weights="lesion"`` gives each lesion the same
    weight; ``"case"`` each diseased case, shared equally among its lesions (the weighted figure of
    merit, wJAFROC, of Chakraborty, Observer Performance Methods for Diagnostic Imaging, 2017).

    The variance is that of a two-sample U-statistic, linearised over diseased and over normal
    cases (with one lesion in each diseased case: DeLong's), or over groups (Obuchowski's). The
    interval is normal and cut at 0 and 1.

    Args:
        cases: one reader's cases.
        groups: the patient of each; None where cases are independent.
        weights: what has equal weight, "lesion" or "case".
        level: nominal coverage.

    Returns:
        ``n`` counts cases. NaN with a note where there is no diseased or no normal case; without
        an interval where there are fewer than two groups of either.

    Raises:
        PlanError: unknown weights, a missing group, or a level outside 0 … 1.

    Example:
        >>> sick = FrocCase(lesions=(4.0, -math.inf))
        >>> jafroc([sick, FrocCase(others=(2.0,)), FrocCase()]).value
        0.625
    """
    check_level(level)
    if weights not in get_args(LesionWeights):
        raise PlanError(unknown("lesion weights", weights, get_args(LesionWeights)))
    n = len(cases)
    codes = np.arange(n) if groups is None else group_codes(groups, n)[0]
    sick = np.array([bool(case.lesions) for case in cases], dtype=np.bool_)
    n_sick, n_well = int(sick.sum()), int((~sick).sum())
    value = low = high = variance = math.nan
    note = "no case with a lesion, or none without"
    if min(n_sick, n_well):
        value, parts = _linearised(cases, sick, weights)
        note = "fewer than two groups with lesions or without: no interval"
    if min(np.unique(codes[sick]).size, np.unique(codes[~sick]).size) > 1:
        variance = float(_covariance(parts[None, :], codes, sick)[0, 0])
        half = normal_quantile(level) * math.sqrt(variance)
        low, high = max(0.0, value - half), min(1.0, value + half)
        note = "" if variance > 0 else "no variation seen: the interval is too narrow"
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


def _linearised(
    cases: Sequence[FrocCase], sick: Booleans, weights: LesionWeights
) -> tuple[float, Floats]:
    """The figure of merit, and the contribution of each case to its deviation."""
    highest = np.array([max(case.others, default=_UNMARKED) for case in cases])[~sick]
    lesions = [np.array(case.lesions) for case in cases if case.lesions]
    wins = np.array(
        [
            ((rated[:, None] > highest) + 0.5 * (rated[:, None] == highest)).mean(axis=0)
            for rated in lesions
        ]
    )
    shares = np.array([len(rated) if weights == "lesion" else 1 for rated in lesions], np.float64)
    shares /= shares.sum()
    value = float(shares @ wins.mean(axis=1))
    parts = np.zeros(len(cases))
    parts[sick] = shares * (wins.mean(axis=1) - value)
    parts[~sick] = (shares @ wins - value) / highest.size
    return value, parts


def reader_study_jafroc(
    cases: Sequence[Sequence[Sequence[FrocCase]]],
    groups: Groups | None = None,
    *,
    weights: LesionWeights = "lesion",
) -> ReaderStudy:
    """A study of JAFROC figures of merit, in which each reader reads each case.

    ``ReaderStudy.mean`` is the figure of merit pooled over readers with its interval, for random
    readers and cases; ``difference`` and ``test`` compare treatments. Where each diseased case has
    one lesion and each case one mark, it is ``reader_study_auc``.

    Args:
        cases: (treatments, readers, cases); a case has the same lesions for all readers.
        groups: the patient of each case; None where cases are independent.
        weights: see ``jafroc``.

    Raises:
        PlanError: shapes that do not fit, lesions that differ, fewer than two readers, or fewer
            than two groups with lesions or without.

    Examples:
        >>> sick, well = FrocCase(lesions=(4.0,)), FrocCase(others=(2.0,))
        >>> missed = FrocCase(lesions=(-math.inf,))
        >>> first, second = [sick, sick, well, FrocCase()], [sick, missed, well, FrocCase()]
        >>> reader_study_jafroc([[first, second]]).mean(0).value
        0.8125
    """
    if weights not in get_args(LesionWeights):
        raise PlanError(unknown("lesion weights", weights, get_args(LesionWeights)))
    cells = [reader for treatment in cases for reader in treatment]
    lesions = [[len(case.lesions) for case in cell] for cell in cells]
    readers = {len(treatment) for treatment in cases}
    if len(readers) != 1 or any(one != lesions[0] for one in lesions):
        raise PlanError(
            "cases: expected the same readers under each treatment, and the same cases and lesions "
            "of each reader"
        )
    sick = np.array(lesions[0], dtype=np.intp) > 0
    n = sick.size
    codes = np.arange(n) if groups is None else group_codes(groups, n)[0]
    if min(np.unique(codes[sick]).size, np.unique(codes[~sick]).size) < 2:
        raise PlanError("cases: expected two groups with lesions and two without, or more")
    found = [_linearised(cell, sick, weights) for cell in cells]
    parts = np.stack([own for _, own in found])
    covariance = _covariance(parts, codes, sick)
    return reader_study(
        np.array([value for value, _ in found]).reshape(len(cases), -1),
        covariance,
        n,
        n_groups=None if groups is None else int(np.unique(codes).size),
        note=groups_note(groups, n),
    )


def _covariance(parts: Floats, codes: Codes, sick: Booleans) -> Floats:
    """Covariance of figures of merit from the contributions of cases, ``parts``, (figures, n).

    Obuchowski's for clustered areas (Biometrics 1997;53:567), which is DeLong's where every case is
    a group of its own: groups with diseased cases, with normal cases, and their products.
    """
    each, of_case = np.unique(codes, return_inverse=True)
    sums = []
    for kind in (sick, ~sick):
        own = np.zeros((len(parts), each.size))
        np.add.at(own.T, of_case[kind], parts[:, kind].T)
        sums.append((own, np.unique(of_case[kind]).size))
    (first, n_first), (second, n_second) = sums
    both = first @ second.T * each.size / (each.size - 1)
    total: Floats = (
        first @ first.T * n_first / (n_first - 1)
        + second @ second.T * n_second / (n_second - 1)
        + both
        + both.T
    )
    return total
