"""A case's image together with its masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plexor.cases.case import Case
from plexor.cases.formats import read_image
from plexor.cases.image import Image
from plexor.core.errors import DataError


def read_case(case: Case) -> Image:
    """The case's image as stored, with its masks, which are never resized.

    Raises:
        DataError: a file cannot be read, or a mask has not the image's shape or is a lossy file.
    """
    image = read_image(case.path)
    masks = {name: _mask(name, path, image) for name, path in case.masks.items()}
    return replace(image, masks=masks) if masks else image


def _mask(name: str, path: Path | None, image: Image) -> NDArray[np.bool_]:
    """True where any channel of the mask's file is not 0; nowhere without a file."""
    shape = image.pixels.shape[1:]
    if path is None:
        return np.zeros(shape, dtype=bool)
    found = read_image(path)
    if len(found.containers) > 1:
        raise DataError(
            f"{path}: the mask {name!r} is a JPEG, which blurs its edges; save it as PNG"
        )
    if found.pixels.shape[1:] != shape:
        raise DataError(
            f"{path}: the mask {name!r} has the shape {found.pixels.shape[1:]}, expected {shape} "
            "like its image; draw it on the stored image, masks are not resized"
        )
    covered: NDArray[np.bool_] = np.any(found.pixels != 0, axis=0)
    return covered
