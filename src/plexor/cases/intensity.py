"""What the numbers of a stored image mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """The range and grid of stored numbers, and the way from them to values.

    ``value = slope * stored + intercept``. A greater value is brighter: where the file stores the
    opposite (DICOM's MONOCHROME1), the slope is negative.

    Attributes:
        low: smallest number the file can store (for floats: the smallest it does store).
        high: greatest number.
        quantum: distance between two storable numbers, the *level*; 0 where storage is floating.
        slope: from stored numbers to values.
        intercept: from stored numbers to values.
        unit: of the values: "level", "HU", "a.u."
    """

    low: float
    high: float
    quantum: float = 1.0
    slope: float = 1.0
    intercept: float = 0.0
    unit: str = "level"

    @classmethod
    def of_integers(cls, dtype: DTypeLike) -> Intensity:
        """The full range of an integer type, e.g. 0 to 255 for uint8."""
        limits = np.iinfo(np.dtype(dtype))
        return cls(low=float(limits.min), high=float(limits.max))

    @property
    def span(self) -> float:
        """High minus low, in stored numbers; what a radius in percent refers to."""
        return self.high - self.low
