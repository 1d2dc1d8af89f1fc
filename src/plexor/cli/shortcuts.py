"""``plexor shortcuts``: burnt-in tags, found and put to the test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plexor.cli.output import console
from plexor.cli.tags import (
    Column,
    Manifest,
    Root,
    Search,
    ShowText,
    Truth,
    cohort_of,
    make_finder,
    print_census,
    root_of,
    searching,
)

app = typer.Typer(
    help="Find burnt-in tags on radiographs, and make the images that test what they matter.",
    no_args_is_help=True,
)


@app.callback()
def options() -> None:
    """Find burnt-in tags on radiographs, and make the images that test what they matter."""


@app.command()
def find(
    manifest: Manifest,
    out: Annotated[Path, typer.Option(help="The table to be written.")] = Path("tags.csv"),
    root: Root = None,
    column: Column = None,
    truth: Truth = "class",
    search: Annotated[
        Search,
        typer.Option(
            help="strokes: read what is made of strokes; whole: also search the whole image."
        ),
    ] = "strokes",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    show_text: ShowText = False,
) -> None:
    """Find burnt-in tags: a row for each box, and a row "none" for each image without one.

    The columns are path, x0, y0, x1, y1, kind, text, score, mirrored and turns, in pixels of the
    stored image. Nothing is changed. OCR reads the tags where the extra `ocr` is installed.
    """
    from plexor.shortcuts.find import write_tags

    cohort = cohort_of(manifest, root, column, truth)
    found = list(searching(cohort.cases, make_finder(search), workers))
    write_tags(out, found, root=root_of(manifest, root), show_text=show_text)
    print_census(found)
    console.print(f"tags: {out}")
