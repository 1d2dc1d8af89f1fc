"""Checks and conversions of the arguments that all statistics have in common."""

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
"""Labels of cases in a list, an array or a pandas object, taken by position."""

Groups = Sequence[Hashable] | NDArray[Any]
"""Groups of observations in a list, an array or a pandas object, taken by position."""

Booleans = NDArray[np.bool_]
Codes = NDArray[np.intp]
Floats = NDArray[np.float64]


def check_level(level: float) -> None:
    """Refuses a level of confidence that is not a number strictly between 0 and 1."""
    given: object = level
    if not isinstance(given, Real) or not 0 < float(given) < 1:
        raise PlanError(
            f"level: expected a coverage between 0 and 1 such as 0.95, got {level!r}; "
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
    """Whether a value is a whole number from 0, of any numeric type; an array without axes, too."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    return isinstance(value, Real) and float(value) >= 0 and float(value).is_integer()


def as_counts(**named: object) -> tuple[int, ...]:
    """Counts as Python integers, which do not overflow as NumPy's small integers do.

    Raises:
        PlanError: a number that is negative, fractional or missing, or no number.
    """
    if all(is_count(value) for value in named.values()):
        return tuple(int(value) for value in named.values())  # type: ignore[call-overload]
    found = ", ".join(f"{name}={value}" for name, value in named.items())
    raise PlanError(f"expected counts, whole numbers from 0, got {found}")


def check_counts(k: int, n: int) -> tuple[int, int]:
    """Whole numbers with 0 <= k <= n, as plain integers.

    Raises:
        PlanError: anything else.
    """
    if not is_count(k) or not is_count(n) or k > n:
        raise PlanError(
            f"k, n: expected whole numbers with 0 <= k <= n, got k={k}, n={n}; "
            "k counts the events among n observations"
        )
    return int(k), int(n)


def is_missing(entry: object) -> bool:
    """Whether a value is None, NaN, or pandas' NA or NaT."""
    if entry is None:
        return True
    different = entry != entry  # noqa: PLR0124 (NaN differs from itself; NA compares to NA)
    return different is not False and (type(different).__name__ == "NAType" or bool(different))


def by_position(values: object) -> NDArray[Any]:
    """The entries as an array, in their order; the index of a pandas object is ignored.

    A sequence of tuples (groups by site and patient) stays a sequence of tuples.

    Raises:
        PlanError: rows of different lengths.
    """
    if isinstance(values, np.ndarray):
        return values
    if isinstance(values, Sequence) and any(isinstance(entry, tuple) for entry in values):
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise PlanError(f"expected rows of equal length, but {error}") from error
    if array.dtype.kind in "fUS" and isinstance(values, Sequence):
        # NumPy turns the numbers of a mixed list into texts, which makes 1 and "1" one label, and
        # whole numbers beyond 64 bits into floats, which makes neighbours one group.
        mixed = np.asarray(values, dtype=object)
        kind = float if array.dtype.kind == "f" else str
        return array if all(isinstance(x, kind) for x in _objects(mixed)) else mixed
    return array


def as_floats(name: str, values: ArrayLike) -> Floats:
    """Numbers as float64, in the shape they have; None and pandas' NA become NaN.

    Raises:
        PlanError: texts, or rows of different lengths.
    """
    try:
        array = np.asarray(values)
        if array.dtype == object:
            missing = np.array([is_missing(entry) for entry in array.ravel()], dtype=np.bool_)
            array = np.where(missing.reshape(array.shape), np.nan, array)
        if array.dtype.kind in "US" or any(isinstance(x, str) for x in _objects(array)):
            raise TypeError("some are texts")
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        why = "rows differ in length" if "sequence" in str(error) else error
        raise PlanError(
            f"{name}: expected numbers in rows of equal length, but {why}; give NaN where one is "
            "missing"
        ) from error


def as_events(name: str, values: ArrayLike) -> Booleans:
    """One truth value per observation, (n,), from booleans or from numbers that are 0 or 1."""
    events = as_event_table(name, values)
    if events.ndim != 1:
        raise PlanError(f"{name}: expected one dimension, got {_described(events)}")
    return events


def as_event_table(name: str, values: ArrayLike) -> Booleans:
    """Truth values in the shape they have, from booleans or from numbers that are 0 or 1.

    Raises:
        PlanError: other entries, missing ones, or rows of different lengths.
    """
    array = by_position(values)
    if array.dtype == np.bool_:
        return array
    missing = sum(map(is_missing, _objects(array))) + int(
        array.dtype.kind == "f" and np.isnan(array).sum()
    )
    if missing:
        raise PlanError(
            f"{name}: {missing} of {array.size} are missing; leave those out, and say how many"
        )
    found = array if array.dtype != object else _numbers_of(array)
    if found is None or not ((found == 0) | (found == 1)).all():
        raise PlanError(
            f"{name}: expected booleans (or 0 and 1), got {_described(array)}; "
            "compare with the class in question first"
        )
    return found.astype(np.bool_)


def _objects(array: NDArray[Any]) -> list[Any]:
    """The entries of an array of objects; none of any other array."""
    entries: list[Any] = array.ravel().tolist() if array.dtype == object else []
    return entries


def _numbers_of(array: NDArray[Any]) -> Floats | None:
    """An array of objects as numbers; None where one is something else."""
    if not all(isinstance(entry, Real) for entry in _objects(array)):
        return None
    return array.astype(np.float64)


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
    array = by_position(groups)
    if array.ndim != 1:
        raise PlanError(f"groups: expected one dimension, got {_described(array)}")
    check_same_length(observations=n, groups=array.size)
    if array.dtype.kind in "biu":
        return _integer_codes(array)
    seen: dict[Hashable, int] = {}
    try:
        codes = np.fromiter((seen.setdefault(x, len(seen)) for x in array.tolist()), np.intp, n)
    except TypeError as error:
        raise PlanError(f"groups: expected names or numbers, but {error}") from error
    if any(is_missing(entry) for entry in seen):
        raise PlanError(
            "groups: every observation needs a group, but one is missing (None, NaN or NA); "
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


def rows_where(rows: object, chosen: Booleans) -> NDArray[Any]:
    """The chosen entries (or rows) in order, by position.

    Args:
        rows: one per observation, (n,) or (n, k).
        chosen: which observations, (n,).

    Raises:
        PlanError: lengths differ.
    """
    array = by_position(rows)
    check_same_length(observations=chosen.size, entries=len(array))
    return array[chosen]


def class_codes(name: str, labels: Labels, classes: Sequence[Label]) -> Codes:
    """The position of each label in ``classes``, (n,).

    Raises:
        PlanError: a class named twice, or a label that is missing or none of them.
    """
    known = by_position(classes).tolist()
    position: dict[Label, int] = {label: index for index, label in enumerate(known)}
    if len(position) != len(known):
        raise PlanError(f"classes: expected each class once, got {known}")
    array = by_position(labels)
    if array.ndim != 1:
        raise PlanError(f"{name}: expected one label per case, got {_described(array)}")
    codes = _places(array, position)
    if (codes < 0).any():
        stranger = array.tolist()[int(np.argmax(codes < 0))]
        if is_missing(stranger):
            raise PlanError(
                f"{name}: a label is missing ({stranger}); leave those cases out, and say how many"
            )
        raise PlanError(
            f"{name}: label {stranger!r} is none of the classes {known}; "
            "name all classes, in the type the labels have"
        )
    return codes


def _places(labels: NDArray[Any], position: dict[Label, int]) -> Codes:
    """The position of each label among the classes, -1 for a label that is none of them."""
    names = np.asarray(list(position))
    if labels.dtype.kind in "bi" and names.dtype.kind in "bi" and names.size:
        order = np.argsort(names)
        nearest = order[np.minimum(np.searchsorted(names[order], labels), names.size - 1)]
        return np.where(names[nearest] == labels, nearest, -1)
    try:
        return np.fromiter((position.get(x, -1) for x in labels.tolist()), np.intp, labels.size)
    except TypeError as error:
        raise PlanError(f"labels: expected texts or numbers, but {error}") from error


def equal_labels(truth: Labels, decision: Labels) -> Booleans:
    """Where two label arrays agree, (n,).

    Raises:
        PlanError: different lengths, a missing label, or texts compared with numbers, which never
            agree.
    """
    left, right = by_position(truth), by_position(decision)
    for name, array in (("truth", left), ("decision", right)):
        if array.ndim != 1:
            raise PlanError(f"{name}: expected one dimension, got {_described(array)}")
        entries = array.tolist() if array.dtype.kind in "fO" else []
        missing = sum(map(is_missing, entries))
        if missing:
            raise PlanError(
                f"{name}: {missing} of {array.size} labels are None, NaN or NA; leave those cases "
                "out, and say how many"
            )
    check_same_length(truth=left.size, decision=right.size)
    kinds = _kinds(left), _kinds(right)
    if left.size and not kinds[0] & kinds[1]:
        raise PlanError(
            f"truth holds {'/'.join(sorted(kinds[0]))} and decision {'/'.join(sorted(kinds[1]))}, "
            "which never agree; give both as texts or both as numbers"
        )
    if kinds[0] != kinds[1] or len(kinds[0]) > 1:
        left, right = left.astype(object), right.astype(object)
    return np.asarray(left == right, dtype=np.bool_)


def _kinds(array: NDArray[Any]) -> set[str]:
    """Whether there are texts, numbers or other things among the entries."""
    if array.dtype != object:
        return {"texts" if array.dtype.kind in "US" else "numbers"}
    return {
        "texts" if isinstance(x, str) else "numbers" if isinstance(x, Real) else type(x).__name__
        for x in array.tolist()
    }


def _described(array: NDArray[Any]) -> str:
    return f"shape {array.shape} of {array.dtype}"
