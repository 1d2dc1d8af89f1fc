"""Visibility of the change to one image: the figures that a finding keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plexor.visibility.array import Pixels
from plexor.visibility.channels import Channel, dense_dog, gabor
from plexor.visibility.colour import ColourDifference, colour_difference
from plexor.visibility.energies import log_energies, planes
from plexor.visibility.levels import levels_moved
from plexor.visibility.settings import Visibility
from plexor.visibility.similarity import psnr, ssim

_CHANNELS = {"dog": dense_dog(), "gabor": gabor(), "none": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Measures of one stored image beside its original.

    Attributes:
        psnr: in decibels; infinite where nothing was changed.
        ssim: NaN where not measured, or where the image is smaller than the window.
        delta_e: ΔE2000; NaN where not measured, or without colour.
        responses: log energies of the observer's channels, one plane after the other; empty
            without an observer.
        levels: counts of numbers by the size of their change, see ``levels_moved``.
    """

    psnr: float
    ssim: float
    delta_e: ColourDifference
    responses: tuple[float, ...]
    levels: tuple[int, ...]


def channels_of(settings: Visibility) -> tuple[Channel, ...]:
    """The observer's channels; empty without an observer."""
    return _CHANNELS[settings.observer]


def look(
    original: Pixels,
    other: Pixels,
    settings: Visibility,
    *,
    low: float,
    span: float,
    quantum: float,
    padding: NDArray[np.bool_] | None = None,
) -> Sight:
    """Computes the measures that the settings name.

    Args:
        original: (channels, *spatial), in stored numbers.
        other: the altered image, of the same shape.
        settings: what to measure.
        low: smallest storable number.
        span: greatest minus smallest storable number.
        quantum: one level; 0 where storage is floating, which the observer treats as 16 bits.
        padding: pixels that are no part of the image, (*spatial). PSNR, ΔE2000 and the counts of
            changes leave them out, SSIM the windows that touch them; the observer sees them filled
            with the mean of the rest.
    """
    inside, altered = original, other
    if padding is not None:
        inside, altered = (image[:, ~padding][..., None] for image in (original, other))
    alike, colours = math.nan, ColourDifference.unknown()
    if settings.similarity:
        alike = ssim(original, other, span=span, padding=padding)
        if len(original) == 3:
            colours = colour_difference(inside, altered, low=low, span=span)
    channels = channels_of(settings)
    seen: list[float] = []
    if channels:
        rounding = quantum or span / 2**16
        for plane in planes(_filled(other, padding), settings.colour):
            seen += log_energies(plane, channels, rounding=rounding).tolist()
    return Sight(
        psnr=psnr(inside, altered, span=span),
        ssim=alike,
        delta_e=colours,
        responses=tuple(seen),
        levels=levels_moved(inside, altered, quantum=quantum),
    )


def _filled(pixels: Pixels, padding: NDArray[np.bool_] | None) -> Pixels:
    """The image with the mean of its channel where padding is; as it is without padding."""
    if padding is None or padding.all():
        return pixels
    filled = pixels.astype(np.float64)
    for channel in filled:
        channel[padding] = channel[~padding].mean()
    return filled
