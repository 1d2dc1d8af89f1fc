"""``plexor shortcuts list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from plexor.cli.class_options import options_of, options_table, plain_table
from plexor.cli.completion import shortcut_names
from plexor.cli.output import AsJson, console, print_json

if TYPE_CHECKING:
    from plexor.shortcuts import Entry


_READ = {
    "transplant": "\n    stamp: ink.png",
    "tag-cover": "\n    tags: tags.csv\n    fill: inpaint",
    "tag-isolation": "\n    tags: tags.csv",
    "tag-transplant": "\n    tags: tags.csv\n    aspect: letter",
}
"""Keys in a plan of the shortcuts that are read from files."""


def list_shortcuts(
    name: Annotated[
        str | None,
        typer.Argument(
            help="One shortcut: its options and their defaults.", autocompletion=shortcut_names
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the shortcuts that a plan can put into images, or show one with its options.

    Example: plexor shortcuts list ruler
    """
    from plexor.core.errors import PlanError, unknown
    from plexor.shortcuts import CATALOGUE, LISTED

    if name is not None and name not in LISTED:
        raise PlanError(unknown("shortcut", name, LISTED))
    chosen = {name: LISTED[name]} if name else LISTED
    if as_json:
        print_json(_described(*item) for item in chosen.items())
    elif name:
        console.print(f"{name}: {chosen[name].summary}\n")
        if name in CATALOGUE:
            console.print(options_table(options_of(CATALOGUE[name].shortcut)))
        console.print(f"\nIn a plan:\n\n  - shortcut: {name}{_READ.get(name, '')}")
    else:
        table = plain_table("shortcut", text="what it puts into an image")
        for listed, entry in chosen.items():
            table.add_row(listed, entry.summary)
        console.print(table)


def _described(name: str, entry: Entry) -> dict[str, object]:
    from plexor.shortcuts import CATALOGUE

    options = options_of(entry.shortcut) if name in CATALOGUE else []
    return {"name": name, "summary": entry.summary, "options": options}
