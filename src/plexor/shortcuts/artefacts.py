"""Drawn artefacts of dermatoscopy: a ruler, ink, hairs, bubbles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from plexor.cases import Image
from plexor.core.errors import PlanError
from plexor.shortcuts.drawing import Colour, absorb, arc, shine, stroke
from plexor.shortcuts.shortcut import Change, canvas

_VIOLET: Colour = (0.45, 0.32, 0.62)
"""Approximately gentian violet on skin, as in HAM10000."""
_BROWN: Colour = (0.22, 0.15, 0.12)
_BLACK: Colour = (0.1, 0.1, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruler:
    """A scale along one side of the image: a line with ticks, every fifth longer.

    Attributes:
        side: the side of the image along which it lies.
        length: as a share of that side.
        ticks: number of divisions.
    """

    side: Literal["bottom", "top", "left", "right"] = "bottom"
    length: float = 0.8
    ticks: int = 20

    def __post_init__(self) -> None:
        _check_share("ruler: length", self.length)
        _check_count("ruler: ticks", self.ticks)

    def __call__(self, image: Image, *, rng: np.random.Generator) -> Change:
        """Draws the ruler in black, at a position that varies a little between cases."""
        cover = np.zeros(canvas(image))
        # Drawn at the bottom of a view of the image that is turned to the side wanted.
        view = {
            "bottom": cover,
            "top": cover[::-1],
            "right": cover.T,
            "left": cover.T[::-1],
        }[self.side]
        height, width = view.shape
        length, tick = self.length * width, 0.035 * min(height, width)
        left = (width - length) * rng.uniform(0.2, 0.8)
        floor = height - tick * rng.uniform(0.5, 1.5)
        thickness = max(1.0, 0.004 * width)
        stroke(view, np.array([[floor, left], [floor, left + length]]), thickness)
        for i in range(self.ticks + 1):
            x = left + length * i / self.ticks
            up = tick * (1.6 if i % 5 == 0 else 1.0)
            stroke(view, np.array([[floor, x], [floor - up, x]]), thickness)
        return absorb(image, cover, _BLACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """Two arcs of a violet pen around the middle, as a lesion is marked before excision.

    Attributes:
        radius: of the circle, as a share of the image's short side.
        width: of the line, as a share of the image's short side.
    """

    radius: float = 0.44
    width: float = 0.06

    def __post_init__(self) -> None:
        _check_share("ink: radius", self.radius)
        _check_share("ink: width", self.width)

    def __call__(self, image: Image, *, rng: np.random.Generator) -> Change:
        """Draws two opposite arcs with streaks, at an angle drawn for the case."""
        cover = np.zeros(canvas(image))
        height, width = cover.shape
        short, start = min(height, width), rng.uniform(0, np.pi)
        for turn in (0, np.pi):
            extent = rng.uniform(0.9, 1.4)
            path = arc((height / 2, width / 2), self.radius * short, start + turn, extent)
            stroke(cover, path, self.width * short)
        streaks = ndimage.gaussian_filter(rng.uniform(size=cover.shape), 0.01 * short)
        streaks = (streaks - streaks.min()) / max(np.ptp(streaks), 1e-12)
        return absorb(image, cover * (0.4 + 0.6 * streaks), _VIOLET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hairs:
    """Dark hairs across the image, all in about one direction.

    Attributes:
        count: number of hairs.
        width: of a hair, as a share of the image's short side.
    """

    count: int = 12
    width: float = 0.008

    def __post_init__(self) -> None:
        _check_count("hairs: count", self.count)
        _check_share("hairs: width", self.width)

    def __call__(self, image: Image, *, rng: np.random.Generator) -> Change:
        """Draws hairs that are slightly curved and thinner towards the tip."""
        cover = np.zeros(canvas(image))
        size = np.array(cover.shape, dtype=float)
        short, direction = size.min(), rng.uniform(0, np.pi)
        share = np.linspace(0, 1, 24)[:, None]
        for _ in range(self.count):
            angle = direction + rng.normal(0, 0.25)
            ahead = np.array([np.sin(angle), np.cos(angle)]) * short * rng.uniform(0.3, 0.9)
            root = rng.uniform(0, 1, 2) * size - ahead / 2
            bend = np.array([-ahead[1], ahead[0]]) * rng.normal(0, 0.2)
            path = root + share * ahead + 4 * share * (1 - share) * bend
            stroke(cover, path[:16], self.width * short)
            stroke(cover, path[15:], self.width * short / 2)
        return absorb(image, cover, _BROWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubbles:
    """Air in the gel between lens and skin: a dark rim with a highlight.

    Attributes:
        count: number of bubbles.
        radius: of the largest, as a share of the image's short side.
    """

    count: int = 10
    radius: float = 0.05

    def __post_init__(self) -> None:
        _check_count("bubbles: count", self.count)
        _check_share("bubbles: radius", self.radius)

    def __call__(self, image: Image, *, rng: np.random.Generator) -> Change:
        """Draws bubbles anywhere, with radii down to a fifth of the largest."""
        rims = np.zeros(canvas(image))
        lights = np.zeros_like(rims)
        height, width = rims.shape
        for _ in range(self.count):
            radius = self.radius * min(height, width) * rng.uniform(0.2, 1)
            centre = (rng.uniform(0, height), rng.uniform(0, width))
            stroke(rims, arc(centre, radius, 0, 2 * np.pi), max(1.0, 0.15 * radius))
            stroke(lights, arc(centre, 0.65 * radius, -2.6, 0.9), max(1.0, 0.2 * radius))
        dark = absorb(image, 0.6 * rims, _BLACK)
        return dark + shine(image, np.where(rims > 0, 0, 0.8 * lights))


def _check_share(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise PlanError(f"{name} is a share of the image, more than 0 and at most 1, got {value}")


def _check_count(name: str, value: int) -> None:
    if value < 1:
        raise PlanError(f"{name}: at least 1, got {value}")
