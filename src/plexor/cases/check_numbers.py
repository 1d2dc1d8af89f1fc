"""Numbers of a cohort, labels or features, that do not look like the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from plexor.cases.case import Case
from plexor.cases.cohort import Cohort
from plexor.cases.problem import Problem, error, warning
from plexor.core.errors import DataError

_FENCE = 5.0
"""Interquartile ranges from a quartile; of normal numbers fewer than 1 in 10^12 lie farther out."""
_FEWEST = 5
_OLDEST = 120.0
_YEARS = ("year", "years")
_SHOWN = 3


def number_problems(cases: Sequence[Case], *, number: bool, unit: str | None) -> Iterator[Problem]:
    """Labels and features far from all others, features of 0, and ages that are not in years.

    Args:
        cases: of the cohort.
        number: whether labels are numbers.
        unit: of the labels, where it is known.
    """
    if number:
        labels = {case.id: float(case.truth) for case in cases}
        in_years = unit in _YEARS
        if in_years:
            yield from _not_years(labels)
        kept = {name: label for name, label in labels.items() if not in_years or _is_age(label)}
        yield from _far("label", kept)
    for name in cases[0].features if cases else ():
        column = {case.id: case.features[name] for case in cases}
        zeros = _zeros(column)
        for case_id in zeros:
            message = f"feature {name!r} is 0 where all others are positive; was it measured?"
            yield warning("feature-zero", case_id, message)
        yield from _far(f"feature {name!r}", {k: v for k, v in column.items() if k not in zeros})


def check_years(cohort: Cohort, unit: str | None) -> None:
    """Refuses labels in years outside of 0 to 120, which may be months.

    Args:
        cohort: any; labels that are no numbers are left alone.
        unit: of the model's number; no other unit than years is looked at.

    Raises:
        DataError: a label lies outside; the first cases are named.

    Example:
        >>> from pathlib import Path
        >>> case = Case(id="sub-01", path=Path("a.nii"), truth=732.0, group="sub-01")
        >>> check_years(Cohort(name="people", cases=(case,), classes=()), "years")
        Traceback (most recent call last):
        plexor.core.errors.DataError: people: sub-01: the label is 732, expected 0 to 120 years; ...
    """
    if unit not in _YEARS:
        return
    labels = {case.id: case.truth for case in cohort.cases if isinstance(case.truth, float)}
    found = [f"{problem.where}: {problem.message}" for problem in _not_years(labels)]
    if found:
        more = f" (and {len(found) - _SHOWN} more cases)" if len(found) > _SHOWN else ""
        raise DataError(f"{cohort.name}: {'; '.join(found[:_SHOWN])}{more}")


def _is_age(label: float) -> bool:
    return 0 <= label <= _OLDEST


def _not_years(labels: Mapping[str, float]) -> Iterator[Problem]:
    for case_id, label in labels.items():
        if not _is_age(label):
            asked = "; is it in months?" if label > 0 else ""
            message = f"the label is {label:g}, expected 0 to {_OLDEST:g} years{asked}"
            yield error("label-not-years", case_id, message)


def _zeros(column: Mapping[str, float]) -> list[str]:
    """Cases with a 0 in a column that is else positive, and no code such as 0 and 1."""
    others = {value for value in column.values() if value}
    if len(others) < _FEWEST - 1 or min(others) < 0:
        return []
    return [case_id for case_id, value in column.items() if value == 0]


def _far(what: str, column: Mapping[str, float]) -> Iterator[Problem]:
    """Numbers beyond Tukey's fences, drawn wide."""
    values = np.array(list(column.values()), dtype=np.float64)
    if len(values) < _FEWEST:
        return
    low, high = np.quantile(values, (0.25, 0.75))
    reach = _FENCE * (high - low)
    if reach == 0:
        return
    for case_id, value in column.items():
        if not low - reach <= value <= high + reach:
            message = (
                f"{what} is {value:g}, half of all lie from {low:g} to {high:g}; is it in another "
                "unit?"
            )
            yield warning("number-far-off", case_id, message)
