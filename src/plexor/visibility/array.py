"""Checks of two images of one shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.core.errors import PlanError

Pixels = NDArray[Any]
"""Stored numbers, (channels, *spatial)."""
Floats = NDArray[np.float64]


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
