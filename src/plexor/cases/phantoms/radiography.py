"""Chest films of synthetic patients, with or without an opacity and a burnt-in marker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from plexor.cases.intensity import Intensity
from plexor.cases.phantoms.chest import LABELS, Chest, anatomy, cloud
from plexor.cases.phantoms.marker import letters
from plexor.cases.phantoms.phantom import Field, Phantom, grid, turned
from plexor.core.errors import PlanError

_FILM_MM = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiographConfig:
    """Appearance of a film, and association of its marker with the opacity.

    The marker is a planted shortcut where the two probabilities of a pair differ.

    Attributes:
        height: pixels, at least 32.
        width: pixels, at least 32.
        bits: 8 (uint8), or 12 or 16 (uint16).
        marker_presence: probability of a marker on a (normal, opacity) film.
        marker_right: probability that a marker present on a (normal, opacity) film says R, not L.
        contrast: of the faintest and of the densest opacity, as shares of the film's range.
    """

    height: int = 96
    width: int = 96
    bits: Literal[8, 12, 16] = 8
    marker_presence: tuple[float, float] = (0.9, 0.9)
    marker_right: tuple[float, float] = (0.7, 0.7)
    contrast: tuple[float, float] = (0.12, 0.32)

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 32:
            raise PlanError(
                "radiograph: `height` and `width` must be at least 32 to hold a marker, "
                f"got {self.height} and {self.width}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """Parameters of one film."""

    degrees: float
    zoom: float
    shift: tuple[float, float]
    exposure: float
    gamma: float
    grain: float
    seed: int
    marker: str
    initials: str
    marker_at: tuple[float, float]


def draw_film(generator: np.random.Generator, label: str, config: RadiographConfig) -> Film:
    """A new exposure; only the marker depends on the label."""
    of = generator.uniform
    which = LABELS.index(label)
    present, right = of(), of()
    side = "R" if right < config.marker_right[which] else "L"
    return Film(
        degrees=generator.normal(0, 2),
        zoom=of(0.96, 1.06),
        shift=(generator.normal(0, 0.03), generator.normal(0, 0.03)),
        exposure=generator.normal(0, 0.03),
        gamma=of(0.85, 1.15),
        grain=of(0.010, 0.020),
        seed=int(generator.integers(2**31)),
        marker=side if present < config.marker_presence[which] else "",
        initials=str(generator.choice(("", "", "KS", "MB", "TJ", "EP"))),
        marker_at=(of(0.03, 0.10), of(0.04, 0.30)),
    )


def radiograph(
    generator: np.random.Generator, chest: Chest, config: RadiographConfig | None = None
) -> Phantom:
    """One more film of this chest.

    Returns:
        Pixels (1, height, width), greater is brighter; masks ``opacity`` and ``marker`` (1 inside);
        truth names the marker, its box in pixels, the patient's side of the opacity, its strength.
    """
    config = config or RadiographConfig()
    return render(chest, draw_film(generator, chest.label, config), config)


def render(chest: Chest, film: Film, config: RadiographConfig) -> Phantom:
    """Renders a film; the same parameters always give the same pixels."""
    u, v = turned(
        *grid(config.height, config.width), degrees=film.degrees, zoom=film.zoom, shift=film.shift
    )
    edge = 1.3 / min(config.height, config.width)
    bright, lungs = anatomy(chest, u, v, edge)
    spot = np.zeros_like(u)
    if chest.opacity is not None:
        spot = cloud(chest, chest.opacity, u, v) * np.clip(lungs * 1.2, 0, 1)
        low, high = config.contrast
        bright = bright + spot * (low + (high - low) * chest.opacity.strength)
    bright = np.clip(bright + film.exposure, 0, 1) ** film.gamma
    # Where the body lets little through, few quanta arrive: bright places are the grainier ones.
    grains = np.random.default_rng(film.seed).standard_normal(u.shape, dtype=np.float32)
    bright = bright + grains * film.grain * (0.5 + bright)
    tag, box = _marker(film, config)
    bright = np.where(tag > 0, bright + (0.98 - bright) * tag, bright)
    top = 2**config.bits - 1
    pixels = np.round(np.clip(bright, 0, 1) * top)
    return Phantom(
        pixels=pixels.astype(np.uint8 if config.bits == 8 else np.uint16)[None],
        intensity=Intensity(low=0, high=top),
        label=chest.label,
        truth=_truth(chest, film, box),
        masks={
            "opacity": (spot > 0.35).astype(np.uint8),
            "marker": (tag > 0.5).astype(np.uint8),
        },
        spacing_mm=(_FILM_MM / min(config.height, config.width),) * 2,
    )


def _marker(film: Film, config: RadiographConfig) -> tuple[Field, tuple[int, int, int, int]]:
    """The marker's ink, 0 to 1, and its box: left, top, right and bottom (exclusive)."""
    ink = np.zeros((config.height, config.width), dtype=np.float32)
    if not film.marker:
        return ink, (0, 0, 0, 0)
    dot = max(1, round(min(ink.shape) / 90))
    lines = [letters(text, dot) for text in (film.marker, film.initials) if text]
    wide = max(line.shape[1] for line in lines)
    left, top = round(film.marker_at[0] * config.width), round(film.marker_at[1] * config.height)
    if film.marker == "L":
        left = config.width - left - wide
    bottom = top
    for line in lines:
        ink[bottom : bottom + line.shape[0], left : left + line.shape[1]] = line
        bottom += line.shape[0] + 2 * dot
    return ink, (left, top, left + wide, bottom - 2 * dot)


def _truth(chest: Chest, film: Film, box: tuple[int, int, int, int]) -> dict[str, str | float]:
    spot = chest.opacity
    side = "" if spot is None else ("right" if spot.side < 0 else "left")
    return {
        "opacity_side": side,
        "opacity_strength": 0.0 if spot is None else round(spot.strength, 4),
        "marker": film.marker,
        "marker_initials": film.initials if film.marker else "",
        **dict(
            zip(("marker_left", "marker_top", "marker_right", "marker_bottom"), box, strict=True)
        ),
    }
