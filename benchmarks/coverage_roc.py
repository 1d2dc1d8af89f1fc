"""Questions about ROC curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from coverage_question import Codes, Draw, Question, Rows
from scipy import integrate, special

from plexor import stats
from plexor.stats import Estimate


def few_positives(value: float, p: float) -> Question:
    """Two to ten positives, one case to a group."""
    return replace(
        area(value, p),
        name=f"ROC area {value:g}, few positives",
        n=(100, 200, 500),
        group_sizes=(1,),
    )


def area(value: float, p: float) -> Question:
    return Question(
        name=f"ROC area {value:g}, prevalence {p:g}",
        truth=value,
        one=_scores(p, value),
        group_sizes=(1, 5),
        intervals={
            "DeLong Wald, groups ignored": lambda rows, _: stats.auc(*rows.T, interval="wald"),
            "DeLong logit, groups ignored": lambda rows, _: stats.auc(*rows.T, interval="logit"),
            "default, groups ignored": lambda rows, _: stats.auc(*rows.T),
            "clustered logit": lambda rows, g: stats.auc(*rows.T, g, interval="logit"),
            "clustered default": lambda rows, g: stats.auc(*rows.T, g),
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
        group_sizes=(1, 5),
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
        slow_from=0,
        uneven=(30,),
        intervals={
            "bootstrapped Wilson, groups ignored": lambda rows, _: measure(rows, None),
            "clustered": measure,
        },
    )


def best_point(value: float) -> Iterator[Question]:
    """Youden's index and its threshold, between two normal distributions of equal spread."""
    shift = math.sqrt(2) * float(special.ndtri(value))

    def measure(rows: Rows, groups: Codes | None) -> tuple[Estimate, Estimate]:
        return stats.youden(*rows.T, groups, seed=1, n_resamples=500)

    for part, (name, truth) in enumerate(
        (("Youden's index", 2 * float(special.ndtr(shift / 2)) - 1), ("its threshold", shift / 2))
    ):
        yield Question(
            name=f"{name}, ROC area {value:g}",
            truth=truth,
            one=_scores(0.5, value),
            group_sizes=(1, 5),
            slow_from=0,
            uneven=(30,),
            intervals={
                "groups ignored": lambda rows, _, part=part: measure(rows, None)[part],
                "clustered": lambda rows, g, part=part: measure(rows, g)[part],
            },
        )


def mean_area() -> Question:
    """Three classes; a class's score is normal, and higher in its own cases."""
    area, shares = 0.85, np.array([0.5, 0.3, 0.2])
    shift = math.sqrt(2) * float(special.ndtri(area))

    def one(rng: np.random.Generator, n: int) -> Rows:
        truth = rng.choice(3, n, p=shares)
        scores = rng.normal(size=(n, 3)) + shift * (truth[:, None] == np.arange(3))
        return np.column_stack([truth, scores])

    def measure(rows: Rows, groups: Codes | None, function: Callable[..., Estimate]) -> Estimate:
        return function(rows[:, 0].astype(int), rows[:, 1:], [0, 1, 2], groups)

    return Question(
        name="mean ROC area 0.85 of three classes",
        truth=area,
        one=one,
        group_sizes=(1, 5),
        intervals={
            "one versus rest, groups ignored": lambda rows, _: measure(rows, None, stats.macro_auc),
            "one versus rest, clustered": lambda rows, g: measure(rows, g, stats.macro_auc),
            "Hand-Till, groups ignored": lambda rows, _: measure(rows, None, stats.hand_till_auc),
            "Hand-Till, clustered": lambda rows, g: measure(rows, g, stats.hand_till_auc),
        },
    )


def area_difference() -> Question:
    one_area = _scores(0.5, 0.85, 0.8)
    return Question(
        name="difference of ROC areas, 0.85 and 0.80",
        truth=0.05,
        one=one_area,
        group_sizes=(1, 5),
        intervals={
            "DeLong, groups ignored": lambda rows, _: stats.auc_difference(*rows.T),
            "clustered": lambda rows, g: stats.auc_difference(*rows.T, g),
        },
    )


def questions() -> Iterator[Question]:
    yield from (area(value, p) for value, p in ((0.75, 0.5), (0.95, 0.5), (0.95, 0.1)))
    yield from (few_positives(value, 0.02) for value in (0.75, 0.85, 0.95))
    yield part_of_area()
    yield area_difference()
    yield mean_area()
    yield sensitivity_there()
    yield from (one for value in (0.75, 0.95) for one in best_point(value))


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
