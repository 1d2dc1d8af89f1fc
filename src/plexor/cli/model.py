"""``plexor model``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from plexor.cli.output import console, folding_table

if TYPE_CHECKING:
    from plexor.audits.trial import Trial

app = typer.Typer(help="Look at a model before it is audited.", no_args_is_help=True)


@app.callback()
def options() -> None:
    """Look at a model before it is audited."""


@app.command()
def inspect(
    model: Annotated[
        str, typer.Argument(help="A model file, the folder of a MONAI bundle, or an address.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="A plan (YAML) whose model is tried on up to 16 of its cases."),
    ] = None,
    allow_code: Annotated[
        bool, typer.Option(help="With --data: open a model that runs code.")
    ] = False,
) -> None:
    """Say what a model file is, what it shows, and the line that names it in a plan.

    Nothing in the file is run. With --data the plan's model is opened and asked, and its decisions
    are shown beside the labels.

    Example: plexor model inspect net.onnx --data plan.yaml
    """
    from plexor.models.sources.inspection import inspect_model

    found = inspect_model(model)
    console.print(f"{model}: {found.kind}")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("opening it runs code", found.runs_code)
    for name, value in found.facts.items():
        table.add_row(name, value)
    console.print(table)
    if found.line:
        console.print(f"\nIn a plan:\n\n  {found.line}")
    if data is not None:
        from plexor.audits.trial import try_out
        from plexor.plans import load_plan

        _show(try_out(load_plan(data), allow_code=allow_code))


def _show(trial: Trial) -> None:
    """Decisions beside labels, and what the checks found."""
    console.print(f"\n{trial.model.card.architecture} shows its {trial.model.access}.")
    console.print(f"identity, SHA-256: {trial.model_sha256}")
    answers = trial.answers_sha256 or "none, since its outputs vary or noise is refused"
    console.print(f"answers to fixed images, SHA-256: {answers}")
    table = folding_table("case", "label", "decision")
    for row in trial.rows:
        table.add_row(*row)
    console.print(table)
    if trial.n_right is not None:
        console.print(f"{trial.n_right} of {trial.n_cases} are decided as labelled")
    for check in trial.checks:
        if check.raised:
            console.print(f"flag {check.id}: {check.message}")
    if not any(check.raised for check in trial.checks):
        console.print("the checks of the model raise no flag")
