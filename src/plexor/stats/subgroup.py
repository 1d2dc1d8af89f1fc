"""A measure in each subgroup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from plexor.core.errors import PlanError
from plexor.stats.argument import (
    Label,
    Labels,
    by_position,
    check_same_length,
    is_missing,
    rows_where,
)

R = TypeVar("R")


def by_subgroup(
    measure: Callable[..., R], subgroup: Labels, *columns: Sequence[Any] | NDArray[Any] | None
) -> dict[Label, R]:
    """A measure of each subgroup's own observations, by subgroup in order of first appearance.

    ``by_subgroup(paired_t_test, sex, before, after, patients)`` gives one test for each sex; adjust
    the p-values of such tests with ``adjust``. Set options with ``functools.partial``. A
    significant result in one subgroup and none in another do not show that the subgroups differ:
    see ``subgroup_difference``.

    Args:
        measure: takes the columns, restricted to a subgroup, in the order given.
        subgroup: the subgroup of each observation, (n,).
        columns: arguments of ``measure``, each (n,) or (n, k), or None, which is passed on.

    Raises:
        PlanError: lengths differ, or a subgroup is missing.

    Examples:
        >>> from plexor.stats import clustered_mean
        >>> found = by_subgroup(clustered_mean, ["f", "m", "f", "m"], [1.0, 2.0, 3.0, 5.0])
        >>> found["m"].value
        3.5
    """
    names = by_position(subgroup).tolist()
    missing = sum(map(is_missing, names))
    if missing:
        raise PlanError(
            f"subgroup: {missing} of {len(names)} are missing; give those a name of their own, or "
            "leave them out and say how many"
        )
    for place, column in enumerate(columns):
        if column is not None:
            check_same_length(**{"subgroup": len(names), f"column {place}": len(column)})
    members: dict[Label, NDArray[np.bool_]] = {}
    for place, name in enumerate(names):
        members.setdefault(name, np.zeros(len(names), dtype=np.bool_))[place] = True
    return {
        name: measure(*(None if column is None else rows_where(column, own) for column in columns))
        for name, own in members.items()
    }
