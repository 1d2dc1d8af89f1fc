"""Terminal output: progress bars, progress lines for logs, tables."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

console = Console(highlight=False, soft_wrap=True, markup=False)
_QUIET_SECONDS = 30.0
_SPEED_SECONDS = 600.0
"""Seconds of past steps from which the time left is estimated; a step may take minutes."""


def folding_table(*headers: str) -> Table:
    """A table whose cells are wrapped, never cut, where the line is too short."""
    table = Table()
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


class Advance(Protocol):
    """Receives the progress of a command."""

    def __call__(self, done: int, total: int, note: str, *, unit: str | None = None) -> None:
        """Shows the progress.

        Args:
            done: number done.
            total: number to do.
            note: current activity.
            unit: what is counted, where a command counts several things in turn; a change restarts
                the count and the estimate of the time left.
        """
        ...


@contextlib.contextmanager
def stepping(title: str, *, unit: str) -> Iterator[Advance]:
    """Shows progress and time left while the block runs."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    if not errors.is_terminal:
        yield _lines(errors, title, unit)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=errors, transient=True, speed_estimate_period=_SPEED_SECONDS
    ) as progress:
        task = progress.add_task(title, total=None, unit=unit)
        counted = unit

        def advance(done: int, total: int, note: str, *, unit: str | None = None) -> None:
            nonlocal counted
            if unit not in (None, counted):
                counted = unit
                progress.reset(task, unit=unit)
            progress.update(task, completed=done, total=total, description=f"{title}: {note}")

        yield advance


def _lines(errors: Console, title: str, unit: str) -> Advance:
    start = time.monotonic()
    last = start - _QUIET_SECONDS
    first: int | None = None
    counted = unit

    def advance(done: int, total: int, note: str, *, unit: str | None = None) -> None:
        nonlocal start, last, first, counted
        now = time.monotonic()
        if unit not in (None, counted):
            counted, first = unit, None
        if first is None:  # earlier steps were resumed, so their pace says nothing about the rest
            start, first = now, done
        if now - last < _QUIET_SECONDS and done < total:
            return
        last = now
        rate = (done - first) / (now - start) if done > first else 0
        left = f", {(total - done) / rate / 60:.0f} min left" if rate > 0 else ""
        errors.print(f"{title}: {done} of {total} {counted}{left}; {note}")

    return advance
