"""Moves a burnt-in tag from one image to another, whole or one aspect at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from plexor.cases import Image
from plexor.core.errors import DataError
from plexor.shortcuts.cover import Floating, cover
from plexor.shortcuts.find import Box, Tag, brightness, stroke_mask
from plexor.shortcuts.shortcut import black_and_white, canvas

Aspect = Literal["whole", "presence", "letter", "position", "size", "brightness", "none"]
"""What is taken from the donor.

``whole`` is the donor's tag as it is; ``letter``, ``position``, ``size`` and ``brightness`` take
that from the donor and the rest from the image's own tag. ``presence`` removes the tag of an image
that has one, and puts the donor's into an image without. ``none`` removes the image's own tag and
draws it again: the control, which shows the effect of cutting and drawing alone.
"""
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)
_BLUR = 0.5
"""Softness of a drawn tag's edges, in pixels; only where its size changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutting:
    """A tag cut from its image.

    Attributes:
        shape: share of each pixel covered by the tag, 0 to 1, in the box around it.
        middle: of the box, as shares of the image's height and width.
        tall: height of the box as a share of the image's height.
        tone: brightness of its strokes, 0 black to 1 white.
    """

    shape: NDArray[np.float64]
    middle: tuple[float, float]
    tall: float
    tone: float


def cut(image: Image, tag: Tag) -> Cutting:
    """Cuts a tag out of its image.

    Raises:
        DataError: the tag's box lies outside of the image.
    """
    height, width = canvas(image)
    box = tag.box.within(height, width)
    if box.area == 0:
        raise DataError(
            f"the box {tag.box.x0}, {tag.box.y0}, {tag.box.x1}, {tag.box.y1} lies outside of an "
            f"image of {width} × {height} pixels; the table of tags is of another image"
        )
    plane = brightness(image)
    strokes = stroke_mask(plane, box)[box.slices]
    return Cutting(
        shape=strokes.astype(np.float64),
        middle=((box.y0 + box.y1) / 2 / height, (box.x0 + box.x1) / 2 / width),
        tall=box.height / height,
        tone=float(np.median(plane[box.slices][strokes])),
    )


def exchange(
    image: Image, own: Tag | None, donor: Cutting, aspect: Aspect, *, rng: np.random.Generator
) -> Floating:
    """Replaces one aspect of the image's tag, or the whole tag, by the donor's.

    Args:
        image: 2D, grey or RGB.
        own: the image's own tag; None if it has none, which allows only ``whole`` and ``presence``.
        donor: cut from another image.
        aspect: see ``Aspect``.
        rng: passed to the cover, which does not use it when it inpaints.

    Returns:
        (C, H, W) float64 in stored numbers. The image's own tag is removed by inpainting first.

    Raises:
        DataError: the image has no tag, and the aspect needs one.
    """
    if own is None:
        if aspect not in ("whole", "presence"):
            raise DataError(
                f"transplant: the aspect {aspect!r} needs a tag in the image, and it has none; "
                "take images with a tag, or the aspect presence"
            )
        return draw(image, image.pixels.astype(np.float64), donor)
    bare = cover(image, [own.box], fill="inpaint", rng=rng)
    if aspect == "presence":
        return bare
    return draw(image, bare, mixed(cut(image, own), donor, aspect))


def mixed(own: Cutting, donor: Cutting, aspect: Aspect) -> Cutting:
    """The image's own tag with one aspect replaced by the donor's."""
    changes = {
        "whole": donor,
        "presence": donor,
        "none": own,
        "letter": replace(own, shape=donor.shape),
        "position": replace(own, middle=donor.middle),
        "size": replace(own, tall=donor.tall),
        "brightness": replace(own, tone=donor.tone),
    }
    return changes[aspect]


def draw(image: Image, pixels: Floating, tag: Cutting) -> Floating:
    """Draws a tag at its position, size and brightness; the image's border may cut it off.

    Args:
        image: gives black, white and the size.
        pixels: (C, H, W) in stored numbers; left as they are.
        tag: to be drawn.
    """
    height, width = canvas(image)
    tall = max(1, round(tag.tall * height))
    times = tall / tag.shape.shape[0]
    shape = tag.shape if tall == tag.shape.shape[0] else _resized(tag.shape, times)
    top = round(tag.middle[0] * height - shape.shape[0] / 2)
    left = round(tag.middle[1] * width - shape.shape[1] / 2)
    whole = Box(x0=left, y0=top, x1=left + shape.shape[1], y1=top + shape.shape[0])
    inside = whole.within(height, width)
    part = shape[inside.y0 - top : inside.y1 - top, inside.x0 - left : inside.x1 - left]
    black, white = black_and_white(image)
    ink = black + tag.tone * (white - black)
    drawn = pixels.copy()
    drawn[:, *inside.slices] += part * (ink - drawn[:, *inside.slices])
    return drawn


def _resized(shape: NDArray[np.float64], times: float) -> NDArray[np.float64]:
    soft = ndimage.gaussian_filter(np.pad(shape, 1), max(_BLUR, 0.4 / times))
    found: NDArray[np.float64] = np.clip(ndimage.zoom(soft, times, order=1), 0, 1)
    return found
