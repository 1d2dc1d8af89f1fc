"""Questions about shares of cases, and how they change."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from coverage_question import Codes, Measure, Question, Rows

from plexor import stats
from plexor.stats import Estimate


def proportion(p: float) -> Question:
    def one(rng: np.random.Generator, n: int) -> Rows:
        return (rng.random(n) < p)[:, None].astype(float)

    def plain(method: stats.proportion.ProportionMethod) -> Measure:
        return lambda rows, _: stats.proportion_interval(int(rows.sum()), len(rows), method=method)

    methods = ("wilson", "clopper-pearson", "mid-p", "agresti-coull", "jeffreys", "wald")
    intervals: dict[str, Measure] = {
        f"{method}, groups ignored": plain(method) for method in methods
    }
    intervals["clustered Wilson"] = lambda rows, g: stats.clustered_proportion(rows[:, 0], g)
    return Question(name=f"proportion {p:g}", truth=p, one=one, intervals=intervals)


def paired(p: float) -> Question:
    """Right before with probability p; a quarter of those right turn wrong."""

    def one(rng: np.random.Generator, n: int) -> Rows:
        before = rng.random(n) < p
        return np.column_stack([before, before & (rng.random(n) < 0.75)]).astype(float)

    def table(rows: Rows, method: stats.paired.PairedMethod) -> Estimate:
        before, after = rows.T > 0
        counts = [int((a & b).sum()) for a in (before, ~before) for b in (after, ~after)]
        return stats.paired_difference_interval(*counts, method=method)

    return Question(
        name=f"paired difference from {p:g}",
        truth=-p / 4,
        one=one,
        intervals={
            "Newcombe, groups ignored": lambda rows, _: table(rows, "newcombe"),
            "Tango, groups ignored": lambda rows, _: table(rows, "tango"),
            "Wald, groups ignored": lambda rows, _: table(rows, "wald"),
            "clustered Newcombe": lambda rows, g: stats.paired_difference(*rows.T, g),
        },
    )


def odds() -> Question:
    """A tenth of observations change one way, a fifth the other."""

    def one(rng: np.random.Generator, n: int) -> Rows:
        kind = rng.choice(3, n, p=[0.7, 0.1, 0.2])
        return np.column_stack([kind == 1, kind == 2]).astype(float)

    return Question(
        name="paired odds ratio 2",
        truth=2.0,
        one=one,
        intervals={
            "Wilson, groups ignored": lambda rows, _: stats.paired_odds_ratio(*rows.T),
            "clustered Wilson": lambda rows, g: stats.paired_odds_ratio(*rows.T, g),
        },
    )


def subgroups() -> Question:
    """Events in 30 % of one half and 10 % of the other; a group may be in both."""

    def one(rng: np.random.Generator, n: int) -> Rows:
        member = rng.random(n) < 0.5
        return np.column_stack([rng.random(n) < np.where(member, 0.3, 0.1), member]).astype(float)

    def table(rows: Rows, method: stats.difference.DifferenceMethod) -> Estimate:
        event, member = rows.T > 0
        counts = (event & member).sum(), member.sum(), (event & ~member).sum(), (~member).sum()
        return stats.difference_interval(*map(int, counts), method=method)

    return Question(
        name="difference of subgroups, 0.3 and 0.1",
        truth=0.2,
        one=one,
        intervals={
            "Newcombe, groups ignored": lambda rows, _: table(rows, "newcombe"),
            "Miettinen-Nurminen, groups ignored": lambda rows, _: table(rows, "miettinen-nurminen"),
            "Wald, groups ignored": lambda rows, _: table(rows, "wald"),
            "clustered Newcombe": lambda rows, g: stats.subgroup_difference(*rows.T, g),
        },
    )


def balanced(p: float) -> Question:
    """Three classes, the rarest of prevalence p; recalls 0.9, 0.8, 0.7."""
    shares, recalls = np.array([1 - 3 * p, 2 * p, p]), np.array([0.9, 0.8, 0.7])

    def one(rng: np.random.Generator, n: int) -> Rows:
        truth = rng.choice(3, n, p=shares)
        right = rng.random(n) < recalls[truth]
        return np.column_stack([truth, np.where(right, truth, (truth + 1) % 3)]).astype(float)

    def measure(rows: Rows, groups: Codes | None) -> Estimate:
        return stats.balanced_accuracy(*rows.astype(int).T, [0, 1, 2], groups)

    return Question(
        name=f"balanced accuracy, rarest class {p:g}",
        truth=0.8,
        one=one,
        intervals={
            "MOVER, groups ignored": lambda rows, _: measure(rows, None),
            "clustered MOVER": measure,
        },
    )


def questions() -> Iterator[Question]:
    yield from (proportion(p) for p in (0.01, 0.02, 0.05, 0.1, 0.5))
    yield from (paired(p) for p in (0.2, 0.8))
    yield odds()
    yield subgroups()
    yield from (balanced(p) for p in (0.02, 0.1))
