"""Channel outputs for an image: linear responses at one point, or energies over the whole image.

A linear response suits a signal of known form and place. A perturbation differs from image to image
and covers all of it, so that the mean of a linear response is 0. For stationary Gaussian images and
signals the best statistic is a weighted sum of the power at each frequency (by the lemma of Neyman
& Pearson). A channel's energy is such a sum, and the observer weighs the channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from plexor.cases.bands import bands
from plexor.core.errors import PlanError
from plexor.visibility.array import Floats, Pixels
from plexor.visibility.channels import Bump, Channel
from plexor.visibility.settings import Colour

_REC709 = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
"""Weights of red, green and blue in luminance (ITU-R BT.709-6, item 3.2)."""


def luminance(pixels: Pixels) -> NDArray[np.float32]:
    """Grey levels of a red, green and blue image, (3, *spatial) to (*spatial).

    The weights of Rec. 709 are applied to stored numbers, which are gamma-corrected and so
    closer to perceived lightness than linear light is.

    Example:
        >>> luminance(np.array([[[255]], [[0]], [[0]]])).shape
        (1, 1)
    """
    return np.tensordot(_REC709, pixels.astype(np.float32), axes=1)


def stacked_planes(stack: Pixels, colour: Colour) -> Iterator[NDArray[np.float32]]:
    """As ``planes``, for several images at once, (n, channels, rows, columns)."""
    numbers = stack.astype(np.float32)
    if colour == "luminance" and stack.shape[1] == 3:
        flat = numbers.reshape(*stack.shape[:2], -1)
        yield np.matmul(_REC709, flat).reshape(len(stack), *stack.shape[2:])
        return
    for channel in range(stack.shape[1]):
        yield numbers[:, channel]


def planes(pixels: Pixels, colour: Colour) -> Iterator[NDArray[np.float32]]:
    """The planes observed, one by one: a colour image's luminance, or else each channel."""
    if colour == "luminance" and len(pixels) == 3:
        yield luminance(pixels)
        return
    for channel in pixels:
        yield channel.astype(np.float32)


def responses(
    images: ArrayLike, channels: tuple[Channel, ...], *, centre: tuple[float, float] | None = None
) -> Floats:
    """Linear responses of channels centred at one point, for a signal of known form and place.

    Args:
        images: (n, rows, columns), grey.
        channels: k channels.
        centre: (row, column) of the templates' centre, in pixels; the middle if not given.

    Returns:
        (n, k).
    """
    table = np.asarray(images, dtype=np.float64)
    if table.ndim != 3:
        raise PlanError(f"responses: expected (n, rows, columns), got shape {table.shape}")
    rows, columns = table.shape[1:]
    row, column = centre or ((rows - 1) / 2, (columns - 1) / 2)
    y, x = np.arange(rows)[:, None] - row, np.arange(columns)[None, :] - column
    templates = np.stack([_template(channel, y, x) for channel in channels])
    found: Floats = table.reshape(len(table), -1) @ templates.reshape(len(channels), -1).T
    return found


def _template(channel: Channel, y: Floats, x: Floats) -> Floats:
    """A channel's template in the image: the inverse Fourier transform of its bumps."""
    total = np.zeros(np.broadcast_shapes(y.shape, x.shape))
    for bump in channel.bumps:
        variance = bump.width**2
        envelope = np.exp(-2 * np.pi**2 * variance * (y**2 + x**2))
        wave = np.cos(2 * np.pi * (bump.centre[0] * y + bump.centre[1] * x))
        total += bump.weight * 2 * np.pi * variance * envelope * wave
    return total


def log_energies(
    plane: NDArray[np.floating], channels: tuple[Channel, ...], *, rounding: float
) -> Floats:
    """The logarithm of each channel's energy over the whole image.

    The energy is the mean square of the filtered image with periodic boundaries. It is computed
    from the spectrum (Parseval's theorem). The energy of rounding to stored levels,
    ``rounding² / 12`` per pixel, is added, so that the logarithm of a flat image is finite. It is
    NaN for a channel that passes nothing, since the image has too few pixels for it.

    Args:
        plane: (rows, columns), or a volume (rows, columns, slices): the mean energy of its slices.
        channels: k channels.
        rounding: one level, the distance of two storable numbers; above 0.

    Returns:
        (k,).

    Raises:
        PlanError: fewer than two axes, or a rounding of 0.
    """
    if plane.ndim < 2 or not rounding > 0:
        raise PlanError(
            "log_energies: expected an image of two axes or more and `rounding` above 0, got "
            f"shape {plane.shape} and {rounding}"
        )
    filters = _filters(plane.shape[0], plane.shape[1], channels)
    spectrum = fft.rfft2(plane - plane.mean(axis=(0, 1)), axes=(0, 1))
    found = filters.energies(spectrum) + rounding**2 / 12 * filters.white
    return np.log(found, out=np.full_like(found, np.nan), where=found > 0)


def stacked_log_energies(
    stack: NDArray[np.floating], channels: tuple[Channel, ...], *, rounding: Floats
) -> Floats:
    """``log_energies`` of several small images at once: the same numbers, in less time.

    Args:
        stack: (n, rows, columns).
        channels: k channels.
        rounding: one level of each image, (n,); above 0.

    Returns:
        (n, k).
    """
    filters = _filters(*stack.shape[1:], channels)
    spectra = fft.rfft2(stack - stack.mean(axis=(1, 2), keepdims=True), axes=(1, 2))
    power = (spectra.real**2 + spectra.imag**2).astype(np.float64)
    found = filters.summed(filters.rows @ power)
    found += (rounding**2 / 12)[:, None] * filters.white
    return np.log(found, out=np.full_like(found, np.nan), where=found > 0)


@dataclass(frozen=True, slots=True)
class _Filters:
    """Squared channels for one image size, each a sum of separable terms.

    Attributes:
        rows: (terms, rows).
        columns: (terms, half the columns), weighted to include the other half.
        starts: index of the first term of each channel, (k,).
        white: energy of white noise of variance 1, (k,).
    """

    rows: Floats
    columns: Floats
    starts: NDArray[np.intp]
    white: Floats

    def energies(self, spectrum: NDArray[np.complexfloating]) -> Floats:
        """Mean square per pixel in each channel, (k,), of a spectrum (rows, half the columns)."""
        across = np.zeros_like(self.columns)
        for band in bands((1, *spectrum.shape)):
            part = spectrum[band]
            power = part.real**2 + part.imag**2
            if power.ndim > 2:
                power = power.mean(axis=tuple(range(2, power.ndim)))
            # In float64: at low frequencies the terms of a difference of Gaussians nearly cancel.
            across += self.rows[:, band] @ power.astype(np.float64)
        return self.summed(across)

    def summed(self, across: Floats) -> Floats:
        """Energies from the power that passes each term's rows, (..., terms, half the columns)."""
        terms = (across * self.columns).sum(axis=-1)
        found: Floats = np.add.reduceat(terms, self.starts, axis=-1)
        return np.maximum(found, 0.0)


@lru_cache(maxsize=16)
def _filters(rows: int, columns: int, channels: tuple[Channel, ...]) -> _Filters:
    y, x = fft.fftfreq(rows), fft.rfftfreq(columns)
    counted = np.full(x.size, 2.0)  # each frequency has a mirror image
    counted[0] = 1
    if columns % 2 == 0:
        counted[-1] = 1
    counted /= (rows * columns) ** 2
    down: list[Floats] = []
    across: list[Floats] = []
    starts: list[int] = []
    for channel in channels:
        starts.append(len(down))
        for i, one in enumerate(channel.bumps):
            for other in channel.bumps[i:]:
                twice = 1.0 if other is one else 2.0
                height = twice * one.weight * other.weight
                down.append(height * _gauss(y, one, 0) * _gauss(y, other, 0))
                across.append(counted * _gauss(x, one, 1) * _gauss(x, other, 1))
    found = _Filters(np.stack(down), np.stack(across), np.array(starts), np.empty(0))
    power = np.full((rows, x.size), float(rows * columns))
    power[0, 0] = 0
    white = found.summed(found.rows @ power)
    return _Filters(found.rows, found.columns, found.starts, white)


def _gauss(frequencies: Floats, bump: Bump, axis: int) -> Floats:
    return np.exp(-((frequencies - bump.centre[axis]) ** 2) / (2 * bump.width**2))
