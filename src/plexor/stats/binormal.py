"""A smooth ROC curve through ratings: both classes normal after some transformation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError
from plexor.stats.argument import Floats, as_events, check_level, normal_quantile
from plexor.stats.estimate import Estimate
from plexor.stats.placement import as_scores
from plexor.stats.result_text import Results

MOST_CATEGORIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BinormalCurve(Results):
    """Sensitivity = Φ(intercept + slope · Φ⁻¹(false-positive rate)).

    Attributes:
        intercept: distance of the classes in standard deviations of the positives (a).
        slope: standard deviation of the negatives over that of the positives (b).
        area: under the curve, Φ(a / √(1 + b²)).
        note: why there is no curve; empty otherwise.
    """

    intercept: float
    slope: float
    area: Estimate
    note: str = ""


def binormal_curve(truth: ArrayLike, ratings: ArrayLike, *, level: float = 0.95) -> BinormalCurve:
    """Maximum-likelihood binormal ROC curve of ordered ratings (Dorfman & Alf 1969).

    J Math Psychol 1969;6:487. The variance of the area is by the delta method from the inverse of
    the expected information; its interval is symmetric on the normal scale. More than 20 distinct
    ratings are first cut into 20 classes of about equal size.

    Args:
        truth: whether each case is positive, (n,).
        ratings: greater is more positive, (n,).
        level: nominal coverage.

    Returns:
        NaN with a note where no maximum exists: a class without cases, fewer than three
        categories, or categories that put the curve on its frame (perfect separation among them).

    Raises:
        PlanError: lengths differ, or a rating is NaN.

    Examples:
        >>> truth = [0] * 10 + [1] * 10
        >>> rating = [1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 1, 2, 3, 3, 4, 4, 5, 5, 5, 5]
        >>> round(binormal_curve(truth, rating).area.value, 2)
        0.76
    """
    check_level(level)
    positive = as_events("truth", truth)
    scores = as_scores(positive, ratings)
    if scores.shape[1] != 1:
        raise PlanError(f"ratings: expected one reader's, (n,), got shape {scores.shape}")
    counts = _categories(positive, scores[:, 0])
    if min(counts.sum(axis=1)) == 0 or counts.shape[1] < 3 or _degenerate(counts):
        return _nothing(positive.size, level)
    found = _maximum(_start(counts), counts)
    if found is None:
        return _nothing(positive.size, level)
    a, b = float(found[0]), math.exp(float(found[1]))
    covariance = np.linalg.inv(_information(found, counts))
    scale = math.sqrt(1 + b * b)
    place = a / scale
    slopes = np.zeros(found.size)
    slopes[:2] = 1 / scale, -a * b * b / scale**3
    spread = float(slopes @ covariance @ slopes)
    half = normal_quantile(level) * math.sqrt(spread)
    value, low, high = (float(special.ndtr(z)) for z in (place, place - half, place + half))
    density = math.exp(-(place**2) / 2) / math.sqrt(2 * math.pi)
    area = Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method="binormal ROC area by maximum likelihood, interval on the normal scale",
        n=positive.size,
        variance=spread * density**2,
    )
    return BinormalCurve(intercept=a, slope=b, area=area)


def _nothing(n: int, level: float) -> BinormalCurve:
    nan, note = math.nan, "no binormal curve fits: the likelihood has no maximum"
    area = Estimate(
        value=nan,
        low=nan,
        high=nan,
        level=level,
        method="binormal ROC area by maximum likelihood, interval on the normal scale",
        n=n,
        note=note,
    )
    return BinormalCurve(intercept=nan, slope=nan, area=area, note=note)


def _categories(positive: np.ndarray[tuple[int], np.dtype[np.bool_]], scores: Floats) -> Floats:
    """Counts of negatives and positives in each category, (2, c), neighbours merged if empty."""
    values, code = np.unique(scores, return_inverse=True)
    if values.size > MOST_CATEGORIES:
        shares = np.linspace(0, 1, MOST_CATEGORIES + 1)[1:-1]
        code = np.searchsorted(np.unique(np.quantile(scores, shares)), scores, side="right")
    size = int(code.max(initial=-1)) + 1
    counts = np.stack([np.bincount(code[side], minlength=size) for side in (~positive, positive)])
    return counts[:, counts.sum(axis=0) > 0].astype(np.float64)


def _degenerate(counts: Floats) -> bool:
    """Whether every inner corner of the empirical curve lies on its frame.

    The best fit then runs along the frame, with parameters that have no end.
    """
    rates = np.cumsum(counts / counts.sum(axis=1, keepdims=True), axis=1)[:, :-1]
    inside = ((rates > 1e-12) & (rates < 1 - 1e-12)).all(axis=0)
    return not inside.any()


def _start(counts: Floats) -> Floats:
    rates = np.cumsum(counts + 0.25, axis=1)[:, :-1] / (counts + 0.25).sum(axis=1, keepdims=True)
    z_negative, z_positive = special.ndtri(rates)
    slope, shift = np.polyfit(z_negative, z_positive, 1)
    gaps = np.log(np.maximum(np.diff(z_negative), 1e-3))
    return np.concatenate([[-shift, math.log(max(slope, 0.1)), z_negative[0]], gaps])


def _maximum(start: Floats, counts: Floats) -> Floats | None:
    """Fisher's scoring with halved steps; None where it does not settle."""
    place, loss = start, _loss(start, counts)[0]
    for _ in range(500):
        try:
            step = np.linalg.solve(_information(place, counts), -_loss(place, counts)[1])
        except np.linalg.LinAlgError:
            return None
        if float(np.abs(step).max()) < 1e-7:
            return place + step
        size = min(1.0, 2.0 / float(np.abs(step).max()))
        while _loss(place + size * step, counts)[0] > loss and size > 1e-12:
            size /= 2
        place = place + size * step
        loss = _loss(place, counts)[0]
    return None


def _thresholds(p: Floats) -> Floats:
    cuts: Floats = p[2] + np.concatenate([[0.0], np.cumsum(np.exp(p[3:]))])
    return cuts


def _cells(p: Floats) -> tuple[Floats, Floats]:
    """Probability of each category, (2, c), and its derivatives by the parameters, (2, c, k)."""
    cuts, slope = _thresholds(p), math.exp(float(p[1]))
    places = np.stack([cuts, slope * cuts - p[0]])
    upto = np.pad(special.ndtr(places), ((0, 0), (1, 1)), constant_values=(0.0, 1.0))
    upto[:, 0] = 0.0
    by_cut = np.zeros((cuts.size, p.size))
    by_cut[:, 2] = 1.0
    for gap in range(3, p.size):
        by_cut[gap - 2 :, gap] = math.exp(float(p[gap]))
    moves = np.stack([by_cut, slope * by_cut])
    moves[1, :, 0] -= 1.0
    moves[1, :, 1] += slope * cuts
    density = np.exp(-(places**2) / 2) / math.sqrt(2 * math.pi)
    edges = np.pad(density[:, :, None] * moves, ((0, 0), (1, 1), (0, 0)))
    return np.diff(upto, axis=1), np.diff(edges, axis=1)


def _loss(p: Floats, counts: Floats) -> tuple[float, Floats]:
    cells, slopes = _cells(p)
    cells = np.maximum(cells, 1e-300)
    gradient: Floats = -((counts / cells)[:, :, None] * slopes).sum(axis=(0, 1))
    return -float((counts * np.log(cells)).sum()), gradient


def _information(p: Floats, counts: Floats) -> Floats:
    cells, slopes = _cells(p)
    weights = counts.sum(axis=1)[:, None] / np.maximum(cells, 1e-300)
    information: Floats = np.einsum("sc,sci,scj->ij", weights, slopes, slopes)
    return information
