"""A volume rewritten as a pipeline would: against nibabel, scipy and closed forms."""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from plexor.cases.formats.nifti import decode_nifti
from plexor.cases.formats.nifti_rewritten import INT16, RESAMPLED, resampled
from plexor.cases.formats.round_trip import check_round_trip
from plexor.cases.image import LOSSLESS

SHAPE = (9, 12, 7)
NIFTI_1: Any = nib.Nifti1Image


def volume(dtype: str, spacing: float = 3.0, **scaling: float) -> bytes:
    draw = np.random.default_rng(0)
    voxels = (400 + 90 * draw.standard_normal(SHAPE)).astype(dtype)
    image = NIFTI_1(voxels, np.diag([spacing, spacing, spacing, 1.0]))
    if scaling:
        image.header.set_slope_inter(scaling["slope"], scaling["inter"])
    data: bytes = image.to_bytes()
    return data


@pytest.mark.parametrize(
    ("dtype", "spacing", "names"),
    [
        ("int16", 3.0, [LOSSLESS, RESAMPLED]),
        ("int16", 1.0, [LOSSLESS]),
        ("float32", 3.0, [LOSSLESS, INT16, RESAMPLED]),
        ("float32", 1.0, [LOSSLESS, INT16]),
    ],
)
def test_a_file_has_the_containers_that_change_it(
    dtype: str, spacing: float, names: list[str]
) -> None:
    """Integers of 16 bits are in int16 and in float32 what they are in their own file."""
    image = decode_nifti(volume(dtype, spacing))
    assert list(image.containers) == names
    check_round_trip(image)


@pytest.mark.parametrize("scaling", [{}, {"slope": 0.25, "inter": -7.0}])
def test_int16_is_a_file_that_nibabel_reads(scaling: dict[str, float]) -> None:
    data = volume("float32", **scaling)
    image = decode_nifti(data)
    codec = image.containers[INT16]
    written = codec.encode(image.pixels)
    found = NIFTI_1.from_bytes(written)
    assert found.get_data_dtype() == np.int16
    values = np.asarray(NIFTI_1.from_bytes(data).dataobj)
    step = np.ptp(values) / 65535
    assert np.abs(np.asarray(found.dataobj) - values).max() <= 0.51 * step
    again = codec.decode(written)
    np.testing.assert_allclose(again, image.pixels, atol=0.51 * step / scaling.get("slope", 1.0))
    np.testing.assert_array_equal(found.affine, np.diag([3.0, 3, 3, 1]))


def by_scipy(voxels: NDArray[np.float64], spacing: int) -> NDArray[np.float64]:
    """The same by interpolation in three dimensions at once."""
    fine = [n * spacing for n in voxels.shape]
    there = np.stack(
        np.meshgrid(*(((np.arange(n) + 0.5) / spacing - 0.5) for n in fine), indexing="ij")
    )
    middle = ndimage.map_coordinates(voxels, there, order=1, mode="nearest")
    back = np.stack(
        np.meshgrid(*((np.arange(n) + 0.5) * spacing - 0.5 for n in voxels.shape), indexing="ij")
    )
    found: NDArray[np.float64] = ndimage.map_coordinates(middle, back, order=1, mode="nearest")
    return found


@pytest.mark.parametrize("spacing", [2, 3, 4])
def test_resampling_is_scipys(spacing: int) -> None:
    voxels = np.random.default_rng(1).normal(500, 90, SHAPE)
    found = resampled(voxels[None], (spacing,) * 3)[0]
    np.testing.assert_allclose(found, by_scipy(voxels, spacing), rtol=1e-12)


def test_resampling_keeps_a_ramp_inside_and_takes_a_quarter_of_a_checkerboard() -> None:
    """At 2 mm the centres lie halfway: a weight of 3/4, and 1/8 for either neighbour."""
    ramp = np.arange(10.0)[None, :, None, None] * np.ones((1, 10, 2, 2))
    np.testing.assert_allclose(resampled(ramp, (2.0, 1.0, 1.0))[:, 1:-1], ramp[:, 1:-1])
    board = (-1.0) ** np.arange(10)[None, :, None, None] * np.ones((1, 10, 2, 2))
    np.testing.assert_allclose(resampled(board, (2.0, 1.0, 1.0))[:, 1:-1], board[:, 1:-1] / 2)


def test_integers_stay_integers_within_their_range() -> None:
    voxels = np.full((1, 4, 4, 4), 255, np.uint8)
    voxels[0, 1] = 0
    found = resampled(voxels, (3.0, 3.0, 3.0))
    assert found.dtype == np.uint8
    assert found.max() == 255
