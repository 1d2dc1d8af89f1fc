"""Several readers, several cases, several treatments: is a treatment read better than another?

Obuchowski & Rockette (Commun Stat Simul 1995;24:285) with the degrees of freedom of Hillis (Stat
Med 2007;26:596). Words as theirs: a *treatment* is what readers read with or on (before and after
a perturbation, with and without a model). Every reader reads every case under every treatment;
``plexor.stats.one_shot`` does without that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import (
    Floats,
    Groups,
    as_events,
    check_level,
    normal_quantile,
    t_quantile,
)
from plexor.stats.estimate import Estimate
from plexor.stats.resample import resampler
from plexor.stats.result import TestResult
from plexor.stats.roc import auc_covariance
from plexor.stats.roc_curve import weighted_auc

CovarianceMethod = Literal["delong", "jackknife"]
Inference = Literal["random", "fixed readers", "fixed cases"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderStudy:
    """Performance of each reader under each treatment, and how these covary over cases.

    Attributes:
        values: (treatments, readers), e.g. areas under ROC curves.
        variance: mean variance of a value, over cases.
        same_reader: mean covariance of a reader's values under two treatments (Cov1).
        same_treatment: of two readers' under one treatment (Cov2).
        neither: of two readers' under two treatments (Cov3).
        same_treatment_each: Cov2 of each treatment by itself, (treatments,).
        variance_each: mean variance of each treatment's values, (treatments,).
        n: cases.
        n_groups: groups of cases, None where cases are independent.
    """

    values: Floats
    variance: float
    same_reader: float
    same_treatment: float
    neither: float
    same_treatment_each: Floats
    variance_each: Floats
    n: int
    n_groups: int | None = None

    @property
    def mean_squares(self) -> tuple[float, float]:
        """Of treatments and of treatments by readers, in the analysis of variance of values."""
        treatments, readers = self.values.shape
        centred = self.values - self.values.mean()
        of_treatments, of_readers = centred.mean(axis=1), centred.mean(axis=0)
        rest = centred - of_treatments[:, None] - of_readers[None, :]
        # What rounding leaves where values agree must not become an F of 1.
        rounding = 1e-24 * float((self.values**2).sum())
        between, within = (
            total if total > rounding else 0.0
            for total in (readers * float(of_treatments @ of_treatments), float((rest**2).sum()))
        )
        return between / (treatments - 1), within / ((treatments - 1) * (readers - 1))

    @property
    def treatment_by_reader(self) -> float:
        """Variance component of how differently readers take to treatments; may be negative."""
        excess = max(self.same_treatment - self.neither, 0.0)
        return self.mean_squares[1] - self.variance + self.same_reader + excess

    def test(self, *, inference: Inference = "random") -> TestResult:
        """Whether all treatments are read equally well.

        Args:
            inference: "random" speaks of readers and cases like these; "fixed readers" of these
                readers alone (χ²); "fixed cases" of these cases alone.

        Raises:
            PlanError: an unknown inference.
        """
        between = self.mean_squares[0]
        error, df = self._error(inference)
        above = self.values.shape[0] - 1
        statistic = between / error if error > 0 else math.nan
        if inference == "fixed readers":
            statistic *= above
            p_value = float(special.chdtrc(above, statistic))
        else:
            p_value = float(special.fdtrc(above, df, statistic))
        return TestResult(
            statistic=statistic,
            p_value=p_value,
            df=float(above) if inference == "fixed readers" else df,
            method=self._words(inference)
            + (", chi-square" if inference == "fixed readers" else ", F"),
            n=self.n,
            n_groups=self.n_groups,
            note="" if error > 0 else "no variance: readers agree in all",
        )

    def difference(
        self, first: int, second: int, *, inference: Inference = "random", level: float = 0.95
    ) -> Estimate:
        """Mean over readers under treatment ``first`` minus that under ``second``.

        Args:
            first: a row of ``values``.
            second: another.
            inference: see ``test``.
            level: nominal coverage.
        """
        check_level(level)
        value, variance, df = self._contrast(first, second, inference)
        half = t_quantile(level, df) * math.sqrt(variance) if variance > 0 else math.nan
        return Estimate(
            value=value,
            low=value - half,
            high=value + half,
            level=level,
            method=self._words(inference),
            n=self.n,
            n_groups=self.n_groups,
            variance=variance,
            note="" if half > 0 else "no variance: readers agree in all",
        )

    def non_inferiority(
        self, new: int, standard: int, margin: float, *, inference: Inference = "random"
    ) -> TestResult:
        """Whether treatment ``new`` is read less than ``margin`` worse than ``standard``.

        One-sided; p is at most 0.025 exactly where the 95 % interval of the difference is above
        -margin.

        Raises:
            PlanError: a margin that is not positive.
        """
        if not margin > 0:
            raise PlanError(f"margin: expected the greatest tolerable loss, above 0, got {margin}")
        value, variance, df = self._contrast(new, standard, inference)
        t = (value + margin) / math.sqrt(variance) if variance > 0 else math.nan
        tail = special.ndtr(-t) if math.isinf(df) else special.stdtr(df, -t)
        return TestResult(
            statistic=t,
            p_value=float(tail),
            df=None if math.isinf(df) else df,
            method=f"non-inferiority, margin {margin:g}, {self._words(inference)}",
            n=self.n,
            n_groups=self.n_groups,
            alternative="greater",
            note="" if variance > 0 else "no variance: readers agree in all",
        )

    def mean(
        self, treatment: int, *, inference: Inference = "random", level: float = 0.95
    ) -> Estimate:
        """Mean over readers under one treatment, from that treatment's own components.

        "fixed cases" has no meaning here but the spread of readers, which is taken.
        """
        check_level(level)
        own, readers = self.values[treatment], self.values.shape[1]
        covariance = max(float(self.same_treatment_each[treatment]), 0.0)
        spread = float(own.var(ddof=1))
        if inference == "fixed readers":
            variance = (float(self.variance_each[treatment]) + (readers - 1) * covariance) / readers
            quantile = normal_quantile(level)
        else:
            error = spread + (readers * covariance if inference == "random" else 0.0)
            df = (readers - 1) * (error / spread) ** 2 if spread > 0 else math.inf
            variance = error / readers
            quantile = t_quantile(level, df)
        half = quantile * math.sqrt(variance)
        value = float(own.mean())
        return Estimate(
            value=value,
            low=value - half,
            high=value + half,
            level=level,
            method=self._words(inference),
            n=self.n,
            n_groups=self.n_groups,
            variance=variance,
        )

    def _error(self, inference: Inference) -> tuple[float, float]:
        """The mean square that treatments are compared with, and its degrees of freedom."""
        if inference not in get_args(Inference):
            raise PlanError(unknown("inference", inference, get_args(Inference)))
        treatments, readers = self.values.shape
        interaction = self.mean_squares[1]
        plain = float((treatments - 1) * (readers - 1))
        excess = max(self.same_treatment - self.neither, 0.0)
        if inference == "fixed readers":
            return self.variance - self.same_reader + (readers - 1) * excess, math.inf
        if inference == "fixed cases":
            return interaction, plain
        error = interaction + readers * excess
        return error, plain * (error / interaction) ** 2 if interaction > 0 else math.inf

    def _contrast(
        self, first: int, second: int, inference: Inference
    ) -> tuple[float, float, float]:
        error, df = self._error(inference)
        means = self.values.mean(axis=1)
        return float(means[first] - means[second]), 2 * error / self.values.shape[1], df

    def _words(self, inference: Inference) -> str:
        scope = "random readers and cases" if inference == "random" else inference
        return f"Obuchowski-Rockette analysis with Hillis' df, {scope}"


def reader_study(
    values: ArrayLike, covariance: ArrayLike, n: int, *, n_groups: int | None = None
) -> ReaderStudy:
    """A study from any measure of performance with its covariance over cases.

    Args:
        values: (treatments, readers), two of each or more.
        covariance: of the values in row order, (treatments·readers, the same).
        n: cases.
        n_groups: groups of cases, None where cases are independent.

    Raises:
        PlanError: shapes that do not fit, or fewer than two treatments or readers.
    """
    table = np.asarray(values, dtype=np.float64)
    spread = np.asarray(covariance, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or spread.shape != (table.size, table.size):
        raise PlanError(
            "values, covariance: expected (treatments, readers) of two or more each and a square "
            f"covariance of all of them, got {table.shape} and {spread.shape}"
        )
    treatments, readers = table.shape
    grid = spread.reshape(treatments, readers, treatments, readers)
    same_t = np.eye(treatments, dtype=np.bool_)[:, None, :, None]
    same_r = np.eye(readers, dtype=np.bool_)[None, :, None, :]
    each = np.stack([grid[t, :, t, :] for t in range(treatments)])
    diagonal = np.trace(each, axis1=1, axis2=2)
    pairs = readers * (readers - 1)
    return ReaderStudy(
        values=table,
        variance=float(grid[same_t & same_r].mean()),
        same_reader=float(grid[~same_t & same_r].mean()),
        same_treatment=float(grid[same_t & ~same_r].mean()),
        neither=float(grid[~same_t & ~same_r].mean()),
        same_treatment_each=(each.sum(axis=(1, 2)) - diagonal) / pairs,
        variance_each=diagonal / readers,
        n=n,
        n_groups=n_groups,
    )


def reader_study_auc(
    truth: ArrayLike,
    ratings: ArrayLike,
    groups: Groups | None = None,
    *,
    covariance: CovarianceMethod = "delong",
) -> ReaderStudy:
    """A study of areas under ROC curves, fully crossed.

    Args:
        truth: whether each case is positive, (n,).
        ratings: (treatments, readers, n), greater is more positive, none missing.
        groups: the group (patient) of each case; None where cases are independent.
        covariance: DeLong's (with groups Obuchowski's), or the jackknife's over cases or groups,
            with which the analysis equals that of Dorfman, Berbaum & Metz (Invest Radiol
            1992;27:723) as Hillis et al. (Stat Med 2005;24:1579) show.

    Raises:
        PlanError: shapes that do not fit, a NaN, one class only, an unknown covariance.
    """
    if covariance not in get_args(CovarianceMethod):
        raise PlanError(unknown("covariance", covariance, get_args(CovarianceMethod)))
    positive, table = as_events("truth", truth), np.asarray(ratings, dtype=np.float64)
    if table.ndim != 3:
        raise PlanError(f"ratings: expected (treatments, readers, cases), got {table.shape}")
    treatments, readers, n = table.shape
    columns = table.reshape(treatments * readers, n).T
    areas = auc_covariance(positive, columns, groups)
    if areas.note:
        raise PlanError(f"truth: {areas.note}; a study of ROC areas needs both classes")
    spread = areas.covariance
    if covariance == "jackknife":
        draws = resampler(n, groups, seed=0)
        left_out = draws.jackknife(weighted_auc(positive, columns), at_most=draws.n_groups)
        centred = left_out - left_out.mean(axis=0)
        spread = (draws.n_groups - 1) / draws.n_groups * centred.T @ centred
    return reader_study(
        areas.values.reshape(treatments, readers), spread, n, n_groups=areas.n_groups
    )
