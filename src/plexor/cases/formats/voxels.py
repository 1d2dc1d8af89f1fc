"""What formats of volumes share: meaning, compression and order of voxels."""

from __future__ import annotations

import zlib
from typing import Literal

import numpy as np

from plexor.cases.formats.limits import Limits, inflate
from plexor.cases.image import Pixels
from plexor.cases.intensity import Intensity
from plexor.core.errors import DataError

Compression = Literal["none", "gzip", "zlib"]

_EXACT = 2**24
"""Up to here float32, in which images are perturbed, holds every integer."""
_WBITS = {"gzip": 16 + 15, "zlib": 15}


def voxel_intensity(stored: Pixels, *, slope: float = 1.0, intercept: float = 0.0) -> Intensity:
    """Range and meaning of voxels: the range of their type, as far as float32 counts.

    Raises:
        DataError: complex or colour voxels, or integers beyond ±2^24.
    """
    kind, size = stored.dtype.kind, stored.dtype.itemsize
    if kind not in "iuf" or size > 8:
        raise DataError(f"expected integer or float voxels, found {stored.dtype}; convert them")
    low, high = (float(stored.min()), float(stored.max())) if stored.size else (0.0, 0.0)
    if kind != "f":
        if max(-low, high) > _EXACT:
            raise DataError(f"voxels from {low:.0f} to {high:.0f} are beyond ±2^24; rescale them")
        limits = np.iinfo(stored.dtype)
        low, high = float(max(limits.min, -_EXACT)), float(min(limits.max, _EXACT))
    return Intensity(
        low=low,
        high=high,
        quantum=0.0 if kind == "f" else 1.0,
        slope=float(slope),
        intercept=float(intercept),
        unit="a.u.",
    )


def decompressed(body: bytes, compression: Compression, *, n_voxels: int, itemsize: int) -> bytes:
    """The bytes of a volume's voxels, of exactly the length that the header states.

    Raises:
        DataError: beyond the limits, damaged, too short or too long.
    """
    size = n_voxels * itemsize
    Limits.of_environment().check(pixels=n_voxels, size=size, file_size=len(body))
    if compression != "none":
        try:
            body = inflate(body, most=size, wbits=_WBITS[compression])
        except EOFError:
            body = b""
    if len(body) < size:
        raise DataError(
            f"the volume is truncated: expected {size:,} bytes of voxels, found fewer; "
            "fetch it again"
        )
    if len(body) > size:
        raise DataError(
            f"more follows than the {size:,} bytes of voxels that the header states: the header "
            "is damaged, or hides further volumes; repair it"
        )
    return body


def compressed(body: bytes, compression: Compression) -> bytes:
    """Voxels as a file stores them; the same bytes every time."""
    if compression == "none":
        return body
    stream = zlib.compressobj(1, zlib.DEFLATED, _WBITS[compression])
    return stream.compress(body) + stream.flush()


def stored_voxels(pixels: Pixels, dtype: str) -> bytes:
    """Pixels (1, X, Y, Z) or (1, H, W) with the first axis of the file running fastest."""
    plane = pixels[0] if pixels.ndim == 4 else pixels[0].T
    found: bytes = plane.astype(dtype, copy=False).tobytes(order="F")
    return found
