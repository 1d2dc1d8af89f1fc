"""Labels and features that do not look like the others, by subject."""

from __future__ import annotations

from pathlib import Path

import pytest

from plexor.cases import Case, Cohort
from plexor.cases.check_numbers import check_years, number_problems
from plexor.core.errors import DataError


def cases(ages: list[float], **features: list[float]) -> list[Case]:
    return [
        Case(
            id=f"sub-{n:02d}",
            path=Path(f"{n}.nii"),
            truth=age,
            group=f"sub-{n:02d}",
            features={name: column[n] for name, column in features.items()},
        )
        for n, age in enumerate(ages)
    ]


AGES = [31.0, 44.0, 52.0, 60.0, 73.0, 81.0]
VOLUMES = [1310.0, 1440.0, 1525.0, 1390.0, 1660.0, 1502.0]


def found(
    people: list[Case], *, number: bool = True, unit: str | None = "years"
) -> list[tuple[str, str]]:
    return [(one.id, one.where) for one in number_problems(people, number=number, unit=unit)]


def test_usual_ages_and_volumes_raise_nothing() -> None:
    assert found(cases(AGES, icv_ml=VOLUMES)) == []


@pytest.mark.parametrize(("age", "asked"), [(732.0, "is it in months?"), (-3.0, "years")])
def test_an_age_that_is_not_in_years_is_told_by_name(age: float, asked: str) -> None:
    people = cases([*AGES, age])
    (one,) = number_problems(people, number=True, unit="years")
    assert (one.id, one.where, one.severity) == ("label-not-years", "sub-06", "error")
    assert one.message.endswith(asked)


def test_all_ages_in_months_are_told_though_they_are_alike() -> None:
    people = cases([12 * age for age in AGES])
    assert found(people) == [("label-not-years", person.id) for person in people]
    assert found(people, unit=None) == []


def test_ages_in_months_are_refused_by_name() -> None:
    people = Cohort(name="people", classes=(), cases=tuple(cases([12 * age for age in AGES])))
    told = r"people: sub-00: the label is 372, expected 0 to 120 years; is it in months\?; .*3 more"
    with pytest.raises(DataError, match=told):
        check_years(people, "years")
    check_years(people, "months")
    check_years(Cohort(name="people", classes=(), cases=tuple(cases(AGES))), "years")


def test_a_number_in_another_unit_is_told_where_the_unit_is_unknown() -> None:
    assert found(cases([*AGES, 732.0]), unit=None) == [("number-far-off", "sub-06")]
    litres = cases(AGES, icv_ml=[*VOLUMES[:5], 1502_000.0])
    assert found(litres) == [("number-far-off", "sub-05")]


def test_a_zero_among_volumes_is_told_and_a_code_is_not() -> None:
    assert found(cases(AGES, icv_ml=[*VOLUMES[:5], 0.0])) == [("feature-zero", "sub-05")]
    assert found(cases(AGES, male=[0.0, 1.0, 1.0, 1.0, 1.0, 1.0])) == []
    assert found(cases(AGES, score=[-1.0, 0.0, 1.0, 2.0, -2.0, 0.5])) == []


def test_labels_that_are_no_numbers_are_left_alone() -> None:
    assert found(cases([1.0, 2.0, 1.0, 2.0, 1.0, 900.0]), number=False) == []
