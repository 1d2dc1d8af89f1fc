"""What every format's images and codecs promise."""

from __future__ import annotations

import gzip
import io
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image as Pillow
from pydicom.data import get_testdata_file
from tests.helpers.itk import itk_files
from tests.helpers.series import enhanced_file, series_files

from plexor.cases import LOSSLESS, Codec, Image, decode_image, read_image
from plexor.cases.formats.dicom_series import pack
from plexor.cases.formats.nifti_rewritten import INT16
from plexor.cases.image import unpacked
from plexor.core.errors import DataError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 50), dtype=np.uint8)
RGB = RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)


def _saved(pixels: Any, kind: str) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, kind)
    return file.getvalue()


def _written(voxels: Any) -> bytes:
    kind: Any = nib.Nifti1Image
    data: bytes = kind(voxels, np.eye(4)).to_bytes()
    return data


def _volume(dtype: str) -> bytes:
    return _written(np.random.default_rng(0).normal(0, 99, (4, 5, 6)).astype(dtype))


def _dicom(name: str) -> bytes:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return Path(path).read_bytes()


FILES = {
    "png": _saved(GREY, "PNG"),
    "png rgb": _saved(RGB, "PNG"),
    "png 16": _saved(GREY.astype(np.uint16) * 257, "PNG"),
    "jpeg": _saved(GREY, "JPEG"),
    "jpeg rgb": _saved(RGB, "JPEG"),
    "tiff": _saved(GREY, "TIFF"),
    "tiff float": _saved(GREY.astype(np.float32) / 3, "TIFF"),
    "dicom": _dicom("CT_small.dcm"),
    "dicom big-endian": _dicom("MR_small_bigendian.dcm"),
    "dicom rle": _dicom("SC_rgb_rle.dcm"),
    "dicom j2k": _dicom("MR_small_jp2klossless.dcm"),
    "dicom jpeg": _dicom("SC_rgb_jpeg_dcmtk.dcm"),
    "nifti": _volume("i2"),
    "nifti float": _volume("f4"),
    "nifti gzip": gzip.compress(_volume("u1")),
    **itk_files(),
    "dicom series": pack(series_files()),
    "dicom enhanced": enhanced_file(),
}
CONTAINERS = [
    (name, container)
    for name, data in FILES.items()
    for container in decode_image(data, name).containers
]


@pytest.fixture(params=FILES)
def image(request: pytest.FixtureRequest) -> Image:
    return decode_image(FILES[request.param], request.param)


def _codec(name: str, container: str) -> tuple[Image, Codec]:
    image = decode_image(FILES[name], name)
    return image, image.containers[container]


def test_pixels_are_plain_and_guarded(image: Image) -> None:
    assert image.pixels.ndim in (3, 4)
    assert image.pixels.shape[0] in (1, 3)
    assert image.pixels.dtype.isnative
    assert image.pixels.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[...] = 0


def test_intensity_covers_the_pixels(image: Image) -> None:
    assert image.intensity.low <= image.pixels.min()
    assert image.pixels.max() <= image.intensity.high
    assert (image.intensity.quantum == 0) == (image.pixels.dtype.kind == "f")
    assert next(iter(image.containers)) == LOSSLESS


def test_storable_pixels_survive_the_lossless_container(image: Image) -> None:
    noise = np.random.default_rng(1).normal(0, 5, image.pixels.shape)
    pixels = image.storable(image.pixels.astype(np.float32) + noise.astype(np.float32))
    codec = image.containers[LOSSLESS]
    np.testing.assert_array_equal(codec.decode(codec.encode(pixels)), pixels)


@pytest.mark.parametrize(("name", "container"), CONTAINERS)
def test_a_file_is_the_same_every_time_and_after_a_journey(name: str, container: str) -> None:
    image, codec = _codec(name, container)
    data = codec.encode(image.pixels)
    travelled: Codec = pickle.loads(pickle.dumps(codec))  # noqa: S301
    assert codec.encode(image.pixels) == data == travelled.encode(image.pixels)


@pytest.mark.parametrize(("name", "container"), CONTAINERS)
def test_a_written_file_is_read_like_any_other(name: str, container: str, tmp_path: Path) -> None:
    image, codec = _codec(name, container)
    path = tmp_path / f"copy{codec.suffix}"
    path.write_bytes(codec.encode(image.pixels))
    copy = read_image(path)
    assert copy.pixels.shape == image.pixels.shape
    if container == INT16:  # another type, whose scaling gives the same values
        values = copy.pixels * copy.intensity.slope + copy.intensity.intercept
        np.testing.assert_allclose(values, codec.decode(path.read_bytes()), rtol=1e-6)
        return
    np.testing.assert_array_equal(copy.pixels, codec.decode(path.read_bytes()))
    assert copy.pixels.dtype == image.pixels.dtype
    if container == LOSSLESS or image.intensity.quantum:  # the range of floats is their own
        assert copy.intensity == image.intensity
    assert copy.spacing_mm == image.spacing_mm
    if container == LOSSLESS:
        np.testing.assert_array_equal(copy.pixels, image.pixels)


@pytest.mark.parametrize(("name", "container"), CONTAINERS)
def test_a_file_without_compression_holds_the_same_pixels(name: str, container: str) -> None:
    image, codec = _codec(name, container)
    bare = unpacked(codec)
    data = bare.encode(image.pixels)
    kept = codec.decode(codec.encode(image.pixels))
    np.testing.assert_array_equal(bare.decode(data), kept)
    assert len(data) >= len(codec.encode(image.pixels))
    if container == LOSSLESS:
        np.testing.assert_array_equal(decode_image(data, name).pixels, image.pixels)


def test_png_and_nifti_are_written_without_compression_where_it_is_asked_for() -> None:
    flat = np.zeros((1, 40, 50), np.uint8)
    bare = unpacked(decode_image(FILES["png"], "png").containers[LOSSLESS]).encode(flat)
    assert len(bare) > flat.size
    np.testing.assert_array_equal(np.asarray(Pillow.open(io.BytesIO(bare))), flat[0])
    image = decode_image(FILES["nifti gzip"], "nifti gzip")
    bare = unpacked(image.containers[LOSSLESS]).encode(image.pixels)
    found = nib.Nifti1Image.from_bytes(bare)
    np.testing.assert_array_equal(np.asarray(found.dataobj), image.pixels[0])


def test_the_ending_of_the_name_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "really_a_png.dcm"
    path.write_bytes(FILES["png"])
    assert read_image(path).containers[LOSSLESS].suffix == ".png"


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(DataError, match="cannot be read") as caught:
            read_image(path)
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: _reshaped((4, 5, 6, 2, 2)), "as channels, found shape (4, 5, 6, 2, 2)"),
        (lambda: _reshaped((4, 5)), "as channels, found shape (4, 5)"),
        (lambda: _reshaped((2, 3, 4, 65)), "up to 64 volumes as channels of one image, found 65"),
        (lambda: _typed("c8"), "found complex64"),
        (lambda: _typed("i4", 2**24 + 1), "from 16777217 to 16777217 are beyond ±2^24"),
        (lambda: _typed("i4", -(2**24) - 1), "from -16777217 to -16777217 are beyond ±2^24"),
        (lambda: _typed("f4", np.nan), "are NaN or infinite"),
        (lambda: gzip.compress(b"a letter"), "expected a NIfTI volume"),
        (lambda: FILES["nifti gzip"][:-20], "truncated"),
        (lambda: FILES["nifti"][:-1], "truncated"),
        (lambda: b"\x5c\x01\0\0" + b"\0" * 340 + b"ni1\0", "two files"),
    ],
)
def test_volumes_that_are_refused(make: Any, complaint: str) -> None:
    with pytest.raises(DataError) as caught:
        decode_image(make(), "brain")
    assert complaint in str(caught.value)


def _reshaped(shape: tuple[int, ...]) -> bytes:
    return _written(np.zeros(shape, np.uint8))


def _typed(dtype: str, value: float = 0) -> bytes:
    return _written(np.full((2, 2, 2), value, dtype))


@pytest.mark.parametrize(
    ("dtype", "value", "low", "high"),
    [
        ("i4", 2**24, -(2**24), 2**24),
        ("i4", -(2**24), -(2**24), 2**24),
        ("u4", 2**24, 0, 2**24),
        ("i2", -3, -(2**15), 2**15 - 1),
        ("u2", 3, 0, 2**16 - 1),
        ("f4", 0.25, 0.25, 0.25),
    ],
)
def test_a_volumes_range_is_its_types_as_far_as_float32_counts(
    dtype: str, value: float, low: float, high: float
) -> None:
    image = decode_image(_typed(dtype, value), "brain")
    assert (image.intensity.low, image.intensity.high) == (low, high)
    assert (image.pixels == value).all()


def test_volume_of_one_frame_keeps_its_four_dimensions() -> None:
    image = decode_image(_reshaped((2, 3, 4, 1)), "brain")
    assert image.pixels.shape == (1, 2, 3, 4)
    assert image.containers[LOSSLESS].encode(image.pixels) == _reshaped((2, 3, 4, 1))


@pytest.mark.parametrize("shape", [(2, 3, 4, 3), (2, 3, 4, 1, 3)])
@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_volumes_on_a_further_axis_are_channels(shape: tuple[int, ...], dtype: str) -> None:
    """As the Decathlon stores the modalities of a brain tumour; nibabel says which is which."""
    stored = np.random.default_rng(0).integers(-99, 99, shape).astype(dtype)
    data = _written(stored)
    image = decode_image(data, "brain")
    volumes = nib.Nifti1Image.from_bytes(data).get_fdata()
    assert image.pixels.shape == (3, 2, 3, 4)
    for channel, pixels in enumerate(image.pixels):
        np.testing.assert_array_equal(pixels, volumes[..., channel].reshape(2, 3, 4))
    changed = image.pixels + np.arange(3, dtype=dtype)[:, None, None, None]
    for codec in image.containers.values():
        back = codec.decode(codec.encode(changed))
        np.testing.assert_allclose(back, changed, atol=0.01)


def test_scaling_is_read_and_kept() -> None:
    data = bytearray(_volume("i2"))
    data[112:120] = np.array([2.5, -7.0], "<f4").tobytes()  # scl_slope, scl_inter
    image = decode_image(bytes(data), "brain")
    assert (image.intensity.slope, image.intensity.intercept) == (2.5, -7.0)
    assert image.containers[LOSSLESS].encode(image.pixels) == bytes(data)


def test_readers_are_imported_when_needed() -> None:
    code = (
        "import sys, plexor.cases, plexor.cases.check; "
        "heavy = {'pydicom', 'nibabel', 'PIL', 'pandas', 'pyarrow', 'torch'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
