"""The finder over a cohort: one image at a time, in the cohort's order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from plexor.cases import Case, read_annotation, read_image
from plexor.core.errors import DataError
from plexor.shortcuts.find.finder import Finder
from plexor.shortcuts.find.tag import Tag

_AHEAD = 4
"""Images handed to a worker at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The tags of one image.

    Attributes:
        case: the case.
        tags: those found; may be empty.
        error: why the image could not be read; "" if it was.
        size: the image's height and width in pixels; zeros if it could not be read.
        notes: remarks on the file's header: overlays, another laterality, identifiers.
    """

    case: Case
    tags: tuple[Tag, ...] = ()
    error: str = ""
    size: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()


def search(cases: Sequence[Case], finder: Finder, *, workers: int = 1) -> Iterator[Found]:
    """Looks for tags in every case's image; memory does not grow with the number of cases.

    Args:
        cases: results are yielded in the same order.
        finder: see ``Finder``.
        workers: number of processes; 1 uses the current process.
    """
    look = partial(search_case, finder=finder)
    if workers == 1:
        yield from map(look, cases)
        return
    with ProcessPoolExecutor(workers) as pool:
        for start in range(0, len(cases), _AHEAD * workers):
            yield from pool.map(look, cases[start : start + _AHEAD * workers])


def search_case(case: Case, finder: Finder) -> Found:
    """Looks for tags in one case's image; ``error`` says why a file could not be read."""
    try:
        header = read_annotation(case.path)
        image = read_image(case.path)
        tags = tuple(finder(image, identifiers=header.identifiers))
    except DataError as error:
        return Found(case=case, error=str(error))
    notes = []
    if header.n_overlays:
        notes.append(
            f"{header.n_overlays} overlay planes, which viewers draw over the image and which are "
            "no part of the pixels that a model sees"
        )
    sides = {tag.text[:1].upper() for tag in tags if tag.kind == "laterality"} & {"L", "R"}
    if header.laterality in ("L", "R") and sides and header.laterality not in sides:
        notes.append(f"the header says {header.laterality}, the film {' and '.join(sorted(sides))}")
    if header.burned_in == "NO" and any(tag.kind == "identifier" for tag in tags):
        notes.append("the header says that nothing is burnt in, and an identifier is")
    height, width = image.pixels.shape[1:]
    return Found(case=case, tags=tags, size=(height, width), notes=tuple(notes))
