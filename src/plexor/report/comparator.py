"""Example cases, before and after each probe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from plexor.cases.formats import read_image
from plexor.cases.image import Image
from plexor.core import wording
from plexor.findings.example import StoredExample
from plexor.findings.run import RunDirectory
from plexor.findings.summary.probe_summary import ProbeSummary
from plexor.findings.summary.summary import Summary
from plexor.report import words
from plexor.report.comparator_words import (
    call,
    difference_note,
    display_note,
    reached,
    titles,
    verdict,
)
from plexor.report.contour import Labels, contour, read_labels
from plexor.report.deep_picture import Depth, depth, show_deep
from plexor.report.example_order import first_cases, most_telling_first, rank, standing
from plexor.report.margin_map import MarginMap, read_margins, show_margins
from plexor.report.model_outputs import Output, Row, outputs_of
from plexor.report.picture import Change, Frame, flat, frame, show, show_change
from plexor.report.pictures import FOLDER, Pictures, Placed
from plexor.report.shortcut_section import in_pairs

MOST_CASES = 24
"""In one page, which the pictures and tables of more would make too large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """Effect of one probe on a case.

    ``id`` is the probe's; ``reach`` the greatest change, in values; ``deep`` the perturbed image
    with all its bits, of images of more than 8; ``stored`` the decisions before and after in every
    container, where there is more than one; ``contour`` is the path of the model's outline after
    the probe, ``margins`` the map of an attack that tries positions one by one.
    """

    id: str
    title: str
    verdict: str
    before_words: str
    after_words: str
    perturbed: Placed
    difference: Placed
    perturbed_alt: str
    difference_alt: str
    difference_note: str
    reach: float
    deep: Placed | None
    stored: tuple[tuple[str, str, str], ...]
    contour: str
    margins: MarginMap | None
    margins_picture: Placed | None
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleCase:
    """One case with everything that is shown of it.

    ``window`` holds the values shown as black and white, ``unit`` their unit. Of images of more
    than 8 bits, ``deep`` is the original with all of them, and ``depth`` says what they stand for.

    For segmentation, ``truth`` and ``contour`` are the paths of the true outline and of the model's
    outline on the original; for other tasks they are empty. ``opens`` and ``opens_id`` are the
    title and the id of the probe that is shown first.
    """

    id: str
    title: str
    opens: str
    opens_id: str
    original: Placed
    original_alt: str
    width: int
    height: int
    window: tuple[float, float]
    unit: str
    deep: Placed | None
    depth: Depth | None
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
    picture: Placed
    depth: Depth | None
    deep: Placed | None
    truth: str
    contour: str


def comparator(
    run: RunDirectory,
    summary: Summary,
    findings: pd.DataFrame,
    pictures: Pictures,
    *,
    only: Collection[str] | None = None,
    most_cases: int | None = None,
) -> Comparator:
    """Every example that the run kept, in full in the page while there is room.

    The pictures of the page's first probe come before any other. Cases in which a probe reached its
    goal are shown first, those that no probe attempted last, and each opens on such a probe.

    Args:
        run: the run.
        summary: of the run.
        findings: of the run.
        pictures: where the pictures are placed.
        only: ids of the probes that are shown; None for all.
        most_cases: how many cases are shown, those that gave way first; None for all.

    Raises:
        DataError: an example's file is damaged.
    """
    rows, elsewhere = _judged(findings), _in_containers(findings, summary)
    number = summary.model.task.kind == "regression"
    kept = {(entry.case_id, entry.probe): entry for entry in run.examples()}
    kept = {
        key: entry
        for key, entry in kept.items()
        if key in rows and (only is None or key[1] in only)
    }
    n_kept = len({case_id for case_id, _ in kept})
    if most_cases is not None:
        kept = first_cases(kept, rows, most_cases, number=number)
    originals: dict[str, _Original] = {}
    shown: dict[str, dict[str, Probed]] = defaultdict(dict)
    for probe in most_telling_first(summary):
        for case_id in sorted({case_id for case_id, _ in kept}):
            entry = kept.get((case_id, probe.id))
            if entry is None:
                continue
            perturbed = read_image(entry.perturbed)
            labels = {} if entry.labels is None else read_labels(entry.labels)
            if case_id not in originals:
                originals[case_id] = _original(
                    read_image(entry.original), perturbed, labels, pictures
                )
            start = originals[case_id]
            change = show_change(start.image, perturbed, start.seen)
            outline = _contour(labels.get("after"), start.seen)
            margins = _margins(entry, start.seen)
            pictures.spent += len(outline)
            row = rows[case_id, probe.id]
            shown[case_id][probe.id] = _probed(
                probe,
                row,
                summary,
                change,
                pictures,
                stored=elsewhere.get((case_id, probe.id), ()),
                deep=_deep(perturbed, start.seen, start.depth, pictures),
                colour=len(perturbed.pixels) >= 3,
                outline=outline,
                margins=margins,
            )
    cases = tuple(
        _case(case_id, originals[case_id], rows, shown[case_id], summary)
        for case_id in sorted(
            shown, key=lambda name: standing(name, rows, shown[name], number=number)
        )
    )
    heading = {"multilabel": "Finding", "regression": "Answer", "segmentation": "Outline"}
    outlined = summary.model.task.kind == "segmentation"
    return Comparator(
        cases=cases,
        outputs_of=heading.get(summary.model.task.kind, "Class"),
        note=_shown_note(len(cases), n_kept, len(pictures.files)),
        legend="Dashed yellow, where the truth ends; solid blue, where the model's outline does."
        if outlined
        else "",
    )


def _judged(findings: pd.DataFrame) -> dict[tuple[str, str], Row]:
    """(case, probe) → the finding in the lossless container."""
    done = findings[(findings["stored"] == "lossless") & (findings["status"] == "ok")]
    records: list[dict[str, Any]] = done.to_dict("records")  # type: ignore[assignment]
    return {(record["case_id"], record["probe"]): record for record in records}


def _in_containers(
    findings: pd.DataFrame, summary: Summary
) -> dict[tuple[str, str], tuple[tuple[str, str, str], ...]]:
    """(case, probe) → each container with the decisions before and after; empty if there is one."""
    names, task = list(summary.clean.stored), summary.model.task
    if len(names) < 2:
        return {}
    found: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
    done = findings[(findings["status"] == "ok") & findings["stored"].isin(names)]
    done = done.sort_values("stored", key=lambda column: column.map(names.index), kind="stable")
    for row in done.to_dict("records"):
        called = (call(task, row, when) for when in ("before", "after"))  # type: ignore[arg-type]
        before, after = (text.removeprefix("called ") for text in called)
        found[row["case_id"], row["probe"]].append((words.container(row["stored"]), before, after))
    return {key: tuple(listed) for key, listed in found.items()}


def _original(
    image: Image, perturbed: Image, labels: Mapping[str, Labels], pictures: Pictures
) -> _Original:
    seen, codes = frame(image, perturbed), depth(image)
    return _Original(
        image=image,
        seen=seen,
        picture=pictures.place(show(image, seen)),
        depth=codes,
        deep=_deep(image, seen, codes, pictures),
        truth=_contour(labels.get("truth"), seen),
        contour=_contour(labels.get("before"), seen),
    )


def _deep(image: Image, seen: Frame, codes: Depth | None, pictures: Pictures) -> Placed | None:
    if codes is None:
        return None
    return pictures.place(show_deep(image, seen, codes), reducible=False)


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


def _shown_note(n_cases: int, n_kept: int, n_files: int) -> str:
    number = wording.counted(n_cases, "case")
    said = f"{number}, those that gave way first, with all that the audit kept."
    if n_cases < n_kept:
        said = (
            f"{number} of {wording.count(n_kept)} that the audit kept, those that gave way first; "
            "the table above opens the others."
        )
    if not n_files:
        return said
    beside = wording.counted(n_files, "picture")
    return (
        f"{said} {beside} would make this page too large: they are reduced here, and shown in full "
        f"from the folder {FOLDER}, which must lie beside the page. `plexor report --one-file` "
        "puts everything into the page."
    )


def _case(
    case_id: str,
    start: _Original,
    rows: Mapping[tuple[str, str], Row],
    probed: Mapping[str, Probed],
    summary: Summary,
) -> ExampleCase:
    row, task = rows[case_id, next(iter(probed))], summary.model.task
    number = task.kind == "regression"
    opening = min(probed, key=lambda name: rank(rows[case_id, name], number=number))
    truth = words.said(task, row["truth"])
    truly = f"truth: {truth}" if task.kind == "segmentation" else f"truly {truth}"
    called = call(task, row, "before")
    shown = (*summary.attacks_and_noises, *in_pairs(summary))
    order = [probe.id for probe in shown]
    return ExampleCase(
        id=case_id,
        title=f"{case_id}, {truly}",
        opens=probed[opening].title,
        opens_id=opening,
        original=start.picture,
        original_alt=f"Original image, {truly}, {called}",
        width=start.seen.columns.stop - start.seen.columns.start,
        height=start.seen.rows.stop - start.seen.rows.start,
        window=(start.seen.low, start.seen.high),
        unit=start.image.intensity.unit,
        deep=start.deep,
        depth=start.depth,
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
    pictures: Pictures,
    *,
    stored: tuple[tuple[str, str, str], ...],
    deep: Placed | None,
    colour: bool,
    outline: str,
    margins: MarginMap | None,
) -> Probed:
    task = summary.model.task
    before, after = (call(task, row, when) for when in ("before", "after"))
    name, title, size = titles(probe)
    return Probed(
        id=probe.id,
        title=title,
        verdict=verdict(probe, row),
        before_words=f"Original, {before}",
        after_words=f"{name}, {after}",
        perturbed=pictures.place(change.perturbed),
        difference=pictures.place(change.difference),
        perturbed_alt=f"The same image after {', '.join(filter(None, [name, size]))}, {after}",
        difference_alt=f"Difference of the two, up to {reached(change)}",
        difference_note=difference_note(change, colour=colour),
        reach=change.reach,
        deep=deep,
        stored=stored,
        contour=outline,
        margins=margins,
        margins_picture=pictures.place(margins.picture) if margins else None,
        outputs=outputs_of(row, summary),
    )
