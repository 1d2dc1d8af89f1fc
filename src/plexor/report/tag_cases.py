"""Images with their tags framed, and maps of attention before and after covering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.core.errors import DataError
from plexor.findings.tag_results import Pixels, ShownCase, TagResults
from plexor.report.overlay import blackened, boxed, for_the_eye, overlaid
from plexor.report.pictures import Pictures, Placed

PRIVATE = "identifier"
"""Kind of a tag that names the patient."""


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


def tagged_cases(results: TagResults, folder: Path, pictures: Pictures) -> tuple[TaggedCase, ...]:
    """The cases shown, with their pictures placed.

    Args:
        results: what was found.
        folder: with the arrays of the cases.
        pictures: where pictures are placed; those with frames before the maps.

    Raises:
        DataError: the arrays of a case are missing or damaged.
    """
    sheet = [_boxed(case, folder, pictures) for case in results.shown]  # first: they need the room
    return tuple(
        _case(case, framed, results.methods, folder, pictures)
        for case, framed in zip(results.shown, sheet, strict=True)
    )


def _boxed(case: ShownCase, folder: Path, pictures: Pictures) -> Placed:
    image = blackened(_arrays(folder / case.file)["image"], _private(case))
    return pictures.place(boxed(image, case.boxes))


def _private(case: ShownCase) -> list[Pixels]:
    """Boxes of texts that name the patient."""
    return [box for box, kind in zip(case.boxes, case.kinds, strict=True) if kind == PRIVATE]


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
