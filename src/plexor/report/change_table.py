"""The table of probes that are neither attacks nor shortcuts, such as corruptions."""

from __future__ import annotations

from plexor.findings.summary.results import Performance
from plexor.findings.summary.summary import Summary
from plexor.report.cells import cases_cell
from plexor.report.headline import headline
from plexor.report.table import Cell, Table


def change_table(summary: Summary) -> Table | None:
    """The headline figure untouched and after each change; None without such probes."""
    if not summary.changes:
        return None
    figure = headline(summary)

    def cell(result: Performance) -> Cell:
        estimate = figure.pick(result)
        return Cell(text=figure.words(estimate), detail=figure.bounds(estimate))

    untouched = (
        Cell(text="Untouched", header=True),
        cases_cell(summary.clean.lossless),
        cell(summary.clean.lossless),
    )
    rows = [
        (
            Cell(text=change.id, detail=change.about.summary, header=True),
            cases_cell(change.lossless),
            cell(change.lossless),
        )
        for change in summary.changes
    ]
    return Table(
        id="changes-table",
        caption=f"{figure.label.capitalize()}, untouched and after each change, lossless",
        columns=(
            Cell(text="Change"),
            Cell(text="Cases", detail="groups"),
            Cell(text=figure.label.capitalize()),
        ),
        rows=(untouched, *rows),
        note="In brackets, 95 % intervals. These changes are not searched for: every image gets "
        "the same kind of change.",
    )
