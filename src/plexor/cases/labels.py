"""A mask's values: the numbers of classes, or 0 and not 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from plexor.cases.image import Image
from plexor.cases.intensity import Intensity

_NEAR = 0.01
"""How far a value may be from a whole number that is taken to stand for it, at most."""
_ROUNDING = 4 * 2.0**-24
"""Relative: what a header's slope and intercept lose in float32."""


def labels_of(image: Image) -> Image:
    """The mask with its header's scaling applied, so that pixels are values.

    A program that saves whole numbers as scaled integers stores each to half a step of the slope.
    Values that near to a whole number are that number; others stay as they are.

    Args:
        image: a mask as read; integers, or floats.

    Returns:
        The same with a slope of 1 and an intercept of 0. Pixels keep their type where there is
        nothing to scale; else they are int64 where all are whole, float64 where not.

    Example:
        >>> pixels = np.array([[[-32768, 32767]]], np.int16)
        >>> scaling = Intensity(low=-32768, high=32767, slope=1 / 65535, intercept=32768 / 65535)
        >>> labels_of(Image(pixels=pixels, intensity=scaling, containers={})).pixels.tolist()
        [[[0, 1]]]
    """
    span = image.intensity
    if span.slope == 1 and span.intercept == 0:
        return image
    stored = image.pixels
    values = span.slope * stored.astype(np.float64) + span.intercept
    step = abs(span.slope) * span.quantum
    greatest = float(max(abs(float(stored.min())), abs(float(stored.max()))))
    slack = min(step / 2, _NEAR) + _ROUNDING * (abs(span.slope) * greatest + abs(span.intercept))
    whole = np.rint(values)
    near = np.abs(values - whole) <= slack
    found = whole.astype(np.int64) if near.all() else np.where(near, whole, values)
    return replace(
        image,
        pixels=found,
        intensity=Intensity(
            low=float(found.min()),
            high=float(found.max()),
            quantum=1.0 if near.all() else 0.0,
        ),
    )
