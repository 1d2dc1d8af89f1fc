"""Splits keep groups whole and shares near, whatever the cohort."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexor.cases import Case, Cohort, limit_cases, split_groups
from plexor.core.errors import PlanError

FRACTIONS = {"train": 0.75, "validation": 0.10, "test": 0.15}


def _cohort(rows: list[tuple[str, str | float]]) -> Cohort:
    cases = tuple(
        Case(id=str(i), path=Path(f"{i}.png"), truth=truth, group=group)
        for i, (group, truth) in enumerate(rows)
    )
    classes = tuple(sorted({truth for _, truth in rows if isinstance(truth, str)}))
    return Cohort(name="c", cases=cases, classes=classes)


rows = st.lists(
    st.tuples(st.integers(0, 40).map(str), st.sampled_from(["a", "b", "c"])), min_size=1
)


@given(rows=rows, seed=st.integers(0, 2**31), order=st.randoms(use_true_random=False))
def test_groups_stay_whole_and_order_does_not_matter(
    rows: list[tuple[str, str | float]], seed: int, order: object
) -> None:
    cohort = _cohort(rows)
    split = split_groups(cohort, FRACTIONS, seed)
    assert [case.id for case in split.cases] == [case.id for case in cohort.cases]
    of_group: dict[str, set[str | None]] = {}
    for case in split.cases:
        of_group.setdefault(case.group, set()).add(case.split)
    assert all(len(names) == 1 and names <= set(FRACTIONS) for names in of_group.values())

    shuffled = list(cohort.cases)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    again = split_groups(replace(cohort, cases=tuple(shuffled)), FRACTIONS, seed)
    assert {case.id: case.split for case in again.cases} == {
        case.id: case.split for case in split.cases
    }


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=60),
    seed=st.integers(0, 2**31),
)
def test_each_class_misses_its_share_by_less_than_its_largest_group(
    sizes: list[int], seed: int
) -> None:
    rows: list[tuple[str, str | float]] = [
        (f"{truth}{group}", truth)
        for truth in "ab"
        for group, size in enumerate(sizes)
        for _ in range(size)
    ]
    split = split_groups(_cohort(rows), FRACTIONS, seed)
    for truth in "ab":
        counts = Counter(case.split for case in split.cases if case.truth == truth)
        for name, share in FRACTIONS.items():
            assert abs(counts[name] - share * sum(sizes)) <= max(sizes)


def test_large_and_small_groups_are_spread_alike() -> None:
    rows: list[tuple[str, str | float]] = [
        (str(group), "a") for group in range(4000) for _ in range(1 if group % 2 else 4)
    ]
    split = split_groups(_cohort(rows), FRACTIONS, seed=1)
    for name in FRACTIONS:
        cases = split.with_split(name).cases
        single = sum(n == 1 for n in Counter(case.group for case in cases).values())
        # Half of all groups are single: 600 groups at least, so 0.5 within five standard errors.
        assert abs(single / len({case.group for case in cases}) - 0.5) < 0.13


def test_a_group_counts_for_its_commonest_class() -> None:
    """Of each hundred groups, 99 cases are "b" for one "a": by name "a" would come first."""
    rows: list[tuple[str, str | float]] = [
        (f"{truth}{group}", each)
        for truth in "bc"
        for group in range(200)
        for each in (["a", truth, truth] if group < 100 else ["d", "d", truth])
    ]
    cohort = _cohort(rows)
    split = split_groups(cohort, {"train": 0.5, "test": 0.5}, seed=5)
    for truth in "bc":
        for first in (True, False):
            part = [
                case.split
                for case in split.cases
                if case.group[0] == truth and (int(case.group[1:]) < 100) is first
            ]
            if first:  # a stratum of its own, so halved to the case
                assert part.count("train") == part.count("test")
    # "d" is one stratum of groups from both.
    part = [case.split for case in split.cases if int(case.group[1:]) >= 100]
    assert part.count("train") == part.count("test")


def test_of_two_classes_as_common_the_first_by_name_counts() -> None:
    alike: list[tuple[str, str | float]] = [
        (f"{pair}{group}", truth) for pair in ("ab", "ac") for group in range(50) for truth in pair
    ]
    alone = [(group, "a") for group, _ in alike]
    fractions = {"train": 0.5, "test": 0.5}
    by_name = split_groups(_cohort(alike), fractions, seed=1)
    as_a = split_groups(_cohort(list(alone)), fractions, seed=1)
    assert [case.split for case in by_name.cases] == [case.split for case in as_a.cases]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([4], {"x": 4}),  # its middle, at 0.5, lies in x
        ([2, 2], {"x": 2, "y": 2}),  # middles at 0.25 and 0.75
        ([1] * 10, {"x": 6, "y": 4}),  # 0.05, ..., 0.55 | 0.65, ...
        ([2] * 5, {"x": 6, "y": 4}),  # 0.1, 0.3, 0.5 | 0.7, 0.9
        ([5, 5], {"x": 5, "y": 5}),
    ],
)
def test_a_group_goes_where_the_middle_of_its_cases_lies(
    sizes: list[int], expected: dict[str, int]
) -> None:
    rows: list[tuple[str, str | float]] = [
        (f"g{group}", "a") for group, size in enumerate(sizes) for _ in range(size)
    ]
    for seed in range(5):
        split = split_groups(_cohort(rows), {"x": 0.6, "y": 0.4}, seed)
        assert Counter(case.split for case in split.cases) == expected


def test_numbers_are_stratified() -> None:
    rows: list[tuple[str, str | float]] = [(str(i), 20.0 + i / 10) for i in range(600)]
    split = split_groups(_cohort(rows), FRACTIONS, seed=3)
    for name, share in FRACTIONS.items():
        young = [c for c in split.with_split(name).cases if float(c.truth) < 50.0]
        assert abs(len(young) - share * 300) <= 5


def test_each_tenth_of_the_numbers_is_split_alike() -> None:
    rows: list[tuple[str, str | float]] = [(str(i), float(i * i)) for i in range(200)]
    split = split_groups(_cohort(rows), {"train": 0.5, "test": 0.5}, seed=3)
    for tenth in range(10):
        part = split.cases[20 * tenth : 20 * (tenth + 1)]
        assert Counter(case.split for case in part) == {"train": 10, "test": 10}


def test_another_seed_gives_another_split() -> None:
    cohort = _cohort([(str(i), "a") for i in range(50)])
    assert split_groups(cohort, FRACTIONS, 1) == split_groups(cohort, FRACTIONS, 1)
    assert split_groups(cohort, FRACTIONS, 1) != split_groups(cohort, FRACTIONS, 2)


@pytest.mark.parametrize("fractions", [{"a": 0.5, "b": 0.4}, {"a": 1.0, "b": 0.0}, {}])
def test_shares_must_add_up(fractions: dict[str, float]) -> None:
    with pytest.raises(PlanError, match="add up to 1"):
        split_groups(_cohort([("1", "a")]), fractions, 0)


@given(rows=rows, seed=st.integers(0, 2**31), n=st.integers(1, 60))
def test_a_limit_takes_whole_groups_and_is_filled_as_far_as_they_allow(
    rows: list[tuple[str, str | float]], seed: int, n: int
) -> None:
    cohort = _cohort(rows)
    sizes = Counter(case.group for case in cohort.cases)
    if min(sizes.values()) > n:
        with pytest.raises(PlanError, match=f"has more than {n} cases"):
            limit_cases(cohort, n, seed)
        return
    some = limit_cases(cohort, n, seed)
    assert len(some) <= n
    taken = Counter(case.group for case in some.cases)
    assert all(taken[group] == sizes[group] for group in taken)
    assert all(len(some) + sizes[group] > n for group in sizes.keys() - taken.keys())
    backwards = replace(cohort, cases=cohort.cases[::-1])
    assert {c.id for c in limit_cases(backwards, n, seed).cases} == {c.id for c in some.cases}


@given(n_a=st.integers(5, 60), n_b=st.integers(5, 60), n=st.integers(4, 40))
def test_a_limit_keeps_the_proportions_of_the_classes(n_a: int, n_b: int, n: int) -> None:
    labels = ["a"] * n_a + ["b"] * n_b
    some = limit_cases(_cohort([(f"{i}", label) for i, label in enumerate(labels)]), n, seed=0)
    expected = len(some) * n_a / (n_a + n_b)
    assert len(some) == min(n, n_a + n_b)
    assert abs(sum(case.truth == "a" for case in some.cases) - expected) <= 1


def test_a_limit_holds_for_each_split() -> None:
    cohort = split_groups(_cohort([(f"{i}", "ab"[i % 2]) for i in range(200)]), FRACTIONS, seed=3)
    some = limit_cases(cohort, 10, seed=3)
    assert Counter(case.split for case in some.cases) == dict.fromkeys(FRACTIONS, 10)
    assert len(limit_cases(cohort, 10, seed=3, by_split=False)) == 10
    with pytest.raises(PlanError, match="the limit must be at least 1 case, got 0"):
        limit_cases(cohort, 0, seed=3)


def test_few_numbers_reach_every_split() -> None:
    ages = [float(age) for age in range(10)]
    cases = tuple(Case(id=str(age), path=Path("x.png"), truth=age, group=str(age)) for age in ages)
    cohort = Cohort(name="ten", cases=cases, classes=())
    split = split_groups(cohort, {"train": 0.7, "validation": 0.1, "test": 0.2}, seed=0)
    counts = {name: len(split.with_split(name)) for name in split.splits}
    assert counts == {"train": 7, "validation": 1, "test": 2}
