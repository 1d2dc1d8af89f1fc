"""CSV as Plexor writes it: no cell is a formula to a spreadsheet.

Spreadsheets run a cell that starts with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return, and
names of cases, classes and readers come from files of others. Such a text is written after an
apostrophe, which spreadsheets take for "this is text"; ``plain_cell`` removes it again. Numbers are
written as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

_RUN = re.compile(r"'*[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]")
_WRITTEN = re.compile(r"'+[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


def safe_cell(value: object) -> object:
    """A value as it is written: a text that a spreadsheet would run has an apostrophe before it.

    Example:
        >>> safe_cell("=1+1"), safe_cell("naevus"), safe_cell("-1.5"), safe_cell(-1.5)
        ("'=1+1", 'naevus', '-1.5', -1.5)
    """
    if not isinstance(value, str) or not _RUN.match(value) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def plain_cell(text: str) -> str:
    """The text that ``safe_cell`` was given.

    Example:
        >>> plain_cell("'=1+1"), plain_cell("'naevus'"), plain_cell("-1.5")
        ('=1+1', "'naevus'", '-1.5')
    """
    # the first test is for speed: tables have millions of cells
    return text[1:] if text[:1] == "'" and _WRITTEN.match(text) else text


def csv_text(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    r"""A table as CSV, with lines that end in ``\n``.

    Example:
        >>> print(csv_text(["id", "label"], [["a", "@b"], ["c", "d,e"]]), end="")
        id,label
        a,'@b
        c,"d,e"
    """
    lines = [_line(columns), *(_line(row) for row in rows)]
    return "".join(f"{line}\n" for line in lines)


def _line(cells: Iterable[object]) -> str:
    text = io.StringIO()
    # the module quotes a carriage return only where lines end in one
    csv.writer(text, lineterminator="\r\n").writerow([safe_cell(cell) for cell in cells])
    return text.getvalue().removesuffix("\r\n")
