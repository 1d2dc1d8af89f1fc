"""``plexor cohort fetch``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from plexor.cli.output import Quiet, console
from plexor.core.progress import stepping
from plexor.core.wording import counted

app = typer.Typer(help="Fetch images from a server.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Fetch images from a server into a folder."""


@app.command()
def dicomweb(
    url: Annotated[str, typer.Argument(help="The service, e.g. https://pacs.example/dicom-web.")],
    query: Annotated[
        str,
        typer.Option(help="DICOM keywords and values, e.g. 'PatientID=42&Modality=CT'."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    timeout: Annotated[
        float, typer.Option(help="Seconds without a byte after which a request has failed.", min=1)
    ] = 60.0,
    quiet: Quiet = False,
) -> None:
    """Fetch the series that a query finds from a DICOMweb service; resumes.

    Only GET is sent (QIDO-RS, WADO-RS). Credentials come from the environment and are written
    nowhere: PLEXOR_DICOMWEB_TOKEN, or PLEXOR_DICOMWEB_USER and PLEXOR_DICOMWEB_PASSWORD. Files that
    are there are not fetched again. Exit status 1 if the server did not give every instance.

    Example: plexor cohort fetch dicomweb https://pacs.example/dicom-web
    --query 'StudyDate=20240101-20240131&Modality=CT' --out export
    """
    from plexor.cases.sources.dicomweb import fetch, parse_query

    with stepping("cohort fetch", unit="series", quiet=quiet) as advance:
        found = fetch(url, parse_query(query), out, advance=advance, timeout=timeout)
    n_failed = sum(map(len, found.failed.values()))
    kept = f", {found.n_kept:,} there before" if found.n_kept else ""
    files = counted(found.n_new, "file")
    console.print(f"{found.n_series:,} series: {files} fetched{kept}: {out}")
    for reason, names in found.failed.items():
        console.print(f"- {len(names):,} not fetched: {reason}, e.g. {names[0]}")
    for note in found.notes:
        console.print(f"- {note}")
    if found.n_new + found.n_kept:
        console.print(f"\nNext:\n  plexor cohort make dicom {shlex.quote(str(out))}")
    raise typer.Exit(1 if n_failed else 0)
