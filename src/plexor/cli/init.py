"""``plexor init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plexor.cli.named_values import named_values
from plexor.cli.output import console

_MANIFEST = "manifest.csv"
_PLAN = "plan.yaml"


def init(
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder of images, with a table or one sub-folder for each class; or a table "
            "(CSV or Parquet) that names images beside it."
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            help="File of a model to audit; without it, the plan trains a small network on the "
            "images."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for plan and manifest; default: NAME-audit, here."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="PLEXOR'S=TABLE'S column where the guess is wrong, e.g. --column label=dx."
        ),
    ] = None,
) -> None:
    """Write a starter plan and a manifest for a folder of images, and say what to run next.

    Looks at names, tables and DICOM headers, and asks nothing. What was guessed is printed. The
    images stay where they are and are not changed.

    Example: plexor init chest_xray
    """
    from plexor.cases.discover import discover
    from plexor.cases.sources.recognised import recognised
    from plexor.core.errors import DataError
    from plexor.core.files import write_atomic
    from plexor.plans.starter import starter_plan

    source = source.resolve()
    folder = out or Path(f"{source.stem if source.is_file() else source.name}-audit")
    plan, manifest = folder / _PLAN, folder / _MANIFEST
    if there := [path for path in (plan, manifest) if path.exists()]:
        raise DataError(f"{there[0]} is there already; remove it, or choose a folder with --out")
    if source.is_dir() and (known := recognised(source)) is not None:
        name, why = known
        console.print(
            f"- {why}: `plexor cohort make {name} {source} --out {name}.parquet` knows this "
            "layout; what follows is guessed from names"
        )
    found = discover(source, named_values(column, "--column"))
    starter = starter_plan(found, folder, manifest=_MANIFEST, model=model)
    write_atomic(manifest, found.manifest().encode())
    write_atomic(plan, starter.plan.encode())
    for note in starter.notes:
        console.print(f"- {note}")
    console.print(f"\nwritten: {plan}, {manifest} ({len(found.rows)} images)\n\nNext:")
    if not starter.complete:
        console.print(f"  edit {plan if found.label_name else manifest}, see above")
    for line in _next(plan, folder, trained=model is not None):
        console.print(f"  {line}")


def _next(plan: Path, folder: Path, *, trained: bool) -> list[str]:
    check = [f"plexor plan check {plan}"]
    training = [] if trained else [f"plexor train {plan}"]
    return [*check, *training, f"plexor audit {plan} --limit 100 --out {folder / 'run'}"]
