"""The tables of the study's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plexor.cases import Case
from plexor.findings.study_file import Number, StudyRow, StudyTable
from plexor.findings.summary.estimate import finite
from plexor.shortcuts.find import Tag
from plexor.shortcuts.find.census import census
from plexor.stats import Estimate, holm
from plexor.studies.yi2022.ours import Scores, area
from plexor.studies.yi2022.plans import (
    ARMS,
    BOXES,
    COVERED,
    INPAINTED,
    MOVED,
    ORIGINAL,
    RECENTRED,
    TAGS,
)

UNCOVERED, BY_TABLE, ELSEWHERE, STROKES, BY_MODEL = (
    "films as they are",
    "tags covered, boxes of the table",
    "as much covered elsewhere",
    "tags inpainted, boxes of the table",
    "tags found and covered by the model itself",
)
"""Ways in which the networks of the original films are shown the test films."""
PAIRS: Sequence[tuple[str, str, str]] = (
    (COVERED, ORIGINAL, "does covering help?"),
    (INPAINTED, ORIGINAL, "the same without a box to be seen"),
    (COVERED, INPAINTED, "is it the box?"),
    (MOVED, ORIGINAL, "boxes that cover no tag"),
    (COVERED, MOVED, "covers on tags against covers elsewhere"),
    (TAGS, RECENTRED, "what the tags' position tells"),
    (TAGS, BOXES, "what tags tell beyond where they are"),
)
"""The first minus the second, and the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Two arms, or two ways of showing the films, on the same films.

    Attributes:
        name: what is compared.
        question: what the comparison answers.
        difference: of mean areas, for these networks on other patients.
        any_seed: the same for other seeds, too.
        each: the difference of each seed.
        p_value: of the mean difference, clustered by patient.
        corrected: with Holm's correction over the table.
    """

    name: str
    question: str
    difference: Estimate
    any_seed: Estimate
    each: tuple[float, ...]
    p_value: float
    corrected: float

    @property
    def shown(self) -> bool:
        """Whether other patients explain the difference no better than 1 in 20, corrected."""
        return self.corrected < 0.05


def paired(scores: Scores, pairs: Sequence[tuple[str, str, str]]) -> list[Paired]:
    """Compares in pairs; Holm over all whose test is defined."""
    p_values = [scores.test(one, other).p_value for one, other, _ in pairs]
    known = [p for p in p_values if not np.isnan(p)]
    corrected = dict(zip(known, holm(known), strict=True)) if known else {}
    found = []
    for (one, other, question), p in zip(pairs, p_values, strict=True):
        each = np.subtract(scores.each(one), scores.each(other))
        found.append(
            Paired(
                name=f"{one} – {other}",
                question=question,
                difference=scores.difference(one, other),
                any_seed=scores.difference(one, other, "random"),
                each=tuple(each.tolist()),
                p_value=p,
                corrected=float(corrected.get(p, np.nan)),
            )
        )
    return found


def areas_table(films: Scores, studies: Scores) -> StudyTable:
    """The area of each arm, by film and by study, with the seeds."""
    rows = [
        StudyRow(
            name=arm,
            detail=text,
            cells=(
                area(films.mean(arm)),
                area(films.mean(arm, "random")),
                area(studies.mean(arm)),
                _listed(films.each(arm), ".3f"),
                f"{np.std(films.each(arm), ddof=1):.3f}",
            ),
        )
        for arm, text in ARMS.items()
    ]
    return StudyTable(
        id="areas",
        title="What can be learned from each kind of image",
        text="Area under the ROC curve of networks that were trained and tested on images of one "
        "kind; the mean over the training seeds. 0.5 is guessing.",
        columns=(
            "Trained and tested on",
            "By film, these networks",
            "By film, any seed",
            "By study, these networks",
            "Each seed",
            "SD of seeds",
        ),
        rows=tuple(rows),
        note="Intervals are clustered by patient. “These networks”: how the figure would vary with "
        "other patients. “Any seed”: with other patients and other trainings (the analysis of "
        "Obuchowski and Rockette, a seed in the place of a reader); with few seeds it is wide. The "
        "score of a study is the mean probability of its films.",
    )


def pairs_table(by_film: Sequence[Paired], by_study: Sequence[Paired]) -> StudyTable:
    """Arms in pairs on the same films."""
    rows = [
        StudyRow(
            name=film.name,
            detail=film.question,
            cells=(
                Number.of("area-change", film.difference),
                Number(kind="p", value=finite(film.p_value)),
                Number(kind="p", value=finite(film.corrected)),
                Number.of("area-change", film.any_seed),
                _listed(film.each, "+.3f"),
                Number.of("area-change", study.difference),
            ),
        )
        for film, study in zip(by_film, by_study, strict=True)
    ]
    return StudyTable(
        id="pairs",
        title="In pairs",
        text="Mean area of the first minus that of the second, on the same films or studies.",
        columns=(
            "Comparison",
            "By film, these networks",
            "p, clustered",
            "p, Holm",
            "By film, any seed",
            "Each seed",
            "By study, these networks",
        ),
        rows=tuple(rows),
        note="A difference whose sign changes from seed to seed is one of training, whatever the p "
        "of the mean. Networks of different arms were trained from the same random weights in the "
        "same order.",
    )


def seeds_table(scores: Scores) -> StudyTable:
    """The publication's comparison, once for each seed: what one p-value is worth."""
    rows = []
    for seed in range(scores.n_seeds):
        tests = [
            scores.test_of_seed(COVERED, ORIGINAL, seed, clustered=clustered)
            for clustered in (False, True)
        ]
        change = scores.each(COVERED)[seed] - scores.each(ORIGINAL)[seed]
        cells = [Number(kind="p", value=finite(test.p_value)) for test in tests]
        rows.append(
            StudyRow(
                name=f"Seed {seed}",
                cells=(Number(kind="area-change", value=change), *cells),
            )
        )
    return StudyTable(
        id="seeds",
        title="The same comparison with each seed",
        text=f"Area of {COVERED} minus {ORIGINAL}, as a study with one network of each kind would "
        "report it.",
        columns=("Networks", "Difference", "p, DeLong", "p, DeLong clustered by patient"),
        rows=tuple(rows),
        note="DeLong's test takes the two networks as given: it says nothing of what another "
        "training would have given.",
    )


def inference_table(scores: Scores, found: Sequence[Paired]) -> StudyTable:
    """The networks of the original films, shown films with covers."""
    first = StudyRow(name=UNCOVERED, cells=(area(scores.mean(UNCOVERED)), None, None, None))
    rows = [
        StudyRow(
            name=name,
            cells=(
                area(scores.mean(name)),
                Number.of("area-change", one.difference),
                Number(kind="p", value=finite(one.corrected)),
                _listed(one.each, "+.3f"),
            ),
        )
        for name, one in zip((BY_TABLE, ELSEWHERE, STROKES, BY_MODEL), found, strict=True)
    ]
    left_out = (
        f" {scores.failed} films are left out, where a cover failed." if scores.failed else ""
    )
    return StudyTable(
        id="inference",
        title="Covering at inference",
        text="The networks that were trained on the films as they are, shown films with covers "
        "that they did not see in training.",
        columns=("Shown", "Area", "Minus uncovered", "p, Holm", "Each seed"),
        rows=(first, *rows),
        note="By film, for these networks, clustered by patient. A fall with tags covered says "
        "that tags were used or that boxes disturb; “elsewhere” is the control for the latter, "
        f"equal in size and in comparable tissue.{left_out}",
    )


def tags_table(tags: Mapping[str, Sequence[Tag]], cases: Sequence[Case]) -> StudyTable:
    """Which kinds of tag were found on how many films of each class."""
    rows = census({case.id: tuple(tags[case.id]) for case in cases}, list(cases))
    labels = list(rows[0].share)
    return StudyTable(
        id="tags",
        title="Tags found",
        text="Share of all films, of every split, on which a tag of each kind was found.",
        columns=("Kind", "Tags", *labels),
        rows=tuple(
            StudyRow(
                name=row.kind,
                cells=(
                    str(row.n_tags),
                    *(Number.of("share", row.share[label]) for label in labels),
                ),
            )
            for row in rows
        ),
        note="Found by machine; the table of boxes is tags.csv in the study's directory.",
    )


def _listed(values: Sequence[float], spec: str) -> str:
    return "; ".join(f"{value:{spec}}".replace("-", "\N{MINUS SIGN}") for value in values)
