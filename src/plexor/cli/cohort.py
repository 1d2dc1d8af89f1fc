"""``plexor cohort``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plexor.cases.rows import TruthKind
from plexor.cli import cohort_fetch
from plexor.cli.cohort_make import make
from plexor.cli.named_values import named_values
from plexor.cli.output import console, folding_table
from plexor.cli.tags import Column, make_finder, print_census, searching
from plexor.core.progress import stepping

if TYPE_CHECKING:
    from plexor.cases.check import CohortReport
    from plexor.models import ModelCard
    from plexor.plans import Plan

app = typer.Typer(
    help="Make a manifest, and check a cohort before it is used.", no_args_is_help=True
)
app.command("make")(make)
app.add_typer(cohort_fetch.app, name="fetch")

_MOST_SHOWN = 50


@app.callback()
def options() -> None:
    """Make a manifest, check a cohort before it is used."""


@app.command()
def check(
    manifest: Annotated[
        Path,
        typer.Argument(help="A manifest (CSV or Parquet), or a plan (YAML) that names one."),
    ],
    root: Annotated[
        Path | None, typer.Option(help="Folder to which image paths are relative.")
    ] = None,
    column: Column = None,
    path_template: Annotated[
        str | None,
        typer.Option(help="Image path built from other columns, e.g. 'images/{image_id}.jpg'."),
    ] = None,
    truth: Annotated[
        TruthKind | None,
        typer.Option(
            help="Kind of label: class, findings (as effusion|nodule), number or mask; "
            "default: that of the plan."
        ),
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help=f"Print more than {_MOST_SHOWN} problems.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with status 1 on warnings too.")
    ] = False,
    tags: Annotated[
        bool,
        typer.Option(
            "--tags", help="Also look for burnt-in tags, and how unevenly labels carry them."
        ),
    ] = False,
) -> None:
    """Open every image of a manifest and list all problems; exit status 1 on errors.

    Unreadable files, mixed channels, sizes, orientations and spacings, missing labels, names that
    differ in case only, duplicates, groups on both sides of a split, and more. Nothing is changed
    and nothing is dropped.
    """
    from plexor.cases import load_cohort
    from plexor.cases.check import check_cohort

    columns = named_values(column, "--column")
    classes, no_finding = None, ""
    masks: Mapping[str, str] = {}
    features: tuple[str, ...] = ()
    codes: Mapping[str, Mapping[str, float]] = {}
    unit: str | None = None
    if manifest.suffix in (".yaml", ".yml"):
        from plexor.plans import load_plan  # reads torch, which a manifest does not need

        plan = load_plan(manifest)
        source = plan.cohort
        manifest = plan.path(source.manifest)
        root = root or (None if source.root is None else plan.path(source.root))
        columns = columns or dict(source.columns)
        path_template = path_template or source.path_template
        classes, no_finding, masks = source.classes, source.no_finding, source.masks
        truth, features = truth or _truth(plan), source.features
        codes = source.codes
        unit = _unit(plan)
    with stepping("cohort check", unit="images") as advance:
        found = check_cohort(
            manifest,
            root=root,
            columns=columns,
            path_template=path_template,
            classes=classes,
            truth=truth or "class",
            no_finding=no_finding,
            masks=masks,
            features=features,
            codes=codes,
            unit=unit,
            progress=lambda done, total: advance(done, total, manifest.name),
        )
    _print(found, most=len(found.problems) if show_all else _MOST_SHOWN)
    if tags and found.usable:
        cohort = load_cohort(
            manifest,
            root=root,
            columns=columns,
            path_template=path_template,
            classes=classes,
            truth=truth or "class",
            no_finding=no_finding,
            masks=masks,
        )
        print_census(list(searching(cohort.cases, make_finder("strokes"), workers=1)))
    raise typer.Exit(0 if found.usable and not (strict and found.problems) else 1)


def _truth(plan: Plan) -> TruthKind:
    """Kind of label that the plan's model needs."""
    from plexor.audits.inputs import truth_kind

    card = _card(plan)
    return truth_kind(plan.model.task or (card.task.kind if card else "multiclass"))


def _unit(plan: Plan) -> str | None:
    """Unit of the number that the plan's model gives; None where it gives none."""
    from plexor.models import Regression

    task = card.task if (card := _card(plan)) else None
    return plan.model.unit or (task.unit if isinstance(task, Regression) else None)


def _card(plan: Plan) -> ModelCard | None:
    from plexor.models.weights import read_card

    weights = plan.model_source().weights
    return read_card(weights) if weights is not None and weights.exists() else None


def _print(found: CohortReport, *, most: int) -> None:
    console.print(f"{found.name}: {found.n_cases} cases of {found.n_groups} groups")
    for title, counts in (
        ("classes", found.n_by_class),
        ("splits", {name or "(none)": n for name, n in found.n_by_split.items()}),
        ("shapes", {"×".join(map(str, shape)): n for shape, n in found.n_by_shape.items()}),
    ):
        if counts:
            console.print(f"{title}: " + ", ".join(f"{name} {n}" for name, n in counts.items()))
    if not found.problems:
        console.print("no problems found")
        return
    table = folding_table("severity", "what", "where", "message")
    for problem in found.problems[:most]:
        table.add_row(problem.severity, problem.id, problem.where, problem.message)
    console.print(table)
    if len(found.problems) > most:
        console.print(f"and {len(found.problems) - most} more; --all prints them")
