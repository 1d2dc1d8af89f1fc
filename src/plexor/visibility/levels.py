"""Histograms of levels before and after a change, and of the changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plexor.cases.bands import bands
from plexor.cases.change import absolute_change
from plexor.core.errors import PlanError
from plexor.visibility.array import Pixels, as_pair, check_pair

Counts = NDArray[np.intp]

MOVED_UP_TO = (0, 1, 2, 3, 4, 8, 16, 32)
"""Upper ends of the classes of ``levels_moved``, in levels; a last class has all larger changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelHistograms:
    """Counts of stored numbers over all channels and places.

    Attributes:
        levels: the middle of each bin, in stored numbers, (n,).
        original: counts in the original, (n,).
        other: counts in the other image, (n,).
        changes: the middle of each bin of the difference, other minus original, (m,).
        difference: counts of differences, (m,).
    """

    levels: NDArray[np.float64]
    original: Counts
    other: Counts
    changes: NDArray[np.float64]
    difference: Counts


def level_histograms(
    original: Pixels, other: Pixels, *, quantum: float, n_bins: int = 256
) -> LevelHistograms:
    """Histograms of both images and of their difference.

    Bins are a whole number of levels wide, one level where ``n_bins`` allows it, so that binning
    makes no teeth of its own. A bin of the difference is centred on 0.

    Args:
        original: (channels, *spatial), finite.
        other: the altered image, of the same shape.
        quantum: one level, in stored numbers; 0 where storage is floating.
        n_bins: the greatest number of bins.

    Raises:
        PlanError: shapes that differ, numbers that are not finite, or fewer than 3 bins.

    Example:
        >>> found = level_histograms(np.zeros((1, 2, 2)), np.array([[[0, 0], [1, -1]]]), quantum=1)
        >>> found.changes.tolist(), found.difference.tolist()
        ([-1.0, 0.0, 1.0], [1, 2, 1])
    """
    x, y = as_pair(original, other)
    if n_bins < 3:
        raise PlanError(f"level_histograms: `n_bins` must be at least 3, got {n_bins}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise PlanError("level_histograms: expected finite numbers, got NaN or infinity")
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    width = _width(high - low, quantum, n_bins)
    places = [np.floor((image - low + quantum / 2) / width).astype(np.intp) for image in (x, y)]
    size = 1 + max(int(place.max()) for place in places)
    counts = [np.bincount(place.ravel(), minlength=size) for place in places]
    change = y - x
    reach = float(np.abs(change).max())
    step = _width(2 * reach, quantum, n_bins - 1)
    moved = np.rint(change / step).astype(np.intp)
    furthest = int(np.abs(moved).max())
    return LevelHistograms(
        levels=low + (width - quantum) / 2 + width * np.arange(size, dtype=np.float64),
        original=counts[0],
        other=counts[1],
        changes=step * np.arange(-furthest, furthest + 1, dtype=np.float64),
        difference=np.bincount((moved + furthest).ravel(), minlength=2 * furthest + 1),
    )


def levels_moved(original: Pixels, other: Pixels, *, quantum: float) -> tuple[int, ...]:
    """Counts of stored numbers by the size of their change in levels, up or down.

    Args:
        original: (channels, *spatial), finite.
        other: the altered image, of the same shape.
        quantum: one level, in stored numbers; 0 where storage is floating.

    Returns:
        A count for each class of ``MOVED_UP_TO`` and one for larger changes, over all channels and
        pixels; empty where storage is floating.

    Raises:
        PlanError: shapes that differ.

    Example:
        >>> levels_moved(np.zeros((1, 2, 2)), np.array([[[0, 1], [2, 40]]]), quantum=1)
        (1, 1, 1, 0, 0, 0, 0, 0, 1)
    """
    check_pair(original, other)
    if quantum == 0:
        return ()
    parts = (_counts(original[:, b], other[:, b], quantum) for b in bands(original.shape))
    return tuple(map(sum, zip(*parts, strict=True)))


def _counts(original: Pixels, other: Pixels, quantum: float) -> list[int]:
    """A count for each class of ``MOVED_UP_TO`` and one for larger changes."""
    moved = absolute_change(original, other)
    if quantum != 1 or moved.dtype != np.uint8:
        moved = np.rint(moved / quantum)
    counts, left = [], moved.size
    for end in MOVED_UP_TO:
        # most changes are small: no number is looked at again once all are counted
        beyond = int(np.count_nonzero(moved > end)) if left else 0
        counts.append(left - beyond)
        left = beyond
    return [*counts, left]


def _width(extent: float, quantum: float, n_bins: int) -> float:
    """Width of a bin: the fewest levels with which ``n_bins`` cover the extent."""
    if quantum == 0:
        return extent / (n_bins - 1) if extent > 0 else 1.0
    levels = round(extent / quantum) + 1
    return quantum * -(-levels // n_bins)
