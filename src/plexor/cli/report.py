"""``plexor report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plexor.cli.output import console


def report(run: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Rebuild summary.json and report.html from a run directory, without torch."""
    from plexor.report import write_report

    console.print(f"report: {write_report(run)}")
