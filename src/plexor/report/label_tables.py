"""Tables for multilabel models, e.g. of radiological findings."""

from __future__ import annotations

from plexor.core import wording
from plexor.findings.summary.estimate import StoredEstimate
from plexor.findings.summary.multilabel_results import (
    LabelComparison,
    LabelPerformance,
    MultilabelComparison,
    MultilabelPerformance,
)
from plexor.findings.summary.probe_summary import AttackSummary
from plexor.findings.summary.results import of_kind
from plexor.findings.summary.summary import Summary
from plexor.report.attack_family import family_words
from plexor.report.cells import area_cell, count_cell, share_cell
from plexor.report.table import Cell, Table


def label_table(summary: Summary, probe: AttackSummary, number: int) -> Table:
    """Each label untouched and attacked: ROC area, sensitivity, specificity, flips."""
    control = summary.noise(probe)
    clean = of_kind(summary.clean.lossless, MultilabelPerformance)
    attacked = of_kind(probe.lossless, MultilabelComparison)
    noise = None if control is None else of_kind(control.lossless, MultilabelComparison)
    rows = [
        _label_row(before, after, None if noise is None else noise.per_label[index])
        for index, (before, after) in enumerate(
            zip(clean.per_label, attacked.per_label, strict=True)
        )
    ]
    return Table(
        id=f"labels-{number}",
        caption=f"Each label: {family_words(probe)}, {probe.threat.size}, lossless",
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


def _label_row(
    before: LabelPerformance, after: LabelComparison, noise: LabelComparison | None
) -> tuple[Cell, ...]:
    return (
        Cell(
            text=after.label,
            detail=f"in {wording.counted(after.n_present, 'case')}",
            header=True,
        ),
        area_cell(before.auc),
        area_cell(after.auc),
        area_cell(None if noise is None else noise.auc),
        share_cell(before.sensitivity),
        _beside(after.sensitivity, None if noise is None else noise.sensitivity),
        share_cell(before.specificity),
        _beside(after.specificity, None if noise is None else noise.specificity),
        count_cell(after.n_hidden, None if noise is None else noise.n_hidden),
        count_cell(after.n_invented, None if noise is None else noise.n_invented),
    )


def _beside(attacked: StoredEstimate, noise: StoredEstimate | None) -> Cell:
    """A share with its interval, then the share under noise."""
    cell = share_cell(attacked)
    beside = "" if noise is None else f"; {wording.share(noise.value)}"
    return Cell(text=cell.text, detail=f"{cell.detail}{beside}", reason=cell.reason)
