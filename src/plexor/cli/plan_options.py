"""Options of the commands that take a plan, to change it without editing the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from plexor.plans import Plan

Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PLACE=VALUE",
        help="Set a value of the plan, e.g. --set train.epochs=3 or --set 'probes[0].steps=5'.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Take at most this many cases of each split, in the proportions of the classes; the "
        "same as --set cohort.limit=N.",
    ),
]


def load(plan: Path, changes: list[str] | None, limit: int | None = None) -> Plan:
    """Reads a plan and sets what the options say."""
    from plexor.plans import load_plan

    limited = [] if limit is None else [f"cohort.limit={limit}"]
    return load_plan(plan, [*(changes or []), *limited])
