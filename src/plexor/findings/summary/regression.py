"""Estimates where each case gets a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plexor.findings.summary.counts import values_of
from plexor.findings.summary.estimate import PairedTest, StoredEstimate
from plexor.findings.summary.judged import Flags, Judged, Numbers, matched
from plexor.findings.summary.regression_results import (
    BinComparison,
    BinErrors,
    RegressionAttackResult,
    RegressionComparison,
    RegressionPerformance,
)
from plexor.stats import (
    clustered_mean,
    clustered_quantile,
    mean_absolute_error,
    mean_change,
    paired_t_test,
    r_squared,
    root_mean_square_error,
)
from plexor.threat_model import Goal

_MOST_BINS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """Errors and shifts, in the task's unit.

    A shift is what the model says of the probed image minus what it says of the untouched one in
    the same container.

    Attributes:
        edges: of the bins of true values, ascending; a bin holds its lower edge.
    """

    edges: tuple[float, ...]

    @classmethod
    def over(cls, truths: Sequence[float]) -> Regression:
        """With at most eight bins, between round numbers, that cover these true values."""
        return cls(edges=_round_edges(min(truths), max(truths)) if truths else ())

    def performance(self, judged: Judged) -> RegressionPerformance:
        """Mean absolute and root mean squared error, bias, R squared, and errors by true value."""
        truth, said, group = _truth(judged), judged.outputs[:, 0], judged.group
        return RegressionPerformance(
            **values_of(judged.counts()),
            mae=StoredEstimate.of(mean_absolute_error(truth, said, group)).within(0),
            rmse=StoredEstimate.of(root_mean_square_error(truth, said, group)).within(0),
            bias=StoredEstimate.of(clustered_mean(said - truth, group)),
            r_squared=StoredEstimate.of(r_squared(truth, said, group)).within(-math.inf, 1),
            by_truth=tuple(self._errors(judged, low, high) for low, high in self._bins()),
        )

    def compared(self, judged: Judged) -> RegressionComparison:
        """Performance; shift and its size; the change in absolute error with a paired t test."""
        truth, group = _truth(judged), judged.group
        errors = np.abs(judged.outputs_unprobed[:, 0] - truth), np.abs(judged.outputs[:, 0] - truth)
        by_truth = tuple(self._compared(judged, low, high) for low, high in self._bins())
        sizes = np.abs(_shift(judged))
        return RegressionComparison(
            **values_of(self.performance(judged)) | {"by_truth": by_truth},
            shift=StoredEstimate.of(clustered_mean(_shift(judged), group)),
            absolute_shift=StoredEstimate.of(clustered_mean(sizes, group)).within(0),
            median_absolute_shift=StoredEstimate.of(clustered_quantile(sizes, 0.5, group)),
            greatest_absolute_shift=float(sizes.max()) if len(judged) else None,
            mae_change=StoredEstimate.of(mean_change(*errors, group)),
            error_test=PairedTest.of(paired_t_test(*errors, group)),
        )

    def attacked(self, judged: Judged, goal: Goal, control: Judged) -> RegressionAttackResult:
        """The comparison, success, and by how much more than its noise the attack moved cases."""
        mine, other = matched(judged, control)
        sizes = np.abs(_shift(control))[other], np.abs(_shift(judged))[mine]
        success, noise = judged.success(goal, control)
        return RegressionAttackResult(
            **values_of(self.compared(judged)),
            success=success,
            control_success=noise,
            excess_shift=StoredEstimate.of(mean_change(*sizes, judged.group[mine])),
        )

    def _bins(self) -> list[tuple[float, float]]:
        return list(zip(self.edges, self.edges[1:], strict=False))

    def _errors(self, judged: Judged, low: float, high: float) -> BinErrors:
        inside = _inside(judged, low, high)
        errors = (judged.outputs[:, 0] - _truth(judged))[inside]
        return BinErrors(
            low=low,
            high=high,
            mae=StoredEstimate.of(clustered_mean(np.abs(errors), judged.group[inside])).within(0),
            bias=StoredEstimate.of(clustered_mean(errors, judged.group[inside])),
        )

    def _compared(self, judged: Judged, low: float, high: float) -> BinComparison:
        inside = _inside(judged, low, high)
        shifts, group = _shift(judged)[inside], judged.group[inside]
        return BinComparison(
            **values_of(self._errors(judged, low, high)),
            shift=StoredEstimate.of(clustered_mean(shifts, group)),
            absolute_shift=StoredEstimate.of(clustered_mean(np.abs(shifts), group)).within(0),
        )


def _truth(judged: Judged) -> Numbers:
    return judged.truth.astype(np.float64)


def _shift(judged: Judged) -> Numbers:
    shift: Numbers = judged.outputs[:, 0] - judged.outputs_unprobed[:, 0]
    return shift


def _inside(judged: Judged, low: float, high: float) -> Flags:
    truth = _truth(judged)
    return (truth >= low) & (truth < high)


def _round_edges(low: float, high: float) -> tuple[float, ...]:
    """Multiples of 1, 2 or 5 times a power of ten, around all of low … high."""
    power = 10 ** math.floor(math.log10((high - low) / _MOST_BINS)) if high > low else 1.0
    for step in (power, 2 * power, 5 * power, 10 * power, 20 * power):
        first, last = math.floor(low / step), math.floor(high / step) + 1
        if last - first <= _MOST_BINS:
            break
    return tuple(step * i for i in range(first, last + 1))
