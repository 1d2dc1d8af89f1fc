"""Chance-corrected agreement of any number of raters, also with missing ratings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.core.errors import PlanError
from plexor.stats.argument import (
    Floats,
    Groups,
    Label,
    by_position,
    check_level,
    group_codes,
    is_missing,
)
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import Part, grouped_spread, joined
from plexor.stats.kappa import AgreementWeights, agreement_weights

Ratings = Sequence[Sequence[Label | None]] | NDArray[Any]
"""(cases, raters), None or NaN where missing."""

TOO_FEW = "no case has two ratings"
ONE_CLASS = "only one class was used: agreement beyond chance is undefined"
UNANIMOUS = "raters agree in all cases, so the estimated variance is 0: no interval"
MANY_GROUPS = 50
ALL_AT_ODDS = "agreement is equal in all cases, so the estimated variance is 0: no interval"
FEW_GROUPS = (
    "fewer than 50 groups: the interval covers too little if cases of a group are much alike"
)
"""Note of a coefficient over groups; see docs/reference/coverage.md."""

NO_SPREAD = 1e-24
"""A variance of a coefficient below which it is the rounding of 0."""


def rating_counts(ratings: Ratings, classes: Sequence[Label]) -> Floats:
    """Number of raters who gave each class to each case, (n, q), from ratings (n, raters).

    A missing rating is None, NaN or pandas' NA.

    Raises:
        PlanError: not two dimensions, a class named twice, or a rating that is none of ``classes``.
    """
    try:
        table = np.asarray(ratings, dtype=object)
    except ValueError as error:
        raise PlanError(f"ratings: expected rows of equal length, but {error}") from error
    if table.ndim != 2:
        raise PlanError(
            "ratings: expected one row for each case with one rating for each rater, got shape "
            f"{table.shape}; give None where a rating is missing"
        )
    position = {label: index for index, label in enumerate(by_position(classes).tolist())}
    if len(position) != len(classes):
        raise PlanError(f"classes: expected each class once, got {list(classes)}")
    counts = np.zeros((len(table), len(position)))
    for case, row in enumerate(table.tolist()):
        for rating in row:
            if is_missing(rating):
                continue
            if rating not in position:
                raise PlanError(
                    f"ratings: {rating!r} is none of the classes {list(classes)}; name all "
                    "classes, in the type the ratings have, and give None where one is missing"
                )
            counts[case, position[rating]] += 1
    return counts


def fleiss_kappa(
    ratings: Ratings,
    classes: Sequence[Label],
    groups: Groups | None = None,
    *,
    weights: AgreementWeights = "identity",
    level: float = 0.95,
) -> Estimate:
    """Fleiss' kappa (Psychol Bull 1971;76:378), weighted where classes are ordered.

    Missing ratings and weights as in Gwet, Handbook of Inter-Rater Reliability, 4th ed. 2014, ch.
    3; the variance is linearised over cases (ibid. ch. 5), not Fleiss' under the hypothesis of no
    agreement, and the interval Student's with cases - 1 df; with groups both are those of
    ``plexor.stats.grouped_variance``. The variance equals that of Gwet's irrCAC if every case has
    two ratings or more. Cases with one rating are treated as by the jackknife; irrCAC treats them
    as cases without agreement, which gives a greater variance.

    With a few groups of strongly correlated cases it covers too little: 78 % in place of 95 % for
    five groups of ten at a correlation of 0.8 (docs/reference/coverage.md).

    Args:
        ratings: (n, raters), None or NaN where missing.
        classes: all classes, in order where weights are used.
        groups: the group of each case; None where cases are independent.
        weights: see ``agreement_weights``.
        level: nominal coverage.

    Returns:
        ``n`` counts cases with a rating. NaN with a note where no case has two ratings, or all
        ratings are of one class.

    Raises:
        PlanError: a rating that is none of ``classes``, wrong shapes, or a missing group.

    Examples:
        >>> ratings = [["b", "b", "b"], ["b", "m", "b"], ["m", "m", "m"], ["b", "b", None]]
        >>> round(fleiss_kappa(ratings, ["b", "m"]).value, 3)
        0.625
    """
    w = agreement_weights(len(classes), weights)
    return _beyond_chance(
        "Fleiss' kappa", ratings, classes, groups, weights=weights, level=level, chance_form=w
    )


def gwet_ac(
    ratings: Ratings,
    classes: Sequence[Label],
    groups: Groups | None = None,
    *,
    weights: AgreementWeights = "identity",
    level: float = 0.95,
) -> Estimate:
    """Gwet's AC1 (Br J Math Stat Psychol 2008;61:29), or AC2 with weights.

    Its chance agreement is greatest if all classes are used equally often; so, unlike kappa, it is
    high if raters agree and nearly all cases are of one class. ``classes`` must list all possible
    classes, also those that are not used. Arguments, variance, coverage and undefined cases as
    for ``fleiss_kappa``.

    Examples:
        >>> ratings = [["b", "b", "b"], ["b", "m", "b"], ["m", "m", "m"], ["b", "b", None]]
        >>> round(gwet_ac(ratings, ["b", "m"]).value, 3)
        0.7
    """
    q = len(classes)
    w = agreement_weights(q, weights)
    scale = float(w.sum()) / (q * (q - 1)) if q > 1 else math.nan
    # Σ π(1-π) as a quadratic form in π, since the π add up to 1.
    chance = scale * (np.ones((q, q)) - np.eye(q))
    name = "Gwet's AC1" if weights == "identity" else "Gwet's AC2"
    return _beyond_chance(
        name, ratings, classes, groups, weights=weights, level=level, chance_form=chance
    )


def _beyond_chance(
    name: str,
    ratings: Ratings,
    classes: Sequence[Label],
    groups: Groups | None,
    *,
    weights: AgreementWeights,
    level: float,
    chance_form: Floats,
) -> Estimate:
    """(observed - chance) / (1 - chance), where chance is πᵀ·form·π of the mean class shares."""
    check_level(level)
    counts = rating_counts(ratings, classes)
    rated = counts.sum(axis=1) > 0
    n = len(counts)
    codes = np.arange(n) if groups is None else group_codes(groups, n)[0]
    counts, codes = counts[rated], np.unique(codes[rated], return_inverse=True)[1]
    n, n_groups = len(counts), int(codes.max(initial=-1)) + 1
    totals = counts.sum(axis=1)
    several = totals >= 2
    value = low = high = variance = math.nan
    uneven = ""
    note = "" if several.any() else TOO_FEW
    if several.any():
        w = agreement_weights(len(classes), weights)
        near = counts @ w
        pairs = np.where(several, totals * (totals - 1), 1.0)
        agreement = np.where(several, (counts * (near - 1)).sum(axis=1) / pairs, 0.0)
        observed = float(agreement[several].mean())
        shares = counts / totals[:, None]
        mean = shares.mean(axis=0)
        chance = float(mean @ chance_form @ mean)
        if chance < 1 - 1e-12:
            value = (observed - chance) / (1 - chance)
            found = np.where(several, agreement - observed, 0.0) * n / several.sum()
            expected = 2 * ((shares - mean) @ chance_form @ mean)
            influence = (found - (1 - value) * expected) / (1 - chance)
            if n_groups > 1:
                spread = grouped_spread([Part(values=influence, codes=codes)], n_groups)
                variance, half, uneven = spread.variance, spread.half_width(level), spread.note
                # With ratings missing the value itself may be below -1.
                low, high = min(value, max(-1.0, value - half)), min(1.0, value + half)
        note = ONE_CLASS if math.isnan(value) else _spread_note(variance, observed)
        if note and not math.isnan(value):
            low = high = math.nan
        few = FEW_GROUPS if groups is not None and n_groups < MANY_GROUPS else ""
        note = note or joined(uneven, few)
    words = "" if weights == "identity" else f", {weights} weights"
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method=f"{name}{words}, variance linearised over "
        + ("cases" if groups is None else "groups"),
        n=n,
        n_groups=None if groups is None else n_groups,
        variance=variance,
        note=note,
    )


def _spread_note(variance: float, observed: float) -> str:
    if math.isnan(variance):
        return "fewer than two cases or groups: no interval"
    if observed == 1:
        return UNANIMOUS
    return ALL_AT_ODDS if variance <= NO_SPREAD else ""
