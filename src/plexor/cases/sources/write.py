"""Writes the rows that a source has read as a manifest."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from plexor.cases.sources.source import Cell, MadeManifest
from plexor.core.csv_text import csv_text
from plexor.core.errors import PlanError
from plexor.core.files import path_from, write_atomic

_FIRST = ("id", "path", "label", "group", "split")
_ENDINGS = (".csv", ".parquet")


def check_name(out: Path) -> None:
    """Refuses a manifest's name that does not say CSV or Parquet.

    Raises:
        PlanError: it ends in something else.
    """
    if out.suffix.lower() not in _ENDINGS:
        raise PlanError(f"{out}: a manifest's name ends in .csv or .parquet; choose one of them")


def write_manifest(made: MadeManifest, out: Path) -> None:
    """Writes a manifest atomically, with paths from its own folder.

    A path is relative as long as it goes up by three folders at most; further away it is absolute.
    Columns in which no row has anything are left out.

    Args:
        made: the rows.
        out: ends in ``.csv`` or ``.parquet``.

    Raises:
        PlanError: another ending.
        RunDirectoryError: it cannot be written.
    """
    check_name(out)
    columns = columns_of(made)
    before = path_from(out.parent, made.root)
    before = "" if before == "." else f"{before}/"
    cells = {name: [row.get(name) for row in made.rows] for name in columns}
    for name in set(made.path_columns) & set(columns):
        cells[name] = [f"{before}{cell}" if cell else None for cell in cells[name]]
    write_atomic(out, _csv(cells) if out.suffix.lower() == ".csv" else _parquet(cells))


def columns_of(made: MadeManifest) -> tuple[str, ...]:
    """Columns in which some row has something: Plexor's first, then in order of appearance."""
    names = dict.fromkeys(name for row in made.rows for name in row)
    used = {name for name in names if any(row.get(name) not in (None, "") for row in made.rows)}
    used |= {"path", "label"}
    first = [name for name in _FIRST if name in used]
    return (*first, *(name for name in names if name in used and name not in first))


def _csv(cells: dict[str, list[Cell]]) -> bytes:
    rows = zip(*cells.values(), strict=True)
    return csv_text(
        list(cells), (["" if cell is None else cell for cell in row] for row in rows)
    ).encode()


def _parquet(cells: dict[str, list[Cell]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(_alike(column)) for name, column in cells.items()})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _alike(column: Sequence[Cell]) -> list[Cell]:
    """Cells of one type: texts as soon as one is a text."""
    if not any(isinstance(cell, str) for cell in column):
        return list(column)
    return [None if cell is None else str(cell) for cell in column]
