"""What a question about coverage is, in which designs it is asked, and what the answer is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plexor.stats import Estimate

LEVEL = 0.95
CORRELATIONS = (0.0, 0.2, 0.5, 0.8)

Rows = NDArray[np.float64]
Codes = NDArray[np.intp]
Draw = Callable[[np.random.Generator, int], Rows]
Measure = Callable[[Rows, Codes], Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A quantity with its true value, how to draw observations, and the intervals for it.

    ``n`` and ``group_sizes`` say in which designs it is asked. From ``slow_from`` observations on a
    design has a quarter of the samples.
    """

    name: str
    truth: float
    one: Draw
    intervals: dict[str, Measure]
    n: tuple[int, ...] = (20, 50, 200, 2000)
    group_sizes: tuple[int, ...] = (1, 2, 5, 10)
    slow_from: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    n: int
    group_size: int
    correlation: float

    def draw(self, one: Draw, rng: np.random.Generator) -> tuple[Rows, Codes]:
        n_groups = max(1, self.n // self.group_size)
        groups = np.repeat(np.arange(n_groups), self.group_size)
        # One call, so that what a sample has in common (its readers) is drawn once.
        own, shared = np.split(one(rng, groups.size + n_groups), [groups.size])
        taken = rng.random(groups.size) < math.sqrt(self.correlation)
        return np.where(taken[:, None], shared[groups], own), groups


def designs(question: Question) -> Iterator[Design]:
    for n in question.n:
        for size in question.group_sizes:
            for correlation in CORRELATIONS if size > 1 else (0.0,):
                yield Design(n=n, group_size=size, correlation=correlation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    question: str
    interval: str
    design: Design
    coverage: float
    undefined: float
    width: float
    repeats: int

    @property
    def low(self) -> bool:
        """Whether clearly fewer than nominal hold the true value."""
        return self.coverage < LEVEL - max(0.02, 3 * standard_error(self.repeats))

    @property
    def meant_for(self) -> bool:
        """False for an interval that takes observations of a group as independent."""
        return "ignored" not in self.interval or self.design.group_size == 1


def standard_error(repeats: int) -> float:
    """Of the share of intervals, where it is as nominal."""
    return math.sqrt(LEVEL * (1 - LEVEL) / repeats)
