"""Images of more than 8 bits with all their numbers, for a window that the reader chooses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plexor.cases.image import Image
from plexor.report.picture import Frame, uri

_CODES = 2**16 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How codes of 16 bits stand for the values of a case: ``value = low + step * code``."""

    low: float
    step: float
    start: float
    stride: float


def depth(image: Image) -> Depth | None:
    """The codes of a case; None for images of 8 bits, of several channels, and volumes.

    Integers of 16 bits are kept exactly; other numbers in 65,535 equal steps over the original's
    range.
    """
    pixels, scale = image.pixels, image.intensity
    if pixels.dtype.itemsize == 1 or pixels.ndim > 3 or len(pixels) >= 3:
        return None
    if pixels.dtype.kind in "iu" and pixels.dtype.itemsize == 2:
        start, stride = float(np.iinfo(pixels.dtype).min), 1.0
    else:
        shown = pixels[:1][np.isfinite(pixels[:1])].astype(np.float64)
        if not shown.size:
            return None
        start = float(shown.min())
        stride = (float(shown.max()) - start) / _CODES or 1.0
    low = scale.slope * start + scale.intercept
    return Depth(low=low, step=scale.slope * stride, start=start, stride=stride)


def show_deep(image: Image, seen: Frame, codes: Depth) -> str:
    """The part that is shown as PNG, a data URI: high bytes of the codes in red, low in green.

    A page brings them into a window by a colour matrix; canvases may not read pictures of files.

    Args:
        image: the original or a perturbed one.
        seen: its part.
        codes: of the original.
    """
    stored = image.pixels[0, seen.rows, seen.columns].astype(np.float64)
    found = np.round((np.nan_to_num(stored, nan=codes.start) - codes.start) / codes.stride)
    whole = found.clip(0, _CODES).astype(np.uint16)
    high, low = (whole >> 8).astype(np.uint8), (whole & 255).astype(np.uint8)
    return uri(np.stack([high, low, np.zeros_like(high)], axis=-1))
