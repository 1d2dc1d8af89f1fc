"""The page on a model's reliance on burnt-in tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.core import wording
from plexor.core.errors import DataError
from plexor.findings.tag_results import Pixels, ShownCase, TagResults
from plexor.report.overlay import blackened, boxed, for_the_eye, overlaid
from plexor.report.pictures import Pictures, Placed
from plexor.report.table import Table
from plexor.report.tag_tables import (
    area_forest,
    areas_table,
    aspects_table,
    carried_table,
    carriers_table,
    decision_forest,
    kinds_table,
    maps_table,
    reliance_table,
)
from plexor.report.tag_words import Advice, advice, answer, limits, map_words

_PRIVATE = "identifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """One method's maps of a case, before and after covering, in one scale."""

    method: str
    before: Placed
    after: Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedCase:
    """A case with pictures.

    Attributes:
        title: its id and true label.
        decisions: what is decided before and after.
        kinds: of its tags.
        boxed: the image with its boxes.
        overlays: one for each method.
    """

    title: str
    decisions: str
    kinds: str
    boxed: Placed
    overlays: tuple[Overlay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagView:
    """The page."""

    title: str
    subtitle: str
    answer: str
    warning: str
    advice: tuple[Advice, ...]
    limits: tuple[str, ...]
    kinds: Table
    carriers: Table
    reliance: Table
    areas: Table
    aspects: Table | None
    carried: Table | None
    maps: Table | None
    map_words: tuple[str, ...]
    forests: tuple[tuple[str, str], ...]
    cases: tuple[TaggedCase, ...]
    notes: tuple[str, ...]
    failures: tuple[str, ...]


def tag_view(results: TagResults, folder: Path, pictures: Pictures) -> TagView:
    """Builds the page, and places its pictures.

    Args:
        results: what was found.
        folder: with the arrays of the cases shown.
        pictures: where pictures are placed.

    Raises:
        DataError: the arrays of a case are missing or damaged.
    """
    forests = []
    for number, one in enumerate(results.reliance, 1):
        forests.append((f"Decisions changed, {one.label}", decision_forest(one, number)))
        forests.append((f"Areas under the ROC curve, {one.label}", area_forest(one, number)))
    private = any(_PRIVATE in case.kinds for case in results.shown) or any(
        row.kind == _PRIVATE for row in results.kinds
    )
    sheet = [_boxed(case, folder, pictures) for case in results.shown]  # first: they need the room
    return TagView(
        title="Burnt-in tags" if results.name in ("", "audit") else f"Tags: {results.name}",
        subtitle=_subtitle(results),
        answer=answer(results),
        warning="A patient's name or number is burnt into some images; it is black in the pictures "
        "of this page. Do not pass these images on."
        if private
        else "",
        advice=advice(results),
        limits=limits(),
        kinds=kinds_table(results),
        carriers=carriers_table(results),
        reliance=reliance_table(results),
        areas=areas_table(results),
        aspects=aspects_table(results),
        carried=carried_table(results),
        maps=maps_table(results),
        map_words=tuple(map_words(one) for one in results.maps),
        forests=tuple(forests),
        cases=tuple(
            _case(case, framed, results.methods, folder, pictures)
            for case, framed in zip(results.shown, sheet, strict=True)
        ),
        notes=results.notes,
        failures=results.failures,
    )


def _subtitle(results: TagResults) -> str:
    split = f", {results.split} split" if results.split else ""
    failed = len(results.failures)
    return " · ".join(
        [
            f"Model {results.architecture or 'unnamed'}",
            f"{results.cohort}{split}: {wording.counted(results.n_cases, 'image')} in "
            f"{wording.counted(results.n_groups, 'group')}, {wording.count(results.n_tagged)} with "
            "a tag" + (f", {failed} failed" if failed else ""),
        ]
    )


def _boxed(case: ShownCase, folder: Path, pictures: Pictures) -> Placed:
    image = blackened(_arrays(folder / case.file)["image"], _private(case))
    return pictures.place(boxed(image, case.boxes))


def _private(case: ShownCase) -> list[Pixels]:
    """Boxes of texts that name the patient."""
    return [box for box, kind in zip(case.boxes, case.kinds, strict=True) if kind == _PRIVATE]


def _case(
    case: ShownCase, framed: Placed, methods: Sequence[str], folder: Path, pictures: Pictures
) -> TaggedCase:
    arrays = _arrays(folder / case.file)
    image, covered = (blackened(arrays[name], _private(case)) for name in ("image", "covered"))
    overlays = []
    for number, method in enumerate(methods):
        before, after = (for_the_eye(arrays[f"{when}-{number}"]) for when in ("before", "after"))
        most = float(max(before.max(), after.max(), 0))
        overlays.append(
            Overlay(
                method=method,
                before=pictures.place(overlaid(image, before, case.boxes, most=most)),
                after=pictures.place(overlaid(covered, after, case.boxes, most=most)),
            )
        )
    changed = case.before != case.after
    return TaggedCase(
        title=f"{case.id}: {case.label}",
        decisions=f"called {case.before}; with tags covered {case.after}"
        if changed
        else f"called {case.before}, also with tags covered",
        kinds=", ".join(sorted(set(case.kinds))),
        boxed=framed,
        overlays=tuple(overlays),
    )


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: the pictures of a case cannot be read: {error}") from error
