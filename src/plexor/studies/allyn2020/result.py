"""The published figures beside ours, and the tables behind them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from plexor.core.version import __version__
from plexor.findings import CLEAN as UNTOUCHED
from plexor.findings.study_file import Agreement, Arm, Compared, Number, StudyResult
from plexor.studies.allyn2020.leak import leak_table, leaked_images
from plexor.studies.allyn2020.ours import Ours
from plexor.studies.allyn2020.photos import read_photos
from plexor.studies.allyn2020.plans import (
    ARMS,
    CLEAN,
    GENERATOR,
    HELD_OUT,
    HELD_OUT_COHORT,
    MAIN_RADIUS,
    PUBLISHED,
    TRANSFER,
    Scale,
)
from plexor.studies.allyn2020.published import ALLYN2020
from plexor.studies.allyn2020.seeds import REPEATED, read_seeds, seeds_table
from plexor.studies.allyn2020.tables import (
    class_table,
    identity_table,
    observer_table,
    other_table,
    size_table,
    transfer_table,
)
from plexor.studies.compare import compare

_TITLES = {
    PUBLISHED: "As published",
    CLEAN: "Clean",
    TRANSFER: "Transfer",
    HELD_OUT: "Held out",
}
_TEXTS = {
    PUBLISHED: "Split by image, so that images of one lesion are trained on and judged; the "
    "generator learns on the images that it is judged on.",
    CLEAN: "Split by lesion; the generators learn on the images trained on, and are judged on "
    "lesions that neither network has seen. Beside them PGD, which searches anew for each image.",
    TRANSFER: "Another network, trained on the same images as that of the clean arm, is given what "
    "the clean arm's generators make. They have not seen it.",
    HELD_OUT: "Images of lesions on which nothing was fitted, neither the network nor a generator, "
    "and no choice was made: the network and the generators of the clean arm, as they are.",
}
_DRAWN = (
    "The images are phantoms, drawn to see that everything works: whether the figures agree with "
    "published ones of real lesions means nothing."
)
_FITTED_ELSEWHERE = "the generator is judged on images that it did not learn on"
_READERS = "it needs readers; their published answers are analysed again below"


def study_result(
    out: Path, scale: Scale, *, drawn: bool, held_out: bool = False, seeds: int = 1
) -> StudyResult:
    """The study's result for the report, from the study's directory.

    Args:
        out: the directory, with the audits of all arms finished.
        scale: scale of the run.
        drawn: whether the images are phantoms.
        held_out: whether there is an arm on held-out images.
        seeds: number of seeds with which the first arms were run.
    """
    photos = read_photos(out)
    lesion_of = {photo.image_id: photo.lesion_id for photo in photos}
    arms = {name: Ours.read(out / name / "run", lesion_of) for name in ARMS}
    compared = {name: arms[name] for name in REPEATED}
    if held_out:
        others = {photo.image_id: photo.lesion_id for photo in read_photos(out, HELD_OUT_COHORT)}
        arms[HELD_OUT] = compared[HELD_OUT] = Ours.read(out / HELD_OUT / "run", others)
    leaked = leaked_images(out / PUBLISHED / "plan.yaml", lesion_of)
    study = ALLYN2020
    return StudyResult(
        plexor=__version__,
        name=study.name,
        title=study.title,
        citation=study.citation,
        question=study.question,
        design=study.design,
        scale=scale.name,
        setting=scale.setting(len(photos), len(set(lesion_of.values())), drawn=drawn),
        departures=study.departures,
        rows=_rows(compared, _because(scale, drawn=drawn), drawn=drawn),
        arms=tuple(_arm(name, ours) for name, ours in arms.items()),
        tables=(
            leak_table(arms[PUBLISHED], arms[CLEAN], leaked),
            class_table(compared),
            identity_table(compared, most_lesions=scale.most_lesions, drawn=drawn),
            size_table(compared),
            *([seeds_table(read_seeds(out, seeds, lesion_of))] if seeds > 1 else []),
            other_table(arms[CLEAN]),
            transfer_table(arms[CLEAN], arms[TRANSFER]),
            observer_table(),
        ),
        limits=(_DRAWN, *study.limits) if drawn else study.limits,
    )


def _arm(name: str, ours: Ours) -> Arm:
    return Arm(
        name=name,
        title=_TITLES[name],
        text=_TEXTS[name],
        run=f"{name}/run",
        commands=(
            *([] if name == HELD_OUT else [f"plexor train {name}/plan.yaml"]),
            f"plexor audit {name}/plan.yaml --out {name}/run",
        ),
        shown=ours.probe(GENERATOR, MAIN_RADIUS).id,
    )


def _because(scale: Scale, *, drawn: bool) -> dict[tuple[str, str], str]:
    """(figure, arm) → the deviations that affect the figure, fixed before any run."""
    images = "these are drawn phantoms, and " if drawn else ""
    mix = (
        "naevi are another share of these phantoms"
        if drawn
        else "accuracy is then the share of naevi among the images judged, and of those not turned "
        "into naevi some are called rightly"
    )
    training = f"{images}{scale.because}"
    found: dict[tuple[str, str], str] = {}
    for arm in (*REPEATED, HELD_OUT):
        found["accuracy-before", arm] = training
        found["accuracy-after", arm] = mix
        found["mcnemar", arm] = f"fewer images are judged, and {training}"
        found["fooling", arm] = f"8 levels may be less than the paper allowed, and {training}"
    for arm in (CLEAN, HELD_OUT):
        found["accuracy-before", arm] += ", and no lesion judged was trained on"
        found["fooling", arm] = f"{_FITTED_ELSEWHERE}, and {training}"
    return found


def _rows(
    arms: Mapping[str, Ours], because: Mapping[tuple[str, str], str], *, drawn: bool
) -> tuple[Compared, ...]:
    ours: dict[str, dict[str, Number]] = {}
    for name, arm in arms.items():
        probe = arm.probe(GENERATOR, MAIN_RADIUS)
        measured = {
            "accuracy-before": arm.accuracy(UNTOUCHED),
            "accuracy-after": arm.accuracy(probe.id),
            "mcnemar": arm.mcnemar(probe),
            "fooling": arm.called_naevus(probe.id),
        }
        for figure, number in measured.items():
            ours.setdefault(figure, {})[name] = number
    return tuple(
        _row(figure.id, ours.get(figure.id, {}), arms, because, drawn=drawn)
        for figure in ALLYN2020.figures
        if figure.id != "fooling-by-class"  # has a table of its own
    )


def _row(
    name: str,
    ours: Mapping[str, Number],
    arms: Mapping[str, Ours],
    because: Mapping[tuple[str, str], str],
    *,
    drawn: bool,
) -> Compared:
    published = ALLYN2020.figure(name)
    agreement: dict[str, Agreement] = {
        arm: compare(
            published, ours.get(arm), because=because.get((name, arm), _READERS), drawn=drawn
        )
        for arm in arms
    }
    return Compared(
        id=name,
        what=published.what,
        published=published.number(),
        ours={arm: ours.get(arm) for arm in arms},
        agreement=agreement,
    )
