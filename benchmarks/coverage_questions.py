"""Whose coverage is simulated: quantities with their true values, observations, and intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special

from plexor import stats
from plexor.stats import Estimate

Rows = NDArray[np.float64]
Codes = NDArray[np.intp]
Draw = Callable[[np.random.Generator, int], Rows]
Measure = Callable[[Rows, Codes], Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A quantity with its true value, how to draw observations, and the intervals for it.

    ``n`` and ``group_sizes`` say in which designs it is asked; one that resamples takes a quarter
    of the samples.
    """

    name: str
    truth: float
    one: Draw
    intervals: dict[str, Measure]
    n: tuple[int, ...] = (20, 50, 200, 2000)
    group_sizes: tuple[int, ...] = (1, 2, 5, 10)
    resamples: bool = False


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


def area(value: float, p: float) -> Question:
    return Question(
        name=f"ROC area {value:g}, prevalence {p:g}",
        truth=value,
        one=_scores(p, value),
        intervals={
            "DeLong Wald, groups ignored": lambda rows, _: stats.auc(*rows.T, interval="wald"),
            "DeLong logit, groups ignored": lambda rows, _: stats.auc(*rows.T),
            "clustered Wald": lambda rows, g: stats.auc(*rows.T, g, interval="wald"),
            "clustered logit": lambda rows, g: stats.auc(*rows.T, g),
        },
    )


def part_of_area() -> Question:
    def sensitivity(rate: float) -> float:
        return float(special.ndtr(math.sqrt(2) * special.ndtri(0.85) + special.ndtri(rate)))

    part = (0.8, 1.0)
    return Question(
        name="ROC area 0.85 where specificity is 0.8 to 1",
        truth=integrate.quad(sensitivity, 0, 0.2)[0],
        one=_scores(0.5, 0.85),
        n=(20, 50, 200),
        intervals={
            "Wald, groups ignored": lambda rows, _: stats.partial_auc(
                *rows.T, specificity=part, interval="wald"
            ),
            "logit, groups ignored": lambda rows, _: stats.partial_auc(*rows.T, specificity=part),
            "clustered logit": lambda rows, g: stats.partial_auc(*rows.T, g, specificity=part),
        },
    )


def sensitivity_there() -> Question:
    shift = math.sqrt(2) * float(special.ndtri(0.85))

    def measure(rows: Rows, groups: Codes | None) -> Estimate:
        return stats.sensitivity_at_specificity(*rows.T, 0.8, groups, seed=1, n_resamples=500)

    return Question(
        name="sensitivity at specificity 0.8",
        truth=float(special.ndtr(shift + special.ndtri(0.2))),
        one=_scores(0.5, 0.85),
        n=(50, 200),
        group_sizes=(1, 5),
        resamples=True,
        intervals={
            "bootstrapped Wilson, groups ignored": lambda rows, _: measure(rows, None),
            "clustered": measure,
        },
    )


def area_difference() -> Question:
    one_area = _scores(0.5, 0.85, 0.8)
    return Question(
        name="difference of ROC areas, 0.85 and 0.80",
        truth=0.05,
        one=one_area,
        n=(20, 50, 200),
        intervals={
            "DeLong, groups ignored": lambda rows, _: stats.auc_difference(*rows.T),
            "clustered": lambda rows, g: stats.auc_difference(*rows.T, g),
        },
    )


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
            "Fleiss-Cohen-Everitt, groups ignored": lambda rows, _: measure(rows, None),
            "clustered": measure,
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
            n=(20, 50, 200),
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
        intervals={
            "ICC(1), F": lambda rows, _: stats.icc(rows, kind="1,1"),
            "ICC(A,1), F": lambda rows, _: stats.icc(rows, kind="A,1"),
            "ICC(C,1), F": lambda rows, _: stats.icc(rows, kind="C,1"),
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
        intervals={
            "Woodruff, groups ignored": lambda rows, _: stats.clustered_quantile(rows[:, 0]),
            "clustered Woodruff": lambda rows, g: stats.clustered_quantile(rows[:, 0], 0.5, g),
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
        def statistic(weights: Rows) -> Rows:
            total = weights.sum(axis=1, keepdims=True)
            off = weights * (x - (weights @ x / total[:, 0])[:, None])
            n_groups = groups[-1] + 1
            sums = off.reshape(len(off), n_groups, -1).sum(axis=2)
            # A group drawn twice is two groups of its sum halved.
            drawn = np.maximum(weights[:, :: len(x) // n_groups], 1)
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
        resamples=True,
        intervals={
            "cluster percentile": lambda rows, g: measure(rows, g, "percentile"),
            "cluster BCa": lambda rows, g: measure(rows, g, "bca"),
            "cluster studentised": lambda rows, g: measure(rows, g, "studentised"),
        },
    )


def questions() -> Iterator[Question]:
    yield from (proportion(p) for p in (0.01, 0.05, 0.1, 0.5))
    yield from (paired(p) for p in (0.2, 0.8))
    yield odds()
    yield subgroups()
    yield from (balanced(p) for p in (0.02, 0.1))
    yield from (area(value, p) for value, p in ((0.75, 0.5), (0.95, 0.5), (0.95, 0.1)))
    yield part_of_area()
    yield sensitivity_there()
    yield area_difference()
    yield from (kappa(value, p) for value, p in ((0.4, 0.5), (0.8, 0.2)))
    yield from raters()
    yield intraclass()
    yield agreement_limit()
    yield from errors()
    yield bootstrapped()


def _scores(p: float, *areas: float) -> Draw:
    """Truth of prevalence p, and a normal score for each area; scores correlate by a half."""
    shifts = math.sqrt(2) * special.ndtri(areas)

    def one(rng: np.random.Generator, n: int) -> Rows:
        truth = (rng.random(n) < p)[:, None]
        noise = rng.normal(size=(n, len(areas)))
        if len(areas) > 1:
            noise = math.sqrt(0.5) * (noise + rng.normal(size=(n, 1)))
        return np.column_stack([truth, noise + truth * shifts])

    return one
