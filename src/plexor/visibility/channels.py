"""The channels through which a model observer looks, as filters of spatial frequency.

Each filter is a sum of Gaussians in the plane of frequencies, (rows, columns) in cycles a pixel.
That a Gaussian is a product of one along the rows and one along the columns is what makes energies
cheap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bump:
    """``weight · exp(-|f - centre|² / (2 width²))``.

    Attributes:
        weight: at the centre.
        centre: frequency along rows and along columns, in cycles a pixel.
        width: standard deviation, in cycles a pixel.
    """

    weight: float
    width: float
    centre: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A filter that is real and even, so that its template is too.

    Attributes:
        name: e.g. "dog-3", "gabor-0.0469-72".
        bumps: what it is the sum of; a bump off the origin comes with its mirror image.
    """

    name: str
    bumps: tuple[Bump, ...]


def dense_dog() -> tuple[Channel, ...]:
    """Ten dense differences of Gaussians (Abbey & Barrett, J Opt Soc Am A 2001;18:473).

    Channel j = 1 … 10 is ``exp(-ρ²/(2 (Q σ_j)²)) - exp(-ρ²/(2 σ_j²))`` with Q = 1.67 and
    ``σ_j = 0.005 · 1.4^(j-1)`` cycles a pixel. They do not tell orientations apart, and the finest
    is greatest near 0.13 cycles a pixel: structure of one or two pixels is seen by its tail only.
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
    """Twenty even Gabor channels: four octaves up to ¼ cycle a pixel, five orientations.

    The octaves are those of Eckstein, Abbey & Bochud (Handbook of Medical Imaging 2000;1:593) and
    Wunderlich & Noo (IEEE EMBC 2008:2705): centred at 3/128 … 3/16 cycles a pixel, the Gaussian
    as wide at half its height as the octave. Energies do not tell phases apart, so odd channels
    would say the same.
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
