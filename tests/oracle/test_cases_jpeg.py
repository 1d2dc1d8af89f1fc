"""What is written of a JPEG is what its own file said."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from plexor.cases import LOSSLESS, decode_image
from plexor.core.errors import DataError


def _photo(seed: int = 0, size: tuple[int, int] = (45, 70)) -> Pillow.Image:
    """Smooth colours with a little noise, so that compression has something to keep."""
    rng = np.random.default_rng(seed)
    coarse = Pillow.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size[::-1], Pillow.Resampling.BICUBIC)).astype(int)
    return Pillow.fromarray(
        np.clip(smooth + rng.integers(-9, 9, smooth.shape), 0, 255).astype("u1")
    )


def _jpeg(picture: Pillow.Image, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", **options)
    return file.getvalue()


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and their contents up to the scan (ITU-T T.81, annex B)."""
    position = 2
    while True:
        marker, length = struct.unpack(">xBH", data[position : position + 4])
        yield marker, data[position + 4 : position + 2 + length]
        if marker == 0xDA:
            return
        position += 2 + length


def _tables(data: bytes) -> dict[int, bytes]:
    """Destination → quantisation table, 8 bit, in the file's zigzag order."""
    tables: dict[int, bytes] = {}
    for marker, content in _segments(data):
        for start in range(0, len(content) if marker == 0xDB else 0, 65):
            assert content[start] >> 4 == 0
            tables[content[start] & 15] = content[start + 1 : start + 65]
    return tables


def _frame(data: bytes) -> list[tuple[int, bytes]]:
    """Each component's sampling factors and quantisation table."""
    tables = _tables(data)
    (content,) = [c for marker, c in _segments(data) if marker in (0xC0, 0xC1, 0xC2)]
    return [(content[7 + 3 * i], tables[content[8 + 3 * i]]) for i in range(content[5])]


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [30, 83, 97])
@pytest.mark.parametrize("progressive", [False, True])
def test_own_tables_and_subsampling(subsampling: int, quality: int, progressive: bool) -> None:
    data = _jpeg(_photo(), quality=quality, subsampling=subsampling, progressive=progressive)
    image = decode_image(data, "x.jpg")

    own = image.containers["recompressed-own"].encode(image.pixels)
    assert _frame(own) == _frame(data)
    for name, q in (("recompressed-q90", 90), ("recompressed-q75", 75)):
        again = image.containers[name].encode(image.pixels)
        assert _frame(again) == _frame(_jpeg(_photo(), quality=q, subsampling=subsampling))


def test_own_tables_of_grey_and_of_unusual_files() -> None:
    grey = _jpeg(_photo().convert("L"), quality=61)
    tables = [[3] * 64, [5] * 64, [7] * 64]
    three = _jpeg(_photo(), qtables=tables, subsampling=0)
    plain = _jpeg(_photo(), quality=88, keep_rgb=True, subsampling=0)
    for data in (grey, three, plain):
        image = decode_image(data, "x.jpg")
        own = image.containers["recompressed-own"]
        assert _frame(own.encode(image.pixels)) == _frame(data)
        change = np.abs(own.decode(own.encode(image.pixels)).astype(int) - image.pixels)
        assert change.mean() < 1.0


def test_pixels_are_pillows_and_lossless_is_png() -> None:
    data = _jpeg(_photo(), quality=80)
    image = decode_image(data, "x.jpg")
    expected = np.asarray(Pillow.open(io.BytesIO(data))).transpose(2, 0, 1)
    np.testing.assert_array_equal(image.pixels, expected)
    png = Pillow.open(io.BytesIO(image.containers[LOSSLESS].encode(image.pixels)))
    assert png.format == "PNG"
    np.testing.assert_array_equal(np.asarray(png).transpose(2, 0, 1), expected)


def test_orientation_is_kept_and_not_applied() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = _jpeg(_photo(size=(16, 32)), exif=exif, icc_profile=profile)
    image = decode_image(data, "x.jpg")
    assert image.pixels.shape == (3, 16, 32)
    for codec in image.containers.values():
        written = Pillow.open(io.BytesIO(codec.encode(image.pixels)))
        assert written.getexif()[0x0112] == 6
        assert written.info["icc_profile"] == profile


def test_other_subsampling_leaves_the_lossless_container_only() -> None:
    data = bytearray(_jpeg(_photo(size=(32, 32)), subsampling=1))
    # Chroma at full width and half height of luma: swap the 2x1 factors of the frame for 1x2.
    start = data.index(b"\xff\xc0")
    data[start + 11] = 0x12
    assert set(decode_image(bytes(data), "x.jpg").containers) == {LOSSLESS}


@pytest.mark.parametrize("progressive", [False, True])
def test_a_truncated_file_is_never_half_grey(progressive: bool) -> None:
    data = _jpeg(_photo(), quality=80, progressive=progressive)
    whole = decode_image(data, "x.jpg").pixels
    for cut in range(len(data)):
        try:
            pixels = decode_image(data[:cut], "x.jpg").pixels
        except DataError:
            continue
        np.testing.assert_array_equal(pixels, whole)


def test_a_truncated_file_with_a_thumbnail_is_refused() -> None:
    exif = b"Exif\0\0" + _jpeg(_photo(size=(8, 8)))  # has an end-of-image marker of its own
    data = _jpeg(_photo(), exif=exif)
    with pytest.raises(DataError, match="truncated"):
        decode_image(data[: len(data) - 200], "x.jpg")


def test_cmyk_is_refused() -> None:
    with pytest.raises(DataError, match="found CMYK; convert it to RGB"):
        decode_image(_jpeg(_photo().convert("CMYK")), "x.jpg")
