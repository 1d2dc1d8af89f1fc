"""A manifest: a table of image files with their labels, or a folder with one sub-folder a class."""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from plexor.cases.formats.limits import Limits, inflate
from plexor.cases.formats.magic import format_of
from plexor.core.csv_text import plain_cell
from plexor.core.errors import DataError

_PARQUET = b"PAR1"
_DECIMAL = re.compile(r"[+-]?\d+(,\d+)?", re.ASCII)
"""A number with a decimal comma, or a whole one."""
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a manifest.

    Attributes:
        line: the line of a CSV file (the last one, if a cell spans several; the header is line 1),
            or the row of a Parquet file, counted from 1.
        cells: column → cell. A CSV file's cells are strings without surrounding blanks, "" where
            empty; Parquet's are as typed there, None where null.
        n_cells: number of cells; not the number of columns in a broken row.
    """

    line: int
    cells: Mapping[str, object]
    n_cells: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest as written; only its form is checked.

    Attributes:
        path: the file.
        folder: the folder that relative paths start from.
        columns: names of the columns, in order.
        rows: every row that is not blank.
    """

    path: Path
    folder: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_manifest(path: Path) -> Manifest:
    """Reads a manifest, CSV (comma, semicolon or tab; UTF-8, with or without mark) or Parquet.

    A gzipped table is read too, up to ``PLEXOR_MAX_BYTES`` (2 GiB) once unpacked.

    In a CSV table with semicolons or tabs, numbers may have decimal commas, as spreadsheets of many
    languages write them: a column in which every cell is such a number is read with points.

    A folder is read as a manifest too: every file in a sub-folder is a case, labelled with the
    name of the sub-folder. Files beside the sub-folders and hidden files are ignored.

    Raises:
        DataError: missing, unreadable, empty, in another encoding, not a table, without rows,
            with a repeated column name, or gzipped and damaged, too large, or an image.
    """
    if path.is_dir():
        return _read_folder(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if (image := format_of(data)) == "gzip":
        data = _unzipped(path, data)
    elif image is not None:
        raise DataError(
            f"{path}: this is an image ({image}); give the folder of the images, or a table that "
            "lists them"
        )
    if not data.strip():
        raise DataError(f"{path}: the manifest is empty, expected a header and rows")
    columns, rows = _read_parquet(path, data) if data[:4] == _PARQUET else _read_csv(path, data)
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise DataError(f"{path}: column {twice[0]!r} occurs twice; rename one")
    if not rows:
        raise DataError(f"{path}: the manifest has a header and no rows")
    return Manifest(path=path, folder=path.parent, columns=columns, rows=rows)


def _unzipped(path: Path, data: bytes) -> bytes:
    """The table in a gzipped file.

    Raises:
        DataError: it is damaged, or too large, or holds an image.
    """
    most = Limits.of_environment().bytes
    try:
        table = inflate(data, most=most, wbits=31)
    except (zlib.error, EOFError) as error:
        raise DataError(f"{path}: damaged gzip file: {error}; fetch it anew") from error
    if len(table) > most:
        raise DataError(
            f"{path}: unpacks to more than {most:,} bytes; if the file is sound, raise "
            "PLEXOR_MAX_BYTES"
        )
    if (image := format_of(table)) is not None:
        raise DataError(
            f"{path}: this is an image ({image}, gzipped); give the folder of the images, or a "
            "table that lists them"
        )
    return table


def _read_folder(path: Path) -> Manifest:
    """Paths and labels of the files below a folder's sub-folders, in order of their paths."""
    inside = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())
    shown = [file for file in inside if not any(part.startswith(".") for part in file.parts)]
    cells = [
        {"path": file.as_posix(), "label": file.parts[0]} for file in shown if len(file.parts) > 1
    ]
    if not cells:
        raise DataError(f"{path}: expected one sub-folder of images for each class, found none")
    rows = (Row(line=line, cells=row, n_cells=len(row)) for line, row in enumerate(cells, 1))
    return Manifest(path=path, folder=path, columns=("path", "label"), rows=tuple(rows))


def _read_csv(path: Path, data: bytes) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    text = _decode(path, data)
    header = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = tuple(name.strip() for name in next(reader, []))
        _check_delimiter(path, columns)
        rows = tuple(
            Row(
                line=reader.line_num,
                cells=dict(zip(columns, [plain_cell(cell.strip()) for cell in line], strict=False)),
                n_cells=len(line),
            )
            for line in reader
            if line
        )
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV table, line {reader.line_num}: {error}") from error
    return columns, rows if delimiter == "," else _with_points(columns, rows)


def _with_points(columns: Sequence[str], rows: Sequence[Row]) -> tuple[Row, ...]:
    """Decimal commas as points, in columns of numbers only."""
    commas = set()
    for name in columns:
        cells = {str(row.cells.get(name, "")) for row in rows} - {""}
        if any("," in cell for cell in cells) and all(map(_DECIMAL.fullmatch, cells)):
            commas.add(name)
    if not commas:
        return tuple(rows)
    return tuple(
        replace(
            row,
            cells={
                name: str(cell).replace(",", ".") if name in commas else cell
                for name, cell in row.cells.items()
            },
        )
        for row in rows
    )


def _check_delimiter(path: Path, columns: tuple[str, ...]) -> None:
    """Refuses a header of one column that other characters divide, such as ``path|label``."""
    if len(columns) != 1:
        return
    words = re.split(r"[\s|:^~]+", columns[0])
    if len(words) > 1 and {"path", "label"} & set(words):
        raise DataError(
            f"{path}: the header is a single column, {columns[0]!r}; expected columns divided by "
            "comma, semicolon or tab"
        )


def _decode(path: Path, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        guess = "UTF-16" if data[:2] in _UTF16_MARKS else "Windows-1252"
        line = data[: error.start].count(b"\n") + 1
        raise _wrong_encoding(path, line, guess) from error
    if "\0" in text:
        raise _wrong_encoding(path, 1, "UTF-16")
    return text


def _wrong_encoding(path: Path, line: int, guess: str) -> DataError:
    return DataError(
        f"{path}: expected UTF-8, found something else in line {line}, probably {guess}; "
        "save it as CSV UTF-8"
    )


def _read_parquet(path: Path, data: bytes) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}") from error
    columns = tuple(table.column_names)
    rows = (
        Row(line=line, cells=cells, n_cells=len(columns))
        for line, cells in enumerate(table.to_pylist(), 1)
    )
    return columns, tuple(rows)
