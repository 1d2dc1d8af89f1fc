"""What the columns of a table are: path, label, group, split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plexor.cases.cells import parse_number
from plexor.cases.rows import TruthKind

_LABELS = (
    "label", "labels", "class", "dx", "diagnosis", "target", "truth", "finding", "findings",
    "finding labels", "category", "y", "age",
)  # fmt: skip
_GROUPS = (
    "group", "patient", "patient_id", "patientid", "patient id", "subject", "subject_id",
    "participant_id", "person", "person_id", "lesion", "lesion_id", "mrid", "study_id", "case_id",
)  # fmt: skip
_SPLITS = ("split", "set", "subset", "partition", "fold", "phase")
_MOST_CLASSES = 20

SPLIT_NAMES = {
    "train": "train", "training": "train", "train_set": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test", "test_set": "test",
}  # fmt: skip
"""A split as tables and folders name it, in small letters → as Plexor names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Columns of a table by their role; None where no column has it.

    Attributes:
        label: what is to be predicted.
        certain: 2 if the label's column is called so, 1 if its name is a usual one for numbers, 0
            if it is merely a column of few values.
        group: the patient or lesion.
        split: train, validation and test.
        others: further columns that could be the label.
    """

    label: str | None
    certain: int
    group: str | None
    split: str | None
    others: tuple[str, ...] = ()


def roles_of(
    columns: Sequence[str], rows: Sequence[Mapping[str, str]], *, paths: Sequence[str]
) -> Roles:
    """Guesses the roles from the names of the columns, then from their values.

    Args:
        columns: names.
        rows: cells as text.
        paths: columns that images are named by.
    """
    by_name = {name.strip().lower(): name for name in columns}
    group = _first(by_name, _GROUPS)
    split = next(
        (
            name
            for word in _SPLITS
            if (name := by_name.get(word))
            and {row[name].strip().lower() for row in rows} <= SPLIT_NAMES.keys()
        ),
        None,
    )
    taken = {group, split, *paths}
    few = [
        name
        for name in columns
        if name not in taken and 2 <= len({row[name] for row in rows} - {""}) <= _MOST_CLASSES
    ]
    named = [by_name[word] for word in _LABELS if word in by_name and by_name[word] not in taken]
    label = next(iter([*named, *few]), None)
    certain = 0
    if named:
        certain = 1 if named[0].strip().lower() == "age" else 2
    others = tuple(name for name in dict.fromkeys([*named, *few]) if name != label)
    return Roles(label=label, certain=certain, group=group, split=split, others=others)


def truth_kind_of(labels: Sequence[str], *, are_files: bool) -> TruthKind:
    """How labels are to be read: several names, a number, a mask's file, or a class.

    Example:
        >>> truth_kind_of(["effusion|nodule", "effusion"], are_files=False)
        'findings'
        >>> truth_kind_of(["41.5", "63.2"], are_files=False)
        'number'
        >>> truth_kind_of(["0", "1", "0"], are_files=False)
        'class'
    """
    given = [label for label in labels if label]
    if are_files:
        return "mask"
    if any("|" in label for label in given):
        return "findings"
    numbers = [parse_number(label) for label in given]
    fractions = any(number is not None and not number.is_integer() for number in numbers)
    if given and None not in numbers and (fractions or len(set(given)) > _MOST_CLASSES):
        return "number"
    return "class"


def _first(by_name: Mapping[str, str], words: Sequence[str]) -> str | None:
    return next((by_name[word] for word in words if word in by_name), None)
