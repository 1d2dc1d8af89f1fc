"""Questions about measurements and their errors."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from coverage_question import Codes, Question, Rows

from plexor import stats
from plexor.stats import Estimate


def errors() -> Iterator[Question]:
    """Skewed values; and predictions of a standard normal truth with an error of variance 1/4."""

    def skewed(rng: np.random.Generator, n: int) -> Rows:
        return rng.exponential(size=n)[:, None]

    def predicted(rng: np.random.Generator, n: int) -> Rows:
        truth = rng.normal(size=n)
        return np.column_stack([truth, truth + 0.5 * rng.normal(size=n)])

    yield Question(
        name="mean of an exponential",
        truth=1.0,
        one=skewed,
        intervals={
            "Student, groups ignored": lambda rows, _: stats.clustered_mean(rows[:, 0]),
            "clustered Student": lambda rows, g: stats.clustered_mean(rows[:, 0], g),
        },
    )
    yield Question(
        name="median of an exponential",
        truth=math.log(2),
        one=skewed,
        n=(7, 10, 20, 31, 50, 200),
        intervals={
            "exact ranks, groups ignored": lambda rows, _: stats.clustered_quantile(rows[:, 0]),
            "clustered ranks": lambda rows, g: stats.clustered_quantile(rows[:, 0], 0.5, g),
        },
    )
    yield Question(
        name="root mean square error",
        truth=0.5,
        one=predicted,
        intervals={
            "groups ignored": lambda rows, _: stats.root_mean_square_error(*rows.T),
            "clustered": lambda rows, g: stats.root_mean_square_error(*rows.T, g),
        },
    )
    yield Question(
        name="R² 0.75",
        truth=0.75,
        one=predicted,
        intervals={
            "groups ignored": lambda rows, _: stats.r_squared(*rows.T),
            "clustered": lambda rows, g: stats.r_squared(*rows.T, g),
        },
    )


def bootstrapped() -> Question:
    def one(rng: np.random.Generator, n: int) -> Rows:
        return rng.exponential(size=n)[:, None]

    def standard_error(x: Rows, groups: Codes) -> stats.resample.Statistic:
        first = np.flatnonzero(np.diff(groups, prepend=-1))

        def statistic(weights: Rows) -> Rows:
            total = weights.sum(axis=1, keepdims=True)
            off = weights * (x - (weights @ x / total[:, 0])[:, None])
            sums = np.add.reduceat(off, first, axis=1)
            # A group drawn twice is two groups of its sum halved.
            drawn = np.maximum(weights[:, first], 1)
            return np.sqrt((sums**2 / drawn).sum(axis=1, keepdims=True)) / total

        return statistic

    def measure(rows: Rows, groups: Codes, method: stats.bootstrap.BootstrapMethod) -> Estimate:
        x = rows[:, 0]
        return stats.bootstrap_interval(
            stats.weighted_mean(x),
            x.size,
            groups,
            seed=1,
            n_resamples=1000,
            method=method,
            standard_error=standard_error(x, groups) if method == "studentised" else None,
        )[0]

    return Question(
        name="mean of an exponential, bootstrapped",
        truth=1.0,
        one=one,
        n=(20, 50),
        group_sizes=(1, 5),
        slow_from=0,
        uneven=(30,),
        intervals={
            "cluster percentile": lambda rows, g: measure(rows, g, "percentile"),
            "cluster BCa": lambda rows, g: measure(rows, g, "bca"),
            "cluster studentised": lambda rows, g: measure(rows, g, "studentised"),
        },
    )


def questions() -> Iterator[Question]:
    yield from errors()
    yield bootstrapped()
