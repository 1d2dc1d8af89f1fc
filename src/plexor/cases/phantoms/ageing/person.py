"""A made-up person whose brain has aged, and scans of that person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from plexor.cases.intensity import Intensity
from plexor.cases.phantoms.ageing.deformation import fitted, sampled, smooth_velocity
from plexor.cases.phantoms.ageing.norms import CAVITY_ML, REGIONS, SPREAD, log_ratios
from plexor.cases.phantoms.ageing.template import Template, template
from plexor.cases.phantoms.phantom import Phantom, noise
from plexor.core.errors import PlanError

_TEMPLATE_CAVITY_ML = 1886.0
"""Volume of the template's brain with its fluid; the template is larger than people are."""
_WOBBLE_MM, _WOBBLE_WAVELENGTH_MM = 0.8, 60.0
_SIGNAL = {"fluid": 0.18, "grey": 0.62, "white": 1.0, "skull": 0.08, "scalp": 0.85}
"""Brightness on a T1-weighted scan, in units of white matter's."""
_MOST_SPREAD = 2.5
"""Standard deviations beyond which nobody's volumes are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeingConfig:
    """What people and their scans are like.

    Attributes:
        spacing_mm: edge of a voxel, a whole number; 3 or 4 suits two processors, and 1 is the
            template's own.
        youngest: lowest age in years, 20 or more; ages are drawn uniformly.
        oldest: highest age in years, 90 or less.
        spread: differences in volumes among people of one age, as a multiple of the published
            ones; 0 makes everyone of one age alike in volume.
        n_scanners: how many scanners, each with a contrast and an offset of its own.
        grain: standard deviation of the noise in both parts of the complex signal, in units of
            white matter's brightness.
        shading: standard deviation of the log of the coil's sensitivity over the head.
    """

    spacing_mm: int = 4
    youngest: float = 20.0
    oldest: float = 90.0
    spread: float = 1.0
    n_scanners: int = 3
    grain: float = 0.02
    shading: float = 0.06

    def __post_init__(self) -> None:
        if self.spacing_mm not in range(1, 7):
            raise PlanError(
                f"ageing: `spacing_mm` must be a whole number from 1 to 6, got {self.spacing_mm}"
            )
        if not 20 <= self.youngest < self.oldest <= 90:
            raise PlanError(
                "ageing: ages must lie between 20 and 90 years, where the published volumes do, "
                f"got {self.youngest} to {self.oldest}"
            )
        if self.n_scanners < 1 or min(self.spread, self.grain, self.shading) < 0:
            raise PlanError(
                "ageing: `n_scanners` must be at least 1 and `spread`, `grain` and `shading` 0 or "
                f"more, got {self.n_scanners}, {self.spread}, {self.grain} and {self.shading}"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Person:
    """A deformed template.

    Attributes:
        age: in years.
        sex: decides the distribution of head sizes only.
        cavity_ml: intracranial volume.
        shift: displacement on the template's grid, (3, X, Y, Z), see ``Warped``.
        tissues: shares of fluid, grey and white matter on the template's grid, (3, X, Y, Z).
        volumes_ml: region → true volume, that of the deformed tissue.
    """

    age: float
    sex: Literal["F", "M"]
    cavity_ml: float
    shift: NDArray[np.float32]
    tissues: NDArray[np.float32]
    volumes_ml: dict[str, float]


def draw_person(generator: np.random.Generator, age: float, config: AgeingConfig) -> Person:
    """A new person of this age: volumes by age with published spread, a head size, a wobble."""
    sex: Literal["F", "M"] = "F" if generator.random() < 0.5 else "M"
    mean, deviation = CAVITY_ML[sex]
    cavity = mean + deviation * float(np.clip(generator.normal(), -_MOST_SPREAD, _MOST_SPREAD))
    normal = np.clip(generator.standard_normal(len(REGIONS)), -_MOST_SPREAD, _MOST_SPREAD)
    own = config.spread * np.linalg.cholesky(np.array(SPREAD)) @ normal
    wobble = smooth_velocity(
        generator,
        config.spacing_mm,
        amplitude_mm=_WOBBLE_MM,
        wavelength_mm=_WOBBLE_WAVELENGTH_MM,
    )
    warped = fitted(log_ratios(age) + own, config.spacing_mm, wobble=wobble)
    scale = cavity / _TEMPLATE_CAVITY_ML
    ml = warped.volumes * config.spacing_mm**3 / 1000 * scale
    return Person(
        age=age,
        sex=sex,
        cavity_ml=cavity,
        shift=warped.shift,
        tissues=warped.tissues,
        volumes_ml=dict(zip(REGIONS, ml.tolist(), strict=True)),
    )


def scan(generator: np.random.Generator, person: Person, config: AgeingConfig) -> Phantom:
    """One more scan of a person, in another position, on one of the scanners.

    Returns:
        Pixels (1, X, Y, Z) int16 in RAS+ orientation, arbitrary units; the label is the age in
        years; ``truth`` holds the volumes in millilitres, the sex and the scanner.
    """
    return _scan(generator, person, config)[0]


def scan_with_shares(
    generator: np.random.Generator, person: Person, config: AgeingConfig
) -> tuple[Phantom, NDArray[np.float32]]:
    """The same scan, with the true share of each voxel that each region fills.

    The template's regions pass the person's deformation and the scan's position, as its tissues do,
    so that a region's shares, times the volume of a voxel, sum to its true volume up to
    interpolation.

    Returns:
        The scan, and shares (regions + 1, X, Y, Z), 0 to 1, in the order of ``REGIONS``; the last
        is what else lies within the skull: fluid outside of the ventricles, deep grey matter and
        the brain stem.
    """
    phantom, (matrix, start) = _scan(generator, person, config)
    basis = template(config.spacing_mm)
    places = np.indices(basis.shape, dtype=np.float32) + person.shift
    regions = sampled(np.stack([basis.regions[name] for name in REGIONS]), places)
    rest = (_within_skull(basis) - regions.sum(axis=0)).clip(0)
    shares = [ndimage.affine_transform(share, matrix, start, order=1) for share in (*regions, rest)]
    return phantom, np.stack(shares).clip(0, 1).astype(np.float32)


Position = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Matrix and offset from places in a scan to places in the template, in voxels."""


def _within_skull(basis: Template) -> NDArray[np.float32]:
    return basis.fluid + basis.grey + basis.white


def _scan(
    generator: np.random.Generator, person: Person, config: AgeingConfig
) -> tuple[Phantom, Position]:
    basis = template(config.spacing_mm)
    scanner = int(generator.integers(config.n_scanners))
    own = np.random.default_rng([scanner, 7])  # a scanner's settings, the same for everyone
    contrast = {name: signal * (1 + own.normal(0, 0.05)) for name, signal in _SIGNAL.items()}
    gain = 800 * (1 + own.normal(0, 0.15)) * (1 + generator.normal(0, 0.05))
    offset = float(own.uniform(0, 15))
    drawn = np.tensordot(
        np.array([contrast["fluid"], contrast["grey"], contrast["white"]], dtype=np.float32),
        person.tissues,
        axes=1,
    )
    drawn = drawn + contrast["skull"] * basis.skull + contrast["scalp"] * basis.scalp
    size = (person.cavity_ml / _TEMPLATE_CAVITY_ML) ** (1 / 3)
    matrix, start = position = _position(generator, basis, size)
    laid = ndimage.affine_transform(drawn, matrix, start, order=1)
    signal = np.asarray(laid, dtype=np.float32)
    signal = signal * np.exp(_shading(generator, signal.shape, config))
    real, imaginary = generator.standard_normal((2, *signal.shape), dtype=np.float32) * config.grain
    magnitude = gain * np.hypot(signal + real, imaginary) + offset
    truth: dict[str, str | float] = {
        f"{name}_ml": round(ml, 3) for name, ml in person.volumes_ml.items()
    }
    truth |= {"intracranial_ml": round(person.cavity_ml, 3), "sex": person.sex}
    truth["scanner"] = f"scanner-{scanner + 1}"
    phantom = Phantom(
        pixels=np.round(magnitude).clip(0, np.iinfo(np.int16).max).astype(np.int16)[None],
        intensity=Intensity.of_integers(np.int16),
        label=round(person.age, 2),
        truth=truth,
        spacing_mm=(float(config.spacing_mm),) * 3,
    )
    return phantom, position


def _position(generator: np.random.Generator, basis: Template, size: float) -> Position:
    """The head at its own size, turned by a few degrees and shifted by a few millimetres."""
    angles = np.deg2rad(generator.normal(0, (2.0, 1.5, 2.0)))
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        plane = np.eye(3)
        plane[one, one] = plane[other, other] = np.cos(angle)
        plane[one, other], plane[other, one] = -np.sin(angle), np.sin(angle)
        turn = turn @ plane
    middle = (np.array(basis.shape) - 1) / 2
    shift = generator.normal(0, 2.0, 3) / basis.spacing_mm
    matrix = turn / size
    return matrix, middle - matrix @ (middle + shift)


def _shading(
    generator: np.random.Generator, shape: tuple[int, ...], config: AgeingConfig
) -> NDArray[np.float32]:
    """Log of the coil's sensitivity: smooth, different in every scan."""
    extent = max(shape)
    field = noise(int(generator.integers(2**31)), shape, finest=extent / 2, coarsest=extent * 2)
    return np.asarray(config.shading * field, dtype=np.float32)
