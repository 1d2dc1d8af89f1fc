"""Estimates and tests as ``summary.json`` stores them: an undefined number is None, with a note."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from plexor.findings.summary.counts import Count
from plexor.stats import Estimate, TestResult


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEstimate:
    """An estimate with its interval.

    Attributes:
        value: the estimate; None where it is undefined, and then ``note`` says why.
        low: lower limit of the two-sided interval; None where undefined.
        high: upper limit.
        level: nominal coverage of the interval, e.g. 0.95.
        method: how value and interval were computed.
        n: number of observations the value rests on.
        n_groups: number of independent groups; None where observations count as independent.
        variance: of the estimator, where the interval rests on one; else None.
        note: why something is undefined, or a warning; empty otherwise.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    n: Count
    n_groups: Count | None
    variance: float | None
    note: str

    @classmethod
    def of(cls, estimate: Estimate) -> StoredEstimate:
        """The same with None for numbers that JSON cannot hold."""
        return cls(
            value=finite(estimate.value),
            low=finite(estimate.low),
            high=finite(estimate.high),
            level=float(estimate.level),
            method=estimate.method,
            n=estimate.n,
            n_groups=estimate.n_groups,
            variance=finite(estimate.variance),
            note=estimate.note,
        )

    def within(self, least: float, most: float = math.inf) -> StoredEstimate:
        """The same with limits that a number of this range can have.

        Student's limits know no range. The true value lies within it, so that cutting them there
        covers it as often; ``method`` says where it was done.

        Args:
            least: of the range, e.g. 0 for a mean absolute error.
            most: of the range, e.g. 1 for a Dice.
        """
        if self.low is None or self.high is None:
            return self
        low, high = max(self.low, least), min(self.high, most)
        if (low, high) == (self.low, self.high):
            return self
        method = f"{self.method}, limits cut to the possible range"
        return replace(self, low=low, high=high, method=method)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTest:
    """The outcome of one significance test.

    Attributes:
        statistic: the test statistic; None where undefined, and then ``note`` says why.
        p_value: of ``alternative``; None where undefined.
        method: the test.
        n: number of observations the test rests on.
        df: degrees of freedom of the reference distribution; None where it has none.
        n_groups: number of independent groups; None where observations count as independent.
        alternative: "two-sided", "less" or "greater".
        note: why something is undefined, or a warning; empty otherwise.
    """

    statistic: float | None
    p_value: float | None
    method: str
    n: Count
    df: float | None
    n_groups: Count | None
    alternative: Literal["two-sided", "less", "greater"]
    note: str

    @classmethod
    def of(cls, test: TestResult) -> StoredTest:
        """The same with None for numbers that JSON cannot hold."""
        return cls(
            statistic=finite(test.statistic),
            p_value=finite(test.p_value),
            method=test.method,
            n=test.n,
            df=finite(test.df),
            n_groups=test.n_groups,
            alternative=test.alternative,
            note=test.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest(StoredTest):
    """A paired test of one probe among several.

    Attributes:
        p_holm: the p-value after Holm's correction over the probes of the same kind in the same
            container; None where undefined, and for a control.
    """

    p_holm: float | None = None

    @classmethod
    def of(cls, test: TestResult) -> PairedTest:
        """The same with None for numbers that JSON cannot hold, not yet corrected."""
        return cls(
            statistic=finite(test.statistic),
            p_value=finite(test.p_value),
            method=test.method,
            n=test.n,
            df=finite(test.df),
            n_groups=test.n_groups,
            alternative=test.alternative,
            note=test.note,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemarTests:
    """McNemar's tests of whether something holds for as many cases before as after.

    Attributes:
        used: the one that counts: "clustered", unless every case is a group of its own.
        p_value: of the test used; None where undefined.
        p_holm: the same after Holm's correction over the probes of the same kind in the same
            container; None where undefined, and for a control.
        n_lost: cases for which it held before only.
        n_gained: cases for which it held after only.
        clustered: the test that takes groups into account.
        plain: the test that takes cases as independent.
    """

    used: Literal["clustered", "plain"]
    p_value: float | None
    p_holm: float | None = None
    n_lost: Count
    n_gained: Count
    clustered: StoredTest
    plain: StoredTest

    @property
    def test(self) -> StoredTest:
        """The test used."""
        return self.plain if self.used == "plain" else self.clustered

    @property
    def note(self) -> str:
        """Of the test used: why it is undefined, or a warning."""
        return self.test.note


def finite(value: float | None) -> float | None:
    """A number; None for one that JSON cannot hold, and for None."""
    return None if value is None or not math.isfinite(value) else float(value)
