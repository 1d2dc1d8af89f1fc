"""What shortcuts did, in words and tables: each artefact beside its own tiles, shuffled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plexor.report import words
from plexor.report.confusion import moves
from plexor.report.headline import headline
from plexor.report.probe_family import SIGNIFICANT
from plexor.report.table import Cell, Table, cases_cell, p_cell, points_cell, share_cell

Plain = Mapping[str, Any]
_SETTING = (
    "Each of these means nothing for what the model is asked. It was put into every image, which "
    "was stored, read back and shown to the model again. Its control is the same change cut into "
    "small square tiles and dealt out anew: as many pixels move, by as much, and nothing is left "
    "to read."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcuts:
    """A section of the page.

    Attributes:
        sentences: what was done, and what came of it.
        decisions: how often a decision became another.
        accuracy: how often it was right.
    """

    sentences: tuple[str, ...]
    decisions: Table
    accuracy: Table


def shortcuts(summary: Plain) -> Shortcuts | None:
    """The section; None where no shortcut was tried."""
    put = _put(summary)
    if not put:
        return None
    return Shortcuts(
        sentences=(_SETTING, shortcut_answer(summary)),
        decisions=_decisions(summary, put),
        accuracy=_accuracy(summary, put),
    )


def shortcut_answer(summary: Plain) -> str:
    """What came of all shortcuts in one sentence; "" where none was tried."""
    put = _put(summary)
    if not put:
        return ""
    read = [probe for probe in put if _is_read(probe)]
    if not read:
        return (
            "No artefact changed this model's decisions more often than its own tiles did, "
            "shuffled, by more than chance explains."
        )
    found = "; ".join(
        f"{shortcut_name(probe)} in {words.share(probe['fooling_ratio']['value'])} of the images, "
        f"its tiles in {words.share(probe['control_fooling_ratio']['value'])}"
        for probe in sorted(read, key=lambda one: -one["fooling_excess"]["value"])
    )
    return f"Artefacts change more of this model's decisions than their tiles, shuffled: {found}."


def lead_shortcut(summary: Plain) -> Plain | None:
    """The one that did most beyond its control; None where none was tried, or judged."""
    known = [probe for probe in _put(summary) if probe["fooling_excess"]["value"] is not None]
    return max(known, key=lambda probe: float(probe["fooling_excess"]["value"]), default=None)


def shortcut_name(probe: Plain) -> str:
    """A shortcut's name, or its control's, with its id where that tells more."""
    control = probe["kind"] == "control"
    own = probe["id"].removesuffix("-shuffled") if control else probe["id"]
    name = probe["about"]["title"] + ("" if own == probe["name"] else f" ({own})")
    return f"{name}, shuffled" if control else name


def in_pairs(summary: Plain) -> list[Plain]:
    """Every shortcut, in the plan's order, with its control right after it."""
    place = {probe["id"]: number for number, probe in enumerate(_put(summary))}
    of_controls = {probe["control"]: place[probe["id"]] + 0.5 for probe in _put(summary)}
    return sorted(summary["shortcuts"], key=lambda probe: (place | of_controls)[probe["id"]])


def _put(summary: Plain) -> list[Plain]:
    return [probe for probe in summary["shortcuts"] if probe["kind"] == "shortcut"]


def _is_read(probe: Plain) -> bool:
    """Whether decisions change more often than under the control, not by chance."""
    p, excess = probe["fooling_test"]["p_holm"], probe["fooling_excess"]["value"]
    return p is not None and p < SIGNIFICANT and excess > 0


def _containers(summary: Plain, put: Sequence[Plain]) -> list[str]:
    return [
        name for name in summary["clean"]["stored"] if any(name in probe["stored"] for probe in put)
    ]


def _named(probe: Plain) -> Cell:
    return Cell(text=shortcut_name(probe), detail=words.settings(probe), header=True)


def _decisions(summary: Plain, put: Sequence[Plain]) -> Table:
    """How often a decision became another, with the artefact and with its tiles."""
    containers = _containers(summary, put)
    several = summary["model"]["task"]["kind"] == "multilabel"
    rows = [
        (
            _named(probe),
            cases_cell(probe),
            Cell(text=words.measure(probe["distance"]["l0"]["median"])),
            *(_changed_cell(probe["stored"].get(name)) for name in containers),
            points_cell(probe["fooling_excess"]),
            p_cell(probe["fooling_test"]),
            *(() if several else (Cell(text=_moves(summary, probe)),)),
        )
        for probe in put
    ]
    return Table(
        id="shortcuts-decisions",
        caption="How often the decision became another, with each artefact and with its tiles "
        "shuffled",
        columns=(
            Cell(text="Artefact", detail="its settings"),
            Cell(text="Cases", detail="groups"),
            Cell(text="Pixels changed", detail="median"),
            *(
                Cell(text="Decided otherwise", detail=f"{words.container(name)}; shuffled")
                for name in containers
            ),
            Cell(text="More than shuffled", detail="in points"),
            Cell(text="p", detail="Holm"),
            *(() if several else (Cell(text="Most often"),)),
        ),
        rows=tuple(rows),
        note="In brackets, 95 % intervals; after them, the share that the shuffled tiles change. "
        "“More than shuffled” is the difference of the two, lossless; p is McNemar's, of whether "
        "the artefact changes as many cases as its tiles do, and Holm corrects it for the number "
        "of artefacts. A model that gives way to the tiles as well gives way to any such change. "
        "Drawn artefacts are like those of photographs, and not the same.",
    )


def _changed_cell(compared: Plain | None) -> Cell:
    if compared is None:
        return share_cell(None)
    cell = share_cell(compared["fooling_ratio"])
    beside = words.share(compared["control_fooling_ratio"]["value"])
    return Cell(text=cell.text, detail=f"{cell.detail}; {beside}", reason=cell.reason)


def _moves(summary: Plain, probe: Plain) -> str:
    return moves(summary["cohort"]["classes"], probe["transitions"], most=2)


def _accuracy(summary: Plain, put: Sequence[Plain]) -> Table:
    """How often decisions are right: untouched, with the artefact, with its tiles."""
    containers = _containers(summary, put)
    controls = {probe["id"]: probe for probe in summary["shortcuts"]}
    label = headline(summary).label
    right = f"{label[:1].upper()}{label[1:]}"
    clean = summary["clean"]
    untouched = (
        Cell(text="Untouched", header=True),
        cases_cell(clean),
        *(share_cell(clean["stored"][name]["accuracy"]) for name in containers),
        *[Cell(text="")] * 3,
    )
    rows = [
        (
            _named(probe),
            cases_cell(probe),
            *(share_cell(probe["stored"].get(name, {}).get("accuracy")) for name in containers),
            share_cell(controls.get(probe["control"], {}).get("accuracy")),
            points_cell(probe["accuracy_change"]),
            p_cell(probe["mcnemar"]),
        )
        for probe in put
    ]
    return Table(
        id="shortcuts-accuracy",
        caption=f"{right}, untouched, with each artefact, and with its tiles shuffled",
        columns=(
            Cell(text="Artefact", detail="its settings"),
            Cell(text="Cases", detail="groups"),
            *(Cell(text=right, detail=words.container(name)) for name in containers),
            Cell(text="Shuffled", detail="lossless"),
            Cell(text="Difference", detail="in points"),
            Cell(text="p", detail="Holm"),
        ),
        rows=(untouched, *rows),
        note="“Difference” is with the artefact minus untouched, lossless; p is McNemar's for it, "
        "and Holm corrects it for the number of artefacts.",
    )
