"""Tables as a page needs them: words in cells, ready to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from plexor.report import words

Plain = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        detail: a second, quieter line: an interval, a count.
        reason: why the text is a dash, or a warning that goes with the number.
        header: whether it names its row.
        shade: 0 to 1, how dark its ground is; None for no ground.
    """

    text: str
    detail: str = ""
    reason: str = ""
    header: bool = False
    shade: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its caption.

    Attributes:
        id: unique on the page.
        caption: what it shows, in one sentence.
        columns: headings; the first is of the rows' names.
        rows: cells, as many as columns.
        note: what one must know to read it.
    """

    id: str
    caption: str
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def share_cell(estimate: Plain | None) -> Cell:
    """A share with its interval; a dash with the reason where it is not defined."""
    if estimate is None:
        return Cell(text=words.UNDEFINED, reason="not measured")
    undefined = estimate["value"] is None
    return Cell(
        text=words.share(estimate["value"]),
        detail=words.bounds(estimate),
        reason=words.reason(estimate) if undefined else "",
    )


def probes_table(summary: Plain) -> Table:
    """Every attack: accuracy before, after in each container, under noise; success and tests."""
    attacks = [probe for probe in summary["probes"] if probe["kind"] == "attack"]
    containers = list(dict.fromkeys(name for probe in attacks for name in probe["stored"]))
    by_id = {probe["id"]: probe for probe in summary["probes"]}
    columns = [
        Cell(text="Attack", detail="its goal"),
        Cell(text="Change allowed"),
        Cell(text="Cases", detail="groups"),
        Cell(text="Untouched"),
        *(Cell(text="Attacked", detail=words.container(name)) for name in containers),
        Cell(text="Noise", detail="same size, lossless"),
        Cell(text="Goal reached", detail="by noise"),
        Cell(text="p", detail="Holm"),
    ]
    rows = [
        (
            Cell(
                text=words.attack(probe["name"]),
                detail=words.goal(probe["goal"]),
                header=True,
            ),
            Cell(text=words.radius(probe["threat"]), detail=words.norm(probe["threat"]["norm"])),
            _cases_cell(probe),
            share_cell(summary["clean"]["accuracy"]),
            *(share_cell(probe["stored"].get(name, {}).get("accuracy")) for name in containers),
            share_cell(by_id.get(probe["control"], {}).get("accuracy")),
            _success_cell(probe),
            p_cell(probe["mcnemar"]),
        )
        for probe in attacks
    ]
    return Table(
        id="probes",
        caption="Accuracy before and after each attack, beside noise of the same size",
        columns=tuple(columns),
        rows=tuple(rows),
        note="Shares of cases, with 95 % intervals below. “Goal reached” is over the cases in "
        "which the goal did not hold before; in brackets, the same for noise. p is McNemar's, "
        "untouched against attacked, lossless; Holm corrects it for the number of attacks.",
    )


def _cases_cell(probe: Plain) -> Cell:
    failed = probe["n_failed"]
    return Cell(
        text=words.count(probe["n"]),
        detail=words.count(probe["n_groups"]),
        reason=f"{words.count(failed)} failed" if failed else "",
    )


def _success_cell(probe: Plain) -> Cell:
    success, noise = probe["success"], probe["control_success"]
    return Cell(
        text=words.share(success["value"]),
        detail=f"{words.bounds(success)} [{words.share(noise['value'])}]",
        reason=words.reason(success) if success["value"] is None else "",
    )


def p_cell(test: Plain) -> Cell:
    """A p-value with its corrected one below."""
    used = test[test["used"]]
    return Cell(
        text=words.p_value(test["p_value"]),
        detail=words.p_value(test["p_holm"]) if test["p_value"] is not None else "",
        reason=words.reason(used) if test["p_value"] is None else "",
    )


def family(probe: Plain) -> tuple[str, str, str]:
    """What attacks that differ in radius alone have in common."""
    return probe["name"], words.goal(probe["goal"]), probe["threat"]["norm"]


def families(summary: Plain) -> list[list[Plain]]:
    """Attacks that differ in radius alone, together and in order of radius."""
    attacks = [probe for probe in summary["probes"] if probe["kind"] == "attack"]
    order = list(dict.fromkeys(family(probe) for probe in attacks))
    ranked = sorted(
        attacks, key=lambda probe: (order.index(family(probe)), probe["threat"]["radius"])
    )
    return [list(members) for _, members in groupby(ranked, key=family)]


def family_words(probe: Plain) -> str:
    """A family's name, e.g. ``PGD, be wrong, L∞``."""
    name, aim, norm = family(probe)
    return f"{words.attack(name)}, {aim}, {words.norm(norm)}"


def class_table(summary: Plain, members: Sequence[Plain], number: int) -> Table:
    """How often each class's cases are decided rightly, untouched and at each radius."""
    controls = {probe["id"]: probe for probe in summary["probes"]}
    control = controls.get(members[-1]["control"])
    columns = [
        Cell(text="Class"),
        Cell(text="Cases"),
        Cell(text="Untouched"),
        *(Cell(text="Attacked", detail=words.radius(probe["threat"])) for probe in members),
    ]
    sources = [summary["clean"], *members]
    if control is not None:
        columns.append(Cell(text="Noise", detail=words.radius(control["threat"])))
        sources.append(control)
    counts = summary["cohort"]["cases_by_class"]
    rows = [
        (
            Cell(text=name, header=True),
            Cell(text=words.count(counts[name])),
            *(share_cell(source["per_class"][index]["recall"]) for source in sources),
        )
        for index, name in enumerate(summary["cohort"]["classes"])
    ]
    balanced = (
        Cell(text="Mean of the classes", header=True),
        Cell(text=words.count(sum(counts.values()))),
        *(share_cell(source["balanced_accuracy"]) for source in sources),
    )
    return Table(
        id=f"classes-{number}",
        caption=f"Share of each class recognised: {family_words(members[0])}, lossless",
        columns=tuple(columns),
        rows=(*rows, balanced),
    )


def confusion_table(
    table_id: str, caption: str, classes: Sequence[str], matrix: Sequence[Sequence[int]]
) -> Table:
    """Cases by true class (rows) and decision (columns), each row shaded by its shares."""
    rows = []
    for name, counts in zip(classes, matrix, strict=True):
        total = sum(counts)
        cells = (Cell(text=words.count(n), shade=n / total if total else None) for n in counts)
        rows.append((Cell(text=name, header=True), *cells))
    return Table(
        id=table_id,
        caption=caption,
        columns=(Cell(text="Truth"), *(Cell(text=name) for name in classes)),
        rows=tuple(rows),
    )
