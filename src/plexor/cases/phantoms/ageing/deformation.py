"""Smooth invertible deformations that give regions of a template the volumes asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from plexor.cases.phantoms.ageing.norms import REGIONS
from plexor.cases.phantoms.ageing.template import template

_SQUARINGS = 4
"""A velocity is integrated in 2^4 steps of less than half a voxel."""
_MOST_STEPS, _NEAR = 8, 0.02
_TRIED = 0.1
"""Amplitude at which a region's response is measured."""
_PRESENT = 0.1
"""Share of a voxel from which on it belongs to a region."""
Shifts = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warped:
    """A template after a deformation.

    Attributes:
        shift: displacement, (3, X, Y, Z) in voxels: the deformed template at x is the template at
            x plus the displacement.
        tissues: shares of fluid, grey and white matter, (3, X, Y, Z).
        volumes: of each region, in voxels, (regions,).
    """

    shift: Shifts
    tissues: Shifts
    volumes: NDArray[np.float64]


@lru_cache(maxsize=2)
def velocities(spacing_mm: int) -> Shifts:
    """One velocity field a region, (regions, 3, X, Y, Z), in voxels.

    Flowing along a region's field for unit time makes it grow e-fold, to first order, at the
    expense of the fluid in the sulci, and moves what lies between as if it were incompressible:
    the field is the gradient of a potential whose Laplacian is the region less its share of the
    sulci (a Poisson equation without flow through the walls, solved by a cosine transform).
    """
    labels = _labels(spacing_mm)
    sulci = (labels == len(REGIONS) + 1).astype(np.float64)
    fields = []
    for number in range(1, len(REGIONS) + 1):
        region = (labels == number).astype(np.float64)
        potential = _poisson(region - sulci * region.sum() / sulci.sum())
        fields.append(np.stack([np.gradient(potential, axis=axis) for axis in range(3)]))
    return np.stack(fields).astype(np.float32)


@lru_cache(maxsize=2)
def _response(spacing_mm: int) -> NDArray[np.float64]:
    """How the logs of the regions' volumes answer to each amplitude, (regions, regions)."""
    columns = []
    for field in velocities(spacing_mm):
        moved = [warp(sign * _TRIED * field, spacing_mm).volumes for sign in (1, -1)]
        columns.append(np.log(moved[0] / moved[1]) / (2 * _TRIED))
    return np.stack(columns, axis=1)


def fitted(
    log_ratios: NDArray[np.float64], spacing_mm: int, *, wobble: Shifts | None = None
) -> Warped:
    """The deformed template whose regions have nearly the volumes asked for.

    Quasi-Newton steps with the response at the template itself, until every log is within 0.02, at
    most eight.

    Args:
        log_ratios: log of each region's volume over its volume in the template, (regions,).
        spacing_mm: edge of a voxel of the template.
        wobble: a velocity that is added whatever the volumes, (3, X, Y, Z) in voxels.
    """
    fields, before = velocities(spacing_mm), _volumes_before(spacing_mm)
    inverse = np.linalg.inv(_response(spacing_mm))
    amplitudes = inverse @ log_ratios
    for _ in range(_MOST_STEPS):
        velocity = np.tensordot(amplitudes.astype(np.float32), fields, axes=1)
        found = warp(velocity if wobble is None else velocity + wobble, spacing_mm)
        missing = log_ratios - np.log(found.volumes / before)
        if np.abs(missing).max() < _NEAR:
            break
        amplitudes = amplitudes + inverse @ missing
    return found


def warp(velocity: Shifts, spacing_mm: int) -> Warped:
    """The template, deformed along a velocity, (3, X, Y, Z) in voxels.

    The displacement is the exponential of minus the velocity, by scaling and squaring (Arsigny et
    al., MICCAI 2006), so that it is smooth and invertible.
    """
    basis = template(spacing_mm)
    shift = -velocity / 2**_SQUARINGS
    places = np.indices(basis.shape, dtype=np.float32)
    for _ in range(_SQUARINGS):
        shift = shift + sampled(shift, places + shift)
    places = places + shift
    tissues = sampled(np.stack([basis.fluid, basis.grey, basis.white]), places)
    near = places[:, _near_brain(spacing_mm)]
    volumes = [
        ndimage.map_coordinates(basis.regions[name], near, order=1).sum(dtype=np.float64)
        for name in REGIONS
    ]
    return Warped(shift=shift, tissues=tissues, volumes=np.array(volumes))


def smooth_velocity(
    generator: np.random.Generator, spacing_mm: int, *, amplitude_mm: float, wavelength_mm: float
) -> Shifts:
    """A random velocity, (3, X, Y, Z) in voxels, for anatomy unlike anybody else's.

    Args:
        generator: what it is drawn from.
        spacing_mm: edge of a voxel of the template.
        amplitude_mm: standard deviation of the displacement along each axis.
        wavelength_mm: shortest wavelength.
    """
    shape = template(spacing_mm).shape
    knots = [max(2, round(n * spacing_mm * 2 / wavelength_mm)) for n in shape]
    white = generator.standard_normal((3, *knots), dtype=np.float32)
    field = np.stack(
        [ndimage.zoom(one, np.divide(shape, knots), order=3, mode="nearest") for one in white]
    )
    return np.asarray(field * (amplitude_mm / spacing_mm / field.std()), dtype=np.float32)


def sampled(volumes: Shifts, places: Shifts) -> Shifts:
    """Several volumes, (n, X, Y, Z), at places (3, ...) in voxels, linearly interpolated."""
    return np.stack(
        [ndimage.map_coordinates(volume, places, order=1, mode="nearest") for volume in volumes]
    )


@lru_cache(maxsize=2)
def _labels(spacing_mm: int) -> NDArray[np.uint8]:
    """Which region each voxel belongs to most, from 1; then the sulci; 0 for none of these."""
    basis = template(spacing_mm)
    shares = np.stack([*(basis.regions[name] for name in REGIONS), basis.sulci])
    return np.where(shares.max(axis=0) > _PRESENT, shares.argmax(axis=0) + 1, 0).astype(np.uint8)


@lru_cache(maxsize=2)
def _near_brain(spacing_mm: int) -> NDArray[np.bool_]:
    """Voxels into which a region may be moved."""
    basis = template(spacing_mm)
    somewhere = sum(basis.regions.values()) + basis.sulci > 0
    return np.asarray(ndimage.binary_dilation(somewhere, iterations=2))


@lru_cache(maxsize=2)
def _volumes_before(spacing_mm: int) -> NDArray[np.float64]:
    return warp(np.zeros_like(velocities(spacing_mm)[0]), spacing_mm).volumes


def _poisson(source: NDArray[np.float64]) -> NDArray[np.float64]:
    """The potential with that Laplacian, with no flow through the walls of the box."""
    spectrum = fft.dctn(source, type=2)
    axes = [2 * np.cos(np.pi * np.arange(n) / n) - 2 for n in source.shape]
    eigen = np.add.outer(np.add.outer(axes[0], axes[1]), axes[2])
    eigen[0, 0, 0] = 1
    spectrum /= eigen
    spectrum[0, 0, 0] = 0
    return np.asarray(fft.idctn(spectrum, type=2))
