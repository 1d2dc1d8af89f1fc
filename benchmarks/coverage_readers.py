"""Questions about readers: what they see, how they read, and whether a treatment is read better."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from coverage_question import Codes, Draw, Question, Rows
from scipy import special

from plexor import stats
from plexor.stats import Estimate


def answers(d_prime: float, criterion: float) -> Question:
    """One reader's "yes" to half of the cases with and half without the signal."""

    def one(rng: np.random.Generator, n: int) -> Rows:
        signal = np.arange(n) % 2
        yes = rng.normal(size=n) > criterion + d_prime * (0.5 - signal)
        return np.column_stack([signal, yes]).astype(float)

    def found(rows: Rows) -> stats.Detection:
        signal, yes = rows.T > 0
        counts = (yes & signal).sum(), signal.sum(), (yes & ~signal).sum(), (~signal).sum()
        return stats.detection(*map(int, counts))

    return Question(
        name=f"d' {d_prime:g}, criterion {criterion:g}",
        truth=d_prime,
        one=one,
        group_sizes=(1,),
        uneven=(),
        intervals={"d'": lambda rows, _: found(rows).d_prime},
    )


def reads(n_readers: int) -> Question:
    """Readers right in 80 % of reads on average; they differ, and so do cases."""
    of_case, of_reader = 0.4, 0.1

    def one(rng: np.random.Generator, n: int) -> Rows:
        noise = math.sqrt(1 - of_case - of_reader) * rng.normal(size=(n, n_readers))
        case = math.sqrt(of_case) * rng.normal(size=(n, 1))
        reader = math.sqrt(of_reader) * rng.normal(size=n_readers)
        return (noise + case + reader < special.ndtri(0.8)).astype(float)

    def measure(rows: Rows, cases: Codes) -> Estimate:
        readers = np.tile(np.arange(n_readers), len(rows))
        return stats.proportion_of_reads(rows.ravel(), np.repeat(cases, n_readers), readers)

    return Question(
        name=f"reads of {n_readers} readers, 80 % right",
        truth=0.8,
        one=one,
        group_sizes=(1, 5),
        uneven=(),
        intervals={
            "over cases and readers, groups ignored": lambda rows, _: measure(
                rows, np.arange(len(rows))
            ),
            "over groups and readers": measure,
        },
    )


def study_difference(n_readers: int) -> Question:
    def measure(rows: Rows, groups: Codes | None) -> Estimate:
        ratings = _by_treatment(rows, n_readers)
        return stats.reader_study_auc(rows[:, 0], ratings, groups).difference(0, 1)

    return Question(
        name=f"difference of ROC areas, {n_readers} readers",
        truth=0.05,
        one=_ratings(n_readers),
        n=(50, 200),
        group_sizes=(1, 5),
        uneven=(),
        slow_from=200,
        intervals={
            "Obuchowski-Rockette-Hillis, groups ignored": lambda rows, _: measure(rows, None),
            "clustered": measure,
            "one-shot, groups ignored": lambda rows, _: stats.one_shot_difference(
                rows[:, 0], *_by_treatment(rows, n_readers)
            ),
        },
    )


def study_mean(n_readers: int) -> Question:
    def measure(rows: Rows, groups: Codes | None) -> Estimate:
        ratings = _by_treatment(rows, n_readers)
        return stats.reader_study_auc(rows[:, 0], ratings, groups).mean(0)

    return Question(
        name=f"mean ROC area 0.85, {n_readers} readers",
        truth=0.85,
        one=_ratings(n_readers),
        n=(50, 200),
        group_sizes=(1, 5),
        uneven=(),
        slow_from=200,
        intervals={
            "Obuchowski-Rockette-Hillis, groups ignored": lambda rows, _: measure(rows, None),
            "clustered": measure,
            "one-shot, groups ignored": lambda rows, _: stats.one_shot_auc(
                rows[:, 0], _by_treatment(rows, n_readers)[0]
            ),
        },
    )


def binormal(area: float, slope: float) -> Question:
    """A reader's ratings in five categories, normal with a spread of their own in positives."""
    spread = 1 / slope
    shift = float(special.ndtri(area)) * math.hypot(1, spread)
    cuts = np.array([0.0, 0.6, 1.2, 1.8])

    def one(rng: np.random.Generator, n: int) -> Rows:
        truth = np.arange(n) % 2
        rating = np.where(truth, shift + spread * rng.normal(size=n), rng.normal(size=n))
        return np.column_stack([truth, np.searchsorted(cuts, rating)]).astype(float)

    return Question(
        name=f"ROC area {area:g}, five ratings",
        truth=area,
        one=one,
        n=(50, 200, 2000),
        group_sizes=(1,),
        uneven=(),
        slow_from=0,
        intervals={"binormal": lambda rows, _: stats.binormal_curve(*rows.T).area},
    )


def questions() -> Iterator[Question]:
    yield from (answers(d, c) for d, c in ((0.0, 0.0), (1.0, 0.0), (3.0, 1.0)))
    yield from (reads(n) for n in (3, 8))
    yield from (study_difference(n) for n in (3, 8))
    yield from (study_mean(n) for n in (3, 8))
    yield from (binormal(area, slope) for area, slope in ((0.85, 0.7), (0.95, 0.7)))


def _ratings(n_readers: int) -> Draw:
    """Half positive, then treatments by readers; mean areas of 0.85 and 0.80 over all readers.

    A sum of effects as in Roe & Metz (Acad Radiol 1997;4:298): cases' and errors' variances add
    up to 1, and readers (alone, and by treatment) move the means of positives.
    """
    of_case, by_treatment, by_reader = 0.3, 0.1, 0.2
    of_reader = 0.05
    areas = special.ndtri([0.85, 0.80])
    # A reader's area is Φ((mean + effect) / √2), whose expectation is wanted.
    means = areas * math.sqrt(2 + 2 * of_reader)

    def one(rng: np.random.Generator, n: int) -> Rows:
        truth = np.arange(n) % 2

        def effects(variance: float, *shape: int) -> Rows:
            return math.sqrt(variance) * rng.normal(size=shape)

        error = 1 - of_case - by_treatment - by_reader
        scores = effects(error, n, 2, n_readers) + effects(of_case, n, 1, 1)
        scores += effects(by_treatment, n, 2, 1) + effects(by_reader, n, 1, n_readers)
        moved = effects(of_reader, 1, n_readers) + effects(of_reader, 2, n_readers)
        scores += truth[:, None, None] * (means[:, None] + moved)
        return np.column_stack([truth, scores.reshape(n, -1)])

    return one


def _by_treatment(rows: Rows, n_readers: int) -> Rows:
    return rows[:, 1:].T.reshape(2, n_readers, -1)
