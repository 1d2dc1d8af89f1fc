"""``plexor plan``."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plexor.cli.output import console, folding_table
from plexor.cli.plan_options import Changes, Limit, load

if TYPE_CHECKING:
    from plexor.audits.preview import Preview
    from plexor.core.yaml_text import Complaint

app = typer.Typer(help="Check a plan, or show what it means.", no_args_is_help=True)

_File = Annotated[Path, typer.Argument(help="The plan (YAML).")]


@app.callback()
def options() -> None:
    """Check a plan, or show what it means."""


@app.command()
def check(
    plan: _File,
    limit: Limit = None,
    changes: Changes = None,
    device: Annotated[
        str | None, typer.Option(help="Device on which passes are timed, e.g. cuda:0.")
    ] = None,
    allow_code: Annotated[
        bool, typer.Option(help="Import and call the plan's `model.python`, to check it as well.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say everything that is wrong with a plan, and what its audit would do.

    Nothing is computed but a few passes, to check the model and tell the time. The manifest is
    read, whether each image is there, a few images, and the card of the weights;
    `plexor cohort check` opens every image. A model that is code is run with --allow-code only.
    Exit status 1 if the audit could not run, 2 if the plan itself is invalid.
    """
    from plexor.audits.preview import preview

    found = preview(load(plan, changes, limit), device=device, allow_code=allow_code)
    complaints = _placed(plan, found)
    if as_json:
        typer.echo(json.dumps(_plain(found, complaints), indent=1))
    else:
        _say(plan, found, complaints)
    raise typer.Exit(1 if complaints else 0)


@app.command()
def schema() -> None:
    """Print the JSON schema of a plan, for editors.

    In VS Code with the YAML extension: plexor plan schema > plexor.schema.json, and as the first
    line of a plan: # yaml-language-server: $schema=plexor.schema.json
    """
    from plexor.plans import plan_schema

    typer.echo(json.dumps(plan_schema(), indent=1, ensure_ascii=False))


@app.command()
def show(plan: _File, limit: Limit = None, changes: Changes = None) -> None:
    """Print a plan as it is understood, with every default written out.

    The same as plan.yaml of a run directory. Threats of attacks loaded from files are read from
    there.
    """
    import yaml

    resolved = load(plan, changes, limit).with_saved().resolved()
    typer.echo(yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True), nl=False)


def _placed(plan: Path, found: Preview) -> list[Complaint]:
    """What would stop the audit, in the order of the plan's lines."""
    from plexor.core.yaml_text import Complaint, read_written

    document = read_written(plan, "plan")
    placed = [
        Complaint(document.mark(doubt.place, of_key=len(doubt.place) > 1), doubt.text)
        for doubt in found.doubts
    ]
    return sorted(dict.fromkeys(placed), key=lambda one: one.mark or (0, 0))


def _say(plan: Path, found: Preview, complaints: list[Complaint]) -> None:
    from plexor.audits.pass_time import in_words
    from plexor.core.wording import count

    table = folding_table("probe", "kind", "sees", "passes a case, at most")
    for probe in found.probes:
        table.add_row(probe.id, probe.kind, probe.sees, _passes(probe.passes))
    console.print(table)
    if found.n_cases is not None:
        console.print(
            f"{found.cohort}: {count(found.n_cases)} cases of {count(found.n_groups)} groups, "
            f"{len(found.probes)} probes: {count(found.n_cases * len(found.probes))} case-probes"
        )
    unknown = [probe.id for probe in found.probes if math.isnan(probe.passes)]
    if found.passes:
        beside = f", beside {', '.join(unknown)}" if unknown else ""
        console.print(f"at most {count(round(found.passes))} passes through the model{beside}")
    if not math.isnan(found.seconds):
        console.print(f"{in_words(found.seconds)} in the model on {found.device}, measured here")
    for note in found.notes:
        console.print(f"note: {note}")
    for complaint in complaints:
        console.print(f"{plan}: {complaint}")
    if not complaints:
        console.print("no problems found")


def _passes(passes: float) -> str:
    from plexor.core.wording import count

    return "depends" if math.isnan(passes) else count(round(passes))


def _plain(found: Preview, complaints: list[Complaint]) -> dict[str, object]:
    return {
        "cohort": found.cohort,
        "n_cases": found.n_cases,
        "n_groups": found.n_groups,
        "probes": [
            {
                "id": probe.id,
                "kind": probe.kind,
                "sees": probe.sees,
                "passes": None if math.isnan(probe.passes) else probe.passes,
            }
            for probe in found.probes
        ],
        "passes": found.passes,
        "seconds": None if math.isnan(found.seconds) else found.seconds,
        "notes": found.notes,
        "problems": [
            {
                "line": one.mark[0] if one.mark else None,
                "column": one.mark[1] if one.mark else None,
                "text": one.text,
            }
            for one in complaints
        ],
    }
