"""Tables and the picture of a model that gives a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from plexor.findings.schema import CLEAN
from plexor.report import words
from plexor.report.figures import Dots, Scatter, draw_scatter
from plexor.report.probe_family import attacks, containers_of, control_of, family_words
from plexor.report.table import (
    NAMING,
    Cell,
    Table,
    area_cell,
    cases_cell,
    named,
    p_cell,
    positions_cell,
    positions_heading,
    positions_note,
    success_cell,
)

Plain = Mapping[str, Any]
_MOST_DOTS = 500


def amount_cell(estimate: Plain, *, with_sign: bool = False) -> Cell:
    """A number with its interval; a dash with the reason where it is not defined."""
    word = words.signed if with_sign else words.amount
    return Cell(
        text=word(estimate["value"]),
        detail=words.amount_bounds(estimate),
        reason=words.reason(estimate) if estimate["low"] is None else "",
    )


def number_table(summary: Plain) -> Table:
    """Errors untouched and after every attack, how far it moved the answers, and the test."""
    searches = attacks(summary)
    unit = summary["model"]["task"]["unit"]
    containers = containers_of(summary)
    untouched = (
        Cell(text="Untouched", header=True),
        Cell(text=""),
        cases_cell(summary["clean"]),
        *(amount_cell(summary["clean"]["stored"][name]["mae"]) for name in containers),
        *[Cell(text="")] * (6 + len(positions_heading(summary))),
    )
    rows = [
        (
            *named(probe),
            cases_cell(probe),
            *(_mae_cell(probe["stored"].get(name)) for name in containers),
            amount_cell(probe["absolute_shift"]),
            _noise_cell(control_of(summary, probe)),
            amount_cell(probe["shift"], with_sign=True),
            Cell(text=words.amount(probe["greatest_absolute_shift"])),
            success_cell(probe),
            *positions_cell(summary, probe),
            p_cell(probe["error_test"]),
        )
        for probe in searches
    ]
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


def accuracy_table(summary: Plain) -> Table:
    """How good the answers are, untouched and after each probe."""
    figures = (
        ("Mean absolute error", "mae", False),
        ("Root mean squared error", "rmse", False),
        ("Mean error with its sign", "bias", True),
    )
    sources = [summary["clean"], *summary["probes"]]
    columns = [Cell(text="Probe", detail="change allowed"), *(Cell(text=f[0]) for f in figures)]
    columns.append(Cell(text="R squared"))
    rows = []
    for source in sources:
        name = Cell(text="Untouched", header=True)
        if "threat" in source:
            attack, size = named(source)
            name = Cell(
                text=f"{attack.text}, {attack.detail}",
                detail=f"{size.text}, {size.detail}",
                header=True,
            )
        cells = (amount_cell(source[key], with_sign=sign) for _, key, sign in figures)
        rows.append((name, *cells, area_cell(source["r_squared"])))
    return Table(
        id="errors",
        caption=f"Errors in {summary['model']['task']['unit']}, lossless",
        columns=tuple(columns),
        rows=tuple(rows),
        note="R squared is 1 without any error, 0 for always saying the mean of the true values, "
        "and below 0 for anything worse.",
    )


def truth_table(summary: Plain, members: Sequence[Plain], number: int) -> Table:
    """How far answers were moved, by true value, at each radius of one family."""
    unit = summary["model"]["task"]["unit"]
    controls = {probe["id"]: probe for probe in summary["probes"]}
    control = controls.get(members[-1]["control"])
    moved, noise_column = [*members], []
    if control is not None:
        moved.append(control)
        noise_column.append(Cell(text="By noise", detail=words.radius(control["threat"])))
    rows = []
    for index, bin_ in enumerate(summary["clean"]["by_truth"]):
        cells = [
            Cell(text=f"{bin_['low']:g} to {bin_['high']:g}", header=True),
            Cell(text=words.count(bin_["mae"]["n"])),
            amount_cell(bin_["mae"]),
        ]
        for probe in moved:
            there = probe["by_truth"][index]
            signed = words.signed(there["shift"]["value"])
            size = amount_cell(there["absolute_shift"])
            cells.append(
                Cell(text=f"{size.text} [{signed}]", detail=size.detail, reason=size.reason)
                if size.text != words.UNDEFINED
                else size
            )
        rows.append(tuple(cells))
    return Table(
        id=f"truths-{number}",
        caption=f"How far answers were moved, by true value: {family_words(members[0])}, lossless",
        columns=(
            Cell(text="Truth", detail=unit),
            Cell(text="Cases"),
            Cell(text="Mean error", detail="untouched"),
            *(Cell(text="Moved", detail=words.radius(probe["threat"])) for probe in members),
            *(
                []
                if control is None
                else [Cell(text="By noise", detail=words.radius(control["threat"]))]
            ),
        ),
        rows=tuple(rows),
        note="Mean distances with 95 % intervals; in square brackets, the mean with its sign: near "
        "0 where some answers went up and others down. A range holds its lower end.",
    )


def truth_scatter(summary: Plain, findings: pd.DataFrame, probe: Plain) -> str:
    """What the model says against the truth: untouched, under noise, and attacked."""
    unit = summary["model"]["task"]["unit"]
    done = findings[(findings["stored"] == "lossless") & (findings["status"] == "ok")]
    shown = sorted(set(done["case_id"]))[:_MOST_DOTS]
    done = done[done["case_id"].isin(shown)].sort_values("case_id")
    ids = {"attacked": (probe["id"], "attack"), "noise": (probe["control"], "control")}
    dots = [_dots(done, "untouched", CLEAN, "clean")]
    dots += [_dots(done, label, name, role) for label, (name, role) in reversed(ids.items())]
    return draw_scatter(
        Scatter(
            id="said-and-true",
            title=f"What the model says against the truth: {family_words(probe)}",
            description="One point a case and probe; on the line, what is said is true. "
            + "; ".join(
                f"{group.label}: {words.counted(len(group.x), 'case')}" for group in dots if group.x
            ),
            x_label=f"truth, {unit} (upright: what the model says)",
            dots=tuple(group for group in dots if group.x),
        )
    )


def _dots(done: pd.DataFrame, label: str, probe: str, role: Any) -> Dots:
    rows = done[done["probe"] == probe]
    return Dots(
        label=label,
        role=role,
        x=tuple(float(truth) for truth in rows["truth"]),
        y=tuple(float(outputs[0]) for outputs in rows["outputs_after"]),
    )


def _mae_cell(judged: Plain | None) -> Cell:
    if judged is None:
        return Cell(text=words.UNDEFINED, reason="not measured")
    return amount_cell(judged["mae"])


def _noise_cell(control: Plain | None) -> Cell:
    if control is None:
        return Cell(text=words.UNDEFINED, reason="not measured")
    return amount_cell(control["absolute_shift"])
