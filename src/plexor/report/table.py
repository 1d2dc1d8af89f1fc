"""Tables of text cells, ready for the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        text: its text.
        detail: a second line in small type: an interval, a count.
        reason: why the text is a dash, or a warning about the number.
        header: whether it names its row.
        shade: darkness of the background, 0 to 1; None without background.
    """

    text: str
    detail: str = ""
    reason: str = ""
    header: bool = False
    shade: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its caption.

    Attributes:
        id: unique on the page.
        caption: what it shows, in one sentence.
        columns: headings; the first is of the rows' names.
        rows: cells, as many as columns.
        note: remarks needed to understand it.
    """

    id: str
    caption: str
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
