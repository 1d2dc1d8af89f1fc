"""Progress of long work, on standard error: a bar in a terminal, a line a minute elsewhere."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

_LINE_SECONDS = 60.0
"""Seconds between two lines where there is no terminal."""
_SPEED_SECONDS = 600.0
"""Seconds of past steps from which the time left is estimated; a step may take minutes."""
_WIDE = 100
"""Characters of a line that has room for a long bar and the time elapsed."""


class Advance(Protocol):
    """Receives the progress of long work."""

    def __call__(
        self,
        done: int,
        total: int,
        note: str,
        /,
        *,
        unit: str | None = None,
        seconds_left: float | None = None,
    ) -> None:
        """Shows the progress.

        Args:
            done: number done.
            total: number to do.
            note: current activity.
            unit: what is counted, where several things are counted in turn; a change restarts the
                count and the estimate of the time left.
            seconds_left: the time left, where it is known better than from the pace of all steps;
                NaN where it cannot be told yet.
        """
        ...


@contextlib.contextmanager
def stepping(title: str, *, unit: str, quiet: bool = False) -> Iterator[Advance]:
    """Shows progress and time left while the block runs.

    Args:
        title: what is done, at the start of the line.
        unit: what is counted.
        quiet: show nothing.

    Example:
        >>> with stepping("audit", unit="images", quiet=True) as advance:
        ...     advance(1, 2, "reading")
    """
    errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    if quiet:
        yield _silent
    elif errors.is_terminal:
        with _bar(errors) as progress:
            yield _moving(progress, title, unit)
    else:
        yield _lines(errors, title, unit)


def _silent(
    done: int,
    total: int,
    note: str,
    *,
    unit: str | None = None,
    seconds_left: float | None = None,
) -> None:
    """Shows nothing."""


class _Left(ProgressColumn):
    """The time left, counted down between two steps."""

    def render(self, task: Task) -> Text:
        """As ``1:02:03``, or dashes where it cannot be told."""
        left = task.fields["left"]
        if left is None:
            seconds = task.time_remaining
        else:
            seconds = None if math.isnan(left) else max(0.0, left - time.monotonic())
        return Text(f"left {_clock(seconds)}", style="progress.remaining")


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "-:--:--"
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _bar(errors: Console) -> Progress:
    """A bar that fits the line: what it says is folded there, never cut."""
    wide = errors.width >= _WIDE
    columns = [
        SpinnerColumn(),
        TextColumn(
            "{task.description}", markup=False, table_column=Column(ratio=1, overflow="fold")
        ),
        BarColumn(bar_width=30 if wide else 8),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}", markup=False),
        *([TimeElapsedColumn()] if wide else []),
        _Left(),
    ]
    return Progress(
        *columns,
        console=errors,
        transient=True,
        expand=True,
        speed_estimate_period=_SPEED_SECONDS,
    )


def _moving(progress: Progress, title: str, unit: str) -> Advance:
    task = progress.add_task(title, total=None, unit=unit, left=None)
    counted = unit

    def advance(
        done: int,
        total: int,
        note: str,
        *,
        unit: str | None = None,
        seconds_left: float | None = None,
    ) -> None:
        nonlocal counted
        if unit not in (None, counted):
            counted = unit
            progress.reset(task, unit=unit)
        left = None if seconds_left is None else time.monotonic() + seconds_left
        progress.update(
            task, completed=done, total=total, description=f"{title}: {note}", left=left
        )

    return advance


def _lines(errors: Console, title: str, unit: str) -> Advance:
    start = time.monotonic()
    last = start - _LINE_SECONDS
    first: int | None = None
    counted = unit

    def advance(
        done: int,
        total: int,
        note: str,
        *,
        unit: str | None = None,
        seconds_left: float | None = None,
    ) -> None:
        nonlocal start, last, first, counted
        now = time.monotonic()
        if unit not in (None, counted):
            counted, first = unit, None
        if first is None:  # earlier steps were resumed, so their pace says nothing about the rest
            start, first = now, done
        if now - last < _LINE_SECONDS and done < total:
            return
        last = now
        if seconds_left is None and done > first:
            seconds_left = (total - done) * (now - start) / (done - first)
        left = ""
        if seconds_left is not None and not math.isnan(seconds_left):
            left = f", {seconds_left / 60:.0f} min left"
        errors.print(f"{title}: {done} of {total} {counted}{left}; {note}")

    return advance
