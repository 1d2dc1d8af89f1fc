"""How often a class decision is right, over all cases and class by class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from plexor.core.errors import PlanError
from plexor.stats.argument import (
    Groups,
    Label,
    Labels,
    check_level,
    check_same_length,
    class_codes,
    equal_labels,
    group_codes,
)
from plexor.stats.cluster import (
    CLUSTERED_WILSON,
    ONE_GROUP,
    ClusteredRatio,
    clustered_proportion,
    clustered_ratio,
    score_correlation,
)
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import groups_note, joined
from plexor.stats.mover import mover_limits

L = TypeVar("L", bound=Label)

_WILSON = "Wilson score interval"
_MANY = 10
_FEW = "fewer than 10 cases (or groups) of a class: the interval may cover too little"


def accuracy(
    truth: Labels, decision: Labels, groups: Groups | None = None, *, level: float = 0.95
) -> Estimate:
    """The proportion of right decisions; see ``clustered_proportion`` for its interval.

    Args:
        truth: the true labels, (n,).
        decision: the labels decided for, (n,).
        groups: the group of each case; None where cases are independent.
        level: nominal coverage.

    Raises:
        PlanError: lengths differ, or texts are compared with numbers.

    Examples:
        >>> truth = ["a", "a", "b", "b", "c", "c"]
        >>> decision = ["a", "b", "b", "b", "c", "a"]
        >>> round(accuracy(truth, decision).value, 3)
        0.667
    """
    return clustered_proportion(equal_labels(truth, decision), groups, level=level)


def confusion(truth: Labels, decision: Labels, classes: Sequence[Label]) -> NDArray[np.int64]:
    """Number of cases of each true class (rows) with each decision (columns), (c, c) int64.

    Raises:
        PlanError: lengths differ, or a label is none of ``classes``.

    Examples:
        >>> truth = ["a", "a", "b", "b", "c", "c"]
        >>> decision = ["a", "b", "b", "b", "c", "a"]
        >>> confusion(truth, decision, ["a", "b", "c"]).tolist()
        [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    """
    check_same_length(truth=len(truth), decision=len(decision))
    rows, columns = class_codes("truth", truth, classes), class_codes("decision", decision, classes)
    size = len(classes)
    counts = np.bincount(rows * size + columns, minlength=size * size)
    return counts.reshape(size, size).astype(np.int64)


def recall_by_class(
    truth: Labels,
    decision: Labels,
    classes: Sequence[L],
    groups: Groups | None = None,
    *,
    level: float = 0.95,
) -> dict[L, Estimate]:
    """For each class, in order, the proportion of its cases with the right decision.

    For two classes these are sensitivity and specificity. Each interval is that of
    ``clustered_proportion`` over the class's own cases. A class without cases is NaN, with a note.

    Raises:
        PlanError: lengths differ, or a label is none of ``classes``.

    Examples:
        >>> truth = ["a", "a", "b", "b", "c", "c"]
        >>> decision = ["a", "b", "b", "b", "c", "a"]
        >>> recall_by_class(truth, decision, ["a", "b", "c"])["b"].value
        1.0
    """
    ratios = _recalls(truth, decision, classes, groups, level)
    return {
        label: Estimate(
            value=ratio.value,
            low=ratio.low,
            high=ratio.high,
            level=level,
            method=_WILSON if groups is None else CLUSTERED_WILSON,
            n=ratio.n,
            n_groups=None if groups is None else ratio.n_groups,
            variance=None if groups is None else ratio.variance,
            note=ratio.note if ratio.n else "no cases of this class",
        )
        for label, ratio in zip(classes, ratios, strict=True)
    }


def balanced_accuracy(
    truth: Labels,
    decision: Labels,
    classes: Sequence[Label],
    groups: Groups | None = None,
    *,
    level: float = 0.95,
) -> Estimate:
    """The mean of the recalls of all classes that have cases.

    The interval combines the Wilson intervals of the recalls (MOVER, ``plexor.stats.mover``) with
    their correlation linearised over groups, so that a class of few cases widens it even if all of
    them are right; their variance alone is 0. With one class it is ``clustered_proportion``. A
    class whose cases are all of one group has limits of 0 and 1, because nothing is known of other
    groups. With the rarest class in a few large groups it covers too little
    (docs/reference/coverage.md).

    Undefined (NaN with a note): no cases; the interval, where all cases are of one group.

    Raises:
        PlanError: lengths differ, or a label is none of ``classes``.

    Examples:
        >>> truth = ["a", "a", "b", "b", "c", "c"]
        >>> decision = ["a", "b", "b", "b", "c", "a"]
        >>> round(balanced_accuracy(truth, decision, ["a", "b", "c"]).value, 3)
        0.667
    """
    ratios = _recalls(truth, decision, classes, groups, level)
    seen = [ratio for ratio in ratios if ratio.n]
    absent = [str(label) for label, ratio in zip(classes, ratios, strict=True) if not ratio.n]
    notes = [f"classes without cases, left out: {', '.join(absent)}"] if absent and seen else []
    if any(min(ratio.n, ratio.n_groups) < _MANY for ratio in seen):
        notes.append(_FEW)
    value = variance = low = high = math.nan
    n_groups = ratios[0].scores.size
    if not seen:
        notes.append("no cases")
    else:
        value = float(np.mean([ratio.value for ratio in seen]))
        shares = np.mean([ratio.scores for ratio in seen], axis=0)
        if n_groups > 1:
            variance = n_groups / (n_groups - 1) * float(shares @ shares)
        if n_groups > 1 or len(truth) == 1:
            low, high = _mean_limits(seen)
        else:
            notes.append(ONE_GROUP)
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method="MOVER over the Wilson intervals of the recalls"
        + ("" if groups is None else ", each at its groups' effective sample size"),
        n=len(truth),
        n_groups=None if groups is None else n_groups,
        variance=variance,
        note=joined(*notes, groups_note(groups, len(truth))),
    )


def _recalls(
    truth: Labels,
    decision: Labels,
    classes: Sequence[Label],
    groups: Groups | None,
    level: float,
) -> list[ClusteredRatio]:
    """One ratio per class, all scored over the same groups."""
    check_level(level)
    check_same_length(truth=len(truth), decision=len(decision))
    if not len(classes):
        raise PlanError("classes: expected at least one class, got none; name those of the task")
    true_class = class_codes("truth", truth, classes)
    right = true_class == class_codes("decision", decision, classes)
    n = right.size
    codes, n_groups = (np.arange(n), n) if groups is None else group_codes(groups, n)
    return [
        clustered_ratio(right[chosen], codes[chosen], n_groups, level)
        for chosen in (true_class == index for index in range(len(classes)))
    ]


def _mean_limits(ratios: list[ClusteredRatio]) -> tuple[float, float]:
    values = np.array([ratio.value for ratio in ratios])
    lows = np.nan_to_num([ratio.low for ratio in ratios], nan=0.0)
    highs = np.nan_to_num([ratio.high for ratio in ratios], nan=1.0)
    weights = np.full(len(ratios), 1 / len(ratios))
    return mover_limits(weights, values, lows, highs, score_correlation(ratios))
