"""Which files belong to one patient, as far as their names or DICOM headers say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from plexor.cases.discover.image_files import stem
from plexor.cases.formats.dicom_patient import patient_id
from plexor.core.errors import DataError

_PERSON = re.compile(
    r"(?:^|[-_./])((?:patient|person|subject|subj|sub|pat|case|lesion|ixi)[-_]?[a-z]*\d+)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(.+?)[-_. ]\d{1,4}")
_FEWEST_NAMED = 0.3
"""Share of file names that must say a person, for names to count as saying it."""


def named_groups(root: Path, names: Sequence[str]) -> tuple[Mapping[str, str], str]:
    """The patient of each file, and how that is known.

    In order: the Patient ID of DICOM headers; a word such as ``person12`` or ``sub-03`` in the
    names; names that differ in a last number only, as ``IM-7-0001`` and ``IM-7-0002``. A wrong
    guess that joins files makes intervals wider than needed; files that are not joined although
    they belong together make them too narrow.

    Args:
        root: folder that the names start from.
        names: the files.

    Returns:
        File → group, without entries if nothing is known; a sentence for the user.
    """
    patients = _patients(root, names)
    if len(patients) == len(names):
        return patients, "by the Patient ID in the DICOM headers, written as a running number"
    people = {name: found for name in names if (found := _person(name))}
    if len(people) >= _FEWEST_NAMED * len(names) and len(set(people.values())) > 1:
        rest = {name: stem(name) for name in names if name not in people}
        left = f"; {len(rest)} files name nobody and are groups of their own" if rest else ""
        example = next(iter(people.items()))
        return people | rest, f"guessed from the file names ({example[1]} of {example[0]}){left}"
    numbered = {
        name: match[1] if (match := _NUMBERED.fullmatch(stem(name))) else stem(name)
        for name in names
    }
    counts = Counter(numbered.values())
    if len(names) / 2 <= len(counts) < len(names):
        example_name = next(name for name in names if counts[numbered[name]] > 1)
        why = f"guessed from names that differ in the last number only, e.g. {example_name}"
        return numbered, why
    return {}, ""


def _person(name: str) -> str | None:
    found = _PERSON.search(name)
    return found[1].lower() if found else None


def _patients(root: Path, names: Sequence[str]) -> dict[str, str]:
    """File → a number for its Patient ID, which is not copied; stops at a file that has none."""
    found: dict[str, str] = {}
    numbers: dict[str, str] = {}
    for name in names:
        try:
            patient = patient_id(root / name)
        except DataError:
            patient = ""
        if not patient:
            return {}
        found[name] = numbers.setdefault(patient, f"patient-{len(numbers) + 1:04d}")
    return found
