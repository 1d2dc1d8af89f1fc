"""Every image file that pydicom, nibabel and scikit-image ship, read as a second program reads it.

What is compared is what a stored number means and where a pixel lies: values, spacing,
orientation, position. A file that only one of the two reads says nothing and is counted.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import skimage
from pydicom.pixels.processing import apply_modality_lut

from plexor.cases import Image, read_image
from plexor.core.errors import DataError

NIFTI_1: Any = nib.Nifti1Image
AXES_OF: Any = nib.aff2axcodes

pytestmark = pytest.mark.filterwarnings("ignore")  # the files' oddities, told by every reader

FOLDERS = {
    "pydicom": Path(pydicom.__file__).parent / "data" / "test_files",
    "nibabel": Path(nib.__file__).parent / "tests" / "data",
    "skimage": Path(skimage.__file__).parent / "data",
}


def _files(package: str, *endings: str) -> list[Path]:
    found = sorted(path for path in FOLDERS[package].rglob("*") if path.is_file())
    return [path for path in found if path.name.endswith(endings) or not endings]


def _readable(paths: list[Path]) -> Iterator[tuple[Path, Image]]:
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield path, read_image(path)
            except DataError:
                continue


def _values(image: Image) -> Any:
    """In float64, as (*spatial) or (*spatial, 3)."""
    values = image.intensity.slope * image.pixels.astype(np.float64) + image.intensity.intercept
    return values[0] if len(values) == 1 else np.moveaxis(values, 0, -1)


def test_dicom_values_are_pydicoms() -> None:
    n_compared = 0
    for path, image in _readable(_files("pydicom")):
        dataset = pydicom.dcmread(path)
        found = dataset.pixel_array
        if image.pixels.shape[0] == 3:
            if str(dataset.PhotometricInterpretation) == "RGB":
                np.testing.assert_array_equal(_values(image), found, err_msg=path.name)
                n_compared += 1
            continue
        if dataset.PhotometricInterpretation == "MONOCHROME1":
            continue
        values = apply_modality_lut(found, dataset)
        np.testing.assert_allclose(_values(image), values, rtol=1e-12, err_msg=path.name)
        n_compared += 1
    assert n_compared >= 45


def test_dicom_values_and_places_are_gdcms() -> None:
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is in the extra `dev`")
    sitk.ProcessObject_GlobalWarningDisplayOff()
    n_values = n_places = 0
    for path, image in _readable(_files("pydicom")):
        try:
            volume = sitk.ReadImage(str(path))
        except RuntimeError:
            continue
        found = np.squeeze(sitk.GetArrayFromImage(volume))
        dataset = pydicom.dcmread(path)
        if image.pixels.shape[0] == 1 and dataset.PhotometricInterpretation == "MONOCHROME2":
            np.testing.assert_allclose(_values(image), found, rtol=1e-6, err_msg=path.name)
            n_values += 1
        if image.grid is not None:
            across, down = volume.GetSpacing()[:2]
            np.testing.assert_allclose(image.spacing_mm or (), (down, across), rtol=1e-5)
            direction = np.array(volume.GetDirection()).reshape(3, 3)
            lps = np.array([-1.0, -1.0, 1.0])
            axes = lps[:, None] * direction[:, [1, 0]] * (down, across)
            np.testing.assert_allclose(image.grid.axes, axes, atol=1e-5, err_msg=path.name)
            np.testing.assert_allclose(
                image.grid.origin, lps * volume.GetOrigin(), atol=1e-4, err_msg=path.name
            )
            n_places += 1
    assert n_values >= 30
    assert n_places >= 15


def test_nifti_values_and_places_are_nibabels() -> None:
    n_compared = 0
    for path, image in _readable(_files("nibabel", ".nii", ".nii.gz")):
        volume: Any = nib.load(path)
        expected = _values(image)
        found = volume.get_fdata().reshape(expected.shape)
        np.testing.assert_allclose(expected, found, rtol=1e-12, err_msg=path.name)
        assert image.spacing_mm == pytest.approx(volume.header.get_zooms()[:3])
        if image.grid is not None:
            np.testing.assert_allclose(image.grid.axes, volume.affine[:3, :3])
            np.testing.assert_allclose(image.grid.origin, volume.affine[:3, 3])
            assert image.grid.orientation == "".join(AXES_OF(volume.affine))
        n_compared += 1
    assert n_compared >= 3  # the others are series over time, or matrices


def test_nifti_values_and_places_are_itks(tmp_path: Path) -> None:
    """ITK turns x and y over and reads its array backwards; the world is one."""
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is in the extra `dev`")
    rng = np.random.default_rng(0)
    for n, (axes, dtype) in enumerate(
        itertools.product(itertools.permutations(range(3)), ("<i2", ">i2", "<u1", "<f4", "<i4"))
    ):
        voxels = rng.integers(0, 200, (3, 4, 5)).astype(dtype)
        affine = np.eye(4)
        affine[:3, :3] = np.eye(3)[:, axes] * (1.0, -2.0, 3.0)
        affine[:3, 3] = (10, -20, 30)
        volume: Any = NIFTI_1(voxels, affine)
        volume.header.set_slope_inter(0.5 + n, -3.0)
        path = tmp_path / f"{n}.nii.gz"
        volume.to_filename(path)
        image, other = read_image(path), sitk.ReadImage(str(path))
        np.testing.assert_allclose(_values(image), sitk.GetArrayFromImage(other).T, rtol=1e-5)
        assert image.grid is not None
        lps = np.array([-1.0, -1.0, 1.0])
        direction = np.array(other.GetDirection()).reshape(3, 3) * other.GetSpacing()
        np.testing.assert_allclose(image.grid.axes, lps[:, None] * direction, atol=1e-5)
        np.testing.assert_allclose(image.grid.origin, lps * other.GetOrigin(), atol=1e-5)


def test_rasters_are_what_itk_reads() -> None:
    """PNG, JPEG and TIFF decode to the same numbers in another library."""
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is in the extra `dev`")
    n_compared = 0
    for path, image in _readable(_files("skimage", ".png", ".jpg", ".tif")):
        found = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        if found.shape[-1] == 4 and found.ndim == 3:
            found = found[..., :3]  # opaque
        # Two decoders of JPEG may round an inverse transform differently, and smooth chroma.
        apart = np.abs(_values(image) - found)
        assert apart.mean() <= (0.5 if path.suffix == ".jpg" else 0), path.name
        n_compared += 1
    assert n_compared >= 10


def test_tiffs_are_what_tifffile_reads(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="tifffile comes with scikit-image")
    rng = np.random.default_rng(0)
    n_compared = 0
    for dtype, order, photometric, compression, predictor, tile in itertools.product(
        ("u1", "u2", "i2", "f4"),
        ("<", ">"),
        ("minisblack", "miniswhite", "rgb"),
        (None, "zlib", "lzw", "packbits"),
        (False, True),
        (None, (16, 16)),
    ):
        shape = (20, 24, 3) if photometric == "rgb" else (20, 24)
        pixels = rng.integers(0, 100, shape).astype(dtype)
        path = tmp_path / f"{n_compared}.tif"
        try:
            tifffile.imwrite(
                path,
                pixels,
                byteorder=order,
                photometric=photometric,
                compression=compression,
                predictor=predictor,
                tile=tile,
            )
        except (ValueError, ImportError, RuntimeError, KeyError):
            continue  # a combination that this writer has not
        try:
            image = read_image(path)
        except DataError:
            continue
        with tifffile.TiffFile(path) as file:
            found = file.pages[0].asarray()
        stored = image.pixels[0] if len(image.pixels) == 1 else np.moveaxis(image.pixels, 0, -1)
        what = f"{dtype} {order} {photometric} {compression} {predictor} {tile}"
        np.testing.assert_array_equal(stored, found, err_msg=what)
        assert (image.intensity.slope < 0) == (photometric == "miniswhite")
        n_compared += 1
    assert n_compared >= 40
