"""Perceived difference of colours: ΔE2000."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from plexor.cases.bands import bands
from plexor.core.errors import PlanError
from plexor.visibility.array import Pixels, as_pair, check_pair, check_span


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourDifference:
    """ΔE2000 over all pixels of an image; about 1 is just noticeable side by side.

    Attributes:
        mean: over all pixels.
        p95: 95th percentile.
        max: maximum.
    """

    mean: float
    p95: float
    max: float

    @classmethod
    def unknown(cls) -> ColourDifference:
        """NaN: for an image without colour."""
        return cls(mean=math.nan, p95=math.nan, max=math.nan)


def colour_difference(
    original: Pixels, other: Pixels, *, low: float, span: float
) -> ColourDifference:
    """ΔE2000 between two colour images (CIE 142-2001; Sharma et al., Color Res Appl 2005;30:21).

    Stored numbers are taken as sRGB under D65, as a screen without a profile shows them.

    Args:
        original: (3, *spatial), red, green and blue.
        other: the altered image, of the same shape.
        low: the stored number of black.
        span: stored number of white minus that of black, e.g. 255.

    Raises:
        PlanError: shapes that differ, channels other than three, or a span of 0.

    Example:
        >>> grey = np.full((3, 4, 4), 128, np.uint8)
        >>> round(colour_difference(grey, grey + 1, low=0, span=255).mean, 2)
        0.38
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    check_span(span)
    check_pair(original, other)
    if original.shape[0] != 3:
        raise PlanError(f"ΔE2000: expected red, green and blue, got {original.shape[0]} channel(s)")
    parts = []
    for band in bands(original.shape):
        pair = as_pair(original[:, band], other[:, band])
        first, second = (rgb2lab((image - low) / span, channel_axis=0) for image in pair)
        parts.append(deltaE_ciede2000(first, second, channel_axis=0))
    apart = np.concatenate(parts)
    return ColourDifference(
        mean=float(apart.mean()), p95=float(np.percentile(apart, 95)), max=float(apart.max())
    )
