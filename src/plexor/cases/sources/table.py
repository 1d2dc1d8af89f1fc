"""Tables that come with data sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from plexor.cases.cells import parse_number, text_of
from plexor.cases.manifest import read_manifest
from plexor.cases.sources.source import Cell
from plexor.core.errors import DataError, unknown


def read_table(path: Path, needed: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Rows of a CSV, TSV or Parquet file, as texts by column.

    Args:
        path: the table.
        needed: columns that must be there.

    Raises:
        DataError: it is missing or damaged, lacks a column, or a row has too few or too many cells.
    """
    table = read_manifest(path)
    for name in needed:
        if name not in table.columns:
            raise DataError(f"{path}: {unknown('column', name, table.columns)}")
    for row in table.rows:
        if row.n_cells != len(table.columns):
            raise DataError(
                f"{path}: row {row.line} has {row.n_cells} cells, expected {len(table.columns)}; "
                "repair or remove it"
            )
        yield {name: text_of(cell) for name, cell in row.cells.items()}


def number_cell(text: str) -> Cell:
    """A cell that should be a number: None where empty, the text where it is none.

    Example:
        >>> number_cell("57"), number_cell("061Y"), number_cell("")
        (57, '061Y', None)
    """
    number = parse_number(text)
    if number is None:
        return text or None
    return int(number) if number.is_integer() else number
