"""Variance and degrees of freedom of means over groups of very unequal size.

A statistic of this module is a weighted sum of means over disjoint parts of the observations: one
part for a mean or a proportion, members and others for a difference of subgroups, positives and
negatives for an area under a ROC curve. Observations of a group depend on each other.

The usual variance (squared sums over groups, K/(K-1)) is too small, and Student's t with K - 1
degrees of freedom too narrow, where few groups hold most observations: a group with three quarters
of all observations pulls the mean towards its own, so that its deviation from the mean is small.
Both are corrected here as Bell & McCaffrey (Survey Methodology 2002;28:169) propose, in the form
CR2 of Pustejovsky & Tipton (J Bus Econ Stat 2018;36:672): each group's deviation is scaled so that
the variance is unbiased under a working model, and Satterthwaite's degrees of freedom are those of
the scaled quadratic form under the same model. The working model is one correlation within groups,
estimated from the one-way analysis of variance; correlation 0 gives the CR2 of most programs, whose
intervals are too narrow if observations of a dominant group are strongly correlated.

The variance is still too small if the few large groups happen to have similar means. So the
variance of a part is not less than a floor from components in which every group has the same
weight: with B the variance of the groups' means and W the mean of the variances within groups, Σ
share² (B - W mean(1/size) + W/size). The floor assumes that large groups vary as small ones do; if
they vary less, it is conservative.

For groups of equal size the result is the usual variance with K - 1 degrees of freedom, and for
groups of one the usual variance of a mean. Two parts of groups of one give Welch's degrees of
freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plexor.stats.argument import Codes, Floats, Groups, group_codes, t_quantile

UNEVEN_BELOW = 0.25
"""The note gives the effective number of groups if it is below this share of their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Observations whose mean enters a statistic.

    Attributes:
        values: one per observation, (m,).
        codes: the number of the group of each, (m,).
        weight: factor of their mean in the statistic.
    """

    values: Floats
    codes: Codes
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A variance and its degrees of freedom.

    Attributes:
        variance: NaN where a part has fewer than two groups.
        df: Satterthwaite's degrees of freedom; NaN with the variance.
        n_groups: groups that hold an observation; None where observations are independent.
        n_effective: effective number of groups, (Σ size)² / Σ size²; None where observations are
            independent.
    """

    variance: float
    df: float
    n_groups: int | None = None
    n_effective: float | None = None

    def half_width(self, level: float) -> float:
        """Student's quantile times the standard error."""
        if not self.df > 0:
            return math.nan
        return t_quantile(level, self.df) * math.sqrt(self.variance)

    @property
    def note(self) -> str:
        """A warning if a few groups hold most of the observations; else empty."""
        return uneven_note(self.n_groups, self.n_effective)


def uneven_note(n_groups: int | None, n_effective: float | None) -> str:
    """A note with the effective number of groups, if it is far below their number; else empty."""
    if n_groups is None or n_effective is None or n_effective >= UNEVEN_BELOW * n_groups:
        return ""
    return (
        f"unequal groups: few hold most of the cases, so {n_groups} groups are worth "
        f"{n_effective:.1f} of equal size"
    )


def groups_note(groups: Groups | None, n: int) -> str:
    """``uneven_note`` of the groups of n observations; empty without groups."""
    if groups is None:
        return ""
    codes, n_groups = group_codes(groups, n)
    return uneven_note(n_groups, effective_groups(codes, n_groups))


def joined(*notes: str) -> str:
    """Notes in one text, each once; empty ones are left out."""
    return "; ".join(dict.fromkeys(note for text in notes for note in text.split("; ") if note))


def effective_groups(codes: Codes, n_groups: int) -> float:
    """(Σ size)² / Σ size² of the groups; NaN without observations."""
    sizes = np.bincount(codes, minlength=n_groups).astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes @ sizes)) if codes.size else math.nan


def mean_spread(values: Floats, groups: Groups | None) -> Spread:
    """Of the mean of all values; without groups the usual variance with n - 1 df."""
    n = values.size
    if groups is None:
        variance = float(values.var(ddof=1)) / n if n > 1 else math.nan
        return Spread(variance=variance, df=float(n - 1) if n > 1 else math.nan)
    codes, n_groups = group_codes(groups, n)
    return grouped_spread([Part(values=values, codes=codes)], n_groups)


def grouped_spread(
    parts: Sequence[Part], n_groups: int, *, correlation: float | None = None
) -> Spread:
    """The variance of the weighted sum of the parts' means, and its degrees of freedom.

    Args:
        parts: disjoint sets of observations; a group may have some in several.
        n_groups: number of groups, of which a part may hold fewer.
        correlation: within groups, of the working model, from 0 to 1, without the floor; if None,
            it is estimated for each part, and the floor applies.
    """
    scaled = [_scaled(part, n_groups, correlation) for part in parts]
    everyone = np.concatenate([part.codes for part in parts])
    present = int(np.count_nonzero(np.bincount(everyone, minlength=n_groups)))
    n_effective = effective_groups(everyone, n_groups)
    if any(one is None for one in scaled):
        nan = math.nan
        return Spread(variance=nan, df=nan, n_groups=present, n_effective=n_effective)
    known = [one for one in scaled if one is not None]
    total = np.sum([one.deviations for one in known], axis=0)
    return Spread(
        variance=float(total @ total),
        df=_degrees_of_freedom(known, float(present - 1)),
        n_groups=present,
        n_effective=n_effective,
    )


def anova_correlation(values: Floats, codes: Codes, n_groups: int) -> float:
    """Intraclass correlation of one-way analysis of variance, held within 0 … 1.

    0 where every group has one observation, or where there is one group.
    """
    sizes = np.bincount(codes, minlength=n_groups).astype(np.float64)
    n, k = float(values.size), int(np.count_nonzero(sizes))
    if k < 2 or k == n:
        return 0.0
    means = np.bincount(codes, weights=values, minlength=n_groups) / np.maximum(sizes, 1)
    between = float(sizes @ (means - values.mean()) ** 2) / (k - 1)
    within = float(((values - means[codes]) ** 2).sum()) / (n - k)
    size = (n - float(sizes @ sizes) / n) / (k - 1)
    total = between + (size - 1) * within
    return min(1.0, max(0.0, (between - within) / total)) if total > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scaled:
    """A part after CR2's scaling.

    Attributes:
        deviations: each group's scaled share in the deviation of the statistic, (groups,).
        diagonal: of the deviations' covariance under the working model, (groups,).
        columns: of the rest of that covariance, (groups, 2).
        core: columns · core · columnsᵀ is the rest, (2, 2).
    """

    deviations: Floats
    diagonal: Floats
    columns: Floats
    core: Floats


def _scaled(part: Part, n_groups: int, correlation: float | None) -> _Scaled | None:
    """CR2's scaling of a part; None if all of it is one group, so that groups cannot be compared.

    With share w of the observations, working variance s of a group's mean and variance v of the
    whole mean, a deviation has variance s - 2 w s + v, and is scaled to have s.
    """
    sizes = np.bincount(part.codes, minlength=n_groups).astype(np.float64)
    n = float(part.values.size)
    if n == 0 or sizes.max(initial=0.0) == n:
        return None
    plain = correlation is not None
    if correlation is None:
        correlation = anova_correlation(part.values, part.codes, n_groups)
    centred = part.values - part.values.mean()
    share, held = sizes / n, sizes > 0
    own = np.where(held, correlation + (1 - correlation) / np.maximum(sizes, 1), 0.0)
    pull = share * own
    whole = float(share @ pull)
    expected = np.where(held, own - 2 * pull + whole, 1.0)
    means = np.bincount(part.codes, weights=centred, minlength=n_groups) / np.maximum(sizes, 1)
    scale = part.weight * share * np.sqrt(own / expected)
    deviations = scale * means
    size = float(centred @ centred) / (n * (1 - whole)) if whole < 1 else 0.0
    return _Scaled(
        deviations=deviations if plain else deviations * _raise(deviations, part, sizes, share),
        diagonal=size * scale**2 * own,
        columns=np.stack([scale, scale * pull], axis=1),
        core=size * np.array([[whole, -1.0], [-1.0, 0.0]]),
    )


def _raise(deviations: Floats, part: Part, sizes: Floats, share: Floats) -> float:
    """The factor, 1 or more, by which deviations must grow for their squares to reach the floor."""
    variance = float(deviations @ deviations)
    floor = part.weight**2 * _floor(part, sizes, share)
    return math.sqrt(floor / variance) if 0 < variance < floor else 1.0


def _floor(part: Part, sizes: Floats, share: Floats) -> float:
    """The variance of a part's mean from components in which every group has the same weight.

    It is that of CR2 for groups of equal size, and 0 if groups differ less than their observations.
    """
    held, several = sizes > 0, sizes > 1
    totals = np.bincount(part.codes, weights=part.values, minlength=sizes.size)
    means = totals / np.maximum(sizes, 1)
    squares = (part.values - means[part.codes]) ** 2
    sums = np.bincount(part.codes, weights=squares, minlength=sizes.size)[several]
    within = float((sums / (sizes[several] - 1)).mean()) if several.any() else 0.0
    spread = float(means[held].var(ddof=1))
    between = spread - within * float((1 / sizes[held]).mean())
    if between <= 1e-9 * spread:  # 0 but for rounding, whichever way it went
        return 0.0
    return float(share[held] ** 2 @ (between + within / sizes[held]))


def _degrees_of_freedom(scaled: Sequence[_Scaled], without_spread: float) -> float:
    """(trace)² / (sum of squares) of the covariance of the deviations (Satterthwaite 1946).

    Parts count as independent. The covariance is diagonal but for a few columns, so that no matrix
    of groups × groups is needed. ``without_spread`` is returned if nothing varies.
    """
    diagonal = np.sum([one.diagonal for one in scaled], axis=0)
    columns = np.concatenate([one.columns for one in scaled], axis=1)
    core = np.zeros((columns.shape[1], columns.shape[1]))
    for place, one in enumerate(scaled):
        core[2 * place : 2 * place + 2, 2 * place : 2 * place + 2] = one.core
    product = columns @ core
    rest = (product * columns).sum(axis=1)
    inner = columns.T @ columns @ core
    squares = float(diagonal @ diagonal + 2 * diagonal @ rest + np.trace(inner @ inner))
    trace = float(diagonal.sum() + rest.sum())
    return trace * trace / squares if squares > 0 else without_spread
