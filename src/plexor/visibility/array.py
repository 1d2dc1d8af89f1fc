"""Checks of two images, and the bands in which large ones are measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.core.errors import PlanError

Pixels = NDArray[Any]
"""Stored numbers, (channels, *spatial)."""
Floats = NDArray[np.float64]


_BAND = 2**22
"""Numbers of an image that are measured at a time, so that float64 copies stay small."""


def bands(shape: tuple[int, ...], *, overlap: int = 0) -> list[slice]:
    """Slices along the first spatial axis that an image is measured in, one after the other.

    An image of up to four million numbers is one band.

    Args:
        shape: of the pixels, (channels, *spatial).
        overlap: rows that a band shares with the next.

    Example:
        >>> bands((1, 4096, 2048), overlap=10)
        [slice(0, 2058, None), slice(2048, 4096, None)]
    """
    n_rows, row = shape[1], max(math.prod(shape) // max(shape[1], 1), 1)
    if math.prod(shape) <= _BAND:
        return [slice(0, n_rows)]
    step = max(_BAND // row, overlap + 1)
    starts = range(0, n_rows - overlap, step)
    return [slice(start, min(start + step + overlap, n_rows)) for start in starts]


def check_pair(original: Pixels, other: Pixels) -> None:
    """Refuses two images that cannot be compared.

    Raises:
        PlanError: shapes that differ, or that have no spatial axes.
    """
    if original.shape != other.shape or original.ndim < 3:
        raise PlanError(
            "visibility: expected two images of one shape (channels, *spatial), got "
            f"{original.shape} and {other.shape}"
        )


def as_pair(original: Pixels, other: Pixels) -> tuple[Floats, Floats]:
    """Both in float64.

    Raises:
        PlanError: as for ``check_pair``.
    """
    check_pair(original, other)
    return original.astype(np.float64), other.astype(np.float64)


def check_span(span: float) -> None:
    """Refuses a range of intensities that is not above 0."""
    if not span > 0:
        raise PlanError(
            f"visibility: `span` must be above 0, got {span}; give Intensity.span, the range of "
            "the stored numbers"
        )
