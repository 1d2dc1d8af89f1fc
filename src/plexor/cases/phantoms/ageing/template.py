"""The MNI152 template of the package nilearn, cut into tissues and regions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from plexor.cases.phantoms.ageing.norms import REGIONS
from plexor.core.errors import require

Volume = NDArray[np.float32]

_SHARPNESS = 4
"""Power to which tissue shares of the template, an average of 152 people, are raised."""
_SHELLS_MM = (2.5, 8.0, 13.0)
"""Outer ends of fluid, skull and scalp, from the surface of the template's brain."""
_ORIGIN_MM = (-98.0, -134.0, -72.0)
"""MNI coordinates of the centre of the template's first voxel, at 1 mm."""
_HIPPOCAMPUS = ((24.0, -12.0, -19.0), (27.0, -34.0, -7.0))
_HIPPOCAMPUS_RADIUS_MM = 6.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """An average young brain on a grid in RAS+ orientation.

    Attributes:
        spacing_mm: edge of a voxel.
        origin_mm: MNI coordinates of the first voxel's centre.
        fluid: share of cerebrospinal fluid in each voxel, (X, Y, Z), 0 to 1; likewise the next two.
        grey: grey matter.
        white: white matter.
        skull: bone around the brain.
        scalp: skin and fat around the bone.
        regions: region → share of each voxel that belongs to it, (X, Y, Z).
        sulci: share of each voxel that is fluid outside of the ventricles, where a brain that
            shrinks leaves room.
    """

    spacing_mm: int
    origin_mm: tuple[float, float, float]
    fluid: Volume
    grey: Volume
    white: Volume
    skull: Volume
    scalp: Volume
    regions: dict[str, Volume]
    sulci: Volume

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels to the right, forwards and upwards."""
        x, y, z = self.fluid.shape
        return x, y, z

    def millilitres(self, share: Volume) -> float:
        """The volume of voxels that hold these shares."""
        return float(share.sum(dtype=np.float64)) * self.spacing_mm**3 / 1000


@lru_cache(maxsize=2)
def template(spacing_mm: int) -> Template:
    """The template with voxels of a given size.

    Regions are approximate: planes and capsules in MNI coordinates cut the tissue maps.

    Args:
        spacing_mm: edge of a voxel, a whole number of the template's own voxels of 1 mm.

    Raises:
        MissingExtraError: nilearn, which carries the template, is not installed.
    """
    maps = {name: _read(name) for name in ("t1", "gm", "wm")}
    brain = ndimage.binary_fill_holes(maps["t1"] > 0)
    grey, white = maps["gm"] / 255, maps["wm"] / 255
    shares = np.stack([np.clip(1 - grey - white, 0, 1), grey, white]) ** _SHARPNESS
    shares = shares / shares.sum(axis=0).clip(1e-6) * brain
    fluid, grey, white = shares.astype(np.float32)
    parts = _regions(fluid, grey, white, brain)
    sulci = fluid - parts["ventricles"]
    margin = round(_SHELLS_MM[-1]) + 3  # room for the shells, which the template's box lacks

    def padded(volume: NDArray[Any]) -> Volume:
        """Means over blocks of the padded volume."""
        even = [(margin, margin + -(n + 2 * margin) % spacing_mm) for n in volume.shape]
        room = np.pad(volume.astype(np.float32), even)
        blocks = room.reshape([m for n in room.shape for m in (n // spacing_mm, spacing_mm)])
        return np.asarray(blocks.mean(axis=(1, 3, 5)))

    rim, skull, scalp = _shells(padded(brain), spacing_mm)
    corner = np.array(_ORIGIN_MM) - margin + (spacing_mm - 1) / 2
    return Template(
        spacing_mm=spacing_mm,
        origin_mm=(float(corner[0]), float(corner[1]), float(corner[2])),
        fluid=padded(fluid) + rim,
        grey=padded(grey),
        white=padded(white),
        skull=skull,
        scalp=scalp,
        regions={name: padded(part) for name, part in parts.items()},
        sulci=padded(sulci) + rim,
    )


def _shells(brain: Volume, spacing_mm: int) -> tuple[Volume, ...]:
    """Shares of fluid, skull and scalp in layers around the brain, which fill what it leaves."""
    outside = ndimage.distance_transform_edt(brain < 0.5) * spacing_mm - spacing_mm / 2
    edges = [np.clip(0.5 + (end - outside) / spacing_mm, 0, 1) for end in _SHELLS_MM]
    within = [brain, *(np.maximum(edge, brain) for edge in edges)]
    return tuple((after - before).astype(np.float32) for before, after in pairwise(within))


def _read(name: str) -> NDArray[np.float32]:
    """One of the template's three maps, at 1 mm, RAS+."""
    require("nilearn")
    import nibabel as nib
    import nilearn

    folder = Path(nilearn.__file__).parent / "datasets" / "data"
    image: Any = nib.load(folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")
    return np.asarray(image.dataobj, dtype=np.float32)


def _regions(
    fluid: Volume, grey: Volume, white: Volume, brain: NDArray[np.bool_]
) -> dict[str, Volume]:
    """Shares of the regions, at 1 mm."""
    x, y, z = np.meshgrid(
        *(
            np.arange(n, dtype=np.float32) + first
            for n, first in zip(brain.shape, _ORIGIN_MM, strict=True)
        ),
        indexing="ij",
        sparse=True,
    )
    side = np.abs(x)
    depth = 2 * ndimage.distance_transform_edt(brain[::2, ::2, ::2])
    depth = depth.repeat(2, 0).repeat(2, 1).repeat(2, 2)[tuple(slice(n) for n in brain.shape)]
    deep = (fluid > 0.5) & (depth > 18) & (side < 40) & (y > -60) & (y < 40) & (z > -25) & (z < 35)
    numbers, _ = ndimage.label(deep)
    largest = np.bincount(numbers.ravel())[1:].argsort()[::-1][:3] + 1
    ventricles = ndimage.binary_dilation(np.isin(numbers, largest), iterations=2)
    cerebellum = (z < -8 + 0.35 * (y + 45) - 0.25 * side) & (y < -36)
    stem = (side < 16) & (y > -48) & (z < -10)
    start, end = (np.array(point) for point in _HIPPOCAMPUS)
    hippocampi = (_near_segment(side, y, z, start, end) < _HIPPOCAMPUS_RADIUS_MM) & ~cerebellum
    central = y > -8 - 0.45 * (z - 20)
    temporal = (z < 8 - 0.35 * (y + 20)) & (side > 18) & (y < 22) & (y > -68) & ~cerebellum
    lobes = {
        "temporal_grey": temporal,
        "occipital_grey": (y <= -72 + 0.1 * z) & ~temporal,
    }
    lobes["frontal_grey"] = central & ~temporal & ~lobes["occipital_grey"]
    lobes["parietal_grey"] = ~central & ~temporal & ~lobes["occipital_grey"]
    cortex = grey * ~(cerebellum | stem | hippocampi)
    parts = {
        "ventricles": fluid * ventricles,
        "hippocampi": grey * hippocampi,
        **{name: cortex * lobe for name, lobe in lobes.items()},
        "white_matter": white * ~(cerebellum | stem),
        "cerebellum": (grey + white) * cerebellum,
    }
    return {name: parts[name].astype(np.float32) for name in REGIONS}


def _near_segment(
    x: NDArray[Any],
    y: NDArray[Any],
    z: NDArray[Any],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
) -> NDArray[Any]:
    """Distance in mm of each voxel to a straight line between two points."""
    along = end - start
    dx, dy, dz = x - start[0], y - start[1], z - start[2]
    share = np.clip((along[0] * dx + along[1] * dy + along[2] * dz) / (along @ along), 0, 1)
    ahead = [one - length * share for one, length in zip((dx, dy, dz), along, strict=True)]
    return np.asarray(np.sqrt(ahead[0] ** 2 + ahead[1] ** 2 + ahead[2] ** 2))
