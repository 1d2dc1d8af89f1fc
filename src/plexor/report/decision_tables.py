"""Tables for classification: every attack, and every class."""

from __future__ import annotations

from collections.abc import Sequence

from plexor.core import wording
from plexor.findings.summary.class_results import ClassPerformance
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.results import Performance, of_kind
from plexor.findings.summary.summary import Summary
from plexor.report import words
from plexor.report.attack_family import containers_of, family_words
from plexor.report.cells import (
    NAMING,
    cases_cell,
    main_in,
    named,
    p_cell,
    points_cell,
    positions_cell,
    positions_heading,
    positions_note,
    share_cell,
    success_cell,
)
from plexor.report.headline import headline
from plexor.report.table import Cell, Table


def probes_table(summary: Summary) -> Table:
    """Accuracy untouched and after every attack, by container, beside its noise; and tests."""
    containers = containers_of(summary)
    label = headline(summary).label
    right = f"{label[:1].upper()}{label[1:]}"
    columns = (
        *NAMING,
        Cell(text="Cases", detail="groups"),
        *(Cell(text=right, detail=words.container(name)) for name in containers),
        Cell(text="After noise", detail="lossless"),
        Cell(text="Difference", detail="in points"),
        Cell(text="Goal reached", detail="by noise"),
        *positions_heading(summary),
        Cell(text="p", detail="Holm"),
    )
    untouched = (
        Cell(text="Untouched", header=True),
        Cell(text=""),
        cases_cell(summary.clean.lossless),
        *(share_cell(summary.clean.stored[name].main) for name in containers),
        *[Cell(text="")] * (4 + len(positions_heading(summary))),
    )
    rows = (
        (
            *named(probe),
            cases_cell(probe.lossless),
            *(share_cell(main_in(probe.stored, name)) for name in containers),
            share_cell(None if (noise := summary.noise(probe)) is None else noise.lossless.main),
            points_cell(probe.lossless.main_change),
            success_cell(probe),
            *positions_cell(summary, probe),
            p_cell(probe.lossless.main_test),
        )
        for probe in summary.attacks
    )
    return Table(
        id="probes",
        caption=f"{right}, untouched, after each attack, and after noise of the same size",
        columns=columns,
        rows=(untouched, *rows),
        note="In brackets, 95 % intervals. “Difference” is attacked minus untouched, lossless; p "
        "is McNemar's for that difference, and Holm corrects it for the number of attacks. “Goal "
        "reached” is over the cases in which the goal did not hold before; below, the same for "
        f"noise.{positions_note(summary)}",
    )


def class_table(summary: Summary, members: Sequence[AttackSummary], number: int) -> Table:
    """Recall of each class, untouched and at each radius."""
    control = summary.noise(members[-1])
    columns = [
        Cell(text="Class"),
        Cell(text="Cases"),
        Cell(text="Untouched"),
        *(Cell(text="Attacked", detail=probe.threat.size) for probe in members),
    ]
    judged: list[Performance] = [summary.clean.lossless, *(probe.lossless for probe in members)]
    if control is not None:
        columns.append(Cell(text="Noise", detail=control.threat.size))
        judged.append(control.lossless)
    sources = [of_kind(result, ClassPerformance) for result in judged]
    counts = summary.cohort.cases_by_class
    rows = [
        (
            Cell(text=name, header=True),
            Cell(text=wording.count(counts[name])),
            *(share_cell(source.per_class[index].recall) for source in sources),
        )
        for index, name in enumerate(summary.cohort.classes)
    ]
    balanced = (
        Cell(text="Mean of the classes", header=True),
        Cell(text=wording.count(sum(counts.values()))),
        *(share_cell(source.balanced_accuracy) for source in sources),
    )
    return Table(
        id=f"classes-{number}",
        caption=f"Share of each class recognised: {family_words(members[0])}, lossless",
        columns=tuple(columns),
        rows=(*rows, balanced),
    )
