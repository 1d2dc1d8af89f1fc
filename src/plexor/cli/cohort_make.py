"""``plexor cohort make``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from plexor.cli.class_options import facts_table, options_of, options_table
from plexor.cli.named_values import named_values
from plexor.cli.output import Quiet, console
from plexor.core.errors import PlanError, unknown
from plexor.core.progress import stepping
from plexor.core.wording import counted

if TYPE_CHECKING:
    from plexor.cases.sources import Census, MadeManifest, Source

_MOST_LABELS = 30


def make(
    source: Annotated[
        str | None, typer.Argument(help="The layout of the data; without it, all are listed.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Argument(help="Where the data lie; without it, the source is described."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The manifest, .csv or .parquet; default: SOURCE.parquet, here."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", "-o", help="NAME=VALUE of the source, e.g. -o uncertain=positive."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a manifest for a data set in the layout it is distributed in.

    The images stay where they are; arrays and tables of images (.npz, .parquet) are unpacked into
    files, and slices of DICOM volumes listed, in a folder beside the manifest. Nothing is
    downloaded.

    What each source needs, its licence and its traps: docs/how-to/sources.md, "Data sets as they
    are" on the site.

    Example: plexor cohort make mura MURA-v1.1 --out mura.parquet
    """
    from plexor.cases.sources import SOURCES, make_manifest

    if source is None:
        _list(SOURCES)
        return
    if source not in SOURCES:
        raise PlanError(unknown("source", source, SOURCES))
    if folder is None:
        _describe(source, SOURCES[source])
        return
    manifest = out or Path(f"{source}.parquet")
    with stepping("cohort make", unit="images", quiet=quiet) as advance:
        made, counts = make_manifest(
            source, folder, manifest, named_values(option, "--option"), advance=advance
        )
    _print(manifest, made, counts)


def _list(sources: Mapping[str, type[Source]]) -> None:
    table = facts_table()
    for name, source in sources.items():
        table.add_row(name, source.reads)
    console.print(table)
    console.print(f"\nplexor cohort make {next(iter(sources))}: one source, its options and traps")


def _describe(name: str, source: type[Source]) -> None:
    console.print(f"{name}: {source.reads}\n")
    table = facts_table()
    table.add_row("licence", source.licence)
    table.add_row("get it", source.obtain)
    for number, trap in enumerate(source.traps):
        table.add_row("traps" if number == 0 else "", trap)
    console.print(table)
    if options := options_of(source):
        console.print()
        console.print(options_table(options, spelled=_plain))
    console.print(f"\nplexor cohort make {name} DIR --out {name}.parquet")


def _plain(value: object) -> str:
    """An option's default as it would be typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _print(manifest: Path, made: MadeManifest, counts: Census) -> None:
    from plexor.cases.sources import left_out_words

    console.print(
        f"{counted(counts.n_images, 'image')} of {counted(counts.n_groups, 'group')}: {manifest}"
    )
    if counts.n_by_label or counts.n_unlabelled:
        shown = [f"{name} {n:,}" for name, n in [*counts.n_by_label.items()][:_MOST_LABELS]]
        more = len(counts.n_by_label) - len(shown)
        shown += [f"{more} more"] if more > 0 else []
        shown += [f"none {counts.n_unlabelled:,}"] if counts.n_unlabelled else []
        console.print(f"labels: {', '.join(shown)}")
    else:
        console.print("labels: numbers" if made.truth == "number" else "labels: masks")
    if counts.n_by_split:
        console.print(f"splits: {', '.join(f'{k} {n:,}' for k, n in counts.n_by_split.items())}")
    for words in left_out_words(made):
        console.print(f"- {words}")
    for note in made.notes:
        console.print(f"- {note}")
    if made.plan:
        keys = yaml.safe_dump(
            dict(made.plan), default_flow_style=None, width=10**6, sort_keys=False
        )
        console.print(
            "\nIn a plan's cohort:\n" + "".join(f"  {line}\n" for line in keys.splitlines()), end=""
        )
    truth = "" if made.truth == "class" else f" --truth {made.truth}"
    file = shlex.quote(str(manifest))
    console.print(f"\nNext:\n  plexor cohort check {file}{truth}\n  plexor init {file}")
