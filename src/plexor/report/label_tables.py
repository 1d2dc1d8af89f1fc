"""Tables of a model that decides several findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plexor.report import words
from plexor.report.probe_family import control_of, family_words
from plexor.report.table import Cell, Table, area_cell, count_cell, share_cell

Plain = Mapping[str, Any]


def finding_table(summary: Plain, probe: Plain, number: int) -> Table:
    """Each finding untouched and attacked: ROC area, sensitivity, specificity, flips."""
    control = control_of(summary, probe)
    rows = []
    for index, after in enumerate(probe["per_finding"]):
        before = summary["clean"]["per_finding"][index]
        noise = None if control is None else control["per_finding"][index]
        rows.append(
            (
                Cell(
                    text=after["finding"],
                    detail=f"in {words.counted(after['n_present'], 'case')}",
                    header=True,
                ),
                area_cell(before["auc"]),
                area_cell(after["auc"]),
                area_cell(None if noise is None else noise["auc"]),
                *_pair(before, after, noise, "sensitivity"),
                *_pair(before, after, noise, "specificity"),
                count_cell(after, noise, "n_hidden"),
                count_cell(after, noise, "n_invented"),
            )
        )
    return Table(
        id=f"findings-{number}",
        caption=f"Each finding: {family_words(probe)}, {words.radius(probe['threat'])}, lossless",
        columns=(
            Cell(text="Finding"),
            Cell(text="ROC area", detail="untouched"),
            Cell(text="ROC area", detail="attacked"),
            Cell(text="ROC area", detail="noise"),
            Cell(text="Sensitivity", detail="untouched"),
            Cell(text="Sensitivity", detail="attacked; by noise"),
            Cell(text="Specificity", detail="untouched"),
            Cell(text="Specificity", detail="attacked; by noise"),
            Cell(text="Hidden", detail="by noise"),
            Cell(text="Invented", detail="by noise"),
        ),
        rows=tuple(rows),
        note="In brackets, 95 % intervals. Sensitivity and specificity are at the model's "
        "threshold. “Hidden” and “invented” count cases whose call changed from that for the "
        "untouched image, right or wrong.",
    )


def _pair(before: Plain, after: Plain, noise: Plain | None, figure: str) -> tuple[Cell, Cell]:
    attacked = share_cell(after[figure])
    beside = "" if noise is None else f"; {words.share(noise[figure]['value'])}"
    return share_cell(before[figure]), Cell(
        text=attacked.text, detail=f"{attacked.detail}{beside}", reason=attacked.reason
    )
