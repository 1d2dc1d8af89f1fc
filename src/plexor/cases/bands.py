"""The bands in which large images are measured, so that copies stay small."""

from __future__ import annotations

import math

_BAND = 2**20
"""Numbers of an image that are measured at a time, so that float64 copies stay small."""


def bands(shape: tuple[int, ...], *, overlap: int = 0) -> list[slice]:
    """Slices along the first spatial axis that an image is measured in, one after the other.

    An image of up to a million numbers is one band.

    Args:
        shape: of the pixels, (channels, *spatial).
        overlap: rows that a band shares with the next.

    Example:
        >>> bands((1, 1024, 2048), overlap=10)
        [slice(0, 522, None), slice(512, 1024, None)]
    """
    n_rows, row = shape[1], max(math.prod(shape) // max(shape[1], 1), 1)
    if math.prod(shape) <= _BAND:
        return [slice(0, n_rows)]
    step = max(_BAND // row, overlap + 1)
    starts = range(0, n_rows - overlap, step)
    return [slice(start, min(start + step + overlap, n_rows)) for start in starts]
