"""MetaImage and NRRD files written by SimpleITK."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray

OBLIQUE = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, -1.0)
"""Direction cosines of a volume turned about z, with slices from top to bottom; row by row."""


def itk_image(dtype: str = "i2", shape: tuple[int, ...] = (4, 5, 6)) -> Any:
    """A volume of noise, (z, y, x) as SimpleITK takes it, that lies obliquely in the patient."""
    numbers: NDArray[Any] = np.random.default_rng(7).normal(40, 30, shape).astype(dtype)
    image: Any = SimpleITK.GetImageFromArray(numbers)
    if len(shape) == 3:
        image.SetSpacing((0.5, 0.75, 2.5))
        image.SetOrigin((-12.5, 30.0, 7.0))
        image.SetDirection(OBLIQUE)
    else:
        image.SetSpacing((0.25, 0.5))
    return image


def itk_bytes(image: Any, name: str, *, compress: bool = False) -> bytes:
    """The one file that SimpleITK writes under a name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        SimpleITK.WriteImage(image, str(path), compress)
        return path.read_bytes()


@cache
def itk_files() -> dict[str, bytes]:
    """Name → file, of each kind of voxels, dimension and compression."""
    return {
        "mha": itk_bytes(itk_image("i2"), "a.mha"),
        "mha float": itk_bytes(itk_image("f4"), "a.mha"),
        "mha zlib": itk_bytes(itk_image("u1"), "a.mha", compress=True),
        "mha flat": itk_bytes(itk_image("u2", (5, 6)), "a.mha"),
        "nrrd": itk_bytes(itk_image("i2"), "a.nrrd"),
        "nrrd double": itk_bytes(itk_image("f8"), "a.nrrd"),
        "nrrd gzip": itk_bytes(itk_image("u1"), "a.nrrd", compress=True),
        "nrrd flat": itk_bytes(itk_image("u2", (5, 6)), "a.nrrd"),
    }
