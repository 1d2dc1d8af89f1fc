"""Images for readers: PNG files of equal length, without metadata, 8 or 16 bits.

Grey numbers of more than 8 bits are shifted to start at 0; the browser applies window and level.
All arms of a case are treated alike, so that only their pixels differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.cases.formats.png import PngCodec
from plexor.cases.image import Image
from plexor.core.errors import DataError

_CHUNK_BYTES = 12
_PADDING = b"paDd"
"""Ancillary, private, safe to copy: a viewer ignores it (PNG, 5.4)."""
_TOP_16 = 65_535
_SHARES = (1.0, 99.0)
"""Percentiles of the first arm's image that limit the initial window."""

Planes = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Display parameters of a case's images, the same for all arms.

    Attributes:
        shape: (channels, *spatial).
        bits: 8 or 16.
        low: stored number that is shown as 0.
        scale: factor of a stored number, after ``low`` is subtracted.
        inverted: whether a greater stored number is darker.
        top: greatest number shown.
        window: (level, width) at the start, in numbers as shown.
    """

    shape: tuple[int, ...]
    bits: int
    low: float
    scale: float
    inverted: bool
    top: int
    window: tuple[float, float]

    @property
    def view(self) -> dict[str, object]:
        """Data for the browser; the same for each arm."""
        depth = self.shape[3] if len(self.shape) == 4 else 1
        width, height = self._plane_size
        return {
            "width": width,
            "height": height,
            "slices": depth,
            "channels": self.shape[0],
            "bits": self.bits,
            "top": self.top,
            "window": list(self.window),
        }

    @property
    def _plane_size(self) -> tuple[int, int]:
        """Width and height; a volume's first axis runs to the right, its second one up."""
        if len(self.shape) == 4:
            return self.shape[1], self.shape[2]
        return self.shape[2], self.shape[1]

    @property
    def length(self) -> int:
        """Bytes of a file of this size without padding."""
        width, height = self._plane_size
        blank = np.zeros((self.shape[0], height, width), np.uint8 if self.bits == 8 else np.uint16)
        return len(PngCodec(packed=False).encode(blank))

    def planes(self, image: Image) -> list[Planes]:
        """The image, or each slice of the volume, (channels, H, W)."""
        pixels = image.pixels
        if self.bits == 16:
            shown = (pixels.astype(np.float64) - self.low) * self.scale
            whole = np.round(np.clip(shown, 0, self.top))
            pixels = (self.top - whole if self.inverted else whole).astype(np.uint16)
        if pixels.ndim == 3:
            return [pixels]
        # In the usual (RAS) orientation the later axis of a slice runs up.
        return [
            np.ascontiguousarray(pixels[..., k].swapaxes(1, 2)[:, ::-1])
            for k in range(pixels.shape[3])
        ]


def look_of(case_id: str, images: Sequence[Image]) -> Look:
    """Chooses the display of a case from its images in all arms.

    Raises:
        DataError: the arms' images differ in size or type, or are of a kind that cannot be shown.
    """
    first = images[0]
    for other in images[1:]:
        if other.pixels.shape != first.pixels.shape or other.pixels.dtype != first.pixels.dtype:
            raise DataError(
                f"{case_id}: the images of its arms differ, {_told(first)} and {_told(other)}; "
                "readers would see which is which"
            )
    pixels = first.pixels
    if pixels.ndim not in (3, 4) or pixels.shape[0] not in (1, 3):
        raise DataError(f"{case_id} is {_told(first)}, expected grey or colour in 2D or 3D")
    if pixels.dtype == np.uint8:
        return Look(
            shape=pixels.shape,
            bits=8,
            low=0.0,
            scale=1.0,
            inverted=False,
            top=255,
            window=(127.5, 255.0),
        )
    if pixels.shape[0] == 3:
        raise DataError(f"{case_id} is {_told(first)}; colour is shown in 8 bits only")
    low = min(image.intensity.low for image in images)
    high = max(image.intensity.high for image in images)
    whole = np.issubdtype(pixels.dtype, np.integer) and high - low <= _TOP_16
    top = int(high - low) if whole else _TOP_16
    scale = 1.0 if whole else _TOP_16 / max(high - low, np.finfo(np.float64).tiny)
    inverted = first.intensity.slope < 0
    shown = (pixels.astype(np.float64) - low) * scale
    start, end = np.percentile(top - shown if inverted else shown, _SHARES)
    return Look(
        shape=pixels.shape,
        bits=16,
        low=low,
        scale=scale,
        inverted=inverted,
        top=top,
        window=(float(start + end) / 2, max(float(end - start), 1.0)),
    )


def padded_png(plane: NDArray[Any], length: int) -> bytes:
    """A PNG file of exactly ``length`` bytes; a separate chunk of zeros is the padding.

    Raises:
        DataError: the image needs more bytes.
    """
    bare = len(PngCodec(packed=False).encode(plane))
    if length < bare + _CHUNK_BYTES:
        raise DataError(f"expected an image of at most {length} bytes, got {bare}")
    padding = bytes(length - bare - _CHUNK_BYTES)
    return PngCodec(chunks=((_PADDING, padding),), packed=False).encode(plane)


def common_length(looks: Sequence[Look]) -> int:
    """The length of every file of a study."""
    return max(look.length for look in looks) + _CHUNK_BYTES


def _told(image: Image) -> str:
    return f"{image.pixels.dtype} of shape {image.pixels.shape}"
