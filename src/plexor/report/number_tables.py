"""Tables and scatter plot for regression."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from plexor.core import wording
from plexor.findings.schema import CLEAN
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.regression_results import (
    BinComparison,
    RegressionComparison,
    RegressionPerformance,
)
from plexor.findings.summary.results import Performance, of_kind
from plexor.findings.summary.summary import Summary
from plexor.report import rounding, words
from plexor.report.attack_family import containers_of, family_words
from plexor.report.cells import (
    NAMING,
    amount_cell,
    area_cell,
    cases_cell,
    main_in,
    named,
    p_cell,
    positions_cell,
    positions_heading,
    positions_note,
    success_cell,
)
from plexor.report.figures import Dots, Role, Scatter, draw_scatter
from plexor.report.table import Cell, Table

_MOST_DOTS = 500
_MOST_TOLD = 200


def number_table(summary: Summary) -> Table:
    """Errors untouched and after every attack, shifts of the outputs, and the test."""
    unit = summary.model.task.unit
    containers = containers_of(summary)
    untouched = (
        Cell(text="Untouched", header=True),
        Cell(text=""),
        cases_cell(summary.clean.lossless),
        *(amount_cell(summary.clean.stored[name].main) for name in containers),
        *[Cell(text="")] * (6 + len(positions_heading(summary))),
    )
    rows = [_number_row(summary, probe, containers) for probe in summary.attacks]
    return Table(
        id="probes",
        caption=f"Errors, and how far answers were moved, in {unit}",
        columns=(
            *NAMING,
            Cell(text="Cases", detail="groups"),
            *(Cell(text="Mean error", detail=words.container(name)) for name in containers),
            Cell(text="Moved", detail="mean"),
            Cell(text="By noise", detail="mean"),
            Cell(text="Upwards", detail="mean, signed"),
            Cell(text="Moved", detail="at most"),
            Cell(text="Goal reached", detail="by noise"),
            *positions_heading(summary),
            Cell(text="p", detail="Holm"),
        ),
        rows=(untouched, *rows),
        note="In brackets, 95 % intervals. Errors are absolute, to the truth; “moved” is the "
        "distance between the answers for the changed and for the untouched image, lossless. p is "
        "of a paired t test of the change in error, and Holm corrects it for the number of "
        "attacks. Below “goal reached”, the same for noise on the same cases."
        f"{positions_note(summary)}",
    )


def _number_row(
    summary: Summary, probe: AttackSummary, containers: Sequence[str]
) -> tuple[Cell, ...]:
    result = of_kind(probe.lossless, RegressionComparison)
    control = summary.noise(probe)
    noise = None if control is None else of_kind(control.lossless, RegressionComparison)
    return (
        *named(probe),
        cases_cell(result),
        *(amount_cell(main_in(probe.stored, name)) for name in containers),
        amount_cell(result.absolute_shift),
        amount_cell(None if noise is None else noise.absolute_shift),
        amount_cell(result.shift, with_sign=True),
        Cell(text=rounding.amount(result.greatest_absolute_shift)),
        success_cell(probe),
        *positions_cell(summary, probe),
        p_cell(result.error_test),
    )


def accuracy_table(summary: Summary) -> Table:
    """Quality of the outputs, untouched and after each probe."""
    rows = [_accuracy_row(Cell(text="Untouched", header=True), summary.clean.lossless)]
    for probe in summary.attacks_and_noises:
        attack, size = named(probe)
        name = Cell(
            text=f"{attack.text}, {attack.detail}",
            detail=f"{size.text}, {size.detail}",
            header=True,
        )
        rows.append(_accuracy_row(name, probe.lossless))
    return Table(
        id="errors",
        caption=f"Errors in {summary.model.task.unit}, lossless",
        columns=(
            Cell(text="Probe", detail="change allowed"),
            Cell(text="Mean absolute error"),
            Cell(text="Root mean squared error"),
            Cell(text="Mean error with its sign"),
            Cell(text="R squared"),
        ),
        rows=tuple(rows),
        note="R squared is 1 without any error, 0 for always saying the mean of the true values, "
        "and below 0 for anything worse.",
    )


def _accuracy_row(name: Cell, judged: Performance) -> tuple[Cell, ...]:
    result = of_kind(judged, RegressionPerformance)
    return (
        name,
        amount_cell(result.mae),
        amount_cell(result.rmse),
        amount_cell(result.bias, with_sign=True),
        area_cell(result.r_squared),
    )


def truth_table(summary: Summary, members: Sequence[AttackSummary], number: int) -> Table:
    """Shifts of the outputs by true value, at each radius of one family."""
    unit = summary.model.task.unit
    control = summary.noise(members[-1])
    moved = [of_kind(probe.lossless, RegressionComparison) for probe in members]
    if control is not None:
        moved.append(of_kind(control.lossless, RegressionComparison))
    clean = of_kind(summary.clean.lossless, RegressionPerformance)
    rows = [
        (
            Cell(text=f"{one.low:g} to {one.high:g}", header=True),
            Cell(text=wording.count(one.mae.n)),
            amount_cell(one.mae),
            *(_moved_cell(result.by_truth[index]) for result in moved),
        )
        for index, one in enumerate(clean.by_truth)
    ]
    return Table(
        id=f"truths-{number}",
        caption=f"How far answers were moved, by true value: {family_words(members[0])}, lossless",
        columns=(
            Cell(text="Truth", detail=unit),
            Cell(text="Cases"),
            Cell(text="Mean error", detail="untouched"),
            *(Cell(text="Moved", detail=probe.threat.size) for probe in members),
            *([] if control is None else [Cell(text="By noise", detail=control.threat.size)]),
        ),
        rows=tuple(rows),
        note="Mean distances with 95 % intervals; in square brackets, the mean with its sign: near "
        "0 where some answers went up and others down. A range holds its lower end.",
    )


def _moved_cell(moved: BinComparison) -> Cell:
    """The mean distance, and in square brackets the mean with its sign."""
    size = amount_cell(moved.absolute_shift)
    if size.text == wording.UNDEFINED:
        return size
    signed = rounding.signed(moved.shift.value)
    return Cell(text=f"{size.text} [{signed}]", detail=size.detail, reason=size.reason)


def truth_scatter(summary: Summary, findings: pd.DataFrame, probe: AttackSummary) -> str:
    """The model's output against the truth: untouched, under noise, and attacked."""
    unit = summary.model.task.unit
    done = findings[(findings["stored"] == "lossless") & (findings["status"] == "ok")]
    shown = sorted(set(done["case_id"]))[:_MOST_DOTS]
    done = done[done["case_id"].isin(shown)].sort_values("case_id")
    dots = [
        _dots(done, "untouched", CLEAN, "clean"),
        *([] if probe.control is None else [_dots(done, "noise", probe.control, "control")]),
        _dots(done, "attacked", probe.id, "attack"),
    ]
    return draw_scatter(
        Scatter(
            id="said-and-true",
            title=f"Output against truth: {family_words(probe)}",
            description="One point a case and probe; on the line, what is said is true. "
            + "; ".join(
                f"{group.label}: {wording.counted(len(group.x), 'case')}"
                for group in dots
                if group.x
            ),
            x_label=f"truth, {unit} (upright: what the model says)",
            dots=tuple(group for group in dots if group.x),
        )
    )


def _dots(done: pd.DataFrame, label: str, probe: str, role: Role) -> Dots:
    rows = done[done["probe"] == probe]
    return Dots(
        label=label,
        role=role,
        x=tuple(float(truth) for truth in rows["truth"]),
        y=tuple(float(outputs[0]) for outputs in rows["outputs_after"]),
        told=_told(rows, label) if len(rows) <= _MOST_TOLD else (),
    )


def _told(rows: pd.DataFrame, label: str) -> tuple[str, ...]:
    """What is said of each case when it is pointed at."""
    answers = (float(outputs[0]) for outputs in rows["outputs_after"])
    return tuple(
        f"{case_id}, {label}: {rounding.amount(answer)}, truly {rounding.amount(float(truth))}"
        for case_id, truth, answer in zip(rows["case_id"], rows["truth"], answers, strict=True)
    )
