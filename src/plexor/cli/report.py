"""``plexor report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plexor.cli.output import console
from plexor.core.wording import counted


def report(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    one_file: Annotated[
        bool,
        typer.Option("--one-file", help="Put every picture into the page, however large it gets."),
    ] = False,
    pdf: Annotated[
        Path | None,
        typer.Option(
            "--pdf", metavar="FILE", help="Write the report as PDF, too; needs the extra `pdf`."
        ),
    ] = None,
) -> None:
    """Rebuild summary.json and report.html from a run directory, without torch."""
    from plexor.report import write_report, write_report_pdf

    console.print(f"report: {write_report(run, one_file=one_file)}")
    if pdf is not None:
        n_pages = write_report_pdf(run, pdf)
        console.print(f"pdf: {pdf}, {counted(n_pages, 'page')}")
