"""Tables that come with data sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from plexor.cases.cells import parse_number, text_of
from plexor.cases.manifest import read_manifest
from plexor.cases.sources.source import Cell
from plexor.core.errors import DataError, PlanError, unknown


def read_table(path: Path, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    """Rows of a CSV, TSV or Parquet file, as texts by column; there is one at least.

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
        yield {
            name: cell if type(cell) is str else text_of(cell) for name, cell in row.cells.items()
        }


def chosen_labels(
    source: str, wanted: Sequence[str], known: Sequence[str], *, kind: str = "label"
) -> tuple[str, ...]:
    """The labels asked for, in the order of the table; all where none was asked for.

    Args:
        source: for the message.
        wanted: names asked for.
        known: names that there are.
        kind: what they are, for the message.

    Raises:
        PlanError: one of them is not known.
    """
    for name in wanted:
        if name not in known:
            raise PlanError(f"{source}: {unknown(kind, name, known)}")
    return tuple(name for name in known if name in wanted or not wanted)


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
