"""Reader studies: performance of several readers on the same cases under several treatments.

Obuchowski & Rockette (Commun Stat Simul 1995;24:285) with the degrees of freedom of Hillis (Stat
Med 2007;26:596). As in these papers, a *treatment* is a condition of reading (before and after a
perturbation, with and without a model). Split-plot designs, in which not all readers read all
cases, follow the marginal-mean analysis of Hillis (Stat Med 2014;33:330).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from scipy import special

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import Floats, check_level, t_quantile
from plexor.stats.estimate import Estimate
from plexor.stats.grouped_variance import joined
from plexor.stats.result import TestResult
from plexor.stats.roc_interval import logit_limits

Inference = Literal["random", "fixed readers", "fixed cases"]
MeanInterval = Literal["logit", "wald"]

MANY_READERS = 5
FEW_READERS = "fewer than 5 readers: the interval covers a little less than it says"
_NO_VARIANCE = "no variance: the values of all readers are equal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderStudy:
    """Performance of each reader under each treatment, with its covariance over cases.

    Attributes:
        values: (treatments, readers), e.g. areas under ROC curves.
        variance: mean variance of a value, over cases.
        same_reader: mean covariance of a reader's values under two treatments (Cov1); ``neither``
            if readers are nested in treatments.
        same_treatment: mean covariance of two readers' values under one treatment (Cov2), within
            blocks if there are several.
        neither: mean covariance of two readers' values under two treatments (Cov3), within blocks
            if there are several.
        same_treatment_each: Cov2 of each treatment by itself, (treatments,).
        variance_each: mean variance of each treatment's values, (treatments,).
        n: cases.
        n_groups: groups of cases, None where cases are independent.
        n_blocks: number of blocks of equally many readers, in the order of the readers; each block
            has its own cases, which its readers read under every treatment.
        readers_nested: whether each treatment has its own readers, so that a column of ``values``
            is a different reader under each treatment.
        note: a warning that all results repeat, such as of unequal groups; empty otherwise.
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
    n_blocks: int = 1
    readers_nested: bool = False
    note: str = ""

    @property
    def mean_squares(self) -> tuple[float, float]:
        """Of treatments and of treatments by readers, in the analysis of variance of values.

        With blocks the second is within them; with readers nested it is of readers in treatments.
        """
        treatments, readers = self.values.shape
        centred = self.values - self.values.mean()
        of_treatments = centred.mean(axis=1)
        in_blocks = centred.reshape(treatments, self.n_blocks, -1)
        rest = (in_blocks - in_blocks.mean(axis=2, keepdims=True)).reshape(treatments, readers)
        if not self.readers_nested:
            rest = rest - rest.mean(axis=0)
        # What rounding leaves where values agree must not become an F of 1.
        rounding = 1e-24 * float((self.values**2).sum())
        between, within = (
            total if total > rounding else 0.0
            for total in (readers * float(of_treatments @ of_treatments), float((rest**2).sum()))
        )
        return between / (treatments - 1), within / self._plain_df

    @property
    def _plain_df(self) -> int:
        """Degrees of freedom of the second mean square."""
        treatments, readers = self.values.shape
        return int((treatments - (not self.readers_nested)) * (readers - self.n_blocks))

    @property
    def treatment_by_reader(self) -> float:
        """Variance component of the interaction of readers with treatments; may be negative.

        With readers nested in treatments it includes the variance between readers.
        """
        excess = max(self.same_treatment - self.neither, 0.0)
        return self.mean_squares[1] - self.variance + self.same_reader + excess

    def test(self, *, inference: Inference = "random") -> TestResult:
        """Test of equal mean performance under all treatments.

        Args:
            inference: to which population the result applies: "random" to other readers and other
                cases, "fixed readers" to these readers and other cases (χ²), "fixed cases" to other
                readers and these cases.

        Raises:
            PlanError: an unknown inference.
        """
        error, df = self._error(inference)
        between = self.mean_squares[0]
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
            note=self.note if error > 0 else _NO_VARIANCE,
        )

    def difference(
        self, first: int, second: int, *, inference: Inference = "random", level: float = 0.95
    ) -> Estimate:
        """Mean over readers under treatment ``first`` minus that under ``second``.

        With three readers it covers 91 to 95 %, with eight 93 to 97 % (docs/reference/coverage.md).

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
            note=self._note(inference) if half > 0 else _NO_VARIANCE,
        )

    def non_inferiority(
        self, new: int, standard: int, margin: float, *, inference: Inference = "random"
    ) -> TestResult:
        """Test that ``new`` is less than ``margin`` worse than ``standard``, treatments by row.

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
            note=self.note if variance > 0 else _NO_VARIANCE,
        )

    def mean(
        self,
        treatment: int,
        *,
        inference: Inference = "random",
        level: float = 0.95,
        interval: MeanInterval = "logit",
    ) -> Estimate:
        """Mean over readers under one treatment, from that treatment's own components.

        It covers 91 to 95 %, with three readers and with eight (docs/reference/coverage.md).

        With "fixed cases" the variance is that between readers.

        Args:
            treatment: a row of ``values``.
            inference: see ``test``.
            level: nominal coverage.
            interval: "logit" (the default) for measures within 0 … 1, such as ROC areas: its
                coverage is better, and equal in both tails. "wald" is symmetric, for any measure,
                and the choice of most programs.

        Raises:
            PlanError: "logit" of a mean outside 0 … 1, or an unknown inference or interval.
        """
        check_level(level)
        if interval not in get_args(MeanInterval):
            raise PlanError(unknown("interval of a mean", interval, get_args(MeanInterval)))
        value = self._mean_of(treatment)
        variance, df = self._of_mean(treatment, inference)
        half = t_quantile(level, df) * math.sqrt(variance) if variance > 0 else math.nan
        low, high = value - half, value + half
        if interval == "logit" and half > 0:
            if not 0 < value < 1:
                raise PlanError(
                    f"interval: the logit needs a mean strictly within 0 to 1, got {value:g}; "
                    "give interval='wald'"
                )
            low, high = logit_limits(value, half)
        return Estimate(
            value=value,
            low=low,
            high=high,
            level=level,
            method=f"{self._words(inference)}, {interval} interval",
            n=self.n,
            n_groups=self.n_groups,
            variance=variance,
            note=self._note(inference) if half > 0 else _NO_VARIANCE,
        )

    def _of_mean(self, treatment: int, inference: Inference) -> tuple[float, float]:
        """Variance of a treatment's mean, and its degrees of freedom."""
        self._check(inference)
        own, readers = self.values[treatment], self.values.shape[1]
        beside = readers // self.n_blocks
        covariance = max(float(self.same_treatment_each[treatment]), 0.0)
        if inference == "fixed readers":
            total = float(self.variance_each[treatment]) + (beside - 1) * covariance
            return total / readers, math.inf
        spread = float(own.reshape(self.n_blocks, beside).var(axis=1, ddof=1).mean())
        error = spread + (beside * covariance if inference == "random" else 0.0)
        plain = readers - self.n_blocks
        return error / readers, plain * (error / spread) ** 2 if spread > 0 else math.inf

    @staticmethod
    def _check(inference: Inference) -> None:
        if inference not in get_args(Inference):
            raise PlanError(unknown("inference", inference, get_args(Inference)))

    def _mean_of(self, treatment: int) -> float:
        n_treatments = self.values.shape[0]
        if not 0 <= treatment < n_treatments:
            raise PlanError(
                f"treatment: expected a number from 0 to {n_treatments - 1}, got {treatment}"
            )
        return float(self.values[treatment].mean())

    def _error(self, inference: Inference) -> tuple[float, float]:
        """The mean square that treatments are compared with, and its degrees of freedom."""
        self._check(inference)
        if len(self.values) < 2:
            raise PlanError("test: expected two treatments or more, got one; use `mean`")
        beside = self.values.shape[1] // self.n_blocks
        interaction, plain = self.mean_squares[1], float(self._plain_df)
        excess = max(self.same_treatment - self.neither, 0.0)
        if inference == "fixed readers":
            return self.variance - self.same_reader + (beside - 1) * excess, math.inf
        if inference == "fixed cases":
            return interaction, plain
        error = interaction + beside * excess
        return error, plain * (error / interaction) ** 2 if interaction > 0 else math.inf

    def _contrast(
        self, first: int, second: int, inference: Inference
    ) -> tuple[float, float, float]:
        error, df = self._error(inference)
        value = self._mean_of(first) - self._mean_of(second)
        return value, 2 * error / self.values.shape[1], df

    def _note(self, inference: Inference) -> str:
        few = inference == "random" and self.values.shape[1] < MANY_READERS
        return joined(self.note, FEW_READERS if few else "")

    def _words(self, inference: Inference) -> str:
        scope = "random readers and cases" if inference == "random" else inference
        return f"Obuchowski-Rockette analysis with Hillis' df, {scope}"
