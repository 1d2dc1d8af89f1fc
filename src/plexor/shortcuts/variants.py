"""Writes copies of a cohort with tags covered, isolated or exchanged: images and a manifest."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from plexor.cases import LOSSLESS, Case, Image, read_image
from plexor.core.csv_text import csv_text
from plexor.core.errors import DataError
from plexor.core.files import write_atomic
from plexor.shortcuts.cover import Floating
from plexor.shortcuts.exchange import Aspect, Cutting, cut, exchange
from plexor.shortcuts.find import Tag
from plexor.shortcuts.shortcut import rng_for

Edit = Callable[[Case, Image, np.random.Generator], Floating]
"""(case, its image, random generator of the case) → pixels in stored numbers, before rounding."""
_DONORS = 64
"""Cases of each label that tags are cut from."""


def write_variant(
    cases: Sequence[Case], edit: Edit, out: Path, *, name: str, seed: int
) -> Iterator[Path]:
    """Writes the edited images in lossless containers, and then the manifest.

    Args:
        cases: the cohort's.
        edit: the change to an image.
        out: folder; its ``manifest.csv`` has the columns ``path, label, group, split, id`` and the
            metadata of the cases.
        name: of the variant, for the random numbers of each case.
        seed: of the random numbers.

    Yields:
        The path of each image once it is written; a file that exists is kept.
    """
    columns = ["path", "label", "group", "split", "id"]
    columns += sorted({key for case in cases for key in case.metadata} - set(columns))
    rows: list[list[object]] = []
    for number, case in enumerate(cases):
        image = read_image(case.path)
        codec = image.containers[LOSSLESS]
        path = out / "images" / f"{number:06d}{codec.suffix}"
        if not path.exists():
            pixels = edit(case, image, rng_for(seed, name, case.id))
            write_atomic(path, codec.encode(image.storable(pixels)))
        row = {key: case.metadata[key] for key in case.metadata if key in columns}
        row |= {"path": f"images/{path.name}", "label": case.truth, "group": case.group}
        row |= {"split": case.split or "", "id": case.id}
        rows.append([row.get(column, "") for column in columns])
        yield path
    write_atomic(out / "manifest.csv", csv_text(columns, rows).encode())


class Donors:
    """Cuts tags from cases of every label, to be drawn into cases of other labels.

    Args:
        cases: of the cohort.
        tags: case id → its tags; the first that is no scale is cut.
        seed: of the choice of at most 64 donors a label.
    """

    def __init__(
        self, cases: Sequence[Case], tags: Mapping[str, Sequence[Tag]], *, seed: int
    ) -> None:
        self._by_label: dict[str, list[tuple[str, Cutting]]] = {}
        order = rng_for(seed, "donors", "").permutation(len(cases))
        for case in (cases[index] for index in order):
            there = self._by_label.setdefault(str(case.truth), [])
            tag = first_tag(tags[case.id])
            if tag is None or len(there) >= _DONORS:
                continue
            with contextlib.suppress(DataError):  # a damaged file gives no tag, others do
                there.append((case.id, cut(read_image(case.path), tag)))

    def for_label(self, label: str, rng: np.random.Generator) -> Cutting:
        """A tag of a case that has another label.

        Raises:
            DataError: no case of another label has a tag.
        """
        others = [
            cutting
            for other, cuttings in sorted(self._by_label.items())
            if other != label
            for _, cutting in sorted(cuttings, key=lambda pair: pair[0])
        ]
        if not others:
            raise DataError(f"no case of another label than {label!r} has a tag to be moved")
        return others[int(rng.integers(len(others)))]


def first_tag(tags: Sequence[Tag]) -> Tag | None:
    """The tag that is exchanged: a laterality marker, else the largest tag other than a scale."""
    free = [tag for tag in tags if tag.kind != "scale"]
    return max(free, key=lambda tag: (tag.kind == "laterality", tag.box.area), default=None)


def exchanged(
    case: Case,
    image: Image,
    own: Tag | None,
    donors: Donors,
    *,
    aspect: Aspect,
    rng: np.random.Generator,
) -> Floating:
    """A case's image with one aspect of another label's tag, see ``exchange``.

    An image without a tag of its own stays as it is, unless a whole tag is put into it.
    """
    if own is None and aspect not in ("whole", "presence"):
        return image.pixels.astype(np.float64)
    return exchange(image, own, donors.for_label(str(case.truth), rng), aspect, rng=rng)
