"""What formats of volumes share: meaning of voxels, and text headers with voxels behind them."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plexor.cases.formats.limits import Limits, inflate
from plexor.cases.formats.nifti_rewritten import RESAMPLED, ResampledCodec, is_resampled
from plexor.cases.grid import Grid
from plexor.cases.image import LOSSLESS, Codec, Image, Pixels
from plexor.cases.intensity import Intensity
from plexor.core.errors import DataError

Compression = Literal["none", "gzip", "zlib"]

_EXACT = 2**24
"""Up to here float32, in which images are perturbed, holds every integer."""
_WBITS = {"gzip": 16 + 15, "zlib": 15}
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


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


def whole_number(text: str, name: str) -> int:
    """A field of a header as a whole number, -1 or more.

    Raises:
        DataError: it is something else.
    """
    if not re.fullmatch(r"-1|[0-9]{1,12}", text):
        raise DataError(f"{name} is {text[:60]!r}, expected a whole number; repair the header")
    return int(text)


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


def volume_of(
    body: bytes,
    *,
    sizes: Sequence[int],
    dtype: np.dtype[np.generic],
    directions: NDArray[np.float64] | None,
    origin: NDArray[np.float64] | None,
    spacing_mm: tuple[float, ...] | None,
    codec: Codec,
) -> Image:
    """An image from the voxels behind a text header.

    Args:
        body: the voxels, decompressed.
        sizes: along the file's axes, the fastest first; two or three.
        dtype: with its byte order.
        directions: (3, 3), one column for each axis, in mm, in LPS; None where unknown.
        origin: of the first voxel, in mm, in LPS.
        spacing_mm: along the file's axes.
        codec: of the file's own format.

    Returns:
        Pixels (1, X, Y, Z) for three axes, (1, rows, columns) for two.
    """
    if any(size < 1 for size in sizes):
        raise DataError(f"the header gives the size {list(sizes)}, expected positive numbers")
    stored = np.frombuffer(body, dtype, count=math.prod(sizes)).reshape(tuple(sizes), order="F")
    native = np.dtype(dtype).newbyteorder("=")
    flat = len(sizes) == 2
    plain = np.ascontiguousarray(stored.T if flat else stored, dtype=native)[None]
    known = spacing_mm if spacing_mm and all(0 < one < math.inf for one in spacing_mm) else None
    containers: dict[str, Codec] = {LOSSLESS: codec}
    if not flat and is_resampled(known) and known is not None:
        containers[RESAMPLED] = ResampledCodec(inner=codec, spacing_mm=known)
    grid = None
    if not flat and directions is not None and origin is not None:
        grid = Grid.of_axes(_LPS_TO_RAS[:, None] * directions, _LPS_TO_RAS * origin)
    return Image(
        pixels=plain,
        intensity=voxel_intensity(stored),
        containers=containers,
        spacing_mm=known[::-1] if flat and known else known,
        grid=grid,
    )
