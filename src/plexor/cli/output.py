"""Terminal output: the console and tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
console = Console(highlight=False, soft_wrap=True, markup=False)


def folding_table(*headers: str) -> Table:
    """A table whose cells are wrapped, never cut, where the line is too short."""
    table = Table()
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def print_json(rows: Iterable[Mapping[str, object]]) -> None:
    """Prints a list, of which each entry is described by names and values."""
    typer.echo(json.dumps(list(rows), indent=1, ensure_ascii=False, default=str))
