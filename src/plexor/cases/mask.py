"""A case's image together with its masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plexor.cases.case import Case
from plexor.cases.formats import read_image, read_mask
from plexor.cases.image import Image, Pixels
from plexor.core.errors import DataError


def read_case(case: Case) -> Image:
    """The case's image as stored, with its masks, which are never resized.

    Raises:
        DataError: a file cannot be read, a mask has not the image's shape or is a lossy file, or
            the channels of a mask of truths differ.
    """
    image = read_image(case.path)
    masks = {name: _mask(name, path, image) for name, path in case.masks.items()}
    truth = None if case.truth_mask is None else _numbers(case.truth_mask, image)
    return replace(image, masks=masks, truth_mask=truth)


def truth_of(case: Case, image: Image) -> str | float | Pixels:
    """The case's truth: a word or a number, or, of a segmentation, its mask (*spatial)."""
    return case.truth if image.truth_mask is None else image.truth_mask


def _mask(name: str, path: Path | None, image: Image) -> NDArray[np.bool_]:
    """True where any channel of the mask's file is not 0; nowhere without a file."""
    if path is None:
        return np.zeros(image.pixels.shape[1:], dtype=bool)
    covered: NDArray[np.bool_] = np.any(_stored(name, path, image) != 0, axis=0)
    return covered


def _numbers(path: Path, image: Image) -> Pixels:
    """The number a mask of truths has at each pixel; its channels must agree."""
    stored = _stored("truth", path, image)
    if (stored != stored[:1]).any():
        raise DataError(
            f"{path}: a mask numbers the class of each pixel, and this one has {len(stored)} "
            "channels that differ; save it in one channel, with numbers for colours"
        )
    numbers: Pixels = stored[0]
    return numbers


def _stored(name: str, path: Path, image: Image) -> Pixels:
    """The pixels of a mask's file, (channels, *spatial)."""
    shape = image.pixels.shape[1:]
    found = read_mask(path)
    if len(found.containers) > 1:
        raise DataError(
            f"{path}: the mask {name!r} is a JPEG, which blurs its edges; save it as PNG"
        )
    if found.pixels.shape[1:] != shape:
        raise DataError(
            f"{path}: the mask {name!r} has the shape {found.pixels.shape[1:]}, expected {shape} "
            "like its image; draw it on the stored image, masks are not resized"
        )
    return found.pixels
