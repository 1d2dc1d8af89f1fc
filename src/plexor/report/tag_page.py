"""The page on a model's reliance on burnt-in tags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plexor.core import wording
from plexor.findings.tag_results import TagResults
from plexor.report.pictures import Pictures
from plexor.report.table import Table
from plexor.report.tag_cases import PRIVATE, TaggedCase, tagged_cases
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
    private = any(PRIVATE in case.kinds for case in results.shown) or any(
        row.kind == PRIVATE for row in results.kinds
    )
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
        cases=tagged_cases(results, folder, pictures),
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
