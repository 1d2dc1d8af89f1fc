"""Images of burnt-in tags alone, and of boxes alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plexor.cases import Image
from plexor.shortcuts.cover import Floating
from plexor.shortcuts.find import Box
from plexor.shortcuts.shortcut import black_and_white, canvas


def isolate(image: Image, boxes: Sequence[Box]) -> Floating:
    """Makes everything outside the boxes black, as for the third network of Yi et al. 2022.

    Args:
        image: 2D, grey or RGB.
        boxes: of the tags; without boxes the result is black.

    Returns:
        (C, H, W) float64 in stored numbers.
    """
    height, width = canvas(image)
    alone = np.full(image.pixels.shape, float(black_and_white(image)[0]))
    for box in boxes:
        part = box.within(height, width).slices
        alone[:, *part] = image.pixels[:, *part]
    return alone


def recentre(image: Image, boxes: Sequence[Box]) -> Floating:
    """Moves the tags to the middle of a black image, so that their positions are lost.

    The boxes are placed one below another, ordered from top to bottom and from left to right; parts
    that do not fit are cut off.
    """
    height, width = canvas(image)
    alone = np.full(image.pixels.shape, float(black_and_white(image)[0]))
    inside = [box.within(height, width) for box in boxes]
    there = sorted((box for box in inside if box.area), key=lambda box: (box.y0, box.x0))
    top = max(0, (height - sum(box.height for box in there)) // 2)
    for box in there:
        rows = min(box.height, height - top)
        if rows <= 0:
            break
        left = (width - box.width) // 2
        source = image.pixels[:, box.y0 : box.y0 + rows, box.x0 : box.x1]
        alone[:, top : top + rows, left : left + box.width] = source
        top += rows
    return alone


def boxes_alone(image: Image, boxes: Sequence[Box]) -> Floating:
    """Draws black boxes on a blank grey image: the information that remains when tags are covered.

    Number, position and size of the boxes may differ between classes as those of the tags do.
    """
    height, width = canvas(image)
    black, white = black_and_white(image)
    blank = np.full(image.pixels.shape, (black + white) / 2)
    for box in boxes:
        blank[:, *box.within(height, width).slices] = black
    return blank
