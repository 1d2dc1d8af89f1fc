"""Dermatoscopic pictures of synthetic skin lesions: three classes that overlap.

The classes imitate what a reader looks at (asymmetry, border, colour, structure). They are drawn
from parameters, not from patients, and nothing about real lesions follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from plexor.cases.intensity import Intensity
from plexor.cases.phantoms.phantom import Field, Phantom, grid, soft, texture, turned

NAEVUS, MELANOMA, KERATOSIS = "naevus", "melanoma", "keratosis"
LABELS = (NAEVUS, MELANOMA, KERATOSIS)

# Per class the mean of each trait on its scale from 0 to 1; the deviation is LesionConfig.spread.
_TRAITS: dict[str, dict[str, float]] = {
    NAEVUS: {"asymmetry": 0.20, "border": 0.20, "colours": 0.20, "rim": 0.35, "waxy": 0.15},
    MELANOMA: {"asymmetry": 0.70, "border": 0.60, "colours": 0.70, "rim": 0.45, "waxy": 0.20},
    KERATOSIS: {"asymmetry": 0.35, "border": 0.50, "colours": 0.30, "rim": 0.80, "waxy": 0.70},
}
# How much a unit of pigment and of blood takes from red, green and blue: brown and pink.
_MELANIN = np.array([0.62, 1.00, 1.40], dtype=np.float32)[:, None, None]
_BLOOD = np.array([0.06, 0.85, 0.62], dtype=np.float32)[:, None, None]
_VEIL = np.array([0.46, 0.47, 0.56], dtype=np.float32)[:, None, None]
_HAIR = np.array([0.16, 0.10, 0.07], dtype=np.float32)[:, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionConfig:
    """Appearance of a picture, and overlap of the classes.

    Attributes:
        height: pixels.
        width: pixels.
        spread: standard deviation of each trait within a class; more makes the task harder.
        hair: probability that a picture has hairs.
        vignette: probability that its corners are dark.
    """

    height: int = 96
    width: int = 96
    spread: float = 0.18
    hair: float = 0.4
    vignette: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A lesion and the skin around it, shared by all its pictures; traits run from 0 to 1."""

    label: str
    asymmetry: float
    border: float
    colours: float
    rim: float
    waxy: float
    size: float
    length: float
    pigment: float
    skin: float
    pink: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hair:
    """An arc: its point nearest to the origin of its own rotated frame, and its curvature."""

    degrees: float
    offset: float
    bend: float
    start: float
    end: float
    thickness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """Parameters of one picture."""

    degrees: float
    zoom: float
    shift: tuple[float, float]
    light: tuple[float, float, float]
    corners: float
    blur: float
    grain: float
    hairs: tuple[Hair, ...]
    seed: int


def draw_spot(
    generator: np.random.Generator, label: str, config: LesionConfig | None = None
) -> Spot:
    """A new lesion of this class."""
    spread = (config or LesionConfig()).spread
    of = generator.uniform
    traits = {
        name: float(np.clip(generator.normal(mean, spread), 0, 1))
        for name, mean in _TRAITS[label].items()
    }
    return Spot(
        label=label,
        **traits,
        size=of(0.38, 0.62),
        length=of(0.85, 1.18),
        pigment=of(0.8, 1.5),
        skin=of(0.06, 0.28),
        pink=of(0.25, 0.62),
        seed=int(generator.integers(2**31)),
    )


def draw_shot(generator: np.random.Generator, config: LesionConfig) -> Shot:
    """A new picture; nothing of it depends on the class."""
    of = generator.uniform
    hairy, dark = of() < config.hair, of() < config.vignette
    return Shot(
        degrees=of(0, 360),
        zoom=of(0.85, 1.2),
        shift=(generator.normal(0, 0.08), generator.normal(0, 0.08)),
        light=(of(0.92, 1.04), of(0.92, 1.04), of(0.92, 1.08)),
        corners=of(0.5, 1.0) if dark else 0.0,
        blur=of(0.002, 0.009),
        grain=of(0.006, 0.014),
        hairs=_draw_hairs(generator) if hairy else (),
        seed=int(generator.integers(2**31)),
    )


def _draw_hairs(generator: np.random.Generator) -> tuple[Hair, ...]:
    of = generator.uniform
    lie = of(0, 180)
    return tuple(
        Hair(
            degrees=generator.normal(lie, 25),
            offset=of(-1.2, 1.2),
            bend=generator.normal(0, 0.18),
            start=of(-1.8, 0.2),
            end=of(0.3, 1.8),
            thickness=of(0.008, 0.018),
        )
        for _ in range(generator.integers(2, 12))
    )


def lesion(
    generator: np.random.Generator, spot: Spot, config: LesionConfig | None = None
) -> Phantom:
    """One more picture of this lesion.

    Returns:
        Pixels (3, height, width) uint8, red, green, blue; mask ``lesion`` (1 inside); truth gives
        the lesion's traits.
    """
    config = config or LesionConfig()
    return render(spot, draw_shot(generator, config), config)


def render(spot: Spot, shot: Shot, config: LesionConfig) -> Phantom:
    """Renders a picture; the same parameters always give the same pixels."""
    plain = grid(config.height, config.width)
    u, v = turned(*plain, degrees=shot.degrees, zoom=shot.zoom, shift=shot.shift)
    colour, inside = _skin(spot, u, v)
    cover = _hairs(shot, *plain)
    colour += 0.85 * cover * (_HAIR - colour)
    away = np.hypot(*plain)
    colour *= 1 - 0.06 * away**2 - 0.9 * shot.corners * soft(away - 1.22, 0.05)
    colour *= np.array(shot.light, dtype=np.float32)[:, None, None]
    sigma = shot.blur * min(config.height, config.width)
    colour = ndimage.gaussian_filter(colour, (0, sigma, sigma))
    grains = np.random.default_rng(shot.seed).standard_normal(colour.shape, dtype=np.float32)
    colour = colour + shot.grain * grains
    return Phantom(
        pixels=np.round(np.clip(colour, 0, 1) * 255).astype(np.uint8),
        intensity=Intensity.of_integers(np.uint8),
        label=spot.label,
        truth={
            name: round(float(getattr(spot, name)), 4) for name in (*_TRAITS[spot.label], "size")
        }
        | {"hairs": len(shot.hairs)},
        masks={"lesion": (inside > 0.5).astype(np.uint8)},
    )


def _skin(spot: Spot, u: Field, v: Field) -> tuple[Field, Field]:
    """Colour (3, ...) of skin and lesion under even light, and where the lesion is, 0 to 1."""

    def pattern(layer: int, finest: float, coarsest: float) -> Field:
        return texture(spot.seed + layer, u, v, finest=finest, coarsest=coarsest)

    broad, ragged = pattern(0, 0.25, 1.2), pattern(1, 0.07, 0.35)
    net, clouds = pattern(2, 0.04, 0.10), pattern(3, 0.22, 1.2)

    away = np.hypot(u / spot.length, v * spot.length)
    depth = spot.size - away + 0.18 * spot.asymmetry * broad + 0.06 * spot.border * ragged
    inside = soft(depth, 0.042 - 0.032 * spot.rim)
    heart = np.clip(depth / spot.size, 0, 1)

    uneven = 1 + 0.45 * spot.asymmetry * np.clip(u / spot.size, -1, 1) * (1 - spot.waxy)
    uneven += 0.45 * spot.colours * clouds + 0.22 * (1 - spot.waxy) * np.abs(net) - 0.12
    dots = spot.waxy * inside * (soft(net - 1.5, 0.08) - soft(-1.6 - net, 0.08))
    pigment = inside * spot.pigment * (0.65 + 0.6 * heart) * (1 - 0.40 * spot.waxy)
    pigment = spot.skin + np.clip(pigment * np.clip(uneven, 0.15, 2.2), 0, None)
    pigment = np.clip(pigment - 0.6 * dots, 0.02, None)

    creases = 0.05 * soft(0.25 - np.abs(net), 0.1)
    blood = spot.pink * (1 + 0.05 * clouds + 0.07 * broad + creases)
    flush = 0.6 * spot.colours * np.clip(broad + 0.3 * ragged - 0.5, 0, 1)
    blood = blood * (1 - 0.45 * inside * spot.waxy) + inside * flush
    colour = 0.94 * np.exp(-_MELANIN * pigment - _BLOOD * blood)
    veil = 0.7 * inside * soft(heart - 0.2, 0.06) * soft(-clouds - 0.6, 0.25)
    veil = veil * np.clip(2 * spot.colours - 0.6, 0, 1)
    return colour + veil * (_VEIL - colour), inside


def _hairs(shot: Shot, u: Field, v: Field) -> Field:
    """Share of each pixel covered by hairs, 0 to 1."""
    cover = np.zeros_like(u)
    edge = 0.5 / (min(u.shape) / 2)
    for hair in shot.hairs:
        along, across = turned(u, v, degrees=hair.degrees, zoom=1, shift=(0, 0))
        off = np.abs(across - hair.offset - hair.bend * along**2)
        ends = soft(along - hair.start, 0.05) * soft(hair.end - along, 0.05)
        thick = max(hair.thickness, edge)
        cover = np.maximum(cover, np.clip((thick + edge - off) / (2 * edge), 0, 1) * ends)
    return cover
