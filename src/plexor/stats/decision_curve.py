"""Decision curves: net benefit of acting on a prediction, by threshold of probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError
from plexor.stats.argument import Booleans, Floats, Groups, as_floats
from plexor.stats.calibration import as_probabilities
from plexor.stats.estimate import Estimate
from plexor.stats.mean import clustered_mean
from plexor.stats.result_text import Result, Results


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionCurve(Results):
    """Net benefit at each threshold, in true positives per case.

    Treating nobody has a net benefit of 0.

    Attributes:
        thresholds: probabilities from which a case is treated, (t,).
        model: the net benefit of treating by the prediction, t estimates.
        treat_all: of treating everybody.
        advantage: of the prediction over the better of treating everybody and treating nobody.
    """

    thresholds: tuple[float, ...]
    model: tuple[Estimate, ...]
    treat_all: tuple[Estimate, ...]
    advantage: tuple[Estimate, ...]

    @property
    def parts(self) -> dict[str, Result]:
        """Each estimate by its name and threshold, ``"model at 0.1"``."""
        curves = {"model": self.model, "treat_all": self.treat_all, "advantage": self.advantage}
        return {
            f"{name} at {threshold:g}": estimate
            for name, curve in curves.items()
            for threshold, estimate in zip(self.thresholds, curve, strict=True)
        }


def decision_curve(
    truth: ArrayLike,
    probability: ArrayLike,
    thresholds: Sequence[float],
    groups: Groups | None = None,
    *,
    level: float = 0.95,
) -> DecisionCurve:
    """Net benefit of acting where a predicted probability reaches a threshold.

    (true positives - false positives · threshold / (1 - threshold)) / cases (Vickers & Elkin, Med
    Decis Making 2006;26:565): the odds at the threshold say how many unnecessary treatments are
    worth one necessary one. It is a mean over cases, so its interval is that of ``clustered_mean``.
    The prevalence is that of the cases, so the curve of a case-control sample has no meaning.

    Args:
        truth: whether each case is positive, (n,).
        probability: predicted for each case, from 0 to 1, (n,).
        thresholds: strictly within 0 … 1.
        groups: the group of each case; None where cases are independent.
        level: nominal coverage of each interval.

    Raises:
        PlanError: lengths differ, a probability is NaN or beyond 0 … 1, or a threshold is not
            strictly within.

    Examples:
        >>> curve = decision_curve([0, 0, 0, 1, 1], [0.1, 0.3, 0.6, 0.7, 0.2], [0.25])
        >>> round(curve.model[0].value, 4), round(curve.treat_all[0].value, 4)
        (0.0667, 0.2)
    """
    positive, p = as_probabilities(truth, probability)
    at = as_floats("thresholds", list(thresholds))
    if at.ndim != 1 or not at.size or not ((at > 0) & (at < 1)).all():
        raise PlanError(
            f"thresholds: expected probabilities strictly between 0 and 1, got {list(thresholds)}"
        )
    model, everybody, advantage = [], [], []
    for threshold in at.tolist():
        by_model = _benefit(positive, p >= threshold, threshold)
        of_all = _benefit(positive, np.ones_like(positive), threshold)
        treat_all = clustered_mean(of_all, groups, level=level)
        model.append(clustered_mean(by_model, groups, level=level))
        everybody.append(treat_all)
        better = of_all if treat_all.value > 0 else np.zeros_like(of_all)
        advantage.append(clustered_mean(by_model - better, groups, level=level))
    return DecisionCurve(
        thresholds=tuple(at.tolist()),
        model=tuple(_named(model)),
        treat_all=tuple(_named(everybody)),
        advantage=tuple(_named(advantage)),
    )


def _benefit(positive: Booleans, treated: Booleans, threshold: float) -> Floats:
    """Each case's net benefit, (n,)."""
    cost = threshold / (1 - threshold)
    benefit: Floats = np.where(treated, np.where(positive, 1.0, -cost), 0.0)
    return benefit


def _named(estimates: list[Estimate]) -> list[Estimate]:
    return [replace(one, method=f"net benefit, {one.method}") for one in estimates]
