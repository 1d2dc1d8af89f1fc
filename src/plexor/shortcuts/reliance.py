"""How much a model relies on burnt-in tags, measured by covering and exchanging them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plexor.core.errors import PlanError
from plexor.stats import Estimate, clustered_mean
from plexor.stats.argument import Groups

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliance:
    """The effect of covering the tags, minus that of covering areas of the same size elsewhere.

    Attributes:
        margin: mean fall of the margin of the true class when tags are covered, minus the mean
            fall under the control covers.
        decision: share of decisions that change when tags are covered, minus the mean share that
            change under the control covers.
        correct: of the decisions that are right on the original, the share that become wrong when
            tags are covered, minus the mean share that become wrong under the control covers: the
            share of right decisions that depend on the tag.
        confounder: confounder sensitivity a / (a + b), where a is the mean absolute change of the
            score when tags are covered, and b that under the control covers: 0.5 if tags matter as
            much as other places, 1 if other places do not matter. Its interval is by the delta
            method, clustered.
    """

    margin: Estimate
    decision: Estimate
    correct: Estimate
    confounder: Estimate


def reliance(
    truth: ArrayLike,
    original: ArrayLike,
    covered: ArrayLike,
    controls: ArrayLike,
    groups: Groups | None = None,
    *,
    threshold: float = 0.0,
    level: float = 0.95,
) -> Reliance:
    """Measures a model's reliance on tags from its scores.

    Args:
        truth: whether each case is positive, (n,).
        original: the model's score (logit) for each untouched image, (n,).
        covered: the same with tags covered, (n,).
        controls: the same with as much covered elsewhere, (n, draws).
        groups: the group of each case; None where cases are independent.
        threshold: a score above it is a positive decision.
        level: nominal coverage.

    Raises:
        PlanError: the shapes do not match, or there are no draws.

    Example:
        >>> found = reliance([1, 1, 0, 0], [2, 2, -2, -2], [-1, -1, 1, 1], [[2], [2], [-2], [-2]])
        >>> found.margin.value, found.decision.value, found.correct.value
        (3.0, 1.0, 1.0)
    """
    positive = np.asarray(truth, dtype=bool)
    before, after = np.asarray(original, float), np.asarray(covered, float)
    draws = np.asarray(controls, float)
    if not (before.shape == after.shape == positive.shape == draws.shape[:1]) or draws.ndim != 2:
        raise PlanError(
            "reliance: expected truth, original and covered of shape (n,) and controls of shape "
            f"(n, draws), got {positive.shape}, {before.shape}, {after.shape} and {draws.shape}"
        )
    if draws.shape[1] == 0:
        raise PlanError("reliance: at least one draw of control covers is needed, got none")
    sign = np.where(positive, 1.0, -1.0)
    fall = sign * (before - after) - (sign[:, None] * (before[:, None] - draws)).mean(1)
    decided = before > threshold
    changes = ((after > threshold) != decided).astype(float)
    changes_elsewhere = ((draws > threshold) != decided[:, None]).mean(1)
    right = decided == positive
    names = None if groups is None else np.asarray(list(groups))
    needed = (changes - changes_elsewhere)[right]
    of_right = None if names is None else names[right]
    return Reliance(
        margin=clustered_mean(fall, names, level=level),
        decision=clustered_mean(changes - changes_elsewhere, names, level=level),
        correct=clustered_mean(needed, of_right, level=level),
        confounder=_share_of_change(
            np.abs(before - after), np.abs(before[:, None] - draws).mean(1), names, level
        ),
    )


def transplant_effect(
    toward: ArrayLike,
    exchanged: ArrayLike,
    redrawn: ArrayLike,
    groups: Groups | None = None,
    *,
    level: float = 0.95,
) -> Estimate:
    """Mean shift of the score towards the donor's label, minus that of redrawing the own tag.

    Args:
        toward: 1 where the donor's label is the positive one, else -1, (n,).
        exchanged: score with the donor's tag or one aspect of it, (n,).
        redrawn: score with the own tag removed and drawn again, (n,).
        groups: the group of each case.
        level: nominal coverage.

    Example:
        >>> transplant_effect([1, -1], [1.5, -1.0], [0.5, 1.0]).value
        1.5
    """
    shift = np.asarray(toward, float) * (np.asarray(exchanged, float) - np.asarray(redrawn, float))
    return clustered_mean(shift, groups, level=level)


def _share_of_change(
    tagged: Floats, elsewhere: Floats, groups: NDArray[np.str_] | None, level: float
) -> Estimate:
    """One mean divided by the sum of both, with the interval of the linearised ratio."""
    total = float(tagged.mean() + elsewhere.mean()) if len(tagged) else 0.0
    if total == 0:
        nothing = clustered_mean([], level=level)
        return replace(nothing, n=len(tagged), note="no cover changes the score at all")
    ratio = float(tagged.mean()) / total
    linear = ratio + ((1 - ratio) * tagged - ratio * elsewhere) / total
    return clustered_mean(linear, groups, level=level)
