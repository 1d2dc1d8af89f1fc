"""How much of a map lies where: in a mask, before and after a change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plexor.core.errors import PlanError
from plexor.stats import Estimate, clustered_mean, clustered_proportion

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
TOP_SHARE = 0.1
"""Share of the pixels that count as the most attended, as in Sun et al., MICCAI 2023."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InMask:
    """How much of the maps lies in masks, over the cases that have both.

    Attributes:
        share: mean share of the map's mass in the mask.
        area: mean share of the image that the mask takes.
        ratio: mean share over mean area: 1 where attention does not care for the mask. Its interval
            is Student's for the logarithm of the ratio, by linearisation.
        pointing: share of cases whose greatest value lies in the mask (the pointing game, Zhang et
            al., ECCV 2016, without tolerance); by chance it would be the area.
        sensitivity: confounder sensitivity of Sun et al., MICCAI 2023: share of the mask that is
            among the tenth of the pixels with the greatest values.
        n_flat: cases left out, since their map has no positive value.
        n_unmasked: cases left out, since their mask is empty.
    """

    share: Estimate
    area: Estimate
    ratio: Estimate
    pointing: Estimate
    sensitivity: Estimate
    n_flat: int
    n_unmasked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InMaskByCase:
    """The same case by case, (n,); NaN for a map without a positive value or an empty mask.

    Attributes:
        share: of the map's mass.
        area: of the image; 0 for an empty mask.
        pointing: 1 where the greatest value lies in the mask, else 0.
        sensitivity: see ``InMask``.
    """

    share: Floats
    area: Floats
    pointing: Floats
    sensitivity: Floats


def in_mask_by_case(maps: ArrayLike, masks: ArrayLike) -> InMaskByCase:
    """Measures each map against its mask; only positive values count as mass.

    Args:
        maps: (n, *spatial).
        masks: (n, *spatial), True inside.

    Raises:
        PlanError: shapes that differ.

    Example:
        >>> found = in_mask_by_case([[3.0, 1.0, 0.0, -2.0]], [[True, False, False, False]])
        >>> float(found.share[0]), float(found.area[0]), float(found.pointing[0])
        (0.75, 0.25, 1.0)
    """
    values, inside = np.asarray(maps, float), np.asarray(masks, bool)
    if values.shape != inside.shape or values.ndim < 2:
        raise PlanError(
            f"attention: expected maps and masks of one shape (n, *spatial), got {values.shape} "
            f"and {inside.shape}"
        )
    flat, chosen = _positive(values).reshape(len(values), -1), inside.reshape(len(inside), -1)
    mass, size = flat.sum(1), chosen.sum(1)
    known = (mass > 0) & (size > 0)
    none = np.full(len(flat), np.nan)
    share, pointing, sensitivity = none.copy(), none.copy(), none.copy()
    share[known] = (flat * chosen).sum(1)[known] / mass[known]
    for case in np.flatnonzero(known):
        one, part = flat[case], chosen[case]
        greatest = one == one.max()
        pointing[case] = float((greatest & part).sum() / greatest.sum() >= 0.5)
        sensitivity[case] = part[_top(one)].sum() / size[case]
    return InMaskByCase(
        share=share, area=chosen.mean(1), pointing=pointing, sensitivity=sensitivity
    )


def in_mask(
    maps: ArrayLike, masks: ArrayLike, groups: Sequence[str] | None = None, *, level: float = 0.95
) -> InMask:
    """How much of the maps lies in the masks, with intervals clustered by group.

    Args:
        maps: (n, *spatial).
        masks: (n, *spatial), True inside.
        groups: the group of each case; None where cases are independent.
        level: nominal coverage.

    Raises:
        PlanError: shapes that differ.
    """
    return summed_up(in_mask_by_case(maps, masks), groups, level=level)


def summed_up(
    found: InMaskByCase, groups: Sequence[str] | None = None, *, level: float = 0.95
) -> InMask:
    """Estimates from the measures of single cases, which may come from images of many sizes."""
    known = ~np.isnan(found.share)
    names = None if groups is None else [str(groups[i]) for i in np.flatnonzero(known).tolist()]
    share, area = found.share[known], found.area[known]
    return InMask(
        share=_within(clustered_mean(share, names, level=level)),
        area=_within(clustered_mean(area, names, level=level)),
        ratio=ratio_of_means(share, area, names, level=level),
        pointing=clustered_proportion(found.pointing[known] == 1, names, level=level),
        sensitivity=_within(clustered_mean(found.sensitivity[known], names, level=level)),
        n_flat=int((~known & (found.area > 0)).sum()),
        n_unmasked=int((found.area == 0).sum()),
    )


def ratio_of_means(
    above: ArrayLike, below: ArrayLike, groups: Sequence[str] | None = None, *, level: float = 0.95
) -> Estimate:
    """Mean of one number over the mean of another on the same cases, both never negative.

    The interval is Student's for the logarithm, by linearisation, clustered by group.

    Returns:
        NaN with a note without cases or where ``below`` is 0; no interval where ``above`` is 0.

    Example:
        >>> ratio_of_means([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]).value
        2.0
    """
    a, b = np.asarray(above, float), np.asarray(below, float)
    if a.size == 0 or b.mean() == 0:
        note = "no cases" if a.size == 0 else "the mean below is 0"
        return replace(clustered_mean([], level=level), n=int(a.size), note=note)
    ratio = float(a.mean() / b.mean())
    if ratio == 0:
        found = clustered_mean(a, groups, level=level)
        nan = math.nan
        return replace(found, value=0.0, low=nan, high=nan, note="the mean above is 0: no interval")
    spread = clustered_mean(a / a.mean() - b / b.mean(), groups, level=level)
    return replace(
        spread,
        value=ratio,
        low=ratio * math.exp(spread.low),
        high=ratio * math.exp(spread.high),
        method="ratio of means, linearised on the logarithmic scale, Student's interval",
        variance=None,
    )


def map_correlation(before: ArrayLike, after: ArrayLike, where: ArrayLike | None = None) -> Floats:
    """Correlation (Pearson's) of each case's two maps over its pixels, (n,).

    With maps of an image with and without its tag it is the explanation NCC of Sun et al., MICCAI
    2023. NaN where one of the maps is constant.

    Args:
        before: (n, *spatial).
        after: the same.
        where: (n, *spatial), pixels that count; None for all.

    Example:
        >>> map_correlation([[1.0, 2.0, 3.0]], [[2.0, 4.0, 6.0]]).round(6).tolist()
        [1.0]
    """
    one, other = np.asarray(before, float), np.asarray(after, float)
    _check_pair(one, other)
    counted = np.ones(one.shape, bool) if where is None else np.asarray(where, bool)
    return np.array(
        [
            _pearson(_positive(a)[use], _positive(b)[use])
            for a, b, use in zip(one, other, counted, strict=True)
        ]
    )


def rank_correlation(before: ArrayLike, after: ArrayLike) -> Floats:
    """Spearman's correlation of each case's two maps over its pixels, (n,); NaN for a flat map.

    Example:
        >>> rank_correlation([[1.0, 2.0, 30.0]], [[5.0, 6.0, 7.0]]).round(6).tolist()
        [1.0]
    """
    from scipy.stats import rankdata

    one, other = np.asarray(before, float), np.asarray(after, float)
    _check_pair(one, other)
    return np.array(
        [
            _pearson(rankdata(_positive(a)), rankdata(_positive(b)))
            for a, b in zip(one, other, strict=True)
        ]
    )


def _positive(values: Floats) -> Floats:
    """What speaks for the output explained; what speaks against it counts as 0."""
    return np.clip(values, 0, None)


def _top(values: Floats) -> NDArray[np.intp]:
    """The tenth of the pixels with the greatest values, the first of equal ones."""
    return np.argsort(-values, kind="stable")[: max(1, int(TOP_SHARE * values.size))]


def _pearson(one: Floats, other: Floats) -> float:
    a, b = one.ravel() - one.mean(), other.ravel() - other.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else math.nan


def _within(found: Estimate) -> Estimate:
    """Limits cut to what a share can be."""
    if math.isnan(found.low):
        return found
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def _check_pair(one: Floats, other: Floats) -> None:
    if one.shape != other.shape or one.ndim < 2:
        raise PlanError(
            f"attention: expected two maps (n, *spatial) of one shape, got {one.shape} and "
            f"{other.shape}"
        )
