"""T1-weighted volumes of synthetic heads whose brains age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plexor.cases.intensity import Intensity
from plexor.cases.phantoms.head import BRIGHTNESS, TISSUES, Head, tissues
from plexor.cases.phantoms.phantom import Field, Phantom

_CENTRE = (0.0, -17.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrainConfig:
    """Appearance of a scan.

    Attributes:
        shape: voxels to the right, forwards and upwards.
        spacing_mm: edge of a voxel; 180 x 216 x 180 mm hold the head.
        spread: standard deviation of differences between people of one age, as a share of the
            effect of age; at 0 age can be read without error.
    """

    shape: tuple[int, int, int] = (60, 72, 60)
    spacing_mm: float = 3.0
    spread: float = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Position of the person in the scanner, and its settings."""

    degrees: tuple[float, float, float]
    shift: tuple[float, float, float]
    gain: float
    shading: float
    grain: float
    seed: int


def draw_head(
    generator: np.random.Generator, age: float, config: BrainConfig | None = None
) -> Head:
    """A new person of this age in years; 20 to 90 is what the shapes are made for."""
    spread = (config or BrainConfig()).spread
    old = (age - 20) / 70

    def aged(young: float, by_age: float, power: float = 1.0) -> float:
        own = old**power if old > 0 else old
        return young + by_age * (own + generator.normal(0, spread))

    return Head(
        age=age,
        scale=(
            1 + generator.normal(0, 0.02),
            1 + generator.normal(0, 0.02),
            1 + generator.normal(0, 0.02),
        ),
        ventricles=max(0.6, aged(1.0, 0.8, 1.2)),
        tilt=generator.normal(0, 0.06),
        gap=max(0.5, aged(1.5, 2.4)),
        sulci=max(0.1, aged(0.4, 1.1)),
        cortex=max(1.5, aged(3.3, -0.8)),
        hippocampi=max(0.5, aged(1.0, -0.25, 1.5)),
        white=aged(1.0, -0.06),
        seed=int(generator.integers(2**31)),
    )


def draw_scan(generator: np.random.Generator) -> Scan:
    """A new scan; nothing of it depends on the person."""
    of = generator.normal
    return Scan(
        degrees=(of(0, 3), of(0, 2), of(0, 3)),
        shift=(of(0, 2), of(0, 2), of(0, 2)),
        gain=generator.uniform(700, 1100),
        shading=generator.uniform(0.02, 0.08),
        grain=generator.uniform(0.012, 0.03),
        seed=int(generator.integers(2**31)),
    )


def brain(generator: np.random.Generator, head: Head, config: BrainConfig | None = None) -> Phantom:
    """One more scan of this person.

    Returns:
        Pixels (1, *shape) int16, arbitrary units; label is the age in years; truth holds the volume
        of each tissue and of the cranial cavity in millilitres, measured at this resolution;
        mask ``tissues`` numbers them as ``TISSUES`` does.
    """
    return render(head, draw_scan(generator), config or BrainConfig())


def render(head: Head, scan: Scan, config: BrainConfig) -> Phantom:
    """Renders a scan; the same parameters always give the same pixels."""
    x, y, z = _coordinates(head, scan, config)
    parts = tissues(head, x, y, z, edge=config.spacing_mm / 8)
    brightness = np.array(list(BRIGHTNESS.values()), dtype=np.float32)
    brightness[TISSUES.index("white_matter")] *= head.white
    signal = np.tensordot(brightness, parts, axes=1)
    generator = np.random.default_rng(scan.seed)
    coil = generator.normal(0, scan.shading / 90, 3)
    signal = signal * (1 + coil[0] * x + coil[1] * y + coil[2] * z)
    # A magnitude image: noise in both the real and the imaginary part (Rician).
    real, imaginary = generator.standard_normal((2, *config.shape), dtype=np.float32) * scan.grain
    pixels = np.round(scan.gain * np.hypot(signal + real, imaginary)).astype(np.int16)
    volumes = parts.sum(axis=(1, 2, 3), dtype=np.float64) * config.spacing_mm**3 / 1000
    inside = slice(TISSUES.index("csf"), None)
    truth: dict[str, str | float] = {
        f"{name}_ml": round(float(ml), 3)
        for name, ml in zip(TISSUES[inside], volumes[inside], strict=True)
    }
    truth["intracranial_ml"] = round(float(volumes[inside].sum()), 3)
    return Phantom(
        pixels=pixels[None],
        intensity=Intensity.of_integers(np.int16),
        label=round(head.age, 2),
        truth=truth,
        masks={"tissues": parts.argmax(axis=0).astype(np.uint8)},
        spacing_mm=(config.spacing_mm,) * 3,
    )


def _coordinates(head: Head, scan: Scan, config: BrainConfig) -> tuple[Field, Field, Field]:
    """Position of each voxel in the head's own frame, scaled to the standard size."""
    axes = [(np.arange(n) - (n - 1) / 2) * config.spacing_mm for n in config.shape]
    turns = np.eye(3)
    for axis, degrees in enumerate(scan.degrees):
        angle = np.deg2rad(degrees)
        one, other = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        turns = turns @ turn
    places = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
    places -= np.array(scan.shift, dtype=np.float32)[:, None, None, None]
    own = np.tensordot((turns / np.array(head.scale)[:, None]).astype(np.float32), places, axes=1)
    own += np.array(_CENTRE, dtype=np.float32)[:, None, None, None]
    return own[0], own[1], own[2]
