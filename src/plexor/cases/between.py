"""What is wrong between the cases of a manifest: repeated files, cut groups, names alike."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from plexor.cases.case import Case
from plexor.cases.problem import Problem


def problems_between_cases(cases: Iterable[Case]) -> list[Problem]:
    """Repeated ids and files, groups cut by the split, and files that are missing.

    Args:
        cases: of one manifest.
    """
    cases = list(cases)
    problems: list[Problem] = []

    def add(kind: str, where: str, message: str) -> None:
        problems.append(Problem(severity="error", id=kind, where=where, message=message))

    by_id, by_file, splits = defaultdict(list), defaultdict(list), defaultdict(set)
    listed: dict[Path, list[str]] = {}
    for case in cases:
        by_id[case.id].append(case)
        by_file[_file(case.path) or case.path].append(case)
        splits[case.group].add(case.split or "none")
        for path in case.files:
            if _file(path) is None:
                add("file-missing", case.id, f"no file {path}{_hint(path, listed)}")
    for same in by_file.values():
        if len(same) > 1:
            names = ", ".join(dict.fromkeys(case.id for case in same))
            paths = " and ".join(dict.fromkeys(str(case.path) for case in same))
            add("path-duplicate", names, f"{len(same)} rows name the same file {paths}")
    for name, same in by_id.items():
        if len({case.path for case in same}) > 1:
            add("id-duplicate", name, f"{len(same)} rows have this id; ids must be unique")
    for group, in_splits in splits.items():
        if len(in_splits) > 1:
            add("group-across-splits", group, f"this group is in {' and '.join(sorted(in_splits))}")
    return problems


def names_alike(kind: str, names: Iterable[str]) -> Iterator[Problem]:
    """Warns of names that differ only in case, blanks or Unicode normal form, and so count apart.

    Args:
        kind: what they name, e.g. "label".
        names: all of them.

    Example:
        >>> [problem.id for problem in names_alike("split", ["Test", "TEST", "train"])]
        ['split-alike']
    """
    by_key: dict[str, set[str]] = defaultdict(set)
    for name in names:
        by_key[_key(name)].add(name)
    for alike in by_key.values():
        if len(alike) > 1:
            # Escaped, since normal forms of one name look the same.
            written = ", ".join(ascii(name) for name in sorted(alike))
            yield Problem(
                severity="warning",
                id=f"{kind}-alike",
                where=", ".join(sorted(alike)),
                message=f"{written} differ in case, blanks or Unicode normal form only and count "
                f"as {len(alike)}; write them alike if they are one",
            )


def _key(name: str) -> str:
    """Equal for names that a reader takes to be one."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


def _file(path: Path) -> tuple[int, int] | None:
    """A file's device and number, the same by whatever path it is reached; None without a file."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # too long a name, a null byte
        return None
    return (found.st_dev, found.st_ino) if path.is_file() else None


def _hint(path: Path, listed: dict[Path, list[str]]) -> str:
    """A file beside it whose name differs in case or Unicode normal form only."""
    folder = path.parent
    if folder not in listed:
        try:
            listed[folder] = [file.name for file in folder.iterdir()]
        except (OSError, ValueError):
            listed[folder] = []
    close = [name for name in listed[folder] if _key(name) == _key(path.name)]
    return f"; did you mean {close[0]!a}?" if close else ""
