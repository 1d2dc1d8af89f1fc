"""Adjusted p-values of several tests, and levels of several intervals."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import Codes, Floats, as_floats, check_level
from plexor.stats.result import TestResult
from plexor.stats.result_text import p_text

K = TypeVar("K", bound=Hashable)

Adjustment = Literal["holm", "hochberg", "benjamini-hochberg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedTest:
    """A test with its p-value adjusted for several tests.

    Attributes:
        test: the test with its unadjusted p-value.
        p_adjusted: the p-value adjusted for ``n_tests`` tests; NaN where the test is undefined.
        adjustment: "holm", "hochberg" or "benjamini-hochberg".
        n_tests: number of tests with a defined p-value.
    """

    test: TestResult
    p_adjusted: float
    adjustment: Adjustment
    n_tests: int

    def __str__(self) -> str:
        """``p = 0.011 (holm, 2 tests); p = 0.005, method, n = 42``: adjusted p, then the test."""
        return f"{p_text(self.p_adjusted)} ({self.adjustment}, {self.n_tests} tests); {self.test}"


def adjust(
    tests: Mapping[K, TestResult], *, adjustment: Adjustment = "holm"
) -> dict[K, AdjustedTest]:
    """Adjusts the p-values of several tests; tests with an undefined p-value are not counted.

    Args:
        tests: by name, such as a probe, a subgroup or a pair of models.
        adjustment: see ``holm``, ``hochberg`` and ``benjamini_hochberg``.

    Raises:
        PlanError: an unknown adjustment.

    Examples:
        >>> from plexor.stats import mcnemar_test
        >>> tests = {"sex": mcnemar_test(30, 12), "age": mcnemar_test(9, 3)}
        >>> round(adjust(tests)["sex"].p_adjusted, 4)
        0.0108
    """
    if adjustment not in get_args(Adjustment):
        raise PlanError(unknown("adjustment", adjustment, get_args(Adjustment)))
    functions = {"holm": holm, "hochberg": hochberg, "benjamini-hochberg": benjamini_hochberg}
    p_values = np.array([test.p_value for test in tests.values()], dtype=np.float64)
    adjusted = functions[adjustment](p_values).tolist()
    n_tests = sum(not math.isnan(p) for p in adjusted)
    return {
        name: AdjustedTest(test=test, p_adjusted=p, adjustment=adjustment, n_tests=n_tests)
        for (name, test), p in zip(tests.items(), adjusted, strict=True)
    }


def holm(p_values: ArrayLike) -> Floats:
    """Holm's step-down adjusted p-values (Scand J Stat 1979;6:65), in the order given.

    If tests with an adjusted value of at most 0.05 are rejected, the probability of any false
    rejection is at most 0.05, however the tests depend on each other. NaN (an undefined test) stays
    NaN and is not counted among the tests.

    Args:
        p_values: (m,), each within 0 … 1 or NaN.

    Raises:
        PlanError: a value outside 0 … 1, or more than one dimension.

    Examples:
        >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.06, 0.06]
    """
    p, order = _ordered(p_values)
    m = order.size
    adjusted = np.full_like(p, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate((m - np.arange(m)) * p[order]), 1.0)
    return adjusted


def hochberg(p_values: ArrayLike) -> Floats:
    """Hochberg's step-up adjusted p-values (Biometrika 1988;75:800); never above Holm's.

    Valid for independent and for positively dependent tests, as the probes of one model on the same
    cases usually are; unlike ``holm`` not for any dependence. NaN and errors as there.

    Examples:
        >>> hochberg([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.04, 0.04]
    """
    p, order = _ordered(p_values)
    m = order.size
    adjusted = np.full_like(p, np.nan)
    steps = ((m - np.arange(m)) * p[order])[::-1]
    adjusted[order] = np.minimum(np.minimum.accumulate(steps)[::-1], 1.0)
    return adjusted


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Benjamini & Hochberg's adjusted p-values (J R Stat Soc B 1995;57:289).

    If tests with an adjusted value of at most 0.05 are rejected, the expected share of false
    rejections among the rejections is at most 0.05 (for independent or positively dependent tests).
    It is meant for screening, not for a claim about each test. NaN and errors as for ``holm``.

    Examples:
        >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.04, 0.04]
    """
    p, order = _ordered(p_values)
    m = order.size
    adjusted = np.full_like(p, np.nan)
    steps = (m / (np.arange(m) + 1) * p[order])[::-1]
    adjusted[order] = np.minimum(np.minimum.accumulate(steps)[::-1], 1.0)
    return adjusted


def simultaneous_level(n_intervals: int, *, level: float = 0.95) -> float:
    """The level of each of several intervals for a joint coverage of ``level``.

    Bonferroni's 1 - (1 - level) / m. If an interval of this level excludes 0, ``holm`` rejects the
    test, too; it may reject more.

    Raises:
        PlanError: no intervals, or a level outside 0 … 1.

    Examples:
        >>> round(simultaneous_level(5), 4)
        0.99
    """
    check_level(level)
    if n_intervals < 1:
        raise PlanError(f"n_intervals: expected at least one, got {n_intervals}")
    return 1 - (1 - level) / n_intervals


def selected_level(p_values: ArrayLike, *, level: float = 0.95) -> float:
    """The level for intervals that are shown only where ``benjamini_hochberg`` rejects.

    1 - R (1 - level) / m for R rejections among m tests keeps the expected share of shown intervals
    that miss the true value at or below 1 - level (Benjamini & Yekutieli, JASA 2005;100:71). NaN if
    no test is rejected.

    Examples:
        >>> round(selected_level([0.01, 0.2, 0.03]), 4)
        0.9667
    """
    check_level(level)
    adjusted = benjamini_hochberg(p_values)
    m = int(np.count_nonzero(~np.isnan(adjusted)))
    rejected = int(np.count_nonzero(adjusted <= 1 - level))
    return 1 - rejected * (1 - level) / m if rejected else math.nan


def _ordered(p_values: ArrayLike) -> tuple[Floats, Codes]:
    """The p-values, and the positions of those that are defined, in ascending order."""
    p = as_floats("p_values", p_values)
    if p.ndim != 1 or (p < 0).any() or (p > 1).any():
        raise PlanError(
            f"p_values: expected one dimension of values from 0 to 1, got {p.tolist()!r}; "
            "give the unadjusted p-values"
        )
    return p, np.argsort(p, kind="stable")[: int(np.count_nonzero(~np.isnan(p)))]
