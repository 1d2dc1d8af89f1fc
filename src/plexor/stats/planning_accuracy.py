"""Sample sizes for sensitivity and specificity, also with several images of a patient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from plexor.core.errors import PlanError, unknown
from plexor.stats.argument import check_level, normal_quantile
from plexor.stats.planning import check_share, smallest_n
from plexor.stats.proportion import wilson_limits

PrecisionMethod = Literal["wilson", "wald"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyPlan:
    """Cases and groups that a study of sensitivity and specificity needs.

    Attributes:
        n_positive: positive cases.
        n_negative: negative cases.
        n_cases: cases to draw so that, at the prevalence, both numbers are expected to be reached.
        n_groups: groups that hold these cases.
        design_effect: factor by which groups raise the numbers.
    """

    n_positive: int
    n_negative: int
    n_cases: int
    n_groups: int
    design_effect: float


def accuracy_sample_size(
    *,
    sensitivity: float,
    specificity: float,
    prevalence: float,
    half_width: float,
    cases_per_group: float = 1.0,
    size_variation: float = 0.0,
    correlation: float = 0.0,
    level: float = 0.95,
    method: PrecisionMethod = "wilson",
) -> AccuracyPlan:
    """Cases for intervals of sensitivity and specificity no wider than ± ``half_width``.

    ``"wald"`` is Buderer's formula, z² p (1 - p) / half_width² (Acad Emerg Med 1996;3:895);
    ``"wilson"`` (the default) takes half the length of the Wilson interval at the expected share.
    With several cases to a group the number is multiplied by the design effect
    1 + ((1 + cv²) m - 1) r for m cases of a class to a group on average, whose numbers have the
    coefficient of variation cv, and correlation r within groups (Eldridge, Ashby & Kerry, Int J
    Epidemiol 2006;35:1292; Donner & Klar 2000 for equal numbers).

    Args:
        sensitivity: expected, strictly within 0 … 1.
        specificity: expected, strictly within 0 … 1.
        prevalence: share of positives among the cases drawn, strictly within 0 … 1.
        half_width: greatest acceptable half width of either interval, e.g. 0.05.
        cases_per_group: mean number of cases of a class in a group that has some, 1 or more.
        size_variation: coefficient of variation of that number, 0 where all are equal.
        correlation: of right decisions within a group, 0 to 1.
        level: nominal coverage of the intervals.
        method: see above.

    Raises:
        PlanError: an option outside of its range, or an unknown method.

    Examples:
        Buderer's example: sensitivity 0.9, specificity 0.85, prevalence 0.2, ± 0.1.

        >>> plan = accuracy_sample_size(
        ...     sensitivity=0.9, specificity=0.85, prevalence=0.2, half_width=0.1, method="wald"
        ... )
        >>> plan.n_positive, plan.n_negative, plan.n_cases
        (35, 49, 175)
    """
    check_level(level)
    shares = {"sensitivity": sensitivity, "specificity": specificity, "prevalence": prevalence}
    for name, share in {**shares, "half_width": half_width}.items():
        check_share(name, share)
    if method not in get_args(PrecisionMethod):
        raise PlanError(unknown("precision", method, get_args(PrecisionMethod)))
    if not (cases_per_group >= 1 and size_variation >= 0 and 0 <= correlation <= 1):
        raise PlanError(
            "expected cases_per_group from 1, size_variation from 0 and a correlation from 0 to 1, "
            f"got {cases_per_group}, {size_variation} and {correlation}"
        )
    effect = 1 + ((1 + size_variation**2) * cases_per_group - 1) * correlation
    z = normal_quantile(level)
    positive, negative = (
        math.ceil(effect * _independent(share, half_width, z, method) - 1e-9)
        for share in (sensitivity, specificity)
    )
    n_cases = math.ceil(max(positive / prevalence, negative / (1 - prevalence)) - 1e-9)
    return AccuracyPlan(
        n_positive=positive,
        n_negative=negative,
        n_cases=n_cases,
        n_groups=math.ceil(n_cases / cases_per_group - 1e-9),
        design_effect=effect,
    )


def _independent(share: float, half_width: float, z: float, method: PrecisionMethod) -> int:
    if method == "wald":
        return math.ceil(z * z * share * (1 - share) / half_width**2 - 1e-9)

    def precise(n: int) -> float:
        low, high = wilson_limits(share, n, z)
        return 1.0 if (high - low) / 2 <= half_width else 0.0

    return smallest_n(precise, 0.5)
