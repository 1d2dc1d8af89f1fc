"""What a question about coverage is, in which designs it is asked, and what the answer is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plexor.stats import Estimate, TestResult

LEVEL = 0.95
CORRELATIONS = (0.0, 0.2, 0.8)

Rows = NDArray[np.float64]
Codes = NDArray[np.intp]
Draw = Callable[[np.random.Generator, int], Rows]
Measure = Callable[[Rows, Codes], Estimate | TestResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A quantity with its true value, how to draw observations, and the intervals for it.

    ``n`` and ``group_sizes`` say in which designs it is asked, ``uneven`` for which numbers of
    groups of very unequal size. From ``slow_from`` observations (or unequal groups) on a design is
    simulated in the first two rounds only. For a test the hypothesis holds in ``one``, ``truth`` is
    NaN, and the question is how often it is rejected.
    """

    name: str
    truth: float
    one: Draw
    intervals: dict[str, Measure]
    n: tuple[int, ...] = (20, 50, 200)
    group_sizes: tuple[int, ...] = (1, 5, 10)
    uneven: tuple[int, ...] = (10, 30, 100)
    slow_from: int = 10_000

    @property
    def is_test(self) -> bool:
        return math.isnan(self.truth)

    def slow(self, design: Design) -> bool:
        return design.n >= self.slow_from

    def asked(self, interval: str, design: Design) -> bool:
        """Whether an interval is simulated in a design.

        One that ignores groups is, beside groups of one, only where they are alike a little: that
        shows what ignoring them costs.
        """
        return meant_for(interval, design) or design.correlation == 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Groups of equal size, or (``group_size`` 0) ``n`` groups of very unequal size.

    Of unequal groups a tenth hold 30 to 60 observations and all others 1 to 3.
    """

    n: int
    group_size: int
    correlation: float

    @property
    def words(self) -> str:
        if not self.group_size:
            return f"{self.n} unequal groups, correlation {self.correlation:g}"
        if self.group_size == 1:
            return f"n {self.n}"
        return f"n {self.n} in groups of {self.group_size}, correlation {self.correlation:g}"

    def sizes(self, rng: np.random.Generator) -> Codes:
        if self.group_size:
            return np.full(max(1, self.n // self.group_size), self.group_size)
        sizes = rng.integers(1, 4, self.n)
        sizes[: max(1, self.n // 10)] = rng.integers(30, 61, max(1, self.n // 10))
        return sizes

    def draw(self, one: Draw, rng: np.random.Generator) -> tuple[Rows, Codes]:
        sizes = self.sizes(rng)
        n_groups = sizes.size
        groups = np.repeat(np.arange(n_groups), sizes)
        # One call, so that what a sample has in common (its readers) is drawn once.
        own, shared = np.split(one(rng, groups.size + n_groups), [groups.size])
        taken = rng.random(groups.size) < math.sqrt(self.correlation)
        return np.where(taken[:, None], shared[groups], own), groups


def designs(question: Question) -> Iterator[Design]:
    for n in question.n:
        for size in question.group_sizes:
            for correlation in CORRELATIONS if size > 1 else (0.0,):
                yield Design(n=n, group_size=size, correlation=correlation)
    for n_groups in question.uneven:
        for correlation in CORRELATIONS:
            yield Design(n=n_groups, group_size=0, correlation=correlation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    question: str
    interval: str
    design: Design
    coverage: float
    undefined: float
    width: float
    repeats: int
    is_test: bool = False

    @property
    def low(self) -> bool:
        """Whether clearly fewer than nominal hold the true value (or do not reject)."""
        return self.coverage < LEVEL - max(0.02, 3 * standard_error(self.repeats))

    @property
    def meant_for(self) -> bool:
        return meant_for(self.interval, self.design)


def meant_for(interval: str, design: Design) -> bool:
    """False for an interval that takes observations of a group as independent."""
    return "ignored" not in interval or design.group_size == 1


def standard_error(repeats: int) -> float:
    """Of the share of intervals, where it is as nominal."""
    return math.sqrt(LEVEL * (1 - LEVEL) / repeats)
