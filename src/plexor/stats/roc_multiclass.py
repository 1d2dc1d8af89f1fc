"""Areas under ROC curves of more than two classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import (
    Booleans,
    Codes,
    Floats,
    Groups,
    Label,
    Labels,
    check_level,
    class_codes,
    group_codes,
)
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import Part, Spread, grouped_spread
from plexor.stats.placement import as_scores, placements
from plexor.stats.roc import auc
from plexor.stats.roc_interval import PERFECT, AucInterval, logit_limits, perfect_limits

L = TypeVar("L", bound=Label)


def auc_one_vs_rest(
    truth: Labels,
    scores: ArrayLike,
    classes: Sequence[L],
    groups: Groups | None = None,
    *,
    level: float = 0.95,
    interval: AucInterval = "auto",
) -> dict[L, Estimate]:
    """For each class, the area under the ROC curve of its score against all other classes.

    Args:
        truth: the true labels, (n,).
        scores: one column per class, in the order of ``classes``, (n, classes).
        classes: all classes.
        groups: the group of each case; None where cases are independent.
        level: nominal coverage.
        interval: see ``auc``.

    Raises:
        PlanError: lengths differ, a label is unknown, or a score is NaN.

    Examples:
        >>> truth = ["a", "a", "b", "b", "c", "c"]
        >>> scores = [[3, 1, 0], [2, 3, 0], [1, 4, 2], [0, 2, 1], [1, 0, 5], [4, 1, 2]]
        >>> round(auc_one_vs_rest(truth, scores, ["a", "b", "c"])["a"].value, 3)
        0.75
    """
    codes, table = _checked(truth, scores, classes)
    return {
        label: auc(codes == index, table[:, index], groups, level=level, interval=interval)
        for index, label in enumerate(classes)
    }


def macro_auc(
    truth: Labels,
    scores: ArrayLike,
    classes: Sequence[Label],
    groups: Groups | None = None,
    *,
    level: float = 0.95,
) -> Estimate:
    """The mean of the one-versus-rest areas of the classes that have cases; logit interval.

    The variance is that of the sum of each case's contributions to all areas, by class
    (``plexor.stats.grouped_variance``); the interval is Student's. At perfect separation the limit
    is Clopper & Pearson's for the independent pairs of the rarest class, as in ``auc``. Arguments
    as for ``auc_one_vs_rest``.

    Examples:
        >>> truth = ["a", "a", "b", "b", "c", "c"]
        >>> scores = [[3, 1, 0], [2, 3, 0], [1, 4, 2], [0, 2, 1], [1, 0, 5], [4, 1, 2]]
        >>> round(macro_auc(truth, scores, ["a", "b", "c"]).value, 3)
        0.854
    """
    codes, table = _checked(truth, scores, classes)
    present = [index for index in range(len(classes)) if 0 < (codes == index).sum() < codes.size]
    everyone = np.ones(codes.size, dtype=np.bool_)
    curves = [(everyone, codes == index, table[:, index]) for index in present]
    return _mean_area(curves, codes, groups, level, "mean of one-versus-rest ROC areas")


def hand_till_auc(
    truth: Labels,
    scores: ArrayLike,
    classes: Sequence[Label],
    groups: Groups | None = None,
    *,
    level: float = 0.95,
) -> Estimate:
    """Hand & Till's M (Machine Learning 2001;45:171): the mean area over all pairs of classes.

    The area of a pair is the mean of those by the score of either class, among the cases of both
    classes; so M does not depend on the frequency of classes. Classes without cases are left out.
    Logit interval; the variance and limits at perfect separation are as in ``macro_auc``. With few
    cases it covers a little less than nominal: 90 % for 20 (docs/reference/coverage.md). Arguments
    as for ``auc_one_vs_rest``.

    Examples:
        >>> truth = ["a", "a", "b", "b", "c", "c"]
        >>> scores = [[3, 1, 0], [2, 3, 0], [1, 4, 2], [0, 2, 1], [1, 0, 5], [4, 1, 2]]
        >>> round(hand_till_auc(truth, scores, ["a", "b", "c"]).value, 3)
        0.854
    """
    codes, table = _checked(truth, scores, classes)
    present = [index for index in range(len(classes)) if (codes == index).any()]
    curves = []
    for one, other in combinations(present, 2):
        chosen = (codes == one) | (codes == other)
        curves += [(chosen, codes == one, table[:, one]), (chosen, codes == other, table[:, other])]
    return _mean_area(curves, codes, groups, level, "Hand and Till's mean ROC area of pairs")


def _checked(truth: Labels, scores: ArrayLike, classes: Sequence[Label]) -> tuple[Codes, Floats]:
    codes = class_codes("truth", truth, classes)
    table = as_scores(codes >= 0, scores)
    if table.shape[1] != len(classes):
        raise PlanError(
            f"scores: expected {len(classes)} columns, one per class, got {table.shape}"
        )
    return codes, table


def _mean_area(
    curves: list[tuple[Booleans, Booleans, Floats]],
    classes: Codes,
    groups: Groups | None,
    level: float,
    method: str,
) -> Estimate:
    check_level(level)
    n = classes.size
    codes, n_groups = (np.arange(n), n) if groups is None else group_codes(groups, n)
    value = low = high = variance = math.nan
    note = "" if curves else "fewer than two classes have cases"
    if curves:
        influence, areas = np.zeros(n), []
        for chosen, positive, score in curves:
            area, parts = _influence(positive[chosen], score[chosen])
            areas.append(area)
            influence[chosen] += parts / len(curves)
        value = float(np.mean(areas))
        spread, note = _class_spread(influence, classes, codes, n_groups)
        variance = spread.variance
        if not 1e-12 < value < 1 - 1e-12:
            low, high = perfect_limits(value, _fewest_pairs(curves, codes, n_groups), level)
            note = PERFECT
        elif variance > 0:
            low, high = logit_limits(value, spread.half_width(level))
        else:
            note = "no variance: constant scores or one group"
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method=method + ", linearised variance, logit interval",
        n=n,
        n_groups=None if groups is None else n_groups,
        variance=variance,
        note=note,
    )


def _class_spread(
    influence: Floats, classes: Codes, codes: Codes, n_groups: int
) -> tuple[Spread, str]:
    """The spread of a sum of influences by class, and which classes are too small for one.

    The variance by class takes the numbers of cases as given. The variance over all cases together
    is used if it is greater, because in one-versus-rest areas the mixture of the other classes
    varies, too. A class of one case or group has no variance of its own.
    """
    alone: list[str] = []
    parts = []
    for index in np.unique(classes).tolist():
        own = classes == index
        if np.unique(codes[own]).size > 1:
            parts.append(Part(values=influence[own] * own.sum(), codes=codes[own]))
        else:
            alone.append(str(index))
    whole = grouped_spread([Part(values=influence * classes.size, codes=codes)], n_groups)
    note = f"{len(alone)} classes of one case or group, whose variance is unknown" if alone else ""
    if not parts:
        return whole, note
    by_class = grouped_spread(parts, n_groups)
    variance = float(np.nanmax([by_class.variance, whole.variance]))
    df = min(by_class.df, whole.df) if math.isfinite(whole.df) else by_class.df
    spread = replace(whole, variance=variance, df=df)
    return spread, "; ".join(filter(None, (note, whole.note if n_groups < classes.size else "")))


def _fewest_pairs(
    curves: list[tuple[Booleans, Booleans, Floats]], codes: Codes, n_groups: int
) -> int:
    """The least number of independent pairs of a positive and a negative in any of the curves."""
    sides = [
        np.unique(codes[chosen & side]).size
        for chosen, positive, _ in curves
        for side in (positive, ~positive)
    ]
    return max(1, min(*sides, n_groups // 2))


def _influence(positive: Booleans, score: Floats) -> tuple[float, Floats]:
    """An area, and what each of its cases contributes to its deviation; they sum to 0."""
    parts = placements(positive, score)
    area = float(parts[positive].mean())
    size = np.where(positive, positive.sum(), (~positive).sum())
    influence: Floats = (parts - area) / size
    return area, influence
