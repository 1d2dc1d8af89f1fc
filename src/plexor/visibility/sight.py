"""Visibility of the change to one image: the figures that a finding keeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from plexor.visibility.array import Pixels
from plexor.visibility.channels import Channel, dense_dog, gabor
from plexor.visibility.colour import ColourDifference, colour_difference
from plexor.visibility.energies import (
    log_energies,
    planes,
    stacked_log_energies,
    stacked_planes,
)
from plexor.visibility.levels import levels_moved
from plexor.visibility.settings import Visibility
from plexor.visibility.similarity import psnr, ssim

_CHANNELS = {"dog": dense_dog(), "gabor": gabor(), "none": ()}

_AT_ONCE = 2**20
"""Numbers of small images that are observed at once."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An original and the altered image, in stored numbers.

    Attributes:
        original: (channels, *spatial).
        other: the altered image, of the same shape.
        low: smallest storable number.
        span: greatest minus smallest storable number.
        quantum: one level; 0 where storage is floating, which the observer treats as 16 bits.
        padding: pixels that are no part of the image, (*spatial). PSNR, ΔE2000 and the counts of
            changes leave them out, SSIM the windows that touch them; the observer sees them filled
            with the mean of the rest.
    """

    original: Pixels
    other: Pixels
    low: float
    span: float
    quantum: float
    padding: NDArray[np.bool_] | None = None


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
    """Computes the measures that the settings name; other arguments as in ``Pair``."""
    pair = Pair(
        original=original, other=other, low=low, span=span, quantum=quantum, padding=padding
    )
    return look_at_all([pair], settings)[0]


def look_at_all(pairs: Sequence[Pair], settings: Visibility) -> list[Sight]:
    """As ``look``, for several pairs: the same figures, in less time for small images."""
    responses = _responses(pairs, settings)
    return [_sight(pair, settings, seen) for pair, seen in zip(pairs, responses, strict=True)]


def _sight(pair: Pair, settings: Visibility, responses: tuple[float, ...]) -> Sight:
    original, other, span = pair.original, pair.other, pair.span
    inside, altered = original, other
    if pair.padding is not None:
        inside, altered = (image[:, ~pair.padding][..., None] for image in (original, other))
    alike, colours = math.nan, ColourDifference.unknown()
    if settings.similarity:
        alike = ssim(original, other, span=span, padding=pair.padding)
        if len(original) == 3:
            colours = colour_difference(inside, altered, low=pair.low, span=span)
    return Sight(
        psnr=psnr(inside, altered, span=span),
        ssim=alike,
        delta_e=colours,
        responses=responses,
        levels=levels_moved(inside, altered, quantum=pair.quantum),
    )


def _responses(pairs: Sequence[Pair], settings: Visibility) -> list[tuple[float, ...]]:
    """The observer's responses to each altered image; small images of one size are taken at once.

    Empty without an observer.
    """
    channels = channels_of(settings)
    if not channels:
        return [()] * len(pairs)
    found: list[tuple[float, ...]] = []
    for (shape, _), alike in groupby(pairs, lambda pair: (pair.other.shape, pair.other.dtype)):
        some = list(alike)
        most = _AT_ONCE // max(math.prod(shape), 1)
        if len(shape) > 3 or most < 2:
            found += [_responses_to(pair, settings, channels) for pair in some]
            continue
        for start in range(0, len(some), most):
            found += _responses_to_all(some[start : start + most], settings, channels)
    return found


def _responses_to(
    pair: Pair, settings: Visibility, channels: tuple[Channel, ...]
) -> tuple[float, ...]:
    seen: list[float] = []
    for plane in planes(_filled(pair.other, pair.padding), settings.colour):
        seen += log_energies(plane, channels, rounding=_rounding(pair)).tolist()
    return tuple(seen)


def _responses_to_all(
    pairs: Sequence[Pair], settings: Visibility, channels: tuple[Channel, ...]
) -> list[tuple[float, ...]]:
    stack = np.stack([_filled(pair.other, pair.padding) for pair in pairs])
    rounding = np.array([_rounding(pair) for pair in pairs])
    seen = [
        stacked_log_energies(plane, channels, rounding=rounding)
        for plane in stacked_planes(stack, settings.colour)
    ]
    return [tuple(row) for row in np.concatenate(seen, axis=1).tolist()]


def _rounding(pair: Pair) -> float:
    return pair.quantum or pair.span / 2**16


def _filled(pixels: Pixels, padding: NDArray[np.bool_] | None) -> Pixels:
    """The image with the mean of its channel where padding is; as it is without padding."""
    if padding is None or padding.all():
        return pixels
    filled = pixels.astype(np.float64)
    for channel in filled:
        channel[padding] = channel[~padding].mean()
    return filled
