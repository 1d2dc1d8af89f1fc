"""Questions about tests: how often each rejects at 0.05 where its hypothesis holds."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from coverage_question import Codes, Measure, Question, Rows
from scipy import special

from plexor import stats

NOTHING_TRUE = math.nan
"""The true value of a question that is about a test."""


def paired_decisions(p: float) -> Question:
    """Right with probability p both times; a third of decisions are made anew."""

    def one(rng: np.random.Generator, n: int) -> Rows:
        before, again = rng.random((2, n)) < p
        return np.column_stack([before, np.where(rng.random(n) < 1 / 3, again, before)]).astype(
            float
        )

    def counts(rows: Rows) -> tuple[int, int]:
        before, after = rows.T > 0
        return int((before & ~after).sum()), int((~before & after).sum())

    def mcnemar(method: stats.mcnemar.McNemarMethod) -> Measure:
        return lambda rows, _: stats.mcnemar_test(*counts(rows), method=method)

    return Question(
        name=f"no change of a share of {p:g}",
        truth=NOTHING_TRUE,
        one=one,
        group_sizes=(1, 5),
        intervals={
            "McNemar by default, groups ignored": mcnemar("auto"),
            "McNemar exact, groups ignored": mcnemar("exact"),
            "McNemar mid-p, groups ignored": mcnemar("mid-p"),
            "McNemar asymptotic, groups ignored": mcnemar("asymptotic"),
            "clustered McNemar": lambda rows, g: stats.clustered_mcnemar(*rows.T, g),
            "clustered McNemar, Durkalski": lambda rows, g: stats.clustered_mcnemar(
                *rows.T, g, method="durkalski"
            ),
            "sign-flip": lambda rows, g: stats.sign_flip_test(
                *rows.T, g, seed=1, n_permutations=499
            ),
            "clustered Cochran's Q": lambda rows, g: stats.cochrans_q(rows > 0, g),
        },
    )


def changes(name: str, skew: bool) -> Question:
    """Measurements before and after whose mean difference is 0."""

    def one(rng: np.random.Generator, n: int) -> Rows:
        change = rng.exponential(size=n) - 1 if skew else rng.normal(size=n)
        return np.column_stack([np.zeros(n), change])

    return Question(
        name=f"no mean change, {name}",
        truth=NOTHING_TRUE,
        one=one,
        group_sizes=(1, 5),
        intervals={
            "t, groups ignored": lambda rows, _: stats.paired_t_test(*rows.T),
            "clustered t": lambda rows, g: stats.paired_t_test(*rows.T, g),
            "clustered signed rank": lambda rows, g: stats.signed_rank_test(*rows.T, g),
            "sign-flip": lambda rows, g: stats.sign_flip_test(
                *rows.T, g, seed=1, n_permutations=499
            ),
            "equivalence at its margin": lambda rows, g: stats.equivalence_test(
                rows[:, 0], rows[:, 1] + 0.5, 0.5, g
            ),
        },
    )


def equal_areas(value: float, p: float, n: tuple[int, ...]) -> Question:
    """Two models of one area on the same cases; their scores correlate by a half."""
    shift = math.sqrt(2) * float(special.ndtri(value))

    def one(rng: np.random.Generator, n: int) -> Rows:
        truth = (rng.random(n) < p)[:, None]
        noise = math.sqrt(0.5) * (rng.normal(size=(n, 3)) + rng.normal(size=(n, 1)))
        return np.column_stack([truth, noise + shift * truth])

    def halves(rows: Rows) -> stats.TestResult:
        even = np.arange(len(rows)) % 4 == 0
        return stats.delong_test_unpaired(*rows[even, :2].T, *rows[~even, :2].T)

    return Question(
        name=f"equal ROC areas of {value:g}, prevalence {p:g}",
        truth=NOTHING_TRUE,
        one=one,
        n=n,
        group_sizes=(1, 5),
        intervals={
            "DeLong paired, groups ignored": lambda rows, _: stats.delong_test(*rows[:, :3].T),
            "DeLong paired, clustered": lambda rows, g: stats.delong_test(*rows[:, :3].T, g),
            "DeLong unpaired, a quarter against the rest, groups ignored": lambda rows, _: halves(
                rows
            ),
            "three areas, clustered": lambda rows, g: stats.delong_test_all(
                rows[:, 0], rows[:, 1:], g
            ),
        },
    )


def equal_curves() -> Question:
    def one(rng: np.random.Generator, n: int) -> Rows:
        truth = rng.random(n) < 0.5
        noise = math.sqrt(0.5) * (rng.normal(size=(n, 2)) + rng.normal(size=(n, 1)))
        return np.column_stack([truth, noise + truth[:, None]])

    def halves(rows: Rows, _: Codes) -> stats.TestResult:
        even = np.arange(len(rows)) % 2 == 0
        return stats.venkatraman_test_unpaired(
            *rows[even, :2].T, *rows[~even, :2].T, seed=1, n_permutations=199
        )

    return Question(
        name="equal ROC curves",
        truth=NOTHING_TRUE,
        one=one,
        n=(50,),
        group_sizes=(1, 5),
        uneven=(),
        slow_from=0,
        intervals={
            "Venkatraman paired, clustered": lambda rows, g: stats.venkatraman_test(
                *rows.T, g, seed=1, n_permutations=199
            ),
            "Venkatraman unpaired, groups ignored": halves,
        },
    )


def equal_treatments(n_readers: int) -> Question:
    def one(rng: np.random.Generator, n: int) -> Rows:
        truth = np.arange(n) % 2
        case = rng.normal(size=(n, 1))
        reader = 0.3 * rng.normal(size=2 * n_readers)
        noise = rng.normal(size=(n, 2 * n_readers))
        return np.column_stack([truth, case + noise + (1.5 + reader) * truth[:, None]])

    def test(rows: Rows, groups: Codes | None) -> stats.TestResult:
        ratings = rows[:, 1:].T.reshape(2, n_readers, len(rows))
        return stats.reader_study_auc(rows[:, 0], ratings, groups).test()

    return Question(
        name=f"equal treatments, {n_readers} readers",
        truth=NOTHING_TRUE,
        one=one,
        n=(50, 100),
        group_sizes=(1,),
        uneven=(),
        slow_from=0,
        intervals={"Obuchowski-Rockette-Hillis, groups ignored": lambda rows, _: test(rows, None)},
    )


def questions() -> Iterator[Question]:
    yield from (paired_decisions(p) for p in (0.05, 0.8))
    yield changes("normal", False)
    yield changes("exponential", True)
    yield equal_areas(0.85, 0.5, (20, 50, 200))
    yield equal_areas(0.85, 0.02, (100, 200, 500))
    yield equal_areas(0.95, 0.02, (100, 200, 500))
    yield equal_curves()
    yield from (equal_treatments(n) for n in (3, 8))
