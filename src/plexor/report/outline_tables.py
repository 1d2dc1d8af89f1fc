"""Tables for segmentation."""

from __future__ import annotations

from collections.abc import Sequence

from plexor.core import wording
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.results import of_kind
from plexor.findings.summary.segmentation_results import (
    OutlineComparison,
    OutlinePerformance,
    SegmentationAttackResult,
    SegmentationComparison,
    SegmentationPerformance,
)
from plexor.findings.summary.summary import Summary
from plexor.report import rounding, words
from plexor.report.attack_family import containers_of, family_words
from plexor.report.cells import (
    NAMING,
    amount_cell,
    area_cell,
    cases_cell,
    count_cell,
    main_in,
    named,
    p_cell,
    positions_cell,
    positions_heading,
    positions_note,
    success_cell,
)
from plexor.report.table import Cell, Table


def outline_table(summary: Summary) -> Table:
    """Dice untouched and after every attack, by container, beside its noise; and the test."""
    containers = containers_of(summary)
    untouched = (
        Cell(text="Untouched", header=True),
        Cell(text=""),
        cases_cell(summary.clean.lossless),
        *(area_cell(summary.clean.stored[name].main) for name in containers),
        *[Cell(text="")] * (5 + len(positions_heading(summary))),
    )
    rows = [_outline_row(summary, probe, containers) for probe in summary.attacks]
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


def _outline_row(
    summary: Summary, probe: AttackSummary, containers: Sequence[str]
) -> tuple[Cell, ...]:
    result = of_kind(probe.lossless, SegmentationAttackResult)
    noise = summary.noise(probe)
    return (
        *named(probe),
        cases_cell(result),
        *(area_cell(main_in(probe.stored, name)) for name in containers),
        area_cell(None if noise is None else noise.lossless.main),
        _change_cell(result.dice_change),
        success_cell(probe),
        *positions_cell(summary, probe),
        Cell(text=wording.count(result.n_not_applicable)),
        p_cell(result.dice_test),
    )


def outlined_class_table(summary: Summary, probe: AttackSummary, number: int) -> Table:
    """Each class untouched and attacked: Dice, size, agreement, shift."""
    control = summary.noise(probe)
    clean = of_kind(summary.clean.lossless, SegmentationPerformance)
    attacked = of_kind(probe.lossless, SegmentationComparison)
    noise = None if control is None else of_kind(control.lossless, SegmentationComparison)
    rows = [
        _label_row(before, after, None if noise is None else noise.per_label[index])
        for index, (before, after) in enumerate(
            zip(clean.per_label, attacked.per_label, strict=True)
        )
    ]
    unit = clean.size_unit
    return Table(
        id=f"outlines-{number}",
        caption=f"Each class: {family_words(probe)}, {probe.threat.size}, lossless",
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


def _label_row(
    before: OutlinePerformance, after: OutlineComparison, noise: OutlineComparison | None
) -> tuple[Cell, ...]:
    agreement, moved = area_cell(after.agreement), amount_cell(after.moved)
    if noise is not None:
        agreement = _beside(agreement, rounding.area(noise.agreement.value))
        moved = _beside(moved, rounding.amount(noise.moved.value))
    return (
        Cell(
            text=after.label,
            detail=f"in {wording.counted(after.n_present, 'case')}",
            header=True,
        ),
        _dice_cell(before),
        _dice_cell(after),
        area_cell(None if noise is None else noise.dice),
        amount_cell(before.size_truth),
        amount_cell(before.size),
        amount_cell(after.size),
        agreement,
        moved,
        count_cell(after.n_vanished, None if noise is None else noise.n_vanished),
        count_cell(after.n_appeared, None if noise is None else noise.n_appeared),
    )


def _change_cell(estimate: StoredEstimate) -> Cell:
    return Cell(
        text=rounding.area_change(estimate.value),
        detail=rounding.area_change_bounds(estimate),
        reason=estimate.note if estimate.low is None else "",
    )


def _dice_cell(outline: OutlinePerformance) -> Cell:
    """Dice, and the number of cases in which it is undefined."""
    cell = area_cell(outline.dice)
    if not outline.n_undefined or cell.reason:
        return cell
    undefined = f"undefined in {wording.count(outline.n_undefined)}"
    return Cell(text=cell.text, detail=cell.detail, reason=undefined)


def _beside(cell: Cell, noise: str) -> Cell:
    """Adds the number for noise after a cell's interval."""
    return Cell(
        text=cell.text, detail=f"{cell.detail}; {noise}".removeprefix("; "), reason=cell.reason
    )
