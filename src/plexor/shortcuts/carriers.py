"""Who carries a tag: odds ratios between labels, over all cases and within strata."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plexor.cases import Case
from plexor.core.errors import PlanError
from plexor.shortcuts.find.tag import Tag
from plexor.stats import Estimate, MantelHaenszel, clustered_mean, mantel_haenszel

_NO_CELL = "all or none of one side carry it: the odds ratio is 0 or infinite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriers:
    """How the odds of carrying a tag differ between a label and all others.

    Attributes:
        label: the label.
        odds: odds ratio over all cases, clustered by group; 1 where the label does not matter.
        within: stratum → the same among its cases.
        common: the odds ratio common to the strata (Mantel and Haenszel), which takes cases as
            independent; None without strata.
    """

    label: str
    odds: Estimate
    within: Mapping[str, Estimate]
    common: MantelHaenszel | None


def carriers(
    tags: Mapping[str, Sequence[Tag]],
    cases: Sequence[Case],
    label: str,
    *,
    stratum: str | None = None,
    level: float = 0.95,
) -> Carriers:
    """Compares carriers of any tag between one label and all others.

    Args:
        tags: case id → tags.
        cases: cases that are in ``tags``.
        label: the label.
        stratum: a column of the manifest, e.g. "view"; None for none.
        level: nominal coverage.

    Raises:
        PlanError: an unknown column.
    """
    has = np.array([bool(tags[case.id]) for case in cases])
    member = np.array([str(case.truth) == label for case in cases])
    groups = [case.group for case in cases]
    odds = odds_ratio(has, member, groups, level=level)
    if stratum is None:
        return Carriers(label=label, odds=odds, within={}, common=None)
    names = strata_of(cases, stratum)
    within = {}
    for name in np.unique(names):
        there = np.flatnonzero(names == name)
        within[str(name)] = odds_ratio(
            has[there], member[there], [groups[i] for i in there.tolist()], level=level
        )
    common = mantel_haenszel(has, member, names.tolist(), level=level)
    return Carriers(label=label, odds=odds, within=within, common=common)


def odds_ratio(
    events: ArrayLike, member: ArrayLike, groups: Sequence[str], *, level: float = 0.95
) -> Estimate:
    """Odds of an event among members over the odds among others, with groups of cases.

    The interval is Student's for the logarithm, by linearisation: a group may have members and
    others. Without groups it is close to Woolf's (Ann Hum Genet 1955;19:251).

    Args:
        events: (n,), whether it happened.
        member: (n,), whether the case belongs to the first side.
        groups: the group of each case.
        level: nominal coverage.

    Returns:
        NaN with a note where a side is empty, or all or none of a side have the event.

    Example:
        >>> odds_ratio([1, 1, 0, 1, 0, 0], [1, 1, 1, 0, 0, 0], list("abcdef")).value
        4.0
    """
    hit, first = np.asarray(events, bool), np.asarray(member, bool)
    shares = [float(hit[side].mean()) if side.any() else math.nan for side in (first, ~first)]
    if any(not 0 < share < 1 for share in shares):
        note = _NO_CELL if first.any() and not first.all() else "one side has no cases"
        return replace(clustered_mean([], level=level), n=int(hit.size), note=note)
    terms: NDArray[np.float64] = np.zeros(hit.size)
    for side, share, sign in ((first, shares[0], 1), (~first, shares[1], -1)):
        terms[side] = sign * (hit[side] - share) / (share * (1 - share)) / side.mean()
    spread = clustered_mean(terms, groups, level=level)
    ratio = shares[0] / (1 - shares[0]) / (shares[1] / (1 - shares[1]))
    return replace(
        spread,
        value=ratio,
        low=ratio * math.exp(spread.low),
        high=ratio * math.exp(spread.high),
        method="odds ratio, linearised on the logarithmic scale, Student's interval",
        variance=None,
    )


def strata_of(cases: Sequence[Case], column: str) -> NDArray[np.str_]:
    """Each case's value in a column of the manifest.

    Raises:
        PlanError: the manifest has no such column.
    """
    if any(column not in case.metadata for case in cases):
        known = ", ".join(sorted({key for case in cases for key in case.metadata})) or "none"
        raise PlanError(f"stratum: no column {column!r} in the manifest (known: {known})")
    return np.array([str(case.metadata[column]) for case in cases])
