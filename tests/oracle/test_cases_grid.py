"""Masks are laid where they lie in the patient, with the values that their headers give."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from tests.helpers.enhanced import WORDS, written

from plexor.cases import Case, Image, read_case
from plexor.cases.formats import read_mask
from plexor.cases.grid import Grid
from plexor.core.errors import DataError

NIFTI_1: Any = nib.Nifti1Image
AXES_OF: Any = nib.aff2axcodes

SHAPE = (5, 6, 7)
AFFINE = np.array([[0.9, 0.1, 0, -7], [-0.1, 0.9, 0, 5], [0, 0, 2.5, 11], [0, 0, 0, 1]])
VOXELS = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
LESION = (VOXELS % 11 == 3).astype(np.uint8)


def _nifti(path: Path, voxels: Any, affine: Any = AFFINE, dtype: Any = None) -> Path:
    volume: Any = NIFTI_1(voxels, affine)
    if dtype is not None:
        volume.set_data_dtype(dtype)
    volume.to_filename(path)
    return path


def _case(folder: Path, mask: Path, image: Path | None = None) -> Image:
    path = _nifti(folder / "image.nii", VOXELS) if image is None else image
    return read_case(
        Case(id="x", path=path, truth="", group="g", masks={"lesion": mask}, truth_mask=mask)
    )


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("flips", list(itertools.product((1, -1), repeat=3)), ids=str)
def test_any_order_and_direction_of_axes_is_undone(
    axes: tuple[int, ...], flips: tuple[int, ...], tmp_path: Path
) -> None:
    """nibabel, told the same reordering, gives the file; the world does not change."""
    orientation = np.array(list(zip(axes, flips, strict=True)), dtype=float)
    plain: Any = NIFTI_1(LESION, AFFINE)
    turned = plain.as_reoriented(orientation)
    turned.to_filename(tmp_path / "mask.nii")
    found = _case(tmp_path, tmp_path / "mask.nii")
    assert found.truth_mask is not None
    np.testing.assert_array_equal(found.truth_mask, LESION)
    np.testing.assert_array_equal(found.masks["lesion"], LESION > 0)


def _moved(**changes: float) -> NDArray[np.float64]:
    affine = AFFINE.copy()
    for place, value in changes.items():
        affine[int(place[1]), int(place[2])] += value
    return affine


@pytest.mark.parametrize(
    "affine",
    [_moved(a03=0.9), _moved(a22=0.5), _moved(a03=-3.0), AFFINE @ np.diag([1, 1, -1, 1])],
    ids=["one voxel away", "other spacing", "elsewhere", "mirrored about its corner"],
)
def test_a_mask_of_another_place_is_refused(affine: Any, tmp_path: Path) -> None:
    mask = _nifti(tmp_path / "mask.nii", LESION, affine)
    with pytest.raises(DataError, match="lies elsewhere in the patient") as caught:
        _case(tmp_path, mask)
    assert "\n" not in str(caught.value)


def test_rounding_of_headers_is_no_other_place(tmp_path: Path) -> None:
    mask = _nifti(tmp_path / "mask.nii", LESION, AFFINE + 1e-4)
    assert _case(tmp_path, mask).masks["lesion"].sum() == LESION.sum()


def test_a_mask_that_does_not_say_where_it_lies_is_laid_on_as_stored(tmp_path: Path) -> None:
    volume: Any = NIFTI_1(LESION, AFFINE)
    volume.set_sform(None, 0)
    volume.set_qform(None, 0)
    volume.to_filename(tmp_path / "mask.nii")
    np.testing.assert_array_equal(_case(tmp_path, tmp_path / "mask.nii").truth_mask, LESION)


def test_a_dicom_mask_is_turned_to_its_image(tmp_path: Path) -> None:
    place: dict[str, Any] = {
        "PixelSpacing": [0.5, 0.25],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "ImagePositionPatient": [10, 20, 30],
    }
    (tmp_path / "image.dcm").write_bytes(written(**place))
    lesion = (WORDS > 3000).astype(np.uint16)
    rows, columns = WORDS.shape
    turned = place | {
        "PixelSpacing": [0.25, 0.5],
        "ImageOrientationPatient": [0, -1, 0, 1, 0, 0],
        "ImagePositionPatient": [10, 20 + 0.5 * (rows - 1), 30],
    }
    # Its rows run along the image's columns, its columns backwards along the image's rows.
    (tmp_path / "mask.dcm").write_bytes(written(lesion[::-1].T.copy(), **turned))
    found = _case(tmp_path, tmp_path / "mask.dcm", tmp_path / "image.dcm")
    assert found.pixels.shape == (1, rows, columns)
    np.testing.assert_array_equal(found.masks["lesion"], lesion > 0)


def test_orientation_letters_are_nibabels() -> None:
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product((1.0, -1.0), repeat=3):
            affine = np.eye(4)
            affine[:3, :3] = np.diag(flips)[:, axes] * (1.0, 2.0, 3.0)
            grid = Grid.of_affine(affine)
            assert grid is not None
            assert grid.orientation == "".join(AXES_OF(affine))
            np.testing.assert_allclose(grid.spacing_mm, (1.0, 2.0, 3.0))


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.full((4, 4), np.nan)])
def test_an_affine_that_places_nothing_is_no_grid(affine: Any) -> None:
    assert Grid.of_affine(affine) is None


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0.0, 1.0], np.int16),
        ([0.0, 1.0], np.uint8),
        ([0.0, 1.0, 2.0, 7.0], np.int16),
        ([0.0, 103.0, 207.0], np.int16),
        ([-3.0, 0.0, 5.0], np.int16),
    ],
)
def test_scaled_masks_have_the_values_that_nibabel_gives(
    values: list[float], dtype: Any, tmp_path: Path
) -> None:
    """nibabel scales a float array that is saved as integers by itself."""
    wanted = np.random.default_rng(0).choice(values, SHAPE)
    wanted.flat[: len(values)] = values
    path = _nifti(tmp_path / "mask.nii", wanted, dtype=dtype)
    stored = np.asarray(nib.load(path).dataobj.get_unscaled())  # type: ignore[attr-defined]
    assert not np.array_equal(stored, wanted), "not scaled, so that this shows nothing"
    given = nib.load(path).get_fdata()  # type: ignore[attr-defined]
    found = read_mask(path).pixels[0]
    np.testing.assert_array_equal(found, np.rint(given))
    np.testing.assert_array_equal(found, wanted)
    covered = _case(tmp_path, path).masks["lesion"]
    np.testing.assert_array_equal(covered, wanted != 0)


def test_soft_masks_cover_all_but_zero_and_number_no_class(tmp_path: Path) -> None:
    soft = np.linspace(0, 1, LESION.size).reshape(SHAPE)
    path = _nifti(tmp_path / "mask.nii", soft, dtype=np.uint8)
    np.testing.assert_allclose(read_mask(path).pixels[0], soft, atol=1 / 255)
    image = _nifti(tmp_path / "image.nii", VOXELS)
    case = Case(id="x", path=image, truth="", group="g", masks={"lesion": path})
    assert read_case(case).masks["lesion"].sum() == (np.rint(soft * 255) > 0).sum()
    with pytest.raises(DataError, match=r"found the value 0\.0"):
        read_case(Case(id="x", path=image, truth="", group="g", truth_mask=path))


def test_a_slope_of_two_doubles_the_class(tmp_path: Path) -> None:
    path = _nifti(tmp_path / "mask.nii", LESION)
    data = bytearray(path.read_bytes())
    data[112:120] = np.array([2, 0], "<f4").tobytes()
    path.write_bytes(bytes(data))
    np.testing.assert_array_equal(read_mask(path).pixels[0], 2 * LESION)


def test_brightness_means_nothing_in_a_mask(tmp_path: Path) -> None:
    """ImageJ saves binary masks with an inverting table; what it calls 255 is the object."""
    tifffile = pytest.importorskip("tifffile", reason="tifffile comes with scikit-image")
    tifffile.imwrite(tmp_path / "mask.tif", 255 * LESION[0], photometric="miniswhite")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif").pixels[0], 255 * LESION[0])
    (tmp_path / "mask.dcm").write_bytes(
        written(LESION[0].astype(np.uint16), PhotometricInterpretation="MONOCHROME1")
    )
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.dcm").pixels[0], LESION[0])


def test_bits_and_palettes_of_a_png_mask_are_numbers(tmp_path: Path) -> None:
    numbers = (LESION[0] != 0).astype(np.uint8)
    Pillow.fromarray(255 * numbers).convert("1").save(tmp_path / "bits.png")
    indexed = Pillow.fromarray(3 * numbers)
    indexed.putpalette([0, 0, 0, 9, 9, 9, 90, 90, 90, 255, 0, 0])
    indexed.save(tmp_path / "indexed.png")
    Pillow.fromarray(7 * numbers).save(tmp_path / "grey.png")
    for name, value in (("bits", 1), ("indexed", 3), ("grey", 7)):
        np.testing.assert_array_equal(
            read_mask(tmp_path / f"{name}.png").pixels[0], value * numbers
        )
