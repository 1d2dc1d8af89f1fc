"""Lines with soft edges, and the effect of ink, hair and light on the pixels below them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from plexor.cases import Image
from plexor.shortcuts.shortcut import Change, black_and_white, in_channels

Colour = tuple[float, float, float]
"""Red, green and blue, from 0 to 1."""
Cover = NDArray[np.float64]
"""Covered share of each pixel, (H, W), from 0 to 1."""


def stroke(cover: Cover, path: NDArray[np.float64], width: float) -> None:
    """Draws a line onto ``cover``, in place.

    Args:
        cover: (H, W); the maximum with the line is kept.
        path: (K, 2), points (y, x) in pixels; pixel (0, 0) extends from 0 to 1.
        width: in pixels. A line thinner than a pixel covers that share of it.

    Example:
        >>> cover = np.zeros((3, 3))
        >>> stroke(cover, np.array([[1.5, 0.0], [1.5, 3.0]]), 1.0)
        >>> cover.tolist()
        [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """
    reach = width / 2 + 1
    for start, end in pairwise(path):
        low = np.maximum(np.floor(np.minimum(start, end) - reach), 0).astype(int)
        high = np.maximum(np.ceil(np.maximum(start, end) + reach), 0).astype(int)
        window = (slice(low[0], high[0]), slice(low[1], high[1]))
        seen = cover[window]
        y, x = np.ogrid[: seen.shape[0], : seen.shape[1]]
        y, x = y + 0.5 + low[0] - start[0], x + 0.5 + low[1] - start[1]
        along = end - start
        share = np.clip((y * along[0] + x * along[1]) / max(along @ along, 1e-12), 0, 1)
        distance = np.hypot(y - share * along[0], x - share * along[1])
        np.maximum(seen, np.clip(width / 2 + 0.5 - distance, 0, min(1, width)), out=seen)


def arc(
    centre: tuple[float, float], radius: float, start: float, extent: float
) -> NDArray[np.float64]:
    """Points on a circle, (K, 2), about a pixel and a half apart; angles in radians."""
    angles = np.linspace(start, start + extent, 2 + int(abs(extent) * radius / 1.5))
    return np.stack(
        [centre[0] + radius * np.sin(angles), centre[1] + radius * np.cos(angles)], axis=1
    )


def absorb(image: Image, cover: Cover, colour: Colour) -> Change:
    """The change made by something dark over the image: the light of each colour it absorbs."""
    black, _ = black_and_white(image)
    passed = 1 - cover * (1 - in_channels(np.array(colour)[:, None, None], image))
    return (image.pixels - black) * (passed - 1)


def shine(image: Image, cover: Cover) -> Change:
    """The change made by a reflection of white light."""
    _, white = black_and_white(image)
    return (white - image.pixels) * cover
