"""What every statistic checks about its arguments, and turns them into."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from plexor.core.errors import PlanError

Label = bool | int | str
Labels = Sequence[Label] | NDArray[Any]
Groups = Sequence[Hashable] | NDArray[Any]

Booleans = NDArray[np.bool_]
Codes = NDArray[np.intp]
Floats = NDArray[np.float64]


def check_level(level: float) -> None:
    """Refuses a level of confidence that is not strictly between 0 and 1."""
    if not 0 < level < 1:
        raise PlanError(
            f"level: expected a coverage between 0 and 1 such as 0.95, got {level}; "
            "give 0.95 for a 95 % interval"
        )


def normal_quantile(level: float) -> float:
    """The z of a two-sided interval, e.g. 1.96 for 0.95."""
    return float(-special.ndtri((1 - level) / 2))


def t_quantile(level: float, df: float) -> float:
    """Student's t of a two-sided interval; ``df`` need not be whole, and may be infinite."""
    if math.isinf(df):
        return normal_quantile(level)
    return float(-special.stdtrit(df, (1 - level) / 2))


def is_count(value: object) -> bool:
    """Whether it is a whole number from 0, in whatever type."""
    return isinstance(value, Real) and float(value) >= 0 and float(value).is_integer()


def check_counts(k: int, n: int) -> None:
    """Refuses anything but whole numbers with 0 <= k <= n."""
    if not is_count(k) or not is_count(n) or k > n:
        raise PlanError(
            f"k, n: expected whole numbers with 0 <= k <= n, got k={k}, n={n}; "
            "k counts the events among n observations"
        )


def as_floats(name: str, values: ArrayLike) -> Floats:
    """Numbers as float64, in the shape they have.

    Raises:
        PlanError: texts, or rows of different lengths.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PlanError(
            f"{name}: expected numbers in rows of equal length, but {error}; give NaN where one "
            "is missing"
        ) from error


def as_events(name: str, values: ArrayLike) -> Booleans:
    """One truth value per observation, (n,), from booleans or from numbers that are 0 or 1."""
    array = np.asarray(values)
    if array.ndim == 1 and array.dtype == np.bool_:
        return array
    if array.ndim != 1 or not (array.size == 0 or np.isin(array, (0, 1)).all()):
        raise PlanError(
            f"{name}: expected a one-dimensional array of booleans (or of 0 and 1), "
            f"got {_described(array)}; compare with the class in question first"
        )
    return array.astype(np.bool_)


def check_same_length(**named: int) -> None:
    """Refuses arrays that do not have one entry per observation."""
    if len(set(named.values())) > 1:
        found = ", ".join(f"{name} has {size}" for name, size in named.items())
        raise PlanError(f"one entry per observation is expected everywhere, but {found}")


def group_codes(groups: Groups, n: int) -> tuple[Codes, int]:
    """Numbers the groups 0, 1, … and counts them.

    Args:
        groups: any hashable per observation; equal ones belong together.
        n: number of observations.

    Raises:
        PlanError: the wrong number of entries, or one that is missing (None or NaN): whether
            observations without a group depend on each other cannot be guessed.
    """
    check_same_length(observations=n, groups=len(groups))
    array = groups if isinstance(groups, np.ndarray) else None
    if array is not None and array.ndim != 1:
        raise PlanError(f"groups: expected one dimension, got {_described(array)}")
    if array is not None and array.dtype.kind in "biu":
        return _integer_codes(array)
    entries = groups if array is None else array.tolist()
    seen: dict[Hashable, int] = {}
    codes = np.fromiter((seen.setdefault(entry, len(seen)) for entry in entries), np.intp, n)
    if any(entry is None or entry != entry for entry in seen):  # noqa: PLR0124 (NaN differs from itself)
        raise PlanError(
            "groups: every observation needs a group, but one is None or NaN; "
            "give it a name of its own where it stands alone"
        )
    return codes, len(seen)


def _integer_codes(numbers: NDArray[Any]) -> tuple[Codes, int]:
    """The rank of each number among those that occur, and how many occur."""
    safe = numbers.size > 0 and np.can_cast(numbers.dtype, np.int64)
    if safe and int(numbers.max()) - int(numbers.min()) < 4 * numbers.size:
        # Nearly numbered already: to mark those that occur is quicker than to sort.
        offset = numbers.astype(np.int64) - int(numbers.min())
        ranks = np.cumsum(np.bincount(offset) > 0)
        return (ranks[offset] - 1).astype(np.intp, copy=False), int(ranks[-1])
    found, codes = np.unique(numbers, return_inverse=True)
    return codes.astype(np.intp, copy=False), int(found.size)


def groups_where(groups: Groups, chosen: Booleans) -> Groups:
    """The groups of the chosen observations, in order."""
    check_same_length(observations=chosen.size, groups=len(groups))
    if isinstance(groups, np.ndarray):
        return groups[chosen]
    return [groups[index] for index in np.flatnonzero(chosen).tolist()]


def class_codes(name: str, labels: Labels, classes: Sequence[Label]) -> Codes:
    """The position of each label in ``classes``, (n,).

    Raises:
        PlanError: a class named twice, or a label that is none of them.
    """
    position: dict[Label, int] = {label: index for index, label in enumerate(_entries(classes))}
    if len(position) != len(classes):
        raise PlanError(f"classes: expected each class once, got {list(classes)}")
    codes = _places(labels, position)
    if (codes < 0).any():
        stranger = _entries(labels)[int(np.argmax(codes < 0))]
        raise PlanError(
            f"{name}: label {stranger!r} is none of the classes {list(classes)}; "
            "name all classes, in the type the labels have"
        )
    return codes


def _places(labels: Labels, position: dict[Label, int]) -> Codes:
    """The position of each label, -1 where it has none; whole numbers in an array at once."""
    names = np.asarray(list(position))
    if (
        isinstance(labels, np.ndarray)
        and labels.ndim == 1
        and labels.dtype.kind in "bi"
        and names.dtype.kind in "bi"
    ):
        order = np.argsort(names)
        nearest = order[np.minimum(np.searchsorted(names[order], labels), names.size - 1)]
        return np.where(names[nearest] == labels, nearest, -1)
    entries = _entries(labels)
    return np.fromiter((position.get(entry, -1) for entry in entries), np.intp, len(entries))


def equal_labels(truth: Labels, decision: Labels) -> Booleans:
    """Where two label arrays agree, (n,).

    Raises:
        PlanError: different lengths, a missing label (None or NaN), or texts compared with numbers,
            which never agree.
    """
    check_same_length(truth=len(truth), decision=len(decision))
    left, right = np.asarray(truth), np.asarray(decision)
    for name, array in (("truth", left), ("decision", right)):
        if array.ndim != 1:
            raise PlanError(f"{name}: expected one dimension, got {_described(array)}")
        entries = array.tolist() if array.dtype.kind in "fO" else []
        missing = sum(entry is None or entry != entry for entry in entries)  # noqa: PLR0124
        if missing:
            raise PlanError(
                f"{name}: {missing} of {array.size} labels are None or NaN; leave those cases out, "
                "and say how many"
            )
    if left.size and (left.dtype.kind in "US") != (right.dtype.kind in "US"):
        if "O" not in (left.dtype.kind, right.dtype.kind):
            raise PlanError(
                f"truth holds {left.dtype} and decision {right.dtype}, which never agree; "
                "give both as texts or both as numbers"
            )
        left, right = left.astype(object), right.astype(object)
    return np.asarray(left == right, dtype=np.bool_)


def _entries(labels: Labels | Sequence[Label]) -> Sequence[Label]:
    entries: Sequence[Label] = labels.tolist() if isinstance(labels, np.ndarray) else labels
    return entries


def _described(array: NDArray[Any]) -> str:
    return f"shape {array.shape} of {array.dtype}"
