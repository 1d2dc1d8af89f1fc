"""Covers burnt-in tags, and other places of the same size for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from plexor.cases import Image
from plexor.core.errors import DataError
from plexor.shortcuts.find import Box, brightness, stroke_mask
from plexor.shortcuts.shortcut import black_and_white, canvas

Fill = Literal["black", "mean", "noise", "inpaint"]
"""What a cover is filled with.

``black`` as in Yi et al., AJR 2022;218:714; ``mean`` of the pixels around the box; ``noise`` of the
mean and standard deviation around it; ``inpaint`` continues the surroundings over the strokes only
(biharmonic, as in scikit-image), so that no box is visible.
"""
FILLS: tuple[Fill, ...] = get_args(Fill)
Floating = NDArray[np.float64]
"""Pixels (C, H, W) in stored numbers, before rounding."""

_CANDIDATES = 200
"""Number of candidate places for a control cover."""
_BEST = 0.1
"""Share of the candidates, those most like the tag's surroundings, from which one is drawn."""
_MARGIN = 2
"""Pixels around a box that count as its surroundings, and that inpainted strokes grow by."""


def cover(
    image: Image, boxes: Sequence[Box], *, fill: Fill = "black", rng: np.random.Generator
) -> Floating:
    """The image with boxes covered.

    Args:
        image: 2D, grey or RGB.
        boxes: parts outside of the image are ignored.
        fill: see ``Fill``.
        rng: used by the noise.

    Returns:
        (C, H, W) float64, in stored numbers, equal to the image outside of the boxes.

    Raises:
        DataError: the image is not 2D, or has not 1 or 3 channels.
    """
    height, width = canvas(image)
    pixels = image.pixels.astype(np.float64)
    inside = [box.within(height, width) for box in boxes]
    there = [box for box in inside if box.area]
    if fill == "inpaint":
        return _inpainted(image, pixels, there)
    for box in there:
        pixels[:, *box.slices] = _filled(image, box, there, fill=fill, rng=rng)
    return pixels


def control_boxes(
    image: Image, boxes: Sequence[Box], *, rng: np.random.Generator, avoid: Sequence[Box] = ()
) -> list[Box]:
    """Chooses for each box another place of the same size with similar surroundings.

    Two hundred places that touch no box are drawn at random. One is drawn from the tenth of them
    whose surroundings are most like the tag's in mean and standard deviation of brightness.
    Repeated calls give further draws.

    Args:
        image: 2D, grey or RGB.
        boxes: of the tags; no control cover touches them.
        rng: of the places.
        avoid: further boxes that no control cover may touch.

    Raises:
        DataError: no place is left beside the boxes, for example because a tag fills the whole
            border.
    """
    height, width = canvas(image)
    plane = brightness(image).astype(np.float64)
    summed, squared = _integral(plane), _integral(plane**2)
    taken = [box.within(height, width) for box in (*boxes, *avoid)]
    found: list[Box] = []
    for box in boxes:
        inside = box.within(height, width)
        places = _free(inside, (height, width), [*taken, *found], rng)
        if not places:
            raise DataError(
                f"there is no place for a control cover of {inside.width} × {inside.height} pixels "
                f"in an image of {width} × {height}; leave out tags that cover so much"
            )
        wanted = _around(inside, summed, squared)
        unlike = [
            float(np.abs(np.subtract(_around(place, summed, squared), wanted)).sum())
            for place in places
        ]
        best = np.argsort(unlike, kind="stable")[: max(1, round(_BEST * len(places)))]
        found.append(places[int(rng.choice(best))])
    return found


def moved_boxes(image: Image, boxes: Sequence[Box], *, rng: np.random.Generator) -> list[Box]:
    """Chooses for each box another place of the same size anywhere in the image."""
    height, width = canvas(image)
    found = []
    for box in boxes:
        inside = box.within(height, width)
        found.append(_at(inside, *_corner(inside, (height, width), rng)))
    return found


def _filled(
    image: Image, box: Box, boxes: Sequence[Box], *, fill: Fill, rng: np.random.Generator
) -> NDArray[np.float64]:
    if fill == "black":
        return np.array(black_and_white(image)[0])
    around = box.grown(max(_MARGIN, min(box.width, box.height) // 4))
    around = around.within(*image.pixels.shape[1:])
    ring = np.ones(image.pixels.shape[1:], dtype=bool)
    for other in boxes:
        ring[other.slices] = False
    near = image.pixels[:, *around.slices][:, ring[around.slices]].astype(np.float64)
    if near.shape[1] == 0:
        near = image.pixels.reshape(len(image.pixels), -1).astype(np.float64)
    mean: NDArray[np.float64] = near.mean(axis=1)[:, None, None]
    if fill == "mean":
        return mean
    spread = near.std(axis=1)[:, None, None]
    return rng.normal(mean, spread, (len(near), box.height, box.width))


def _inpainted(image: Image, pixels: Floating, boxes: Sequence[Box]) -> Floating:
    """Inpaints the strokes of each box (biharmonic) from the surroundings of that box only."""
    from skimage.restoration import inpaint_biharmonic

    plane = brightness(image)
    mask = np.zeros(plane.shape, dtype=bool)
    for box in boxes:
        mask |= stroke_mask(plane, box)
    mask = ndimage.binary_dilation(mask, iterations=_MARGIN)
    for box in boxes:
        reach = max(8, min(box.width, box.height) // 2)
        part = box.grown(reach).within(*plane.shape).slices
        if mask[part].all():
            continue
        pixels[:, *part] = inpaint_biharmonic(pixels[:, *part], mask[part], channel_axis=0)
    low, high = image.intensity.low, image.intensity.high
    return np.clip(pixels, low, high)


def _free(
    box: Box, shape: tuple[int, int], taken: Sequence[Box], rng: np.random.Generator
) -> list[Box]:
    drawn = [_at(box, *_corner(box, shape, rng)) for _ in range(_CANDIDATES)]
    return [place for place in drawn if not any(place.shared(other) for other in taken)]


def _corner(box: Box, shape: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    return (
        int(rng.integers(0, shape[1] - box.width + 1)),
        int(rng.integers(0, shape[0] - box.height + 1)),
    )


def _at(box: Box, x: int, y: int) -> Box:
    return Box(x0=x, y0=y, x1=x + box.width, y1=y + box.height)


def _integral(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Summed-area table: the sum over all pixels above and left of each corner."""
    return np.pad(plane.cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _around(
    box: Box, summed: NDArray[np.float64], squared: NDArray[np.float64]
) -> tuple[float, float]:
    """Mean and standard deviation of brightness in a ring around a box, without the box."""
    height, width = summed.shape[0] - 1, summed.shape[1] - 1
    outer = box.grown(max(_MARGIN, min(box.width, box.height) // 2)).within(height, width)
    n = outer.area - box.area
    if n <= 0:
        return 0.0, 0.0
    mean = (_sum(outer, summed) - _sum(box, summed)) / n
    variance = (_sum(outer, squared) - _sum(box, squared)) / n - mean**2
    return mean, float(np.sqrt(max(0.0, variance)))


def _sum(box: Box, integral: NDArray[np.float64]) -> float:
    return float(
        integral[box.y1, box.x1]
        - integral[box.y0, box.x1]
        - integral[box.y1, box.x0]
        + integral[box.y0, box.x0]
    )
