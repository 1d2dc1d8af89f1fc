"""How far an image's numbers were moved."""

from __future__ import annotations

import numpy as np

from plexor.cases.image import Pixels


def absolute_change(original: Pixels, other: Pixels) -> Pixels:
    """Absolute differences, in float64; of two images in uint8, in uint8, which takes less time.

    Args:
        original: stored numbers, of any shape.
        other: of the same shape.

    Example:
        >>> import numpy as np
        >>> absolute_change(np.array([3, 200], np.uint8), np.array([5, 100], np.uint8))
        array([  2, 100], dtype=uint8)
    """
    if original.dtype == other.dtype == np.uint8:
        return np.maximum(original, other) - np.minimum(original, other)
    return np.abs(other.astype(np.float64) - original.astype(np.float64))
