"""The arm on images that nobody fitted on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from plexor.core.errors import DataError
from plexor.studies.allyn2020.layout import Photo, read_layout
from plexor.studies.allyn2020.photos import write_photos
from plexor.studies.allyn2020.plans import HELD_OUT_COHORT

_MOST_SHOWN = 3


def write_held_out(out: Path, folder: Path, used: Iterable[Photo]) -> tuple[Photo, ...]:
    """Reads the held-out images and writes their list.

    Args:
        out: the study's directory.
        folder: the images, in the layout of HAM10000.
        used: the study's other images.

    Raises:
        DataError: see ``read_layout``; or an image, a file or a lesion is among ``used``.
        RunDirectoryError: the existing list names other images.
    """
    photos, used = read_layout(folder), tuple(used)
    for column in ("image_id", "lesion_id", "path"):
        known = {_value(photo, column) for photo in used}
        if shared := sorted({str(v) for p in photos if (v := _value(p, column)) in known}):
            some = ", ".join(shared[:_MOST_SHOWN])
            raise DataError(
                f"{folder}: {len(shared)} values of {column} are among the study's other images, "
                f"e.g. {some}; held-out images must be of lesions that nothing is fitted on"
            )
    write_photos(out, photos, HELD_OUT_COHORT)
    return photos


def _value(photo: Photo, column: str) -> str | Path:
    return photo.path.resolve() if column == "path" else str(getattr(photo, column))
