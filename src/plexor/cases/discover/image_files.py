"""The image files of a folder, recognised by their first bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from plexor.cases.formats.magic import format_of
from plexor.core.errors import DataError

MOST_FILES = 1_000_000
"""Files of a folder that are looked at, at most."""
_FIRST_BYTES = 348
_MASK = re.compile(r"(^|[-_./])(masks?|labels?|seg|segmentations?|roi|gt|annotations?)([-_./]|$)")


def image_files(folder: Path) -> list[str]:
    """Paths of every image file below a folder, relative to it, sorted; hidden files are left out.

    Raises:
        DataError: the folder cannot be read, or has more than ``MOST_FILES`` files.
    """
    found = []
    for n, path in enumerate(folder.rglob("*")):
        if n >= MOST_FILES:
            raise DataError(f"{folder} has more than {MOST_FILES:,} files; name a smaller folder")
        inside = path.relative_to(folder)
        if not any(part.startswith(".") for part in inside.parts) and _is_image(path):
            found.append(inside.as_posix())
    return sorted(found)


def _is_image(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            kind = format_of(file.read(_FIRST_BYTES))
    except OSError:
        return False
    return kind is not None and (kind != "gzip" or path.name.lower().endswith(".nii.gz"))


def stem(name: str) -> str:
    """A file's name without folder and ending; ``.nii.gz`` is one ending.

    Example:
        >>> stem("nifti/sub-01_T1w.nii.gz"), stem("a/film.2.dcm"), stem("IM0001")
        ('sub-01_T1w', 'film.2', 'IM0001')
    """
    path = PurePosixPath(name)
    return path.name[:-7] if path.name.lower().endswith(".nii.gz") else path.stem


def looks_like_mask(name: str) -> bool:
    """Whether a path says that the file is a mask rather than an image.

    Example:
        >>> looks_like_mask("masks/ISIC_1.png"), looks_like_mask("images/ISIC_1.jpg")
        (True, False)
    """
    return _MASK.search(name.lower()) is not None


def without_masks(names: Iterable[str]) -> list[str]:
    """The files whose path does not say that they are masks; all, if every path says so."""
    every = list(names)
    return [name for name in every if not looks_like_mask(name)] or every
