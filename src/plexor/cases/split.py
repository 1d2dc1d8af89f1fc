"""Splits of a cohort that never cut a group."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from plexor.cases.case import Case
from plexor.cases.cohort import Cohort
from plexor.core.errors import PlanError
from plexor.core.seeds import seed_for

_N_BINS = 10
_FEWEST_IN_BIN = 10
"""Groups of each bin of numbers, at least; a bin of one group would always go to one split."""


def split_groups(cohort: Cohort, fractions: Mapping[str, float], seed: int) -> Cohort:
    """Assigns every case to a split, stratified by class, with each group in one split.

    Within each class the groups are ordered at random, by the seed and their names, and cut by
    number of cases. The order of rows does not matter. A group with several classes counts for its
    most frequent one. Numbers (regression) are stratified by tenths of their distribution, or by
    larger parts with fewer than a hundred groups; masks are not stratified. Splits that cases
    already have are replaced. A class with few groups may be absent from a split.

    Args:
        cohort: what to split.
        fractions: split → share of the cases, e.g.
            ``{"train": 0.75, "validation": 0.10, "test": 0.15}``; the sum is 1.
        seed: of the random order.

    Raises:
        PlanError: a fraction is not above 0, or they do not add up to 1.
    """
    total = sum(fractions.values())
    if not all(share > 0 for share in fractions.values()) or not math.isclose(total, 1.0):
        raise PlanError(f"split fractions must be above 0 and add up to 1, got {dict(fractions)}")
    names, bounds = list(fractions), list(itertools.accumulate(fractions.values()))[:-1]
    split_of: dict[str, str] = {}
    for stratum in _strata(cohort):
        in_order = sorted(stratum, key=lambda group: (seed_for(seed, "split", group), group))
        n_cases, before = sum(stratum.values()), 0
        for group in in_order:
            middle = before + stratum[group] / 2
            split_of[group] = names[bisect_right(bounds, middle / n_cases)]
            before += stratum[group]
    return replace(
        cohort, cases=tuple(replace(case, split=split_of[case.group]) for case in cohort.cases)
    )


def limit_cases(cohort: Cohort, n: int, seed: int, *, by_split: bool = True) -> Cohort:
    """Takes up to ``n`` cases, or ``n`` of each split, in the proportions of the classes.

    Groups are taken whole, in a random order in which every class, or tenth of the numbers, is
    spread evenly; a group that would exceed ``n`` is passed over. The cases keep their order.

    Args:
        cohort: the cases; those without a split count as one.
        n: number of cases, at least 1.
        seed: of the random order.
        by_split: take ``n`` of each split, rather than of all cases.

    Raises:
        PlanError: ``n`` is below 1, or every group of a split has more than ``n`` cases.
    """
    if n < 1:
        raise PlanError(f"the limit must be at least 1 case, got {n}")

    def part_of(case: Case) -> str | None:
        return case.split if by_split else None

    taken: set[tuple[str | None, str]] = set()
    for split in dict.fromkeys(map(part_of, cohort.cases)):
        cases = tuple(case for case in cohort.cases if part_of(case) == split)
        left = n
        for group, size in _spread(replace(cohort, cases=cases), seed):
            if size <= left:
                taken.add((split, group))
                left -= size
        if left == n:
            raise PlanError(
                f"{cohort.name}: every group{'' if split is None else f' of split {split!r}'} has "
                f"more than {n} cases, and groups are taken whole; raise the limit"
            )
    return cohort.select(lambda case: (part_of(case), case.group) in taken)


def _spread(cohort: Cohort, seed: int) -> list[tuple[str, int]]:
    """Groups with their numbers of cases, at random, each stratum spread evenly over the order."""
    placed: list[tuple[float, int, str, int]] = []
    for stratum in _strata(cohort):
        n_cases, before = sum(stratum.values()), 0
        for drawn, group in sorted((seed_for(seed, "limit", group), group) for group in stratum):
            place = (before + stratum[group] / 2) / n_cases
            placed.append((place, drawn, group, stratum[group]))
            before += stratum[group]
    return [(group, size) for _, _, group, size in sorted(placed)]


def _strata(cohort: Cohort) -> list[dict[str, int]]:
    """Groups of similar truth, each with its number of cases."""
    members: dict[str, list[str | float]] = defaultdict(list)
    for case in cohort.cases:
        members[case.group].append(case.truth)
    key_of = {group: _commonest(truths) for group, truths in members.items()}
    numbers = sorted(key for key in key_of.values() if not isinstance(key, str))
    n_bins = min(_N_BINS, max(1, len(numbers) // _FEWEST_IN_BIN))
    edges = [numbers[len(numbers) * i // n_bins] for i in range(1, n_bins)]
    strata: dict[str | int, dict[str, int]] = defaultdict(dict)
    for group, key in key_of.items():
        stratum = key if isinstance(key, str) else bisect_right(edges, key)
        strata[stratum][group] = len(members[group])
    return list(strata.values())


def _commonest(truths: list[str | float]) -> str | float:
    """The most frequent class of a group, the first by name on a tie; the mean of numbers."""
    names = sorted(truth for truth in truths if isinstance(truth, str))
    if names:
        return max(names, key=names.count)
    return math.fsum(float(truth) for truth in truths) / len(truths)
