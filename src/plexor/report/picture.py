"""Stored images for a screen: a window, a plane, a PNG."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.cases.bands import bands
from plexor.cases.formats.png import PngCodec
from plexor.cases.grid import Reordering
from plexor.cases.image import Image
from plexor.report.signed_change import signed_change

Values = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]

WIDEST = 384
"""Maximum of pixels along an axis; larger images are cropped, since shrinking blurs the change."""

_PERCENTILES = (1, 99)
_GAP = 4
_SLICES = "middle slice along each axis"
_CONVENTION = "neurological convention: the patient's right is on the right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The part and the window shown of an image; the same for all versions of a case.

    Attributes:
        low: the value shown as black.
        high: the value shown as white.
        whole: whether the window is the whole storable range.
        rows: rows of the plane.
        columns: columns of the plane.
        part: the same in words; empty for the whole of a 2D image.
        upright: of a volume whose file says where its voxels lie, the reordering of its axes to
            right, anterior, superior; else None, and axes are shown as stored.
    """

    low: float
    high: float
    whole: bool
    rows: slice
    columns: slice
    part: str
    upright: Reordering | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A perturbed image and its difference from the original, in one frame.

    Attributes:
        perturbed: PNG as a data URI.
        difference: perturbed minus original, with its sign: see ``signed_change``.
        reach: greatest absolute change, in values; the deepest colours of the difference.
        unit: of the values.
    """

    perturbed: str
    difference: str
    reach: float
    unit: str


def frame(original: Image, perturbed: Image) -> Frame:
    """Chooses the window and the part of a case; the part is where the perturbed image differs."""
    low, high, whole = window(original)
    upright = original.grid.upright if original.grid and original.pixels.ndim > 3 else None
    volume = original.pixels.ndim > 3
    by_row, by_column = _energies(original, perturbed, upright)
    height, width = len(by_row), len(by_column)
    widest = 3 * WIDEST if volume else WIDEST
    rows, columns = _stretch(by_row, WIDEST), _stretch(by_column, widest)
    parts = []
    if volume:
        parts.append(_SLICES if upright is None else f"{_SLICES}, {_CONVENTION}")
    if height > WIDEST or width > widest:
        parts.append(
            f"rows {rows.start + 1} to {rows.stop} of {height}, columns {columns.start + 1} to "
            f"{columns.stop} of {width}, where most changed"
        )
    return Frame(
        low=low, high=high, whole=whole, rows=rows, columns=columns,
        part="; ".join(parts), upright=upright,
    )  # fmt: skip


def show(image: Image, seen: Frame) -> str:
    """An image as PNG, a data URI."""
    shown = (_part(image, seen) - seen.low) / (seen.high - seen.low)
    return uri(np.round(255 * shown).clip(0, 255).astype(np.uint8))


def show_change(original: Image, perturbed: Image, seen: Frame) -> Change:
    """The perturbed image and its difference from the original."""
    change = _part(perturbed, seen) - _part(original, seen)
    reach = float(np.abs(change).max())
    return Change(
        perturbed=show(perturbed, seen),
        difference=uri(signed_change(change, reach)),
        reach=reach,
        unit=original.intensity.unit,
    )


def plane(image: Image, upright: Reordering | None) -> Values:
    """Values (H, W, 1 or 3): the image itself, or a volume's middle slices side by side."""
    return flat(_values(image), upright)


def _part(image: Image, seen: Frame) -> Values:
    """The part of the plane that is shown; of a large image, no more is brought to values."""
    if image.pixels.ndim > 3:
        return plane(image, seen.upright)[seen.rows, seen.columns]
    part = _stored(image)[:, seen.rows, seen.columns].astype(np.float64)
    return flat(image.intensity.slope * part + image.intensity.intercept, None)


def _energies(
    original: Image, perturbed: Image, upright: Reordering | None
) -> tuple[Values, Values]:
    """Squared change of each row and each column of the plane; a large image band by band."""
    if original.pixels.ndim > 3:
        change = plane(perturbed, upright) - plane(original, upright)
        energy = np.square(change).sum(axis=-1)
        return energy.sum(axis=1), energy.sum(axis=0)
    before, after = _stored(original), _stored(perturbed)
    by_row, by_column = np.zeros(before.shape[1]), np.zeros(before.shape[2])
    for band in bands(before.shape):
        change = after[:, band].astype(np.float64) - before[:, band].astype(np.float64)
        energy = np.square(change).sum(axis=0)
        by_row[band] = energy.sum(axis=1)
        by_column += energy.sum(axis=0)
    return by_row, by_column


def flat(array: NDArray[Any], upright: Reordering | None) -> NDArray[Any]:
    """An array (C, *spatial) as (H, W, C): itself, or a volume's middle slices, 0 between them.

    Args:
        array: of an image, or of its shape.
        upright: see ``Frame``.
    """
    if array.ndim == 3:
        return np.moveaxis(array, 0, -1)
    if upright is not None:
        array = upright(array)
    slices = [np.take(array, size // 2, axis=axis) for axis, size in enumerate(array.shape[1:], 1)]
    # In the usual (RAS) orientation the later axis of a slice runs up, the earlier to the right.
    turned = [np.moveaxis(one.swapaxes(1, 2)[:, ::-1], 0, -1) for one in slices]
    tallest = max(one.shape[0] for one in turned)
    padded = [
        np.pad(one, ((0, tallest - one.shape[0]), (0, gap), (0, 0)))
        for one, gap in zip(turned, (_GAP, _GAP, 0), strict=True)
    ]
    return np.concatenate(padded, axis=1)


def _values(image: Image) -> Values:
    """Values of the channels that are shown, (1 or 3, *spatial)."""
    stored = _stored(image).astype(np.float64)
    return image.intensity.slope * stored + image.intensity.intercept


def _stored(image: Image) -> NDArray[Any]:
    """Stored numbers of the channels that are shown."""
    return image.pixels[:3] if len(image.pixels) >= 3 else image.pixels[:1]


def window(original: Image) -> tuple[float, float, bool]:
    """Values shown as black and as white, and whether they are the ends of the storable range.

    The whole range for pictures of 8 bits; otherwise, and for volumes, whose 8 bits are seldom
    used up, from the 1st to the 99th percentile of the original.
    """
    intensity = original.intensity
    if original.pixels.dtype.itemsize == 1 and original.pixels.ndim == 3:
        ends = [
            intensity.slope * end + intensity.intercept for end in (intensity.low, intensity.high)
        ]
        return min(ends), max(ends), True
    shown = _values(original)
    low, high = (float(end) for end in np.percentile(shown, _PERCENTILES))
    if low == high:
        low, high = float(shown.min()), float(shown.max())
    return low, high if high > low else low + 1, False


def _stretch(energy: NDArray[np.floating[Any]], length: int) -> slice:
    """The range of at most that length with the most energy."""
    if len(energy) <= length:
        return slice(0, len(energy))
    total = np.concatenate([[0.0], np.cumsum(energy)])
    start = int(np.argmax(total[length:] - total[:-length]))
    return slice(start, start + length)


def uri(plane: Bytes) -> str:
    """A plane (H, W, 1 or 3) as PNG, a data URI."""
    data = PngCodec().encode(np.ascontiguousarray(np.moveaxis(plane, -1, 0)))
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
