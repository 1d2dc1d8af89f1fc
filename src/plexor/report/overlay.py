"""A map of attention over an image, and boxes on it, as pictures for a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from plexor.report.picture import Bytes, uri

Floats = NDArray[np.floating[Any]]
Pixels = tuple[int, int, int, int]
LARGEST = 320
"""Longest side of a picture, pixels; a larger one is reduced by means of blocks."""
_OPACITY = 0.65
_BOX = (53, 182, 255)
_WHITE = 255


def boxed(image: Bytes, boxes: Sequence[Pixels]) -> str:
    """An image with a frame around each box; a PNG as data URI.

    Args:
        image: (H, W, 1 or 3).
        boxes: x0, y0, x1, y1 in pixels of the image, ends excluded.
    """
    return uri(_framed(_reduced(_rgb(image)), boxes, _factor(image.shape)))


def overlaid(image: Bytes, attention: Floats, boxes: Sequence[Pixels], *, most: float) -> str:
    """A map in colour over an image; a PNG as data URI.

    Args:
        image: (H, W, 1 or 3).
        attention: (H, W); what is not positive is not coloured.
        boxes: framed.
        most: the value with the full colour, so that maps can be compared; 0 colours nothing.
    """
    from matplotlib import colormaps

    share = np.clip(attention / most, 0, 1) if most > 0 else np.zeros(attention.shape)
    colour = colormaps["inferno"](share)[..., :3] * _WHITE
    opacity = (_OPACITY * np.sqrt(share))[..., None]
    mixed = (1 - opacity) * _rgb(image) + opacity * colour
    return uri(_framed(_reduced(np.round(mixed).astype(np.uint8)), boxes, _factor(image.shape)))


def for_the_eye(attention: Floats) -> Floats:
    """What is positive of a map, smoothed over a hundredth of the image's short side.

    Maps of single pixels are specks otherwise. For pictures only: nothing is measured on it.
    """
    return gaussian_filter(np.clip(attention, 0, None).astype(float), 0.01 * min(attention.shape))


def blackened(image: Bytes, boxes: Sequence[Pixels]) -> Bytes:
    """A copy with boxes black, for texts that may name a patient."""
    found = image.copy()
    for x0, y0, x1, y1 in boxes:
        found[max(0, y0) : y1, max(0, x0) : x1] = 0
    return found


def _rgb(image: Bytes) -> Bytes:
    return np.broadcast_to(image, (*image.shape[:2], 3)) if image.shape[2] == 1 else image


def _factor(shape: Sequence[int]) -> int:
    return -(-max(shape[:2]) // LARGEST)


def _reduced(image: Bytes) -> Bytes:
    by = _factor(image.shape)
    if by == 1:
        return image.copy()
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % by), (0, -width % by), (0, 0)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // by, by, padded.shape[1] // by, by, 3)
    means: Bytes = np.round(blocks.mean(axis=(1, 3))).astype(np.uint8)
    return means


def _framed(image: Bytes, boxes: Sequence[Pixels], by: int) -> Bytes:
    """The picture with a frame of one pixel, one pixel off each box."""
    height, width = image.shape[:2]
    for x0, y0, x1, y1 in boxes:
        left, top = max(0, x0 // by - 1), max(0, y0 // by - 1)
        right, bottom = min(width - 1, -(-x1 // by)), min(height - 1, -(-y1 // by))
        image[top, left : right + 1] = _BOX
        image[bottom, left : right + 1] = _BOX
        image[top : bottom + 1, left] = _BOX
        image[top : bottom + 1, right] = _BOX
    return image
