"""The anatomy of a synthetic chest: brightness of a film at each point.

Coordinates: the shorter side of the film runs from -1 to 1, ``u`` to the right of the image, ``v``
downwards; ``side`` is -1 for the patient's right, which a film shows on the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plexor.cases.phantoms.phantom import Field, soft, texture

NORMAL, OPACITY = "normal", "opacity"
LABELS = (NORMAL, OPACITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opacity:
    """A consolidation; its position is given as shares of the lung's height and width."""

    side: int
    down: float
    out: float
    radius: float
    flatness: float
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chest:
    """A patient's anatomy, shared by all films of the patient."""

    body: float
    lung: float
    apex: float
    diaphragm: float
    heart: float
    heart_out: float
    rib_distance: float
    rib_start: float
    rib_fall: float
    bone: float
    vessels: float
    seed: int
    opacity: Opacity | None

    @property
    def label(self) -> str:
        """The class of every film of this chest."""
        return NORMAL if self.opacity is None else OPACITY


def draw_chest(generator: np.random.Generator, label: str) -> Chest:
    """A new patient, with an opacity if ``label`` says so."""
    of = generator.uniform
    opacity = Opacity(
        side=int(generator.choice((-1, 1))),
        down=of(0.25, 0.85),
        out=of(0.3, 0.75),
        radius=of(0.10, 0.24),
        flatness=of(0.7, 1.2),
        strength=of(0, 1),
    )
    return Chest(
        body=of(0.86, 0.98),
        lung=of(0.64, 0.74),
        apex=of(-0.80, -0.70),
        diaphragm=of(0.34, 0.52),
        heart=of(0.25, 0.36),
        heart_out=of(0.08, 0.16),
        rib_distance=of(0.155, 0.185),
        rib_start=of(-0.75, -0.65),
        rib_fall=of(0.16, 0.32),
        bone=of(0.8, 1.2),
        vessels=of(0.7, 1.3),
        seed=int(generator.integers(2**31)),
        opacity=opacity if label == OPACITY else None,
    )


def _wall(chest: Chest, v: Field) -> Field:
    """Half width of the rib cage at each height: a vault from the apex down."""
    widest = 0.30
    rise = np.clip((widest - v) / (widest - chest.apex), 0, 1)
    wall: Field = chest.lung * np.sqrt(np.maximum(1 - rise**2.6, 0)) + 0.03 * np.clip(v, 0, 1)
    return wall


def anatomy(chest: Chest, u: Field, v: Field, edge: float) -> tuple[Field, Field]:
    """Brightness of the film without noise, and share of lung at each point."""
    out = np.abs(u)
    wall = _wall(chest, v)
    neck = 0.24 + 0.05 * np.clip(-v - 0.8, 0, 1)
    shoulder = soft(v + 0.83 - 0.12 * out, 0.035)
    half = neck + (chest.body - neck) * shoulder + 0.25 * np.exp(-(((v + 0.45) / 0.22) ** 2))
    thick = np.sqrt(np.clip(1 - (out / half) ** 2, 0, 1))
    body = 0.30 * soft(half - out, 2 * edge) + 0.36 * thick

    dome = chest.diaphragm + 0.05 * np.clip(u / 0.2, -1, 1) + 0.9 * np.clip(out - 0.40, 0, 1) ** 2
    dome = dome + 0.35 * np.clip(0.40 - out, 0, 1) ** 2
    lungs = soft(wall - out, 0.016) * soft(out - 0.11, 0.03) * soft(dome - v, 0.014)
    heart = _heart(chest, u, v)
    lungs = lungs * (1 - 0.85 * heart)
    air = lungs * np.sqrt(np.clip(1 - (out / (wall + 0.12)) ** 2, 0.15, 1))

    belly = soft(v - dome, 0.02) * soft(wall + 0.08 - out, 0.03)
    bubble = np.exp(-(((u - 0.42) / 0.15) ** 2) - ((v - dome - 0.17) / 0.07) ** 2)
    windpipe = soft(0.055 - np.abs(u + 0.01), 0.012) * soft(-0.28 - v, 0.05)

    bright = body - 0.46 * air + lungs * _vessels(chest, u, v) + 0.10 * belly
    bright = bright - 0.13 * bubble * belly - 0.10 * windpipe + 0.07 * heart
    bright = bright + _bones(chest, u, v, wall)
    soft_tissue = texture(chest.seed + 1, u, v, finest=0.1, coarsest=0.9)
    return bright + 0.012 * soft_tissue * soft(half - out, edge), lungs


def _vessels(chest: Chest, u: Field, v: Field) -> Field:
    """Streaks that run out from each lung's root, dense there and thin at the wall."""
    x, y = np.abs(u) - 0.14, v + 0.06
    away = np.hypot(x, y) + 0.06
    turn = np.arctan2(y, x) / np.pi + np.where(u < 0, 1, -1)
    ridge = np.abs(texture(chest.seed, 0.35 * np.log(away), turn, finest=0.03, coarsest=0.12))
    streaks = 0.14 * np.clip(1 - 1.6 * ridge, 0, 1) * np.exp(-1.6 * away)
    roots: Field = streaks + 0.09 * np.exp(-((away / 0.24) ** 2))
    return chest.vessels * roots


def _heart(chest: Chest, u: Field, v: Field) -> Field:
    """Heart, great vessels and mediastinum, 0 to 1."""
    x, y = u - chest.heart_out, v - (chest.diaphragm - 0.16)
    tilted = x * 0.87 + y * 0.5, y * 0.87 - x * 0.5
    heart = soft(
        1 - np.hypot(tilted[0] / (chest.heart * 1.1), tilted[1] / (chest.heart * 0.8)), 0.05
    )
    knob = soft(1 - np.hypot((u - 0.12) / 0.09, (v + 0.36) / 0.10), 0.12)
    trunk = soft(0.125 + 0.03 * v - np.abs(u - 0.02), 0.025)
    whole: Field = 1 - (1 - heart) * (1 - knob) * (1 - trunk)
    return whole


def _bones(chest: Chest, u: Field, v: Field, wall: Field) -> Field:
    """Brightness added by ribs, clavicles, shoulder blades and spine."""
    out = np.abs(u)
    across = out / chest.lung
    cage = soft(wall + 0.035 - out, 0.012) * soft(0.55 - v, 0.10)
    behind = v - chest.rib_start + 0.10 * across - chest.rib_fall * across**2.2
    front = v - chest.rib_start + 0.55 * across - 0.42
    ribs = 0.085 * _bars(behind / chest.rib_distance, 0.21) * soft(out - 0.08, 0.02)
    ribs += 0.045 * _bars(front / chest.rib_distance, 0.24) * soft(out - 0.33, 0.05)
    rim = 0.07 * np.exp(-(((wall + 0.02 - out) / 0.025) ** 2)) * soft(0.75 - v, 0.05)

    discs = 0.5 + 0.5 * np.cos(2 * np.pi * v / 0.145)
    spine = soft(0.085 - out, 0.012) * (0.03 + 0.05 * discs) + 0.03 * np.exp(-((u / 0.05) ** 2))
    collar = v - chest.apex - 0.26 + 0.30 * out + 0.05 * np.sin(5 * out)
    clavicle = soft(0.034 - np.abs(collar), 0.008) * soft(out - 0.09, 0.02) * soft(0.85 - out, 0.03)
    blade = soft(out - 0.60 - 0.12 * (v + 0.3), 0.02) * soft(0.15 - v, 0.05) * soft(v + 0.62, 0.05)
    bone: Field = cage * ribs + rim + spine + 0.10 * clavicle + 0.04 * blade
    return chest.bone * bone


def _bars(phase: Field, half: float) -> Field:
    """One bar per unit of phase, from the first on, with a brighter rim as cortical bone has."""
    off = np.abs(phase - np.round(phase))
    bar = soft(half - off, 0.03) * soft(phase + 0.5, 0.05)
    bars: Field = bar * (0.65 + 0.35 * np.clip(off / half, 0, 1) ** 2)
    return bars


def cloud(chest: Chest, spot: Opacity, u: Field, v: Field) -> Field:
    """A patchy cloud, at most 1."""
    top, bottom = chest.apex + 0.08, chest.diaphragm
    y = top + (bottom - top) * spot.down
    x = 0.15 + (float(_wall(chest, np.array([y]))[0]) - 0.15) * spot.out
    away = np.hypot((u - spot.side * x) / spot.radius, (v - y) / (spot.radius * spot.flatness))
    patches = texture(chest.seed + 2, u, v, finest=0.05, coarsest=0.3)
    cloud: Field = np.exp(-0.8 * away**2) * np.clip(1 + 0.25 * patches, 0, 2)
    return np.clip(cloud, 0, 1)
