"""``plexor compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from plexor.cli.ci import Junit, report_outcomes
from plexor.cli.output import console, folding_table

if TYPE_CHECKING:
    from plexor.findings.comparison import ProbeDifference, RunComparison

_UNMET = 1


def compare(
    a: Annotated[Path, typer.Argument(help="A run directory, e.g. of the model in use.")],
    b: Annotated[Path, typer.Argument(help="Another, e.g. of its update.")],
    margin: Annotated[
        float | None,
        typer.Option(
            help="Loss that counts as small: of accuracy as a share (0.02 is 2 points), of Dice, "
            "or of the mean error. Exit status 1 unless each probe is shown to lose less."
        ),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            help="A condition on the comparison's JSON; if it does not hold, the exit status is 1."
        ),
    ] = None,
    junit: Junit = None,
    out: Annotated[
        Path | None, typer.Option(help="The page to write; default: compare-A-B.html, here.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; the page is written with --out only.")
    ] = False,
) -> None:
    """Compare two runs on the images that both judged, paired by hash.

    Says first what else differs: plan, data, versions. Then, for each probe, the paired difference
    with its interval, clustered by group, and which cases newly break or are mended, with images.

    Example: --margin 0.02 --require 'probes["pgd-linf-2"].n_broken <= 3'
    """
    from plexor.findings import RunDirectory
    from plexor.findings.comparison import COMPARISON, compare_runs
    from plexor.report.compare_page import write_comparison

    runs = RunDirectory(a), RunDirectory(b)
    found = compare_runs(*runs, margin=margin)
    answers = _answers(require or [], found)
    if as_json:
        plain = COMPARISON.plain(found) | {"required": answers}
        typer.echo(json.dumps(plain, indent=1, ensure_ascii=False))
    else:
        _say(found)
    if out is not None or not as_json:
        page = out or Path(f"compare-{a.resolve().name}-{b.resolve().name}.html")
        write_comparison(page, runs, found)
        if not as_json:
            console.print(f"page: {page}")
    if not as_json:
        for condition, met in answers.items():
            console.print(f"{'met' if met else 'NOT met'}: {condition}")
    report_outcomes(
        junit,
        f"{a} and {b}",
        {
            one: ("met", one) if met else ("not met", f"the condition does not hold: {one}")
            for one, met in answers.items()
        },
        quiet=as_json,
    )
    raise typer.Exit(0 if all(answers.values()) else _UNMET)


def _answers(require: list[str], found: RunComparison) -> dict[str, bool]:
    """Each condition, that of the margin among them, and whether it holds."""
    from plexor.findings.require import holds_of

    answers = {condition: holds_of(condition, found.names) for condition in require}
    if found.margin is not None:
        asked = [probe for probe in found.probes if probe.kind != "control"]
        name = f"each probe loses less than {found.margin:g}, by its 95 % interval"
        answers[name] = all(_kept(probe, found.margin) for probe in asked)
    return answers


def _kept(probe: ProbeDifference, margin: float) -> bool:
    if probe.figure == "mean error":
        return probe.difference.high is not None and probe.difference.high < margin
    return probe.difference.low is not None and probe.difference.low > -margin


def _say(found: RunComparison) -> None:
    from plexor.report.compare_page import answer, paired_words

    console.print(f"A: {found.run_a}\nB: {found.run_b}")
    if found.differences:
        table = folding_table("what else differs", "A", "B")
        for one in found.differences:
            table.add_row(f"{one.kind}: {one.what}", one.a[:60] or "–", one.b[:60] or "–")
        console.print(table)
    else:
        console.print("nothing else differs: plan, data, model, versions")
    for sentence in paired_words(found):
        console.print(sentence)
    console.print(_table(found))
    for run, flags in (("A", found.flags_a), ("B", found.flags_b)):
        if flags:
            console.print(f"flags in {run}: {', '.join(flags)}")
    console.print(answer(found))


def _table(found: RunComparison) -> Table:
    figure = found.probes[0].figure
    scale = 100 if figure == "accuracy" else 1
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("probe", f"{figure}\nA", "B", "B - A", "p", "broken", "mended"):
        table.add_column(name, overflow="fold")
    table.add_column("verdict")
    for probe in found.probes:
        change = probe.difference
        shown = [probe.a.value, probe.b.value]
        table.add_row(
            probe.id,
            *("–" if value is None else _number(scale * value) for value in shown),
            "–"
            if change.value is None
            else f"{scale * change.value:+.3g}\n({_limit(change.low, scale)} to "
            f"{_limit(change.high, scale)})",
            "–" if (p := _p(probe)) is None else f"{p:.2g}",
            "–" if probe.n_broken is None else str(probe.n_broken),
            "–" if probe.n_mended is None else str(probe.n_mended),
            probe.verdict,
        )
    return table


def _p(probe: ProbeDifference) -> float | None:
    return probe.test.p_value if probe.p_holm is None else probe.p_holm


def _number(value: float) -> str:
    return f"{value:.3g}"


def _limit(value: float | None, scale: float) -> str:
    return "–" if value is None else f"{scale * value:+.3g}"
