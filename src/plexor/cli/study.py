"""``plexor study``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from plexor.cli.completion import study_names
from plexor.cli.named_values import named_values
from plexor.cli.output import AsJson, console, folding_table, print_json
from plexor.core.progress import Advance, stepping

if TYPE_CHECKING:
    from plexor.findings.study_file import StudyResult
    from plexor.studies import Study

Name = Annotated[
    str, typer.Argument(help="A study of `plexor study list`.", autocompletion=study_names)
]
app = typer.Typer(help="Repeat published studies and compare the figures.", no_args_is_help=True)


@app.command("list")
def list_studies(as_json: AsJson = False) -> None:
    """List the studies with question and publication."""
    from plexor.studies import STUDIES

    if as_json:
        print_json(
            {"name": study.name, "question": study.question, "published": study.citation}
            for study in STUDIES.values()
        )
        return
    table = folding_table("study", "question", "published")
    for study in STUDIES.values():
        table.add_row(study.name, study.question, study.citation)
    console.print(table)


@app.command()
def show(name: Name) -> None:
    """Show a study: question, design, published figures, and deviations here."""
    from plexor.studies import find

    study = find(name)
    console.print(f"{study.title}\n{study.citation}\n")
    console.print(f"Question. {study.question}\n")
    console.print(f"Design. {study.design}\n")
    console.print(_figures(study))
    table = folding_table("done otherwise", "published", "here", "why")
    for one in study.departures:
        table.add_row(one.what, one.published, one.here, one.why)
    console.print(table)
    console.print(f"plexor study run {name} --scale smoke --out DIR")


@app.command()
def run(
    name: Name,
    scale: Annotated[
        str,
        typer.Option(
            help="Smoke (minutes), small (two processors, hours) or full (a graphics card)."
        ),
    ] = "smoke",
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the original data; without it, phantoms are drawn (some studies: at "
            "`smoke` only)."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The study's directory; default: runs/NAME-SCALE.")
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(help="ARM=FILE: use these weights, trained by the arm's plan."),
    ] = None,
    start: Annotated[
        list[str] | None,
        typer.Option(help="ARM=FILE: start the arm's training from these, e.g. ImageNet's."),
    ] = None,
    heldout: Annotated[
        Path | None,
        typer.Option(
            help="Folder of more original data, on which nothing is fitted: an arm of its own "
            "(allyn2020)."
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(min=1, help="Number of seeds; figures of each, and their spread (allyn2020)."),
    ] = 1,
    device: Annotated[
        str | None, typer.Option(help="Device, e.g. cuda:0; by default a GPU if there is one.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of parallel workers in audits, one thread each; needs Ray."
        ),
    ] = None,
) -> None:
    """Run a study and write its report: published figures beside ours.

    A study that was stopped with Ctrl-C or killed is resumed by the same command.
    """
    from plexor.report import write_report
    from plexor.studies import Request, find, run_study

    study = find(name)
    request = Request(
        out=out or Path("runs") / f"{study.name}-{scale}",
        scale=scale,
        data=data,
        weights=_by_arm("weights", weights),
        start=_by_arm("start", start),
        device=device,
        workers=workers,
        heldout=heldout,
        seeds=seeds,
    )
    result = run_study(study.name, request, watch=_watch)
    console.print(_compared(result))
    console.print(f"report: {write_report(request.out)}")


def _watch(title: str, unit: str) -> AbstractContextManager[Advance]:
    console.print(title)
    return stepping(title, unit=unit)


def _by_arm(option: str, written: list[str] | None) -> dict[str, Path]:
    found = named_values(written, f"--{option}", form="ARM=FILE")
    return {arm: Path(file) for arm, file in found.items()}


def _figures(study: Study) -> Table:
    from plexor.report.study_page import number_words

    table = folding_table("published figure", "value", "95 % interval", "n", "where")
    for figure in study.figures:
        value, limits = number_words(figure.number())
        note = f"; {figure.note}" if figure.note else ""
        table.add_row(figure.what, value, limits, str(figure.n or "–"), f"{figure.where}{note}")
    return table


def _compared(result: StudyResult) -> Table:
    """The study's first table, in short."""
    from plexor.report.study_page import number_words

    arms = list(dict.fromkeys(arm for row in result.rows for arm in row.ours))
    table = folding_table("figure", "published", *(h for arm in arms for h in (arm, "agreement")))
    for row in result.rows:
        cells = [row.what, " ".join(number_words(row.published)).strip()]
        for arm in arms:
            verdict = row.agreement.get(arm)
            cells.append(" ".join(number_words(row.ours.get(arm))).strip())
            cells.append(verdict.word if verdict else "")
        table.add_row(*cells)
    return table
