"""The meaning of an image's stored numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """Range and quantum of stored numbers, and their scaling to values.

    ``value = slope * stored + intercept``. A greater value is brighter: where the file stores the
    opposite (DICOM's MONOCHROME1), the slope is negative.

    Attributes:
        low: smallest number that the file can store (for floats: the smallest that it holds).
        high: greatest number that the file can store, or holds.
        quantum: one *level*, the distance between two storable numbers; 0 for floats.
        slope: value per stored number.
        intercept: value of a stored 0.
        unit: of the values: "level", "HU", "a.u." and others that files name.
    """

    low: float
    high: float
    quantum: float = 1.0
    slope: float = 1.0
    intercept: float = 0.0
    unit: str = "level"

    @classmethod
    def of_integers(cls, dtype: DTypeLike) -> Intensity:
        """The full range of an integer type.

        Example:
            >>> Intensity.of_integers("uint8").span
            255.0
        """
        limits = np.iinfo(np.dtype(dtype))
        return cls(low=float(limits.min), high=float(limits.max))

    @property
    def span(self) -> float:
        """High minus low, in stored numbers; a radius in percent refers to it."""
        return self.high - self.low
