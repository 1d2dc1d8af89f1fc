"""Questions about how far raters, or ways of measuring, agree."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from coverage_question import Codes, Question, Rows
from scipy import special

from plexor import stats
from plexor.stats import Estimate


def kappa(value: float, p: float) -> Question:
    """Two raters who call p positive and agree beyond chance by kappa."""

    def one(rng: np.random.Generator, n: int) -> Rows:
        first = rng.random(n) < p
        second = np.where(rng.random(n) < value, first, rng.random(n) < p)
        return np.column_stack([first, second]).astype(float)

    def measure(rows: Rows, groups: Codes | None) -> Estimate:
        return stats.cohens_kappa(*rows.astype(int).T, [0, 1], groups)

    return Question(
        name=f"kappa {value:g}, prevalence {p:g}",
        truth=value,
        one=one,
        intervals={
            "Fleiss-Cohen-Everitt Wald, groups ignored": lambda rows, _: stats.cohens_kappa(
                *rows.astype(int).T, [0, 1], interval="wald"
            ),
            "two cases added, groups ignored": lambda rows, _: measure(rows, None),
            "clustered, two cases added": measure,
        },
    )


def weighted_kappa() -> Question:
    """Four ordered grades; the second rater repeats the first's or draws anew."""
    value, shares = 0.6, np.array([0.4, 0.3, 0.2, 0.1])

    def one(rng: np.random.Generator, n: int) -> Rows:
        first, other = rng.choice(4, (2, n), p=shares)
        return np.column_stack([first, np.where(rng.random(n) < value, first, other)]).astype(float)

    def measure(rows: Rows, groups: Codes | None) -> Estimate:
        return stats.cohens_kappa(*rows.astype(int).T, [0, 1, 2, 3], groups, weights="quadratic")

    return Question(
        name=f"kappa {value:g}, quadratic weights, four grades",
        truth=value,
        one=one,
        group_sizes=(1, 5),
        intervals={
            "two cases added, groups ignored": lambda rows, _: measure(rows, None),
            "clustered, two cases added": measure,
        },
    )


def raters() -> Iterator[Question]:
    """Three raters, a fifth of ratings missing; each sees the truth or guesses."""
    kappa, p = 0.6, 0.3

    def one(rng: np.random.Generator, n: int) -> Rows:
        truth, guess = (rng.random(n) < p)[:, None], rng.random((n, 3)) < p
        rated = np.where(rng.random((n, 3)) < math.sqrt(kappa), truth, guess).astype(float)
        return np.where(rng.random((n, 3)) < 0.2, np.nan, rated)

    chance = p * p + (1 - p) ** 2
    observed = kappa + (1 - kappa) * chance
    for name, truth, measure in (
        ("Fleiss' kappa 0.6", kappa, stats.fleiss_kappa),
        ("Gwet's AC1", (observed - 2 * p * (1 - p)) / (1 - 2 * p * (1 - p)), stats.gwet_ac),
        ("Krippendorff's alpha 0.6", kappa, stats.krippendorff_alpha),
    ):
        yield Question(
            name=f"{name}, three raters, prevalence {p:g}",
            truth=truth,
            one=one,
            intervals={
                "groups ignored": lambda rows, _, measure=measure: measure(rows, [0, 1]),
                "clustered": lambda rows, g, measure=measure: measure(rows, [0, 1], g),
            },
        )


def intraclass() -> Question:
    def one(rng: np.random.Generator, n: int) -> Rows:
        return rng.normal(size=(n, 1)) + math.sqrt(0.5) * rng.normal(size=(n, 3))

    return Question(
        name="intraclass correlation 0.67, three raters",
        truth=2 / 3,
        one=one,
        group_sizes=(1,),
        uneven=(),
        intervals={
            "ICC(1), F": lambda rows, _: stats.icc(rows, kind="1,1"),
            "ICC(A,1), F": lambda rows, _: stats.icc(rows, kind="A,1", interval="f"),
            "ICC(A,1), MOVER": lambda rows, _: stats.icc(rows, kind="A,1"),
            "ICC(C,1), F": lambda rows, _: stats.icc(rows, kind="C,1"),
        },
    )


def absolute_agreement() -> Question:
    """Raters who differ from each other; others would be drawn in another study."""

    def one(rng: np.random.Generator, n: int) -> Rows:
        rater = math.sqrt(0.2) * rng.normal(size=3)
        return rng.normal(size=(n, 1)) + rater + math.sqrt(0.5) * rng.normal(size=(n, 3))

    return Question(
        name="intraclass correlation 0.59, three raters who differ",
        truth=1 / 1.7,
        one=one,
        group_sizes=(1,),
        uneven=(),
        intervals={
            "ICC(A,1), F": lambda rows, _: stats.icc(rows, kind="A,1", interval="f"),
            "ICC(A,1), MOVER": lambda rows, _: stats.icc(rows, kind="A,1"),
        },
    )


def agreement_limit() -> Question:
    def one(rng: np.random.Generator, n: int) -> Rows:
        return rng.normal(size=(n, 1))

    def measure(rows: Rows, groups: Codes | None) -> Estimate:
        return stats.bland_altman(rows[:, 0], np.zeros(len(rows)), groups).upper

    return Question(
        name="upper limit of agreement",
        truth=float(special.ndtri(0.975)),
        one=one,
        intervals={
            "Bland-Altman, groups ignored": lambda rows, _: measure(rows, None),
            "repeated measures": measure,
        },
    )


def questions() -> Iterator[Question]:
    yield from (kappa(value, p) for value, p in ((0.4, 0.5), (0.8, 0.2), (0.4, 0.02), (0.8, 0.02)))
    yield weighted_kappa()
    yield from raters()
    yield intraclass()
    yield absolute_agreement()
    yield agreement_limit()
