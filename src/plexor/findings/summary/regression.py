"""What is estimated where each case gets a number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plexor.findings.summary.judged import Flags, Judged, Numbers, Plain, matched
from plexor.stats import (
    clustered_mean,
    clustered_quantile,
    mean_absolute_error,
    mean_change,
    paired_t_test,
    r_squared,
    root_mean_square_error,
)

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

    def performance(self, judged: Judged) -> Plain:
        """Mean absolute and root mean squared error, bias, R squared, and errors by true value."""
        truth, said, group = _truth(judged), judged.outputs[:, 0], judged.group
        return {
            **judged.counts(),
            "mae": mean_absolute_error(truth, said, group).to_dict(),
            "rmse": root_mean_square_error(truth, said, group).to_dict(),
            "bias": clustered_mean(said - truth, group).to_dict(),
            "r_squared": r_squared(truth, said, group).to_dict(),
            "by_truth": [self._errors(judged, low, high) for low, high in self._bins()],
        }

    def compared(self, judged: Judged) -> Plain:
        """Performance; shift and its size; the change in absolute error with a paired t test."""
        truth, group = _truth(judged), judged.group
        errors = np.abs(judged.outputs_unprobed[:, 0] - truth), np.abs(judged.outputs[:, 0] - truth)
        by_truth = [
            self._errors(judged, low, high) | self._shifts(judged, low, high)
            for low, high in self._bins()
        ]
        sizes = np.abs(_shift(judged))
        return {
            **self.performance(judged),
            "by_truth": by_truth,
            "shift": clustered_mean(_shift(judged), group).to_dict(),
            "absolute_shift": clustered_mean(sizes, group).to_dict(),
            "median_absolute_shift": clustered_quantile(sizes, 0.5, group).to_dict(),
            "greatest_absolute_shift": float(sizes.max()) if len(judged) else None,
            "mae_change": mean_change(*errors, group).to_dict(),
            "error_test": {**paired_t_test(*errors, group).to_dict(), "p_holm": None},
        }

    def attacked(self, judged: Judged, goal: Mapping[str, Any], control: Judged) -> Plain:
        """The comparison, success, and by how much more than its noise the attack moved cases."""
        mine, other = matched(judged, control)
        sizes = np.abs(_shift(control))[other], np.abs(_shift(judged))[mine]
        return {
            **self.compared(judged),
            **judged.success(goal, control),
            "excess_shift": mean_change(*sizes, judged.group[mine]).to_dict(),
        }

    def _bins(self) -> list[tuple[float, float]]:
        return list(zip(self.edges, self.edges[1:], strict=False))

    def _errors(self, judged: Judged, low: float, high: float) -> Plain:
        inside = _inside(judged, low, high)
        errors = (judged.outputs[:, 0] - _truth(judged))[inside]
        return {
            "low": low,
            "high": high,
            "mae": clustered_mean(np.abs(errors), judged.group[inside]).to_dict(),
            "bias": clustered_mean(errors, judged.group[inside]).to_dict(),
        }

    def _shifts(self, judged: Judged, low: float, high: float) -> Plain:
        inside = _inside(judged, low, high)
        shifts, group = _shift(judged)[inside], judged.group[inside]
        return {
            "shift": clustered_mean(shifts, group).to_dict(),
            "absolute_shift": clustered_mean(np.abs(shifts), group).to_dict(),
        }


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
