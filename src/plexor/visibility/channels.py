"""Channels of the model observer: filters of spatial frequency.

Each filter is a sum of Gaussians in the plane of frequencies, (rows, columns) in cycles per pixel.
Gaussians are separable, so that energies are cheap to compute.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bump:
    """``weight · exp(-|f - centre|² / (2 width²))``.

    Attributes:
        weight: value at the centre.
        centre: frequency along rows and along columns, in cycles per pixel.
        width: standard deviation, in cycles per pixel.
    """

    weight: float
    width: float
    centre: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A filter that is real and even; its template is real and even too.

    Attributes:
        name: e.g. "dog-3", "gabor-0.0469-72".
        bumps: the filter is their sum; a bump off the origin comes with its mirror image.
    """

    name: str
    bumps: tuple[Bump, ...]


def dense_dog() -> tuple[Channel, ...]:
    """Ten dense differences of Gaussians (Abbey & Barrett, J Opt Soc Am A 2001;18:473).

    Channel j = 1 … 10 is ``exp(-ρ²/(2 (Q σ_j)²)) - exp(-ρ²/(2 σ_j²))`` with Q = 1.67 and
    ``σ_j = 0.005 · 1.4^(j-1)`` cycles per pixel. They are isotropic. The finest peaks near 0.13
    cycles per pixel, so that structure of one or two pixels falls into its tail only.

    Example:
        >>> [channel.name for channel in dense_dog()][::9]
        ['dog-1', 'dog-10']
    """
    sigmas = [0.005 * 1.4**j for j in range(10)]
    return tuple(
        Channel(
            name=f"dog-{number}",
            bumps=(Bump(weight=1.0, width=1.67 * sigma), Bump(weight=-1.0, width=sigma)),
        )
        for number, sigma in enumerate(sigmas, 1)
    )


def gabor() -> tuple[Channel, ...]:
    """Twenty even Gabor channels: four octaves up to ¼ cycle per pixel, five orientations.

    The octaves are those of Eckstein, Abbey & Bochud (Handbook of Medical Imaging 2000;1:593) and
    Wunderlich & Noo (IEEE EMBC 2008:2705): centred at 3/128 … 3/16 cycles per pixel, the full width
    of the Gaussian at half maximum equal to the octave. Energies do not depend on phase, so that
    odd channels would give the same.

    Example:
        >>> len(gabor()), gabor()[0].name
        (20, 'gabor-0.0234-0')
    """
    channels = []
    for octave in range(4):
        frequency, full_width = 3 / 128 * 2**octave, 2**octave / 64
        width = full_width / math.sqrt(8 * math.log(2))
        for degrees in range(0, 180, 36):
            angle = math.radians(degrees)
            row, column = frequency * math.sin(angle), frequency * math.cos(angle)
            pair = (
                Bump(weight=0.5, width=width, centre=(row, column)),
                Bump(weight=0.5, width=width, centre=(-row, -column)),
            )
            channels.append(Channel(name=f"gabor-{frequency:.4f}-{degrees}", bumps=pair))
    return tuple(channels)
