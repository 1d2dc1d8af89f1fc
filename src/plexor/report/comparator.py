"""Example cases, before and after each probe, as many as one file can carry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from plexor.cases.formats import read_image
from plexor.cases.image import Image
from plexor.findings.run import RunDirectory, StoredExample
from plexor.report import words
from plexor.report.contour import Labels, contour, read_labels
from plexor.report.margins import MarginMap, read_margins, show_margins
from plexor.report.output import Output, outputs_of
from plexor.report.picture import Change, Frame, flat, frame, show, show_change
from plexor.report.probe_family import family
from plexor.report.shortcut_section import in_pairs, shortcut_name
from plexor.report.story import lead_probe

Plain = Mapping[str, Any]

MOST_CHARACTERS = 3_600_000
"""Of images in one report, so that it stays below 5 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What one probe did to a case.

    ``contour`` is the path of what is outlined then, ``margins`` the map of an attack that tries
    positions one by one.
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
    """One case with all that is shown of it.

    Of a segmentation, ``truth`` and ``contour`` are the paths of what is truly there and of what is
    outlined on the original; of other tasks, they are empty.
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
    """The cases shown, what their outputs are of, and words on outlines and on what is left out."""

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


def comparator(run: RunDirectory, summary: Plain, findings: pd.DataFrame) -> Comparator:
    """Chooses among the run's examples until the report would grow too large.

    The page's first probe of every case comes before any other. Cases in which it reached its goal
    are shown first, those that it did not attempt last.

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
            entry = kept.get((case_id, probe["id"]))
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
            row = rows[case_id, probe["id"]]
            shown[case_id][probe["id"]] = _probed(
                probe, row, summary, change, outline=outline, margins=margins
            )
    cases = tuple(
        _case(case_id, originals[case_id], rows, shown[case_id], summary)
        for case_id in sorted(shown, key=lambda name: _standing(name, rows, shown[name]))
    )
    heading = {"multilabel": "Finding", "regression": "Answer", "segmentation": "Outline"}
    outlined = summary["model"]["task"]["kind"] == "segmentation"
    return Comparator(
        cases=cases,
        outputs_of=heading.get(summary["model"]["task"]["kind"], "Class"),
        note=_shown_note(cases, len(kept)),
        legend="Dashed yellow, where the truth ends; solid blue, where the model's outline does."
        if outlined
        else "",
    )


def _standing(
    case_id: str, rows: Mapping[tuple[str, str], Plain], probed: Mapping[str, Probed]
) -> tuple[bool, bool, str]:
    """Sorts cases by what came of the first probe they are shown under, then by name."""
    row = rows[case_id, next(iter(probed))]
    gave_way = row["reached"] or (np.isnan(row["margin_after"]) and _changed(row))
    return not gave_way, not row["attempted"], case_id


def _changed(row: Plain) -> bool:
    return bool(row["decision_before"] != row["decision_after"])


def _judged(findings: pd.DataFrame) -> dict[tuple[str, str], Plain]:
    """(case, probe) → what the judge found on the losslessly stored image."""
    done = findings[(findings["stored"] == "lossless") & (findings["status"] == "ok")]
    records: list[dict[str, Any]] = done.to_dict("records")  # type: ignore[assignment]
    return {(record["case_id"], record["probe"]): record for record in records}


def _most_telling_first(summary: Plain) -> list[Plain]:
    """The page's first probe, its noise, the rest of its family from the widest, then the rest.

    Shortcuts come last.
    """
    lead = lead_probe(summary)
    if lead is None:
        return in_pairs(summary)

    def rank(probe: Plain) -> tuple[int, float]:
        if probe["id"] == lead["id"]:
            return 0, 0.0
        if probe["id"] == lead["control"]:
            return 1, 0.0
        same = probe["kind"] == "attack" and family(probe) == family(lead)
        return (2, -probe["threat"]["radius"]) if same else (3, 0.0)

    return [*sorted(summary["probes"], key=rank), *in_pairs(summary)]


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
    """The path around a mask (*spatial), in what is shown of a case; "" without one."""
    return "" if labels is None else contour(flat(labels[None])[seen.rows, seen.columns, 0])


def _margins(entry: StoredExample, seen: Frame) -> MarginMap | None:
    """The map of a case, where its attack keeps one and tried anything."""
    return (
        None if entry.by_position is None else show_margins(read_margins(entry.by_position), seen)
    )


def _shown_note(cases: Sequence[ExampleCase], n_kept: int) -> str:
    n_shown = sum(len(case.probes) for case in cases)
    number = words.counted(len(cases), "case")
    if n_shown == n_kept:
        return f"{number}, those that gave way first, with all that the audit kept."
    return (
        f"{number}, those that gave way first, with {n_shown} of the {n_kept} changed images that "
        "the audit kept; the others lie in the run's artifacts/examples."
    )


def _case(
    case_id: str,
    start: _Original,
    rows: Mapping[tuple[str, str], Plain],
    probed: Mapping[str, Probed],
    summary: Plain,
) -> ExampleCase:
    row, task = rows[case_id, next(iter(probed))], summary["model"]["task"]
    truth = words.said(task, row["truth"])
    truly = f"truth: {truth}" if task["kind"] == "segmentation" else f"truly {truth}"
    called = _call(task, row, "before")
    order = [probe["id"] for probe in (*summary["probes"], *in_pairs(summary))]
    return ExampleCase(
        title=f"{case_id}, {truly}",
        original=start.uri,
        original_alt=f"Original image, {truly}, {called}",
        width=start.seen.columns.stop - start.seen.columns.start,
        height=start.seen.rows.stop - start.seen.rows.start,
        note=_display_note(start.seen),
        truth=start.truth,
        contour=start.contour,
        probes=tuple(probed[name] for name in order if name in probed),
    )


def _call(task: Plain, row: Plain, when: str) -> str:
    """What the model said of an image; of a segmentation, how near to the truth that is."""
    if task["kind"] != "segmentation":
        return words.call(task, row[f"decision_{when}"])
    names = words.outlined_classes(task)
    dice = [words.area(one) for one in row[f"dice_{when}"]]
    if len(names) == 1:
        return f"Dice {dice[0]}"
    return "Dice " + ", ".join(f"{one} ({name})" for name, one in zip(names, dice, strict=True))


def _probed(
    probe: Plain,
    row: Plain,
    summary: Plain,
    change: Change,
    *,
    outline: str,
    margins: MarginMap | None,
) -> Probed:
    task = summary["model"]["task"]
    before, after = (_call(task, row, when) for when in ("before", "after"))
    name, title, size = _titles(probe)
    return Probed(
        title=title,
        verdict=_verdict(probe, row),
        before_words=f"Original, {before}",
        after_words=f"{name}, {after}",
        perturbed=change.perturbed,
        difference=change.difference,
        perturbed_alt=f"The same image after {', '.join(filter(None, [name, size]))}, {after}",
        difference_alt=f"Difference of the two, amplified {words.gain(change.gain)}",
        difference_note=_difference_note(change),
        contour=outline,
        margins=margins,
        outputs=outputs_of(row, summary),
    )


def _titles(probe: Plain) -> tuple[str, str, str]:
    """A probe's name, its title with all that tells it from others, and its size if it has one."""
    if "threat" not in probe:
        return shortcut_name(probe), shortcut_name(probe), ""
    name = "Noise" if probe["kind"] == "control" else words.attack(probe)
    aim = f", {words.goal(probe['goal'])}" if probe["goal"] else ""
    size = f"{words.radius(probe['threat'])} ({words.ball(probe['threat'])})"
    return name, f"{name}{aim}, {size}", size


def _verdict(probe: Plain, row: Plain) -> str:
    if "threat" not in probe:
        return "Decided otherwise." if _changed(row) else "Decided as before."
    if probe["kind"] == "control":
        return "No goal: the control."
    if not row["attempted"]:
        if np.isnan(row["margin_after"]):
            return "Not attempted: the goal has no meaning for this case."
        return "Not attempted: the goal held before."
    return "Goal reached." if row["reached"] else "Goal not reached."


def _display_note(seen: Frame) -> str:
    parts = []
    if not seen.whole:
        low, high = words.measure(seen.low), words.measure(seen.high)
        parts.append(
            f"Shown from {low} (black) to {high} (white), the original's 1st to 99th percentile, "
            "before and after alike."
        )
    if seen.part:
        parts.append(f"Shown: {seen.part}.")
    return " ".join(parts)


def _difference_note(change: Change) -> str:
    if not change.reach:
        return "Difference: nothing changed in what is shown."
    reach = words.with_unit(words.measure(change.reach), change.unit)
    return (
        f"Difference, amplified {words.gain(change.gain)}: grey is unchanged, white is +{reach}, "
        f"black is {words.MINUS}{reach.removesuffix('.')}."
    )
