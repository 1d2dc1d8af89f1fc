"""A manifest: the table that says which file is what."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plexor.core.errors import DataError

_PARQUET = b"PAR1"
_MARKS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
EXTRA_CELLS = "\0extra cells"
"""The key under which a row keeps cells beyond the last column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest as written, nothing checked but its form.

    Attributes:
        path: where it was read.
        columns: names of the columns, in order.
        rows: one dictionary per row. A CSV file's cells are strings without surrounding blanks,
            "" where empty, and missing at the end of a row that is too short; Parquet's are as
            typed there, None where null.
        first_row: what the first row is called in messages: 2 for CSV (the header is line 1).
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[dict[str, object], ...]
    first_row: int


def read_manifest(path: Path) -> Manifest:
    """Reads a manifest, CSV (comma, semicolon or tab; UTF-8, with or without mark) or Parquet.

    Raises:
        DataError: missing, unreadable, empty, in another encoding, not a table, without rows, or
            with a column name that is empty or there twice.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not data:
        raise DataError(f"{path}: the manifest is empty, expected a header and rows")
    columns, rows, first_row = (
        _read_parquet(path) if data[:4] == _PARQUET else _read_csv(path, data)
    )
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise DataError(f"{path}: column {twice[0]!r} is there twice; rename one")
    if not rows:
        raise DataError(f"{path}: the manifest has a header and no rows")
    return Manifest(path=path, columns=columns, rows=rows, first_row=first_row)


Table = tuple[tuple[str, ...], tuple[dict[str, object], ...], int]


def _read_csv(path: Path, data: bytes) -> Table:
    text = _decode(path, data)
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = tuple(name.strip() for name in next(reader))
        rows = tuple(_cells(columns, reader))
    except (csv.Error, StopIteration) as error:
        raise DataError(f"{path}: not a CSV table, line {reader.line_num}: {error}") from error
    return columns, rows, 2


def _cells(columns: tuple[str, ...], reader: Iterator[list[str]]) -> Iterator[dict[str, object]]:
    for line in reader:
        if not line:  # a blank line
            continue
        row: dict[str, object] = {
            name: cell.strip() for name, cell in zip(columns, line, strict=False)
        }
        if len(line) > len(columns):
            row[EXTRA_CELLS] = tuple(line[len(columns) :])
        yield row


def _decode(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        guess = next((name for mark, name in _MARKS if data.startswith(mark)), "Windows-1252")
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}: expected UTF-8, found something else in line {line}, probably {guess}; "
            "save it as CSV UTF-8"
        ) from error


def _read_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}") from error
    return tuple(table.column_names), tuple(table.to_pylist()), 1
