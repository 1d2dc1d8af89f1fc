"""``plexor audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from plexor.cli.ci import Junit, report_outcomes
from plexor.cli.output import Quiet, console, folding_table
from plexor.cli.plan_options import Changes, Limit, load

if TYPE_CHECKING:
    from plexor.audits import Executor
    from plexor.core.errors import PlanError
    from plexor.findings.summary import Summary
    from plexor.findings.summary.results import Performance
    from plexor.plans.plan import Plan

_UNMET = 1


def audit(
    plan: Annotated[
        Path, typer.Argument(help="The plan (YAML) with `cohort`, `model` and `probes`.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Run directory; default: runs/<name of the plan's file>, then -limit-N for "
            "--limit N."
        ),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            help="A condition on summary.json; if it does not hold, the exit status is 1."
        ),
    ] = None,
    junit: Junit = None,
    limit: Limit = None,
    changes: Changes = None,
    device: Annotated[
        str | None, typer.Option(help="Device, e.g. cuda:0; by default a GPU if there is one.")
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Batch size; halved when memory runs out.")
    ] = 64,
    allow_code: Annotated[
        bool, typer.Option(help="Import and call the plan's `model.python`.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of parallel workers; needs Ray."),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(help="Ray cluster that provides the workers: HOST:PORT or `auto`."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of each worker, default 1; findings depend on it."),
    ] = None,
    by: Annotated[
        str, typer.Option(help="Name of the person who runs the audit, for the report.")
    ] = "",
    quiet: Quiet = False,
) -> None:
    """Attack a model on the images as stored, judge, measure, and write the report.

    An audit that was stopped with Ctrl-C or killed is resumed by the same command. The exit status
    is 2 after an error, and if every case failed under a probe; the report is written then, too.

    Example: --require 'probes["pgd-linf-2"].accuracy.low > 0.5'
    """
    from plexor.audits import audit as carry_out
    from plexor.core.errors import DataError, PlanError
    from plexor.report import write_report

    loaded = load(plan, changes, limit)
    conditions = require or []
    _check_conditions(conditions, loaded)
    run = carry_out(
        loaded,
        out=out or Path("runs") / (plan.stem if limit is None else f"{plan.stem}-limit-{limit}"),
        device=device,
        batch_size=batch_size,
        allow_code=allow_code,
        executor=_executor(ray, workers, threads, device),
        by=by,
        quiet=quiet,
    )
    summary = run.summarise()
    answers = answered(conditions, summary)
    run.write_required({condition: _in_words(answer) for condition, answer in answers.items()})
    path = write_report(run.path)
    _say(summary)
    if paid := run.provenance().get("images_paid"):
        console.print(f"the server was asked for {paid} images, whose answers the ledger keeps")
    console.print(f"report: {path}")
    for condition, answer in answers.items():
        console.print(f"{_in_words(answer)}: {condition}")
    report_outcomes(junit, str(run.path), {one: _outcome(one, a) for one, a in answers.items()})
    if failed := all_failed(summary):
        findings = run.findings()
        reason = findings.loc[findings["probe"] == failed[0], "error"].iloc[0]
        raise DataError(
            f"every case failed under {', '.join(failed)}, so nothing was measured; the "
            f"first error: {reason}; correct the images or the model, and audit into a new "
            f"directory"
        )
    if errors := [answer for answer in answers.values() if isinstance(answer, PlanError)]:
        raise errors[0]
    raise typer.Exit(0 if all(answers.values()) else _UNMET)


def _check_conditions(conditions: list[str], plan: Plan) -> None:
    """Refuses, before the audit, conditions that no summary of this plan can answer."""
    from plexor.core.errors import PlanError
    from plexor.findings.require_check import check_condition

    ids = [probe.id for probe in plan.with_saved().all_probes()] if conditions else []
    complaints = []
    for condition in conditions:
        try:
            check_condition(condition, ids)
        except PlanError as error:
            complaints.append(str(error))
    if complaints:
        raise PlanError("; ".join(complaints))


def _say(summary: Summary) -> None:
    """Prints the figures, the answer and every flag."""
    from plexor.report.flag_words import flag_lines
    from plexor.report.summary_text import summary_text

    console.print(results(summary))
    console.print(summary_text(summary).answer)
    for line in flag_lines(summary):
        console.print(line)


def _executor(
    address: str | None, workers: int | None, threads: int | None, device: str | None
) -> Executor | None:
    """Ray's workers, if an option asks for them."""
    from plexor.audits import Ray
    from plexor.core.errors import PlanError

    if address is None and workers is None:
        if threads is not None:
            raise PlanError(
                "--threads is for workers; give --workers or --ray too, or set OMP_NUM_THREADS"
            )
        return None
    return Ray(address=address, workers=workers, threads=threads or 1, gpu=device != "cpu")


def all_failed(summary: Summary) -> list[str]:
    """Ids of the probes under which every case failed."""
    return [name for name, result in _judged(summary) if result.n_failed and not result.n]


def _judged(summary: Summary) -> list[tuple[str, Performance]]:
    """The untouched images and every probe, each with its lossless results."""
    probes = [(probe.id, probe.lossless) for probe in summary.probes]
    return [("clean", summary.clean.lossless), *probes]


def answered(conditions: list[str], summary: Summary) -> dict[str, bool | PlanError]:
    """Whether each condition holds, or why it cannot be evaluated."""
    from plexor.core.errors import PlanError
    from plexor.findings.require import holds

    answers: dict[str, bool | PlanError] = {}
    for condition in conditions:
        try:
            answers[condition] = holds(condition, summary)
        except PlanError as error:
            answers[condition] = error
    return answers


def _in_words(answer: bool | PlanError) -> str:
    return "met" if answer is True else "NOT met" if answer is False else "without an answer"


def _outcome(condition: str, answer: bool | PlanError) -> tuple[str, str]:
    """The outcome for CI, with a sentence."""
    if answer is True:
        return "met", condition
    if answer is False:
        return "not met", f"the condition does not hold: {condition}"
    return "no answer", str(answer)


def results(summary: Summary) -> Table:
    """A few figures of a summary as a table."""
    from plexor.report.headline import headline

    figure = headline(summary)
    unit, index = figure.unit, figure.index
    name = f"mean error, {unit}" if unit else "Dice" if index else "accuracy"
    number = _amount if unit or index else _percent
    success = {probe.id: probe.lossless.success.value for probe in summary.attacks}
    table = folding_table("probe", name, "95 % interval", "success", "n", "groups")
    for probe, result in _judged(summary):
        estimate = figure.pick(result)
        table.add_row(
            probe,
            number(estimate.value),
            f"{number(estimate.low)} to {number(estimate.high)}",
            _percent(success[probe]) if probe in success else "",
            str(estimate.n),
            str(estimate.n_groups or ""),
        )
    return table


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _amount(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
