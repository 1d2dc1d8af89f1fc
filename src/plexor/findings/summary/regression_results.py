"""Figures of a model that gives a number for each case, in the task's unit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

from plexor.findings.summary.counts import Counts
from plexor.findings.summary.estimate import PairedTest, StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class BinErrors:
    """Errors over the cases whose true value lies in one range.

    Attributes:
        low: lower end of the range, in it.
        high: upper end, not in it.
        mae: mean absolute error.
        bias: mean error with its sign, model minus truth.
    """

    low: float
    high: float
    mae: StoredEstimate
    bias: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class BinComparison(BinErrors):
    """The same under a probe, and how far answers moved.

    Attributes:
        shift: mean change of the answers.
        absolute_shift: mean size of the change.
    """

    shift: StoredEstimate
    absolute_shift: StoredEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionPerformance(Counts):
    """How good the answers are.

    Attributes:
        task: the model's.
        mae: mean absolute error.
        rmse: root mean squared error.
        bias: mean error with its sign, model minus truth.
        r_squared: 1 without any error, 0 for always answering the mean of the true values.
        by_truth: the errors by true value, in ascending ranges.
    """

    task: Literal["regression"] = "regression"
    mae: StoredEstimate
    rmse: StoredEstimate
    bias: StoredEstimate
    r_squared: StoredEstimate
    by_truth: tuple[BinErrors, ...]

    @property
    def main(self) -> StoredEstimate:
        """The figure that stands for the task: mean absolute error."""
        return self.mae


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionComparison(RegressionPerformance):
    """Performance under a probe, and what changed from the untouched image in the same container.

    Attributes:
        shift: mean change of the answers.
        absolute_shift: mean size of the change.
        median_absolute_shift: median size of the change.
        greatest_absolute_shift: greatest size of the change; None where no case could be judged.
        mae_change: mean absolute error under the probe minus that untouched.
        error_test: paired t test of whether absolute errors changed.
    """

    by_truth: tuple[BinComparison, ...]
    shift: StoredEstimate
    absolute_shift: StoredEstimate
    median_absolute_shift: StoredEstimate
    greatest_absolute_shift: float | None
    mae_change: StoredEstimate
    error_test: PairedTest

    @property
    def main_change(self) -> StoredEstimate:
        """The change of the main figure."""
        return self.mae_change

    @property
    def main_test(self) -> PairedTest:
        """The test of whether the main figure changed."""
        return self.error_test

    def corrected(self, p_holm: float) -> Self:
        """The same with the corrected p of the main test."""
        return replace(self, error_test=replace(self.error_test, p_holm=p_holm))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionAttackResult(RegressionComparison):
    """What an attack did in one container.

    Attributes:
        success: share of the cases attempted in which the goal was reached within the threat.
        control_success: the same question about the noise on the same cases.
        excess_shift: mean size of the change minus that under the noise, on the same cases.
    """

    success: StoredEstimate
    control_success: StoredEstimate
    excess_shift: StoredEstimate
