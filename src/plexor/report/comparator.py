"""Example cases before and after each probe, as many as fit into one file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from plexor.cases.formats import read_image
from plexor.cases.image import Image
from plexor.core import wording
from plexor.findings.run import RunDirectory, StoredExample
from plexor.findings.summary.probe_summary import AttackSummary, NoiseSummary, ProbeSummary
from plexor.findings.summary.summary import Summary
from plexor.report import rounding, words
from plexor.report.attack_family import family
from plexor.report.comparator_words import (
    call,
    changed,
    difference_note,
    display_note,
    titles,
    verdict,
)
from plexor.report.contour import Labels, contour, read_labels
from plexor.report.lead_attack import lead_attack
from plexor.report.margin_map import MarginMap, read_margins, show_margins
from plexor.report.model_outputs import Output, Row, outputs_of
from plexor.report.picture import Change, Frame, flat, frame, show, show_change
from plexor.report.shortcut_section import in_pairs

MOST_CHARACTERS = 3_600_000
"""Limit for the images of a report, which keeps it below 5 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """Effect of one probe on a case.

    ``contour`` is the path of the model's outline after the probe, ``margins`` the map of an attack
    that tries positions one by one.
    """

    title: str
    verdict: str
    before_words: str
    after_words: str
    perturbed: str
    difference: str
    perturbed_alt: str
    difference_alt: str
    difference_note: str
    contour: str
    margins: MarginMap | None
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleCase:
    """One case with everything that is shown of it.

    For segmentation, ``truth`` and ``contour`` are the paths of the true outline and of the model's
    outline on the original; for other tasks they are empty.
    """

    title: str
    original: str
    original_alt: str
    width: int
    height: int
    note: str
    truth: str
    contour: str
    probes: tuple[Probed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparator:
    """The cases shown, the names of their outputs, the legend, and a note on omitted cases."""

    cases: tuple[ExampleCase, ...]
    outputs_of: str
    note: str
    legend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Original:
    image: Image
    seen: Frame
    uri: str
    truth: str
    contour: str


def comparator(run: RunDirectory, summary: Summary, findings: pd.DataFrame) -> Comparator:
    """Chooses examples of the run up to the size limit of the report.

    The page's lead probe is included for every case before any other probe. Cases in which it
    reached its goal are shown first, cases that it did not attempt last.

    Raises:
        DataError: an example's file is damaged.
    """
    rows = _judged(findings)
    kept = {(entry.case_id, entry.probe): entry for entry in run.examples()}
    kept = {key: entry for key, entry in kept.items() if key in rows}
    originals: dict[str, _Original] = {}
    shown: dict[str, dict[str, Probed]] = defaultdict(dict)
    spent = 0
    for probe in _most_telling_first(summary):
        for case_id in sorted({case_id for case_id, _ in kept}):
            entry = kept.get((case_id, probe.id))
            if entry is None or spent > MOST_CHARACTERS:
                continue
            perturbed = read_image(entry.perturbed)
            labels = {} if entry.labels is None else read_labels(entry.labels)
            if case_id not in originals:
                originals[case_id] = _original(read_image(entry.original), perturbed, labels)
                spent += len(originals[case_id].uri)
            start = originals[case_id]
            change = show_change(start.image, perturbed, start.seen)
            outline = _contour(labels.get("after"), start.seen)
            margins = _margins(entry, start.seen)
            spent += len(change.perturbed) + len(change.difference) + len(outline)
            spent += len(margins.picture) if margins else 0
            row = rows[case_id, probe.id]
            shown[case_id][probe.id] = _probed(
                probe, row, summary, change, outline=outline, margins=margins
            )
    cases = tuple(
        _case(case_id, originals[case_id], rows, shown[case_id], summary)
        for case_id in sorted(shown, key=lambda name: _standing(name, rows, shown[name]))
    )
    heading = {"multilabel": "Finding", "regression": "Answer", "segmentation": "Outline"}
    outlined = summary.model.task.kind == "segmentation"
    return Comparator(
        cases=cases,
        outputs_of=heading.get(summary.model.task.kind, "Class"),
        note=_shown_note(cases, len(kept)),
        legend="Dashed yellow, where the truth ends; solid blue, where the model's outline does."
        if outlined
        else "",
    )


def _standing(
    case_id: str, rows: Mapping[tuple[str, str], Row], probed: Mapping[str, Probed]
) -> tuple[bool, bool, str]:
    """Sorts cases by the outcome of the first probe shown, then by name."""
    row = rows[case_id, next(iter(probed))]
    gave_way = row["reached"] or (np.isnan(row["margin_after"]) and changed(row))
    return not gave_way, not row["attempted"], case_id


def _judged(findings: pd.DataFrame) -> dict[tuple[str, str], Row]:
    """(case, probe) → the finding in the lossless container."""
    done = findings[(findings["stored"] == "lossless") & (findings["status"] == "ok")]
    records: list[dict[str, Any]] = done.to_dict("records")  # type: ignore[assignment]
    return {(record["case_id"], record["probe"]): record for record in records}


def _most_telling_first(summary: Summary) -> list[ProbeSummary]:
    """The lead probe, its noise, the rest of its family by falling radius, then the others.

    Shortcuts come last.
    """
    lead = lead_attack(summary)
    if lead is None:
        return [*in_pairs(summary)]

    def rank(probe: AttackSummary | NoiseSummary) -> tuple[int, float]:
        if probe.id == lead.id:
            return 0, 0.0
        if probe.id == lead.control:
            return 1, 0.0
        same = isinstance(probe, AttackSummary) and family(probe) == family(lead)
        return (2, -probe.threat.radius) if same else (3, 0.0)

    return [*sorted(summary.attacks_and_noises, key=rank), *in_pairs(summary)]


def _original(image: Image, perturbed: Image, labels: Mapping[str, Labels]) -> _Original:
    seen = frame(image, perturbed)
    return _Original(
        image=image,
        seen=seen,
        uri=show(image, seen),
        truth=_contour(labels.get("truth"), seen),
        contour=_contour(labels.get("before"), seen),
    )


def _contour(labels: Labels | None, seen: Frame) -> str:
    """The path around a mask (*spatial) in the frame shown; "" without one."""
    return (
        ""
        if labels is None
        else contour(flat(labels[None], seen.upright)[seen.rows, seen.columns, 0])
    )


def _margins(entry: StoredExample, seen: Frame) -> MarginMap | None:
    """The map of a case, if its attack keeps one and tried any position."""
    return (
        None if entry.by_position is None else show_margins(read_margins(entry.by_position), seen)
    )


def _shown_note(cases: Sequence[ExampleCase], n_kept: int) -> str:
    n_shown = sum(len(case.probes) for case in cases)
    number = wording.counted(len(cases), "case")
    if n_shown == n_kept:
        return f"{number}, those that gave way first, with all that the audit kept."
    return (
        f"{number}, those that gave way first, with {n_shown} of the {n_kept} changed images that "
        "the audit kept; the others lie in the run's artifacts/examples."
    )


def _case(
    case_id: str,
    start: _Original,
    rows: Mapping[tuple[str, str], Row],
    probed: Mapping[str, Probed],
    summary: Summary,
) -> ExampleCase:
    row, task = rows[case_id, next(iter(probed))], summary.model.task
    truth = words.said(task, row["truth"])
    truly = f"truth: {truth}" if task.kind == "segmentation" else f"truly {truth}"
    called = call(task, row, "before")
    shown = (*summary.attacks_and_noises, *in_pairs(summary))
    order = [probe.id for probe in shown]
    return ExampleCase(
        title=f"{case_id}, {truly}",
        original=start.uri,
        original_alt=f"Original image, {truly}, {called}",
        width=start.seen.columns.stop - start.seen.columns.start,
        height=start.seen.rows.stop - start.seen.rows.start,
        note=display_note(start.seen),
        truth=start.truth,
        contour=start.contour,
        probes=tuple(probed[name] for name in order if name in probed),
    )


def _probed(
    probe: ProbeSummary,
    row: Row,
    summary: Summary,
    change: Change,
    *,
    outline: str,
    margins: MarginMap | None,
) -> Probed:
    task = summary.model.task
    before, after = (call(task, row, when) for when in ("before", "after"))
    name, title, size = titles(probe)
    return Probed(
        title=title,
        verdict=verdict(probe, row),
        before_words=f"Original, {before}",
        after_words=f"{name}, {after}",
        perturbed=change.perturbed,
        difference=change.difference,
        perturbed_alt=f"The same image after {', '.join(filter(None, [name, size]))}, {after}",
        difference_alt=f"Difference of the two, amplified {rounding.gain(change.gain)}",
        difference_note=difference_note(change),
        contour=outline,
        margins=margins,
        outputs=outputs_of(row, summary),
    )
