"""Similarity of two images: PSNR, SSIM and MS-SSIM, in 2D and 3D."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, maximum_filter1d

from plexor.cases.bands import bands
from plexor.cases.change import absolute_change
from plexor.visibility.array import Floats, Pixels, as_pair, check_pair, check_span

_SIGMA, _REACH = 1.5, 5
"""A Gaussian window of 11 numbers along each axis (Wang et al. 2004, sec. III-C)."""
_K1, _K2 = 0.01, 0.03
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the five scales (Wang et al. 2003, sec. 3.2)."""


def psnr(original: Pixels, other: Pixels, *, span: float) -> float:
    """Peak signal-to-noise ratio, 10 log10(span² / mean squared difference), in decibels.

    Args:
        original: (channels, *spatial).
        other: the altered image, of the same shape.
        span: greatest minus smallest storable number, e.g. 255.

    Returns:
        Infinity for two equal images.

    Raises:
        PlanError: shapes that differ, or a span of 0.

    Example:
        >>> round(psnr(np.zeros((1, 2, 2)), np.ones((1, 2, 2)), span=255), 2)
        48.13
    """
    check_span(span)
    check_pair(original, other)
    parts = (absolute_change(original[:, band], other[:, band]) for band in bands(original.shape))
    error = _mean(np.square(part, dtype=np.float64) for part in parts)
    return math.inf if error == 0 else 10 * math.log10(span**2 / error)


def ssim(
    original: Pixels, other: Pixels, *, span: float, padding: NDArray[np.bool_] | None = None
) -> float:
    """Mean structural similarity, 1 for equal images (Wang et al., IEEE TIP 2004;13:600).

    Uses a Gaussian window of σ = 1.5 and 11 pixels along each spatial axis, population variances,
    and the mean over all positions at which the window fits and over the channels.

    Args:
        original: (channels, *spatial), two spatial axes or three.
        other: the altered image, of the same shape.
        span: greatest minus smallest storable number, e.g. 255.
        padding: pixels that are no part of the image, (*spatial); windows that touch one are left
            out of the mean.

    Returns:
        NaN where an axis is shorter than the window, or where every window touches padding.

    Raises:
        PlanError: shapes that differ, or a span of 0.

    Example:
        >>> ramp = np.add.outer(np.arange(16), np.arange(16))[None]
        >>> ssim(ramp, ramp, span=255)
        1.0
    """
    check_span(span)
    check_pair(original, other)
    if min(original.shape[1:]) <= 2 * _REACH:
        return math.nan
    pairs = zip(original, other, strict=True)
    return float(np.mean([_alike(a, b, span, padding) for a, b in pairs]))


def ms_ssim(original: Pixels, other: Pixels, *, span: float) -> float:
    """Structural similarity over five scales (Wang, Simoncelli & Bovik, Asilomar 2003;2:1398).

    The weighted product of contrast and structure at five resolutions, each half the one before
    (means of 2 along each axis; a last odd row is left out), and of luminance at the coarsest.
    A mean below 0 counts as 0. The result is the mean over the channels.

    Args:
        original: (channels, *spatial), two spatial axes or three.
        other: the altered image, of the same shape.
        span: greatest minus smallest storable number, e.g. 255.

    Returns:
        NaN where an axis is shorter than 176 pixels, since the coarsest scale needs 11.

    Raises:
        PlanError: shapes that differ, or a span of 0.
    """
    check_span(span)
    x, y = as_pair(original, other)
    if min(x.shape[1:]) >> (len(_SCALES) - 1) <= 2 * _REACH:
        return math.nan
    return float(np.mean([_over_scales(a, b, span) for a, b in zip(x, y, strict=True)]))


def _alike(x: Pixels, y: Pixels, span: float, padding: NDArray[np.bool_] | None) -> float:
    """Mean structural similarity of one channel, (*spatial), band by band."""

    def part(band: slice) -> Floats:
        a, b = as_pair(x[None, band], y[None, band])
        found: Floats = np.prod(_maps(a[0], b[0], span), axis=0)
        return found if padding is None else found[~_touched(padding[band])]

    return _mean(part(band) for band in bands((1, *x.shape), overlap=2 * _REACH))


def _touched(padding: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the windows that fit have a number in padding."""
    for axis in range(padding.ndim):
        wide = maximum_filter1d(padding.astype(np.uint8), 2 * _REACH + 1, axis=axis) > 0
        fits = slice(_REACH, wide.shape[axis] - _REACH)
        padding = wide[(slice(None),) * axis + (fits,)]
    return padding


def _mean(parts: Iterable[Floats]) -> float:
    """The mean over arrays; of one array its own mean, to the bit; NaN of nothing."""
    found = [(float(part.mean()), part.size) for part in parts if part.size]
    if not found:
        return math.nan
    if len(found) == 1:
        return found[0][0]
    return math.fsum(mean * size for mean, size in found) / sum(size for _, size in found)


def _over_scales(x: Floats, y: Floats, span: float) -> float:
    product = 1.0
    for scale, weight in enumerate(_SCALES):
        luminance, contrast = _maps(x, y, span)
        last = scale == len(_SCALES) - 1
        mean = float((luminance * contrast if last else contrast).mean())
        product *= max(mean, 0.0) ** weight
        x, y = _halved(x), _halved(y)
    return product


def _maps(x: Floats, y: Floats, span: float) -> tuple[Floats, Floats]:
    """Maps of luminance, and of contrast with structure, where the window fits (eq. 6 and 13)."""
    c1, c2 = (_K1 * span) ** 2, (_K2 * span) ** 2
    mean_x, mean_y = _window(x), _window(y)
    # The formula needs the sum of the variances only, so that four windows do for five.
    energy, both = _window(x * x + y * y), _window(x * y)
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    luminance = (2 * product + c1) / (squares + c1)
    contrast = (2 * (both - product) + c2) / (energy - squares + c2)
    return luminance, contrast


def _window(values: Floats) -> Floats:
    offsets = np.arange(-_REACH, _REACH + 1)
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    for axis in range(values.ndim):
        smooth = correlate1d(values, weights, axis=axis)
        fits = slice(_REACH, smooth.shape[axis] - _REACH)
        values = smooth[(slice(None),) * axis + (fits,)]
    return values


def _halved(values: Floats) -> Floats:
    for axis in range(values.ndim):
        even = values.shape[axis] // 2 * 2
        first, second = (
            values[(slice(None),) * axis + (slice(start, even, 2),)] for start in (0, 1)
        )
        values = (first + second) / 2
    return values
