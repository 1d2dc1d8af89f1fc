"""Strokes: thin, flat, sharply bounded bright or dark shapes, of which burnt-in tags are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from plexor.cases import Image
from plexor.shortcuts.find.tag import Box
from plexor.shortcuts.shortcut import black_and_white, canvas

Plane = NDArray[np.float32]
"""An image's brightness, (H, W), 0 black to 1 white."""
_COLOURED = 0.25
"""Difference of a pixel's channels, as a share of the range, from which it is coloured."""
_OVERLAY = 0.05
"""Greatest share of coloured pixels in a grey image with an overlay."""
Tone = Literal["bright", "dark"]

_WIDEST = 0.045
"""Width of the widest stroke, as a share of the image's short side."""
_CONTRAST = 0.25
"""Least brightness of a stroke above its surroundings, as a share of black to white."""
_LARGEST = 0.15
"""Longest side of one letter, as a share of the image's short side."""
_CUTS = 2
"""Maximum number of times that an uneven shape is split."""
_UNEVEN = 0.08
"""Spread of brightness in a shape from which it is split into darker and brighter parts."""
_SHARP = 0.7
"""Minimum sharpness of a stroke that was drawn into an image."""
_STARK, _BLURRED = 0.8, 0.3
"""Contrast from which a stroke counts as drawn even if it is blurred, and its sharpness then."""
_SMALL = 600
"""Short side, in pixels, below which an image is enlarged."""
_MOST_TIMES = 4
_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """One connected shape.

    Attributes:
        box: around it.
        shape: its pixels in the box; finer than the image's where a small image was enlarged.
        sharpness: 0 to 1, drop of brightness two pixels off the edge over that five pixels off: 1
            for what was drawn into the image, less for anatomy, whose edges are gradual.
        contrast: median brightness above (or below) the surroundings.
        tone: brighter or darker than the surroundings.
    """

    box: Box
    shape: NDArray[np.bool_]
    sharpness: float
    contrast: float
    tone: Tone

    @property
    def flat_and_sharp(self) -> bool:
        """Whether it looks drawn rather than exposed."""
        least = _SHARP if self.contrast < _STARK else _BLURRED
        return self.sharpness >= least


def brightness(image: Image) -> Plane:
    """An image's brightness, (H, W), 0 to 1; MONOCHROME1 turned over.

    Colour as luma (BT.601). Where at most a twentieth of the pixels is coloured, these are an
    overlay on a grey image, and count as white: a red letter has the luma of tissue.

    Raises:
        DataError: the image is not 2D, or has not 1 or 3 channels.
    """
    canvas(image)
    black, white = black_and_white(image)
    pixels = image.pixels.astype(np.float32)
    grey = pixels[0] if len(pixels) == 1 else np.tensordot([0.299, 0.587, 0.114], pixels, axes=1)
    span = white - black
    plane = (grey - black) / span if span else np.zeros_like(grey)
    coloured = np.ptp(pixels, axis=0) > _COLOURED * abs(span)
    if coloured.mean() <= _OVERLAY:
        plane[coloured] = 1
    return np.clip(plane, 0, 1).astype(np.float32)


def find_strokes(plane: Plane) -> list[Stroke]:
    """All strokes of an image, bright and dark.

    A morphological opening wider than any stroke estimates the surroundings. Pixels that stand out
    by a quarter of the range form connected shapes, and an uneven shape is reduced to its brighter
    part (Otsu 1979). The sharpness of each shape's edge is measured. Long shapes (edges of a
    collimator or a shutter, wires) are left out.

    Args:
        plane: see ``brightness``; at least 16 pixels on each side, else there are no strokes.
    """
    if min(plane.shape) < 16:
        return []
    times = enlargement(plane.shape)
    fine = _enlarged(plane, times)
    found = [*_of_tone(fine, "bright", times), *_of_tone(1 - fine, "dark", times)]
    return [_reduced(stroke, times) for stroke in found]


def enlargement(shape: tuple[int, ...]) -> int:
    """Factor by which a small image is enlarged, so that its letters become recognisable."""
    return min(_MOST_TIMES, -(-_SMALL // min(shape)))


def _enlarged(plane: Plane, times: int) -> Plane:
    """Cubic splines; the centre of a pixel becomes the centre of its block."""
    if times == 1:
        return plane
    fine = ndimage.zoom(plane, times, order=3, mode="nearest", grid_mode=True)
    return np.clip(fine, 0, 1).astype(np.float32)


def _reduced(stroke: Stroke, times: int) -> Stroke:
    """The stroke with its box in pixels of the original image; its shape keeps the finer grid."""
    box = stroke.box
    if times == 1:
        return stroke
    # a block belongs to the box where the stroke covers half of it and more
    x0, y0 = round(box.x0 / times), round(box.y0 / times)
    x1, y1 = max(x0 + 1, round(box.x1 / times)), max(y0 + 1, round(box.y1 / times))
    return replace(stroke, box=Box(x0=x0, y0=y0, x1=x1, y1=y1))


def stroke_mask(plane: Plane, box: Box) -> NDArray[np.bool_]:
    """The pixels of the strokes in a box, found or drawn by a person.

    Args:
        plane: see ``brightness``.
        box: it may leave the image; the part outside has no strokes.

    Returns:
        (H, W) bool; the whole box where nothing stands out in it, as with a faint marker.
    """
    found = np.zeros(plane.shape, dtype=bool)
    inside = box.within(*plane.shape)
    if inside.area == 0:
        return found
    around = inside.grown(max(inside.width, inside.height) + 2).within(*plane.shape)
    part = plane[around.slices]
    middle = Box(
        x0=inside.x0 - around.x0,
        y0=inside.y0 - around.y0,
        x1=inside.x1 - around.x0,
        y1=inside.y1 - around.y0,
    )
    size = min(stroke_width(plane.shape), 2 * max(part.shape) // 3 | 1)
    stands_out = _raised(part, size), _raised(1 - part, size)
    best = max(stands_out, key=lambda raised: float(raised[middle.slices].sum()))
    strokes = best[middle.slices] > max(_CONTRAST / 2, float(best[middle.slices].max()) / 2)
    found[inside.slices] = strokes if strokes.any() else True
    return found


def stroke_width(shape: tuple[int, ...]) -> int:
    """Width of the opening, in pixels: odd, wider than any stroke."""
    return max(7, round(min(shape) * _WIDEST)) | 1


def _raised(plane: Plane, size: int) -> Plane:
    """White top-hat: brightness above the surroundings."""
    raised: Plane = plane - ndimage.grey_opening(plane, size=(size, size))
    return raised


def _of_tone(plane: Plane, tone: Tone, times: int) -> Iterator[Stroke]:
    raised = _raised(plane, stroke_width(plane.shape))
    longest = max(10, round(_LARGEST * min(plane.shape)))
    labels, _ = ndimage.label(raised > _CONTRAST, _EIGHT)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        box = Box(x0=columns.start, y0=rows.start, x1=columns.stop, y1=rows.stop)
        shape = labels[rows, columns] == number
        if times > 1:  # the edge of a blurred stroke is where half of its height is
            high = raised[rows, columns]
            shape &= high > np.percentile(high[shape], 90) / 2
        for part, inside in _even_parts(plane, box, shape):
            if max(part.width, part.height) <= longest and inside.sum() >= 4:
                yield _measured(plane, raised, part, inside, tone=tone, times=times)


def _even_parts(
    plane: Plane, box: Box, shape: NDArray[np.bool_], depth: int = _CUTS
) -> Iterator[tuple[Box, NDArray[np.bool_]]]:
    """The shape itself if its brightness is even, else the connected shapes of its brighter part.

    Text over tissue of medium brightness is connected with it, as is text over an implant.
    """
    values = plane[box.slices][shape]
    if depth == 0 or values.size < 16 or values.std() <= _UNEVEN:
        yield box, shape
        return
    bright = shape & (plane[box.slices] > _otsu(values))
    labels, _ = ndimage.label(bright, _EIGHT)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        part = Box(
            x0=box.x0 + columns.start,
            y0=box.y0 + rows.start,
            x1=box.x0 + columns.stop,
            y1=box.y0 + rows.stop,
        )
        yield from _even_parts(plane, part, labels[rows, columns] == number, depth - 1)


def _otsu(values: NDArray[np.float32]) -> float:
    """The threshold that best separates values into two classes (Otsu, IEEE T SMC 1979;9:62)."""
    counts, edges = np.histogram(values, bins=64)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = total / below - (total[-1] - total) / above
    between = np.where((below > 0) & (above > 0), below * above * apart**2, -1)
    return float(edges[1 + int(np.argmax(between))])


def _measured(
    plane: Plane, raised: Plane, box: Box, shape: NDArray[np.bool_], *, tone: Tone, times: int
) -> Stroke:
    around = box.grown(6 * times).within(*plane.shape)
    part = plane[around.slices]
    whole = np.zeros(part.shape, dtype=bool)
    top, left = box.y0 - around.y0, box.x0 - around.x0
    whole[top : top + box.height, left : left + box.width] = shape
    away = ndimage.distance_transform_cdt(~whole, "chessboard") / times
    inner = float(np.median(part[whole]))
    drops = [
        inner - float(np.median(part[ring])) if ring.any() else 0.0
        for ring in ((away > 1) & (away <= 2), (away > 4) & (away <= 5))
    ]
    return Stroke(
        box=box,
        shape=shape,
        sharpness=max(0.0, drops[0] / max(*drops, _CONTRAST / 2)),
        contrast=float(np.median(raised[around.slices][whole])),
        tone=tone,
    )
