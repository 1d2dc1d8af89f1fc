"""Agreement of two raters beyond chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import (
    Codes,
    Floats,
    Groups,
    Label,
    Labels,
    as_floats,
    check_level,
    check_same_length,
    class_codes,
    group_codes,
    normal_quantile,
    t_quantile,
)
from plexor.stats.cluster import clustered_proportion, groups_showing, least_design_effect
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import Part, grouped_spread

AgreementWeights = Literal["identity", "linear", "quadratic"]
KappaInterval = Literal["added", "wald"]

_ONE_CLASS = "both raters used one class only: agreement beyond chance is undefined"
_NO_SPREAD = "a rater used one class only, or raters never or always agreed: no Wald interval"
_ONE_GROUP = "one single group: no interval"

ADDED = 2.0
"""Cases added to a table before its interval is computed."""


def agreement_weights(n_classes: int, weights: AgreementWeights) -> Floats:
    """Agreement of each pair of classes, (q, q): 1 on the diagonal, falling with distance.

    ``"identity"`` 0 elsewhere; ``"linear"`` 1 - |i-j|/(q-1); ``"quadratic"`` 1 - ((i-j)/(q-1))².
    """
    if weights not in get_args(AgreementWeights):
        raise PlanError(unknown("agreement weights", weights, get_args(AgreementWeights)))
    if n_classes < 2 or weights == "identity":
        return np.eye(n_classes)
    steps = np.arange(n_classes)
    distance = np.abs(steps[:, None] - steps[None, :]) / (n_classes - 1)
    agreement: Floats = 1 - (distance if weights == "linear" else distance**2)
    return agreement


def cohens_kappa(
    first: Labels,
    second: Labels,
    classes: Sequence[Label],
    groups: Groups | None = None,
    *,
    weights: AgreementWeights = "identity",
    interval: KappaInterval = "added",
    level: float = 0.95,
) -> Estimate:
    """Cohen's kappa of two raters, weighted where classes are ordered.

    ``variance`` is that of Fleiss, Cohen & Everitt (Psychol Bull 1969;72:323). Its normal interval
    covers 19 % at a kappa of 0 and a prevalence of 0.02 in 500 cases, and 76 % at a kappa of 0.4 in
    200, because the cell "both positive" is empty or nearly so. So the interval is computed from
    the table with two cases added, spread evenly over its cells (half a case in each of a 2 × 2
    table, as Agresti & Coull, Am Stat 1998;52:119, do for a proportion). The value is that of the
    table without them; the interval is extended to include it if necessary.

    With groups the counts of the table are first scaled down to the effective number of independent
    cases; the variance over groups is that of ``plexor.stats.grouped_variance``, not below the
    design effect that ``clustered_proportion`` assumes at least, and the interval Student's.

    It covers too little with a few groups whose cases are strongly correlated, and with quadratic
    weights and few cases (docs/reference/coverage.md).

    Args:
        first: one rater's labels, (n,).
        second: the other's, (n,).
        classes: all classes, in order where weights are used.
        groups: the group of each case; None where cases are independent.
        weights: "identity" for Cohen's kappa, "linear" or "quadratic" for the weighted one.
        interval: "added" as above; "wald" is value ± z·SE, for comparison with published tables.
        level: nominal coverage.

    Returns:
        NaN with a note without cases, or if both raters used one and the same class only.

    Raises:
        PlanError: lengths differ, a label is none of ``classes``, or a group is missing.

    Examples:
        >>> first = ["benign", "benign", "malignant", "benign", "malignant", "benign"]
        >>> second = ["benign", "malignant", "malignant", "benign", "malignant", "benign"]
        >>> round(cohens_kappa(first, second, ["benign", "malignant"]).value, 3)
        0.667
    """
    check_same_length(first=len(first), second=len(second))
    rows, columns = class_codes("first", first, classes), class_codes("second", second, classes)
    q = len(classes)
    counts = np.bincount(rows * q + columns, minlength=q * q).reshape(q, q).astype(np.float64)
    w = agreement_weights(q, weights)
    spread = None if groups is None else _Clustered.of(rows, columns, counts, w, groups)
    return _kappa(counts, w, spread, weights=weights, interval=interval, level=level)


def cohens_kappa_of_table(
    table: ArrayLike,
    *,
    weights: AgreementWeights = "identity",
    interval: KappaInterval = "added",
    level: float = 0.95,
) -> Estimate:
    """``cohens_kappa`` of a table of counts: first rater in rows, second in columns, (q, q).

    Raises:
        PlanError: a table that is not square, or entries that are no counts.

    Examples:
        >>> round(cohens_kappa_of_table([[40, 5], [10, 45]]).value, 2)
        0.7
    """
    counts = as_floats("table", table)
    square = counts.ndim == 2 and counts.shape[0] == counts.shape[1]
    if not square or not np.isfinite(counts).all() or (counts < 0).any() or (counts % 1).any():
        raise PlanError(f"table: expected a square table of counts, got {counts.tolist()}")
    w = agreement_weights(len(counts), weights)
    return _kappa(counts, w, None, weights=weights, interval=interval, level=level)


def pabak(
    first: Labels,
    second: Labels,
    classes: Sequence[Label],
    groups: Groups | None = None,
    *,
    level: float = 0.95,
) -> Estimate:
    """Prevalence- and bias-adjusted kappa: (q·agreement - 1) / (q - 1) for q classes.

    Byrt, Bishop & Carlin (J Clin Epidemiol 1993;46:423); for more than two classes it is Brennan &
    Prediger's coefficient. The interval is that of the proportion of agreement
    (``clustered_proportion``), transformed in the same way.

    Raises:
        PlanError: fewer than two classes; see ``cohens_kappa`` for the rest.

    Examples:
        >>> first = ["b", "b", "m", "b", "m", "b"]
        >>> second = ["b", "m", "m", "b", "m", "b"]
        >>> round(pabak(first, second, ["b", "m"]).value, 3)
        0.667
    """
    q = len(classes)
    if q < 2:
        raise PlanError(f"classes: expected at least two, got {list(classes)}")
    check_same_length(first=len(first), second=len(second))
    agree = class_codes("first", first, classes) == class_codes("second", second, classes)
    share = clustered_proportion(agree, groups, level=level)
    value, low, high = ((q * p - 1) / (q - 1) for p in (share.value, share.low, share.high))
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method=f"prevalence- and bias-adjusted kappa, {share.method}",
        n=share.n,
        n_groups=share.n_groups,
        note=share.note,
    )


@dataclass(frozen=True, slots=True)
class _Beyond:
    """Observed and chance agreement of a table, kappa, and each cell's share in its deviation.

    ``influence`` is that of one case of the cell on kappa, times the number of cases, (q, q).
    """

    observed: float
    chance: float
    value: float
    influence: Floats
    variance: float


def _beyond_chance(counts: Floats, w: Floats) -> _Beyond:
    n = float(counts.sum())
    p = counts / n
    first, second = p.sum(axis=1), p.sum(axis=0)
    observed, chance = float((w * p).sum()), float(first @ w @ second)
    if chance >= 1:
        return _Beyond(observed, chance, math.nan, np.full_like(p, np.nan), math.nan)
    by_cell = (w @ second)[:, None] + (first @ w)[None, :] - 2 * chance
    influence = ((w - observed) * (1 - chance) - by_cell * (1 - observed)) / (1 - chance) ** 2
    variance = float((p * influence**2).sum()) / n
    value = (observed - chance) / (1 - chance)
    return _Beyond(observed, chance, value, influence, variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clustered:
    """Effect of groups on kappa's variance.

    Attributes:
        n_groups: number of groups.
        n_effective: number of independent cases with the same variance.
        variance: of kappa, over groups.
        df: degrees of freedom with which it is known.
        note: a warning where groups are very unequal, or why there is no interval.
    """

    n_groups: int
    n_effective: float
    variance: float
    df: float
    note: str

    @classmethod
    def of(
        cls, rows: Codes, columns: Codes, counts: Floats, w: Floats, groups: Groups
    ) -> _Clustered:
        """From each case's labels, and the table of all of them."""
        n = rows.size
        codes, n_groups = group_codes(groups, n)
        nothing = cls(
            n_groups=n_groups,
            n_effective=math.nan,
            variance=math.nan,
            df=math.nan,
            note=_ONE_GROUP if n else "",
        )
        if n_groups < 2:
            return nothing
        found = _beyond_chance(counts, w)
        if math.isnan(found.value):
            return nothing
        sizes = np.bincount(codes, minlength=n_groups).astype(np.float64)
        influence = found.influence[rows, columns]
        spread = grouped_spread([Part(values=influence, codes=codes)], n_groups)
        least = least_design_effect(sizes, groups_showing(rows == columns, codes, sizes))
        of_one = found.variance * n
        size = 1 + of_one / spread.variance if spread.variance > 0 else float(n)
        return cls(
            n_groups=n_groups,
            n_effective=min(float(n), n / least, size),
            variance=max(spread.variance, of_one / (n / least - 1)) if least < n else of_one,
            df=spread.df,
            note=spread.note,
        )


def _kappa(
    counts: Floats,
    w: Floats,
    clustered: _Clustered | None,
    *,
    weights: AgreementWeights,
    interval: KappaInterval,
    level: float,
) -> Estimate:
    check_level(level)
    if interval not in get_args(KappaInterval):
        raise PlanError(unknown("interval of kappa", interval, get_args(KappaInterval)))
    n = int(counts.sum())
    value = low = high = variance = math.nan
    note = "no cases"
    if n:
        found = _beyond_chance(counts, w)
        value, variance = found.value, found.variance
        note, size, quantile = "", float(n), normal_quantile(level)
        if clustered is not None:
            variance, note, size = clustered.variance, clustered.note, clustered.n_effective
            quantile = t_quantile(level, clustered.df) if clustered.df > 0 else math.nan
        if math.isnan(value):
            note = _ONE_CLASS
        elif interval == "wald" and variance <= 1e-24:
            note = _NO_SPREAD
        elif size > 0:
            centre, spread = value, variance
            if interval == "added":
                added = _beyond_chance(counts * size / n + ADDED / counts.size, w)
                centre, spread = added.value, added.variance
            half = quantile * math.sqrt(spread)
            low = min(value, max(-1.0, centre - half))
            high = max(value, min(1.0, centre + half))
    name = "Cohen's kappa" if weights == "identity" else f"Cohen's kappa, {weights} weights"
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method=f"{name}, "
        + ("two cases added for the interval" if interval == "added" else "Wald interval")
        + ("" if clustered is None else ", at the groups' effective sample size"),
        n=n,
        n_groups=None if clustered is None else clustered.n_groups,
        variance=variance,
        note=note,
    )
