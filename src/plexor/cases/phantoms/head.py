"""The anatomy of a synthetic head: the share of each tissue at each point.

Coordinates are millimetres: x to the subject's right, y forwards, z upwards, with the origin near
the anterior commissure. A ``depth`` is the distance to a surface, positive inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from plexor.cases.phantoms.phantom import Field, noise, soft

BRIGHTNESS = {
    "air": 0.0,
    "scalp": 0.85,
    "muscle": 0.42,
    "eyes": 0.16,
    "skull": 0.06,
    "csf": 0.16,
    "cortex": 0.62,
    "white_matter": 1.0,
    "deep_grey": 0.78,
    "hippocampi": 0.66,
    "cerebellar_cortex": 0.64,
    "cerebellar_white_matter": 0.95,
    "brainstem": 0.95,
    "third_ventricle": 0.14,
    "lateral_ventricle_left": 0.14,
    "lateral_ventricle_right": 0.14,
}
"""Every tissue, and how bright it is on a T1-weighted scan of a young brain; those from "csf" on
lie in the cranial cavity."""

TISSUES = tuple(BRIGHTNESS)
"""What a voxel can be; the mask ``tissues`` holds the place in this tuple."""

# The lateral ventricle of one side, front to back and down into the temporal lobe: x, y, z, radius.
_VENTRICLE = (
    (9.0, 32.0, 10.0, 2.6),
    (10.0, 18.0, 17.0, 3.4),
    (12.0, -4.0, 22.0, 3.4),
    (17.0, -26.0, 20.0, 3.6),
    (26.0, -42.0, 8.0, 4.2),
    (33.0, -26.0, -9.0, 2.0),
    (33.0, -10.0, -18.0, 1.6),
)
_OCCIPITAL_HORN = ((26.0, -42.0, 8.0, 3.8), (24.0, -64.0, 4.0, 1.8))
_HIPPOCAMPUS = ((24.0, -12.0, -19.0, 5.5), (27.0, -34.0, -7.0, 4.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A person: sizes in mm, scales around 1."""

    age: float
    scale: tuple[float, float, float]
    ventricles: float
    tilt: float
    gap: float
    sulci: float
    cortex: float
    hippocampi: float
    white: float
    seed: int


def tissues(head: Head, x: Field, y: Field, z: Field, *, edge: float) -> NDArray[np.float32]:
    """Share of each tissue in each voxel, (tissues, X, Y, Z); the shares add up to 1.

    Args:
        head: the person.
        x: position of each voxel in mm, in a head of standard size.
        y: likewise.
        z: likewise.
        edge: softness of borders, in mm; about an eighth of a voxel.
    """
    out = np.abs(x)
    cerebrum, small, stem = _brain(out, y, z)
    cavity = np.maximum(np.maximum(cerebrum, small), stem)
    pia = _cortex(head, cerebrum, (x, y, z))
    leaf = _leaves(head, small, y, z)
    neck = 52 - np.hypot(x, 0.85 * (y + 22)) + np.clip(0.3 * (-60 - z), -60, 0)
    face = _joined(_ellipsoid(x, y, z, (0, 30, -50), (58, 56, 66)), 62 - np.abs(y - 20))
    flesh = np.maximum(np.minimum(neck, -30 - z), face)
    nose = np.maximum(
        _ellipsoid(out, y, z, (5, 54, -44), (4, 24, 15)),
        _ellipsoid(x, y, z, (0, 8, -66), (9, 6, 34)),
    )

    parts = np.zeros((len(TISSUES), *x.shape), dtype=np.float32)
    parts[0] = 1
    for tissue, depth in (
        ("scalp", np.maximum(cavity + 14, flesh)),
        ("muscle", flesh - 6),
        ("air", nose),
        ("eyes", _ellipsoid(out, y, z, (31, 64, -28), (12, 12, 12))),
        ("skull", cavity + 8),
        ("csf", cavity),
        ("cerebellar_cortex", leaf),
        ("cerebellar_white_matter", leaf - 2.4),
        ("cortex", pia),
        ("white_matter", pia - head.cortex),
        ("brainstem", stem - 2),
        *_deep(head, x, y, z),
    ):
        cover = soft(depth, edge)
        parts *= 1 - cover
        parts[TISSUES.index(tissue)] += cover
    return parts


def _brain(out: Field, y: Field, z: Field) -> tuple[Field, Field, Field]:
    """Depths within cerebrum, cerebellum and brainstem as they fill the skull, unfolded."""
    vault = _ellipsoid(out, y, z, (0, -17, 10), (69, 89, 67))
    temporal = _ellipsoid(out, y, z, (40, -2, -18), (26, 46, 24))
    cerebrum = np.maximum(_joined(vault, z + 20 + 0.12 * y), temporal)
    small = _ellipsoid(out, y, z, (0, -60, -34), (54, 38, 30))
    pons = _ellipsoid(out, y, z, (0, -18, -28), (19, 15, 16))
    stem = _tube(out, y, z, ((0, -20, -8, 15), (0, -28, -50, 12), (0, -40, -95, 9)))
    return cerebrum, small, np.maximum(stem, pons)


def _cortex(head: Head, cerebrum: Field, place: tuple[Field, Field, Field]) -> Field:
    """Depth below the folded surface of the cerebrum."""
    x, y, z = place
    depth = cerebrum - head.gap
    callosum = _ellipsoid(x, y, z, (0, -10, 4), (30, 44, 24))
    falx = np.abs(x + 2 * np.sin(y / 17) * np.cos(z / 13)) - 0.5
    fissure = falx + np.clip(callosum, 0, None)
    sulci = _sheets(head.seed, place) + np.clip(depth - 20, 0, None)
    pia: Field = np.minimum(np.minimum(depth, fissure), sulci) - head.sulci
    return pia


def _leaves(head: Head, small: Field, y: Field, z: Field) -> Field:
    """Depth below the surface of the cerebellum, whose leaves fan out from its root."""
    away, turn = np.hypot(y + 40, z + 34), np.arctan2(z + 34, -y - 40) * 3.2
    cleft = away / 3.2 * np.abs(turn - np.round(turn)) + np.clip(small - 16, 0, None)
    leaf: Field = np.minimum(small - 2 - 0.5 * head.gap, cleft) - 0.3 * head.sulci
    return leaf


def _deep(head: Head, x: Field, y: Field, z: Field) -> tuple[tuple[str, Field], ...]:
    """Structures inside the white matter, in the order in which they are laid over it."""
    out = np.abs(x)
    thalamus = _ellipsoid(out, y, z, (11, -18, 8), (9, 15, 9))
    lentiform = _ellipsoid(out, y, z, (24, 2, 2), (7, 18, 10))
    caudate = _tube(out, y, z, ((12, 18, 8, 5), (15, 2, 17, 4), (19, -18, 17, 2.5)))
    grey = np.maximum(np.maximum(thalamus, lentiform), caudate)
    wide = head.ventricles
    horns = np.maximum(_tube(out, y, z, _VENTRICLE, wide), _tube(out, y, z, _OCCIPITAL_HORN, wide))
    slit = _ellipsoid(x, y, z, (0, -14, 2), (1.6 * wide, 14, 11))
    return (
        ("deep_grey", grey),
        ("hippocampi", _tube(out, y, z, _HIPPOCAMPUS, head.hippocampi)),
        ("third_ventricle", slit),
        ("lateral_ventricle_left", np.minimum(horns - head.tilt, -x)),
        ("lateral_ventricle_right", np.minimum(horns + head.tilt, x)),
    )


def _ellipsoid(
    x: Field, y: Field, z: Field, centre: tuple[float, ...], radii: tuple[float, ...]
) -> Field:
    """Depth within an ellipsoid, right to first order at its surface."""
    offsets = [axis - np.float32(middle) for axis, middle in zip((x, y, z), centre, strict=True)]
    level = np.sqrt(sum((o / np.float32(r)) ** 2 for o, r in zip(offsets, radii, strict=True)))
    slope = np.sqrt(sum((o / np.float32(r * r)) ** 2 for o, r in zip(offsets, radii, strict=True)))
    depth: Field = level * (1 - level) / np.maximum(slope, 1e-3)
    return np.where(level < 0.1, np.float32(min(radii)), depth)


def _tube(
    x: Field, y: Field, z: Field, points: tuple[tuple[float, ...], ...], wide: float = 1.0
) -> Field:
    """Depth within a chain of rounded cones; points are x, y, z, radius, radii times ``wide``."""
    deepest = np.full(x.shape, -np.inf, dtype=np.float32)
    for one, other in pairwise(points):
        start, way = np.array(one[:3]), np.subtract(other[:3], one[:3])
        offsets = [axis - np.float32(s) for axis, s in zip((x, y, z), start, strict=True)]
        along = sum(o * np.float32(w) for o, w in zip(offsets, way / (way @ way), strict=True))
        along = np.clip(along, 0, 1)
        square = sum((o - along * np.float32(w)) ** 2 for o, w in zip(offsets, way, strict=True))
        radius = wide * (one[3] + along * (other[3] - one[3]))
        deepest = np.maximum(deepest, radius - np.sqrt(square))
    return deepest


def _joined(one: Field, other: Field) -> Field:
    """Depth within both, with the edge where they meet rounded off."""
    both: Field = -5 * np.logaddexp(-one / 5, -other / 5)
    return both


def _sheets(seed: int, place: tuple[Field, Field, Field]) -> Field:
    """Distance in mm to a labyrinth of sheets about 15 mm apart, along which sulci run."""
    cell = 4.0
    field = noise(seed, (64, 64, 64), 23 / cell, 40 / cell)
    steep = np.sqrt(sum(g**2 for g in np.gradient(field, cell)))
    distance = np.abs(field) / (steep + 0.3 * steep.mean())
    where = np.stack(place) / np.float32(cell)
    found: Field = ndimage.map_coordinates(distance, where, order=1, mode="grid-wrap")
    return found
