"""``cohort.csv``: the images used by a run of the study, as the manifest of all its plans."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from plexor.core.csv_text import csv_text, plain_cell
from plexor.studies.allyn2020.layout import Photo
from plexor.studies.allyn2020.plans import COHORT
from plexor.studies.step import keep

_COLUMNS = ("image_id", "lesion_id", "dx", "path")


def write_photos(out: Path, photos: Iterable[Photo], name: str = COHORT) -> None:
    """Writes the list of images; paths inside ``out`` are relative, others absolute.

    Raises:
        RunDirectoryError: the existing file lists other images.
    """
    base, rows = out.resolve(), []
    for photo in photos:
        path = photo.path.resolve()
        shown = path.relative_to(base) if path.is_relative_to(base) else path
        rows.append((photo.image_id, photo.lesion_id, photo.dx, shown.as_posix()))
    keep(out / name, csv_text(_COLUMNS, rows))


def read_photos(out: Path, name: str = COHORT) -> tuple[Photo, ...]:
    """The images listed, in their order."""
    with (out / name).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple(
        Photo(
            image_id=plain_cell(row["image_id"]),
            lesion_id=plain_cell(row["lesion_id"]),
            dx=plain_cell(row["dx"]),
            path=out / plain_cell(row["path"]),
        )
        for row in rows
    )
