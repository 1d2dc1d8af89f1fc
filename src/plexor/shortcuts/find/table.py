"""The table of tags: a CSV file with one row per box, and one for each image without a box."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from plexor.cases import Case
from plexor.core.csv_text import csv_text, plain_cell
from plexor.core.errors import DataError
from plexor.core.files import write_atomic
from plexor.shortcuts.find.search import Found
from plexor.shortcuts.find.tag import HIDDEN_TEXT, KINDS, Box, Tag

COLUMNS = ("path", "x0", "y0", "x1", "y1", "kind", "text", "score", "mirrored", "turns", "id")
_NEEDED = COLUMNS[:6]
NO_TAG, UNREAD = "none", "unread"
"""Kinds of rows without a box: nothing was found, or the image could not be read."""


def write_tags(path: Path, found: Iterable[Found], *, root: Path, show_text: bool = False) -> None:
    """Writes the table.

    Args:
        path: the CSV file.
        found: what was found in each image.
        root: folder that the paths in the table start from, as the manifest's do.
        show_text: write what the tags say; else "***", since it may be a name. The sides L and R
            are written in any case.
    """
    rows: list[list[object]] = []
    for one in found:
        name = name_of(one.case, root)
        if not one.tags:
            kind = UNREAD if one.error else NO_TAG
            rows.append([name, *[""] * 4, kind, *[""] * 4, one.case.id])
        rows += [[*_row(name, tag, show_text=show_text), one.case.id] for tag in one.tags]
    write_atomic(path, csv_text(COLUMNS, rows).encode())


def shown(tag: Tag, *, show_text: bool) -> str:
    """A tag's text as it may be printed."""
    open_to_all = tag.kind == "laterality" and len(tag.text) == 1
    return tag.text if show_text or open_to_all or not tag.text else HIDDEN_TEXT


def name_of(case: Case, root: Path) -> str:
    """What the table calls a case: its path as seen from the root, with forward slashes."""
    try:
        return case.path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return case.path.resolve().as_posix()


def read_tags(path: Path, *, by: Literal["path", "id"] = "path") -> dict[str, tuple[Tag, ...]]:
    """Reads a table of tags, as found, corrected or drawn by hand.

    The columns ``path, x0, y0, x1, y1, kind`` are needed, in any order; ``text``, ``score``,
    ``mirrored`` and ``turns`` may be absent, and further columns are ignored. Fractions of pixels
    are rounded outwards. A row of the kind "none" or "unread" has no box.

    Args:
        path: the CSV file.
        by: what names an image: its path as written, or the case's id, which is the path where
            the table has no column ``id``.

    Returns:
        Path or id → its tags, empty where there is none. Images that could not be read are
        absent.

    Raises:
        DataError: the file cannot be read, lacks a column, or contains an invalid box.
    """
    _, rows = read_rows(path)
    tags: dict[str, list[Tag]] = {}
    for line, written in enumerate(rows, 2):
        row = {name: plain_cell(cell or "") for name, cell in written.items()}
        if row["kind"] == UNREAD:
            continue
        there = tags.setdefault((row.get(by) or row["path"]), [])
        if row["kind"] != NO_TAG:
            there.append(_tag(row, f"{path}, line {line}"))
    return {name: tuple(there) for name, there in tags.items()}


def read_rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns of a table of tags, and its rows with their cells as they are written.

    Raises:
        DataError: the file cannot be read, or lacks a column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a table of tags: {error}") from error
    table = csv.DictReader(io.StringIO(text, newline=""), restval="")
    columns = list(table.fieldnames or [])
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise DataError(
            f"{path}: expected the columns {', '.join(_NEEDED)}, found no {missing[0]!r}; "
            "write the table with plexor shortcuts find"
        )
    return columns, [{name: row[name] for name in columns} for row in table]


def tags_of_cases(
    tags: Mapping[str, Sequence[Tag]], cases: Sequence[Case], root: Path, *, table: str
) -> dict[str, tuple[Tag, ...]]:
    """The tags of each case, by its id.

    Args:
        tags: see ``read_tags``.
        cases: of the cohort.
        root: folder that the table's paths start from; absolute paths are taken as well.
        table: name of the table, for errors.

    Raises:
        DataError: a case is not in the table, so that the table belongs to other images.
    """
    names = {case.id: name_of(case, root) for case in cases}
    for case in cases:
        if names[case.id] not in tags:
            names[case.id] = case.path.resolve().as_posix()
    absent = [case.id for case in cases if names[case.id] not in tags]
    if absent:
        raise DataError(
            f"{table}: {len(absent)} of {len(cases)} images are not in it, the first is "
            f"{absent[0]}; it is of other images or was written from another folder, so run plexor "
            f"shortcuts find on this manifest; an image without a tag has a row of the kind {NO_TAG}"
        )
    return {case.id: tuple(tags[names[case.id]]) for case in cases}


def _row(name: str, tag: Tag, *, show_text: bool) -> list[object]:
    box = tag.box
    text = shown(tag, show_text=show_text)
    return [name, box.x0, box.y0, box.x1, box.y1, tag.kind, text, tag.score,
            int(tag.mirrored), tag.turns]  # fmt: skip


def _tag(row: Mapping[str, str], where: str) -> Tag:
    if row["kind"] not in KINDS:
        raise DataError(
            f"{where}: unknown kind {row['kind']!r} (known: {', '.join(KINDS)}, {NO_TAG}, {UNREAD})"
        )
    try:
        x0, y0 = (math.floor(float(row[name])) for name in ("x0", "y0"))
        x1, y1 = (math.ceil(float(row[name])) for name in ("x1", "y1"))
        score = float(row.get("score") or 1)
        mirrored = bool(int(row.get("mirrored") or 0))
        turns = int(row.get("turns") or 0) % 4
    except (ValueError, OverflowError) as error:
        raise DataError(f"{where}: expected numbers of pixels for a box: {error}") from error
    if x1 <= x0 or y1 <= y0:
        raise DataError(
            f"{where}: expected x0 < x1 and y0 < y1, got {x0}, {y0}, {x1}, {y1}; the columns are "
            "pixels of the stored image, the ends excluded"
        )
    kind = next(kind for kind in KINDS if kind == row["kind"])
    text = row.get("text") or ""
    return Tag(
        box=Box(x0=x0, y0=y0, x1=x1, y1=y1),
        kind=kind,
        text=text,
        score=score,
        mirrored=mirrored,
        turns=turns,
    )
