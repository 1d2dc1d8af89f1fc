"""``plexor shortcuts reliance``: how far a plan's model leans on burnt-in tags."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from plexor.cli.output import console, folding_table
from plexor.cli.plan_options import Changes, Limit, load
from plexor.core.progress import stepping

if TYPE_CHECKING:
    from plexor.findings.summary.estimate import StoredEstimate
    from plexor.findings.tag_results import TagResults

Fill = Literal["black", "mean", "noise", "inpaint"]


def reliance(
    plan: Annotated[Path, typer.Argument(help="The plan (YAML) with `cohort` and `model`.")],
    tags: Annotated[Path, typer.Option(help="The table of `plexor shortcuts find`.")],
    out: Annotated[Path, typer.Option(help="Folder of the results; resumed where it is begun.")],
    fill: Annotated[
        Fill, typer.Option(help="black, mean or noise of the surroundings, or inpaint.")
    ] = "black",
    draws: Annotated[int, typer.Option(min=1, help="Control covers an image.")] = 20,
    exchanges: Annotated[int, typer.Option(min=1, help="Draws of each exchanged aspect.")] = 2,
    attention: Annotated[
        list[str] | None,
        typer.Option(
            help="Methods: grad-cam, integrated-gradients, occlusion; the first two by default."
        ),
    ] = None,
    stratum: Annotated[
        str, typer.Option(help="Column of the manifest within whose values association is given.")
    ] = "",
    retrained: Annotated[
        Path | None,
        typer.Option(help="Weights of a model trained on covered images, asked about these."),
    ] = None,
    limit: Limit = None,
    changes: Changes = None,
    device: Annotated[
        str | None, typer.Option(help="Device, e.g. cuda:0; by default a GPU if there is one.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images a pass.")] = 64,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Allow the plan's `model.python` to be run.")
    ] = False,
) -> None:
    """Measure how far a model leans on burnt-in tags, beyond covers elsewhere.

    Each image is asked with its tags covered, with as much covered elsewhere many times, with the
    tags alone, and with one aspect of another label's tag. Writes tags.json and report.html. A run
    that was stopped is resumed by the same command.
    """
    from plexor.audits.tags import TagQuestions, measure_tags
    from plexor.report import write_report

    questions = TagQuestions(
        fill=fill,
        draws=draws,
        exchanges=exchanges,
        attention=tuple(attention or TagQuestions().attention),
        stratum=stratum,
    )
    with stepping("reliance", unit="images") as advance:
        results = measure_tags(
            load(plan, changes, limit),
            tags,
            out,
            questions,
            retrained=retrained,
            device=device,
            batch_size=batch_size,
            allow_code=allow_code,
            on_progress=advance,
        )
    print_results(results)
    console.print(f"numbers: {out / 'tags.json'}")
    console.print(f"report: {write_report(out)}")


def print_results(results: TagResults) -> None:
    """Prints the answer, and a table of reliance and areas."""
    from plexor.report.tag_words import answer, map_words

    console.print(answer(results))
    table = folding_table("label", "measure", "value", "95 % interval")
    for one in results.reliance:
        for name, found in (
            ("fall of the margin beyond covers elsewhere", one.margin),
            ("decisions changed, tags covered", one.decision_covered),
            ("decisions changed, covered elsewhere", one.decision_elsewhere),
            ("right decisions that need the tag", one.correct),
            ("sensitivity of the score (0.5 is none)", one.sensitivity),
        ):
            table.add_row(one.label, name, *_said(found))
        for arm in one.areas:
            table.add_row(one.label, f"area, {arm.arm}", *_said(arm.area))
    for effect in results.aspects:
        table.add_row("", f"margin lost by the other tag's {effect.aspect}", *_said(effect.shift))
    console.print(table)
    for found_map in results.maps:
        console.print(map_words(found_map))
    for note in results.notes:
        console.print(f"note: {note}")
    if results.failures:
        console.print(f"not measured: {len(results.failures)} images, first {results.failures[0]}")


def _said(found: StoredEstimate) -> tuple[str, str]:
    if found.value is None:
        return "undefined", found.note
    limits = "" if found.low is None else f"{_digits(found.low)} to {_digits(found.high)}"
    return _digits(found.value), limits


def _digits(number: float | None) -> str:
    """Three decimals; one digit where these would be zeros, such as margins of a flat network."""
    if number is None:
        return ""
    tiny = 0 < abs(number) < 0.0005
    return f"{number:.0e}" if tiny else f"{number + 0.0:.3f}"
