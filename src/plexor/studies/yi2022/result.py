"""The study's result: published figures beside ours, tables, and the verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plexor.cases import Case, Cohort
from plexor.core.version import __version__
from plexor.findings.study_file import Agreement, Arm, Compared, Number, StudyResult, StudyTable
from plexor.findings.summary.estimate import finite
from plexor.findings.tag_results import TagResults
from plexor.shortcuts.find import Tag
from plexor.studies.compare import compare
from plexor.studies.study import Published
from plexor.studies.yi2022.leaning import (
    aspects_table,
    leaning_words,
    reliance_folder,
    reliance_table,
)
from plexor.studies.yi2022.ours import Scores, area
from plexor.studies.yi2022.plans import (
    ARMS,
    BOXES,
    COVERED,
    ORIGINAL,
    TAGS,
    Scale,
    Source,
    folder_of,
)
from plexor.studies.yi2022.published import OTHER_FILMS, PHANTOMS, YI2022
from plexor.studies.yi2022.tables import (
    BY_MODEL,
    BY_TABLE,
    ELSEWHERE,
    PAIRS,
    STROKES,
    UNCOVERED,
    Paired,
    areas_table,
    inference_table,
    paired,
    pairs_table,
    seeds_table,
    tags_table,
)

_FIGURES = {"area-original": ORIGINAL, "area-covered": COVERED, "area-tags-only": TAGS}
_BECAUSE = "split, training and boxes are ours, and the number of published test films is unknown"
_FEWEST_SEEDS = 3
_SHOWN = (BY_TABLE, ELSEWHERE, STROKES, BY_MODEL)
_NAMES = {"phantoms": "phantoms", "MURA": "films of MURA", "chest films": "chest films"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a run has measured.

    Attributes:
        source: what the films are.
        cohort: all films.
        tags: film → its tags.
        films: scores of the test films by the arms.
        studies: scores of their studies.
        inference: scores of the test films by the networks of the original films, covered or not.
        leaning: reliance of these networks, once a seed; empty where no test film carries a tag.
    """

    source: Source
    cohort: Cohort
    tags: dict[str, tuple[Tag, ...]]
    films: Scores
    studies: Scores
    inference: Scores
    leaning: Sequence[TagResults]


def study_result(scale: Scale, found: Measured) -> StudyResult:
    """Everything the report says."""
    by_film = paired(found.films, PAIRS)
    shown = paired(found.inference, [(name, UNCOVERED, "") for name in _SHOWN])
    study = YI2022
    return StudyResult(
        plexor=__version__,
        name=study.name,
        title=study.title,
        citation=study.citation,
        question=study.question,
        design=study.design,
        scale=scale.name,
        setting=_setting(scale, found),
        departures=study.departures,
        rows=tuple(_rows(found)),
        arms=tuple(_arm(arm, seed, found) for seed in scale.seeds for arm in ARMS),
        tables=(
            areas_table(found.films, found.studies),
            pairs_table(by_film, paired(found.studies, PAIRS)),
            seeds_table(found.films),
            inference_table(found.inference, shown),
            *_leaning(scale, found),
            tags_table(found.tags, found.cohort.cases),
        ),
        limits=study.limits,
        verdict=verdict(found, by_film, shown, scale),
    )


def verdict(
    found: Measured, by_film: Sequence[Paired], shown: Sequence[Paired], scale: Scale
) -> str:
    """What was shown, and what was not, in sentences."""
    arms = {one.name: one for one in by_film}
    parts = [PHANTOMS] if found.source == "phantoms" else []
    parts += [OTHER_FILMS] if found.source == "chest films" else []
    whole, tags, boxes = (f"{found.films.mean(arm).value:.3f}" for arm in (ORIGINAL, TAGS, BOXES))
    trained, covered, elsewhere = map(_said, (arms[f"{COVERED} – {ORIGINAL}"], *shown[:2]))
    parts += [f"Area {whole} on films as they are, {tags} on tags alone, {boxes} on boxes alone."]
    parts.append(
        f"Covering tags changes it by {trained} if networks are trained so, by {covered} at "
        f"inference, and covering as much elsewhere by {elsewhere}."
    )
    if found.leaning:
        parts.append(leaning_words(found.leaning))
    if len(scale.seeds) < _FEWEST_SEEDS:
        parts.append(f"With {len(scale.seeds)} training seeds no difference of arms is a finding.")
    return " ".join(parts)


def _said(one: Paired) -> str:
    """A difference, its interval, and what speaks against it."""
    limits = f"{_signed(one.difference.low)} to {_signed(one.difference.high)}"
    doubts = [] if one.shown else ["not shown"]
    if min(one.each) < 0 < max(one.each):
        doubts.append("seeds disagree about its sign")
    return f"{_signed(one.difference.value)} ({'; '.join([limits, *doubts])})"


def _rows(found: Measured) -> list[Compared]:
    rows = []
    units = {"by film": found.films, "by study": found.studies}
    for name, arm in _FIGURES.items():
        ours = {unit: area(scores.mean(arm)) for unit, scores in units.items()}
        rows.append(_row(YI2022.figure(name), ours, found.source))
    tests = {
        unit: Number(
            kind="p", value=finite(scores.test(COVERED, ORIGINAL).p_value),
            n=len(scores.truth), method="mean over seeds, clustered by patient",
        )
        for unit, scores in units.items()
    }  # fmt: skip
    rows.append(_row(YI2022.figure("p-covered"), tests, found.source))
    return rows


def _row(figure: Published, ours: dict[str, Number], source: Source) -> Compared:
    def agreement(number: Number) -> Agreement:
        if source == "chest films":
            return Agreement(word="cannot be compared", because="these are films of another region")
        return compare(figure, number, because=_BECAUSE, drawn=source == "phantoms")

    return Compared(
        id=figure.id,
        what=figure.what,
        published=figure.number(),
        ours=dict(ours),
        agreement={unit: agreement(number) for unit, number in ours.items()},
    )


def _setting(scale: Scale, found: Measured) -> str:
    cases = found.cohort.cases
    sizes = ", ".join(f"{_in(cases, split)} {split}" for split in ("train", "validation", "test"))
    architecture = scale.training["architecture"]
    return (
        f"Run on {len(cases)} {_NAMES[found.source]} of {len({case.group for case in cases})} "
        f"patients ({sizes}); {architecture} at {scale.side} × {scale.side} pixels from random "
        f"weights, {scale.training['epochs']} epochs, "
        f"{len(scale.seeds)} training seeds; {found.films.failed} test films failed."
    )


def _in(cases: Sequence[Case], split: str) -> int:
    return sum(case.split == split for case in cases)


def _leaning(scale: Scale, found: Measured) -> list[StudyTable]:
    if not found.leaning:
        return []
    tables = [reliance_table(found.leaning, scale.seeds)]
    exchanged = any(one.aspects for one in found.leaning)
    return [*tables, aspects_table(found.leaning, scale.seeds)] if exchanged else tables


def _arm(arm: str, seed: int, found: Measured) -> Arm:
    folder = folder_of(arm, seed)
    leaning = arm == ORIGINAL and bool(found.leaning)
    return Arm(
        name=folder,
        title=f"{arm}, seed {seed}",
        text=f"Trained and tested on {ARMS[arm]}.",
        run=f"{folder}/run",
        tags=reliance_folder(seed) if leaning else "",
        commands=(
            f"plexor train {folder}/plan.yaml",
            f"plexor audit {folder}/plan.yaml --out {folder}/run",
        ),
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")
