"""A case's image together with its masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plexor.cases.case import Case
from plexor.cases.formats import read_image, read_mask
from plexor.cases.image import OWN, Image, Pixels
from plexor.core.errors import DataError


def read_case(case: Case) -> Image:
    """The case's image as stored, with its masks on the image's grid.

    Where both files say where their pixels lie (NIfTI's affine, DICOM's position), axes of a mask
    that are in another order or run the other way are reordered, which is exact. Masks are never
    resized or interpolated.

    Raises:
        DataError: a file cannot be read, a mask has not the image's shape, lies elsewhere in the
            patient or is a lossy file, or a mask of truths has channels that differ or values
            that are no whole numbers.
    """
    image = read_image(case.path)
    masks = {name: _mask(name, path, image) for name, path in case.masks.items()}
    truth = None if case.truth_mask is None else _numbers(case.truth_mask, image)
    padding = None if case.include_padding else image.padding
    return replace(image, masks=masks, truth_mask=truth, padding=padding)


def truth_of(case: Case, image: Image) -> str | float | Pixels:
    """The case's truth: a word or a number, or, of a segmentation, its mask (*spatial)."""
    return case.truth if image.truth_mask is None else image.truth_mask


def _mask(name: str, path: Path | None, image: Image) -> NDArray[np.bool_]:
    """True where any channel of the mask's file is not 0; nowhere without a file."""
    if path is None:
        return np.zeros(image.pixels.shape[1:], dtype=bool)
    covered: NDArray[np.bool_] = np.any(_values(name, path, image) != 0, axis=0)
    return covered


def _numbers(path: Path, image: Image) -> Pixels:
    """The number a mask of truths has at each pixel; its channels must agree."""
    values = _values("truth", path, image)
    if (values != values[:1]).any():
        raise DataError(
            f"{path}: a mask numbers the class of each pixel, and this one has {len(values)} "
            "channels that differ; save it in one channel, with numbers for colours"
        )
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        broken = float(values[values != np.rint(values)][0])
        raise DataError(
            f"{path}: a mask numbers the class of each pixel, found the value {broken:g}; save "
            "whole numbers"
        )
    numbers: Pixels = values[0]
    return numbers


def _values(name: str, path: Path, image: Image) -> Pixels:
    """The values of a mask's file, (channels, *spatial), on the image's grid."""
    shape = image.pixels.shape[1:]
    found = read_mask(path)
    if OWN in found.containers:
        raise DataError(
            f"{path}: the mask {name!r} is a JPEG, which blurs its edges; save it as PNG"
        )
    values = found.pixels
    if sorted(values.shape[1:]) == sorted(shape) and found.grid and image.grid:
        reordering = found.grid.onto(image.grid, shape)
        if reordering is None:
            raise DataError(
                f"{path}: the mask {name!r} lies elsewhere in the patient than its image: its "
                f"pixels run to {found.grid.orientation} from {_place(found)}, the image's to "
                f"{image.grid.orientation} from {_place(image)}; resample it onto the image"
            )
        values = reordering(values)
    if values.shape[1:] != shape:
        raise DataError(
            f"{path}: the mask {name!r} has the shape {values.shape[1:]}, expected {shape} "
            "like its image; draw it on the stored image, masks are not resized"
        )
    return values


def _place(image: Image) -> str:
    """Position and spacing of an image that says where it lies."""
    if image.grid is None:
        return "an unknown place"
    origin = ", ".join(f"{position:.4g}" for position in image.grid.origin)
    return f"({origin}) mm in steps of {image.grid.spacing_text} mm"
