"""The study's images: films in grey, their tags, and the images of each arm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from plexor.cases import Case, Cohort, Image, load_cohort, read_image
from plexor.cases.formats.png import PngCodec
from plexor.cases.image import Pixels
from plexor.cases.split import limit_cases, split_groups
from plexor.core.csv_text import csv_text
from plexor.core.files import write_atomic
from plexor.core.progress import Advance
from plexor.shortcuts.cover import Floating, cover, moved_boxes
from plexor.shortcuts.find import Box, Finder, Tag, read_tags, search, tags_of_cases, write_tags
from plexor.shortcuts.isolate import boxes_alone, isolate, recentre
from plexor.shortcuts.variants import write_variant
from plexor.studies.yi2022.layout import Film
from plexor.studies.yi2022.plans import (
    ARMS,
    BOXES,
    COVERED,
    FILMS,
    INPAINTED,
    MOVED,
    ORIGINAL,
    RECENTRED,
    SEED,
    SPLITS,
    TAG_TABLE,
    TAGS,
    Scale,
    manifest_of,
)

_COLUMNS = ("path", "label", "group", "split", "id", "study", "region")
_LUMA = (0.299, 0.587, 0.114)
_AT_ONCE = 100
"""Films whose tags are kept together: what an interrupted search loses at most."""


def chosen(films: Sequence[Film], scale: Scale) -> Cohort:
    """Films dealt out to splits by patient, and as many of each as the scale takes."""
    cases = tuple(
        Case(
            id=film.name,
            path=film.path,
            truth=film.label,
            group=film.patient,
            metadata={"study": film.study, "region": film.region},
        )
        for film in films
    )
    classes = tuple(sorted({film.label for film in films}))
    cohort = split_groups(
        Cohort(name="films", cases=cases, classes=classes), dict(SPLITS), seed=SEED
    )
    if scale.most is None:
        return cohort
    parts = [
        limit_cases(cohort.with_split(split), most, SEED) for split, most in scale.most.items()
    ]
    kept = {case.id for part in parts for case in part.cases}
    return cohort.select(lambda case: case.id in kept)


def write_films(out: Path, cohort: Cohort, advance: Advance) -> None:
    """Writes each film in grey as PNG, and last the manifest; what is there is kept."""
    manifest = out / manifest_of(ORIGINAL)
    if manifest.exists():
        return
    rows = []
    for number, case in enumerate(cohort.cases):
        path = manifest.parent / "images" / f"{number:06d}.png"
        if not path.exists():
            write_atomic(path, PngCodec().encode(_grey(read_image(case.path))))
        row = {"path": f"images/{path.name}", "label": case.truth, "group": case.group}
        row |= {"split": case.split or "", "id": case.id}
        rows.append([(row | dict(case.metadata))[column] for column in _COLUMNS])
        advance(number + 1, len(cohort), case.id)
    write_atomic(manifest, csv_text(_COLUMNS, rows).encode())


def read_films(out: Path) -> Cohort:
    """The films as ``write_films`` has written them."""
    return load_cohort(out / manifest_of(ORIGINAL))


def find_tags(out: Path, finder: Finder, advance: Advance) -> None:
    """Looks for tags in every film, a hundred at a time; ``tags.csv`` is kept if it is there.

    A table that was corrected by a person, put there before the arms' images are written, is used
    as it is.
    """
    table, films = out / TAG_TABLE, read_films(out).cases
    if table.exists():
        return
    parts, root = [], out / FILMS
    for start in range(0, len(films), _AT_ONCE):
        part = out / "tags" / f"{start:06d}.csv"
        parts.append(part)
        if not part.exists():
            some = films[start : start + _AT_ONCE]
            found = []
            for done, one in enumerate(search(some, finder), 1):
                found.append(one)
                advance(start + done, len(films), one.case.id)
            write_tags(part, found, root=root)
    write_atomic(table, b"".join(_lines(parts)))


def tags_of(out: Path, cases: Sequence[Case]) -> dict[str, tuple[Tag, ...]]:
    """The tags of each film, by its id."""
    table = out / TAG_TABLE
    return tags_of_cases(read_tags(table), cases, out / FILMS, table=str(table))


def write_arms(out: Path, advance: Advance) -> None:
    """Writes the images of every arm but the first, whose images are the films."""
    films = read_films(out).cases
    tags = tags_of(out, films)
    arms = [arm for arm in ARMS if arm != ORIGINAL]
    for index, arm in enumerate(arms):
        manifest = out / manifest_of(arm)
        if manifest.exists():
            continue

        def edit(case: Case, image: Image, rng: np.random.Generator, arm: str = arm) -> Floating:
            return edited(arm, image, [tag.box for tag in tags[case.id]], rng)

        written = write_variant(films, edit, manifest.parent, name=arm, seed=SEED)
        for done, path in enumerate(written, 1):
            advance(index * len(films) + done, len(arms) * len(films), f"{arm}, {path.name}")


def edited(arm: str, image: Image, boxes: Sequence[Box], rng: np.random.Generator) -> Floating:
    """A film as the networks of an arm see it, (C, H, W) in stored numbers."""
    return _EDITS[arm](image, boxes, rng)


_EDITS: Mapping[str, Callable[[Image, Sequence[Box], np.random.Generator], Floating]] = {
    ORIGINAL: lambda image, _boxes, _rng: image.pixels.astype(np.float64),
    COVERED: lambda image, boxes, rng: cover(image, boxes, rng=rng),
    INPAINTED: lambda image, boxes, rng: cover(image, boxes, fill="inpaint", rng=rng),
    MOVED: lambda image, boxes, rng: cover(image, moved_boxes(image, boxes, rng=rng), rng=rng),
    TAGS: lambda image, boxes, _rng: isolate(image, boxes),
    RECENTRED: lambda image, boxes, _rng: recentre(image, boxes),
    BOXES: lambda image, boxes, _rng: boxes_alone(image, boxes),
}


def _grey(image: Image) -> Pixels:
    """Pixels (1, H, W) of the image's own type; colour as luma (BT.601)."""
    if len(image.pixels) == 1:
        return image.pixels
    luma = np.tensordot(_LUMA, image.pixels.astype(np.float64), axes=1)[None]
    return image.storable(luma)


def _lines(parts: Sequence[Path]) -> Iterator[bytes]:
    """The lines of all parts, with the header of the first only."""
    for number, part in enumerate(parts):
        lines = part.read_bytes().splitlines(keepends=True)
        yield from lines if number == 0 else lines[1:]
