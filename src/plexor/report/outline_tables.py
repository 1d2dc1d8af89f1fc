"""Tables of a model that outlines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plexor.report import words
from plexor.report.number_tables import amount_cell
from plexor.report.probe_family import attacks, containers_of, control_of, family_words
from plexor.report.table import (
    NAMING,
    Cell,
    Table,
    area_cell,
    cases_cell,
    count_cell,
    named,
    p_cell,
    positions_cell,
    positions_heading,
    positions_note,
    success_cell,
)

Plain = Mapping[str, Any]


def outline_table(summary: Plain) -> Table:
    """Dice untouched and after every attack, by container, beside its noise; and the test."""
    searches = attacks(summary)
    containers = containers_of(summary)
    untouched = (
        Cell(text="Untouched", header=True),
        Cell(text=""),
        cases_cell(summary["clean"]),
        *(area_cell(summary["clean"]["stored"][name]["dice"]) for name in containers),
        *[Cell(text="")] * (5 + len(positions_heading(summary))),
    )
    rows = [
        (
            *named(probe),
            cases_cell(probe),
            *(area_cell(probe["stored"].get(name, {}).get("dice")) for name in containers),
            area_cell((control_of(summary, probe) or {}).get("dice")),
            _change_cell(probe["dice_change"]),
            success_cell(probe),
            *positions_cell(summary, probe),
            Cell(text=words.count(probe["n_not_applicable"])),
            p_cell(probe["dice_test"]),
        )
        for probe in searches
    ]
    return Table(
        id="probes",
        caption="Dice with the truth, untouched, after each attack, and after noise of the same "
        "size",
        columns=(
            *NAMING,
            Cell(text="Cases", detail="groups"),
            *(Cell(text="Dice", detail=words.container(name)) for name in containers),
            Cell(text="After noise", detail="lossless"),
            Cell(text="Difference", detail="mean"),
            Cell(text="Goal reached", detail="by noise"),
            *positions_heading(summary),
            Cell(text="Not applicable", detail="cases"),
            Cell(text="p", detail="Holm"),
        ),
        rows=(untouched, *rows),
        note="In brackets, 95 % intervals. “Difference” is attacked minus untouched, lossless; p "
        "is of a paired t test of that difference, and Holm corrects it for the number of attacks. "
        "“Goal reached” is over the cases in which the goal has a meaning and did not hold before; "
        f"below, the same for noise.{positions_note(summary)}",
    )


def label_table(summary: Plain, probe: Plain, number: int) -> Table:
    """Each class untouched and attacked: Dice, size, agreement, shift."""
    control = control_of(summary, probe)
    unit = summary["clean"]["size_unit"]
    rows = []
    for index, after in enumerate(probe["per_label"]):
        before = summary["clean"]["per_label"][index]
        noise = None if control is None else control["per_label"][index]
        rows.append(
            (
                Cell(
                    text=after["label"],
                    detail=f"in {words.counted(after['n_present'], 'case')}",
                    header=True,
                ),
                _dice_cell(before),
                _dice_cell(after),
                area_cell(None if noise is None else noise["dice"]),
                amount_cell(before["size_truth"]),
                amount_cell(before["size"]),
                amount_cell(after["size"]),
                _beside(area_cell(after["agreement"]), noise, "agreement"),
                _beside(amount_cell(after["moved"]), noise, "moved"),
                count_cell(after, noise, "n_vanished"),
                count_cell(after, noise, "n_appeared"),
            )
        )
    return Table(
        id=f"outlines-{number}",
        caption=f"Each class: {family_words(probe)}, {words.radius(probe['threat'])}, lossless",
        columns=(
            Cell(text="Class"),
            Cell(text="Dice", detail="untouched"),
            Cell(text="Dice", detail="attacked"),
            Cell(text="Dice", detail="noise"),
            Cell(text="Size", detail=f"truth, {unit}"),
            Cell(text="Size", detail="untouched"),
            Cell(text="Size", detail="attacked"),
            Cell(text="Agreement", detail="with before; by noise"),
            Cell(text="Shift", detail="pixels; by noise"),
            Cell(text="Vanished", detail="by noise"),
            Cell(text="Appeared", detail="by noise"),
        ),
        rows=tuple(rows),
        note="Means, in brackets 95 % intervals. “Agreement” is the Dice of what is outlined after "
        "with what is outlined before, “shift” how far its centre moved where it is outlined on "
        "both. “Vanished” and “appeared” count cases.",
    )


def _change_cell(estimate: Plain) -> Cell:
    return Cell(
        text=words.area_change(estimate["value"]),
        detail=words.area_change_bounds(estimate),
        reason=words.reason(estimate) if estimate["low"] is None else "",
    )


def _dice_cell(label: Plain) -> Cell:
    """Dice, and in how many cases it is undefined."""
    cell = area_cell(label["dice"])
    if not label["n_undefined"] or cell.reason:
        return cell
    undefined = f"undefined in {words.count(label['n_undefined'])}"
    return Cell(text=cell.text, detail=cell.detail, reason=undefined)


def _beside(cell: Cell, noise: Plain | None, key: str) -> Cell:
    """A cell with what noise does after its interval."""
    if noise is None:
        return cell
    word = words.area if key == "agreement" else words.amount
    detail = f"{cell.detail}; {word(noise[key]['value'])}".removeprefix("; ")
    return Cell(text=cell.text, detail=detail, reason=cell.reason)
