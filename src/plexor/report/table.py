"""Tables as a page needs them: words in cells, ready to print."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        detail: a second, quieter line: an interval, a count.
        reason: why the text is a dash, or a warning that goes with the number.
        header: whether it names its row.
        shade: 0 to 1, how dark its ground is; None for no ground.
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
        note: what one must know to read it.
    """

    id: str
    caption: str
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
