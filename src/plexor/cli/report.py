"""``plexor report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plexor.cli.output import console


def report(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    one_file: Annotated[
        bool,
        typer.Option("--one-file", help="Put every picture into the page, however large it gets."),
    ] = False,
) -> None:
    """Rebuild summary.json and report.html from a run directory, without torch."""
    from plexor.report import write_report

    console.print(f"report: {write_report(run, one_file=one_file)}")
