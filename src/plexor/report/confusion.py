"""Confusion matrices, untouched and attacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plexor.core import wording
from plexor.report.table import Cell, Table

Matrix = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusions:
    """Truth against decision, untouched and attacked, and the commonest moves in words."""

    before: Table
    after: Table
    moves: str


def confusions(
    name: str,
    classes: Sequence[str],
    *,
    before: Matrix,
    after: Matrix,
    transitions: Matrix,
    attack: str,
) -> Confusions:
    """Both tables of one attack.

    Args:
        name: part of the ids, unique on the page.
        classes: names, in the order of rows and columns.
        before: cases by truth and decision, untouched, (K, K).
        after: attacked.
        transitions: by decision before and decision after.
        attack: in words.
    """
    return Confusions(
        before=_table(f"confusion-before-{name}", "Untouched", classes, before),
        after=_table(f"confusion-after-{name}", f"After {attack}", classes, after),
        moves=moves(classes, transitions),
    )


def _table(table_id: str, caption: str, classes: Sequence[str], matrix: Matrix) -> Table:
    """Cases by true class (rows) and decision (columns), each row shaded by its shares."""
    rows = []
    for name, counts in zip(classes, matrix, strict=True):
        total = sum(counts)
        cells = (Cell(text=wording.count(n), shade=n / total if total else None) for n in counts)
        rows.append((Cell(text=name, header=True), *cells))
    return Table(
        id=table_id,
        caption=caption,
        columns=(Cell(text="Truth"), *(Cell(text=name) for name in classes)),
        rows=tuple(rows),
    )


def moves(classes: Sequence[str], transitions: Matrix, *, most: int = 3) -> str:
    """The commonest changes of decision, in words.

    Args:
        classes: names, in the order of rows and columns.
        transitions: cases by decision before and decision after.
        most: maximum number of changes named.
    """
    moved = [
        (n, f"{old} → {new}")
        for old, row in zip(classes, transitions, strict=True)
        for new, n in zip(classes, row, strict=True)
        if old != new and n
    ]
    if not moved:
        return "No decision changed."
    total = sum(n for n, _ in moved)
    top = sorted(moved, key=lambda move: (-move[0], move[1]))[:most]
    common = ", ".join(f"{move} ({wording.count(n)})" for n, move in top)
    return f"{wording.counted(total, 'decision')} changed; most often {common}."
