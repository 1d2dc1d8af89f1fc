"""A phantom, and the functions that all of them are drawn with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, special

from plexor.cases.image import Pixels
from plexor.cases.intensity import Intensity

Field = NDArray[np.floating[Any]]
"""A quantity at each position of an image or volume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """A synthetic image with known truth.

    Attributes:
        pixels: (channels, *spatial), as a file stores them.
        intensity: the range that they were drawn for.
        label: class name, or a number for regression.
        truth: further parameters of the image, drawn or measured.
        masks: name → uint8 array of the spatial shape; 1 where the named thing is, or, where the
            name is plural, one number per thing.
        spacing_mm: pixel distance along each spatial axis.
    """

    pixels: Pixels
    intensity: Intensity
    label: str | float
    truth: Mapping[str, str | float]
    masks: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    spacing_mm: tuple[float, ...] | None = None


def soft(distance: Field, width: float) -> Field:
    """A soft step from 0 to 1 over about four ``width``; anti-aliases a shape."""
    edge: Field = special.expit(distance / width)
    return edge


def grid(height: int, width: int) -> tuple[Field, Field]:
    """Rightward and downward coordinates of pixel centres; the shorter side runs from -1 to 1."""
    half = min(height, width) / 2
    down, right = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    u = (right - (width - 1) / 2) / half
    v = (down - (height - 1) / 2) / half
    return u.astype(np.float32), v.astype(np.float32)


def turned(
    u: Field, v: Field, *, degrees: float, zoom: float, shift: tuple[float, float]
) -> tuple[Field, Field]:
    """Coordinates in the frame of an object that was scaled, rotated and shifted."""
    angle = np.float32(np.deg2rad(degrees))
    right, down = u - np.float32(shift[0]), v - np.float32(shift[1])
    cosine, sine = np.cos(angle) / np.float32(zoom), np.sin(angle) / np.float32(zoom)
    return right * cosine + down * sine, down * cosine - right * sine


def noise(seed: int, shape: tuple[int, ...], finest: float, coarsest: float) -> Field:
    """Periodic Gaussian noise, mean 0 and deviation 1, with wavelengths in the given band.

    Args:
        seed: of this field alone.
        shape: any number of axes.
        finest: shortest wavelength, in array elements.
        coarsest: longest wavelength; amplitudes fall from there as 1/frequency.
    """
    generator = np.random.default_rng(seed)
    white = generator.standard_normal(shape, dtype=np.float32)
    drawn: Field = fft.irfftn(fft.rfftn(white) * _band(shape, finest, coarsest), s=shape)
    drawn /= drawn.std()
    return drawn


@lru_cache(maxsize=16)
def _band(shape: tuple[int, ...], finest: float, coarsest: float) -> Field:
    """Amplitude of each frequency of such noise; 0 at frequency 0, so that its mean is 0."""
    axes = [np.fft.fftfreq(n) for n in shape[:-1]] + [np.fft.rfftfreq(shape[-1])]
    square = sum(f**2 for f in np.meshgrid(*axes, indexing="ij", sparse=True))
    frequency = np.sqrt(np.maximum(square, 1e-12))
    band = np.exp(-((frequency * finest) ** 2)) * np.exp(-1 / (frequency * coarsest) ** 2)
    colour: Field = (band / frequency).astype(np.float32)
    return colour


@lru_cache(maxsize=16)
def _pattern(seed: int, size: int, finest: float, coarsest: float) -> Field:
    """A square of noise, cached while the images that share it are drawn."""
    pattern = noise(seed, (size, size), finest, coarsest)
    pattern.flags.writeable = False
    return pattern


def texture(seed: int, u: Field, v: Field, *, finest: float, coarsest: float) -> Field:
    """Noise fixed to an object: positions and wavelengths are in the object's frame.

    The pattern repeats after 4 units, twice the shorter side of an untransformed image.
    """
    size = max(64, 2 ** math.ceil(math.log2(6 / finest)))
    per_unit = size / 4
    pattern = _pattern(seed, size, finest * per_unit, coarsest * per_unit)
    where = np.stack([v, u]) * np.float32(per_unit)
    found: Field = ndimage.map_coordinates(pattern, where, order=1, mode="grid-wrap")
    return found
