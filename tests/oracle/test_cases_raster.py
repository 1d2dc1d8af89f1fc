"""PNG and TIFF written by hand from their specifications are read as what was written."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms
from PIL.PngImagePlugin import PngInfo

from plexor.cases import LOSSLESS, decode_image
from plexor.core.errors import DataError


def _noise(dtype: str, channels: int, seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    shape = (channels, 11, 7)
    if np.dtype(dtype).kind == "f":
        return rng.normal(0, 100, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def _png(pixels: NDArray[Any], filter_type: int, extra: bytes = b"") -> bytes:
    """A PNG whose rows all use one filter (PNG specification, third edition, clause 9)."""
    channels, height, width = pixels.shape
    step = channels * pixels.itemsize
    big_endian = pixels.transpose(1, 2, 0).astype(pixels.dtype.newbyteorder(">"))
    rows = np.frombuffer(big_endian.tobytes(), np.uint8).reshape(height, -1).astype(int)
    left = np.pad(rows, ((0, 0), (step, 0)))[:, :-step]
    up = np.pad(rows, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(left, ((1, 0), (0, 0)))[:-1]
    estimate = left + up - corner
    distances = np.abs(np.stack([left, up, corner]) - estimate)
    paeth = np.choose(distances.argmin(axis=0), [left, up, corner])
    guess = [0 * rows, left, up, (left + up) // 2, paeth][filter_type]
    filtered = np.pad((rows - guess) % 256, ((0, 0), (1, 0)), constant_values=filter_type)
    depth, colour = 8 * pixels.itemsize, {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = zlib.compress(filtered.astype(np.uint8).tobytes())
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + extra
        + _chunk(b"IDAT", data)
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


@pytest.mark.parametrize("filter_type", range(5))
@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_of_every_filter(filter_type: int, dtype: str, channels: int) -> None:
    pixels = _noise(dtype, channels)
    image = decode_image(_png(pixels, filter_type), "x.png")
    again = image.containers[LOSSLESS].decode(_png(pixels, filter_type))
    assert again.dtype == pixels.dtype
    np.testing.assert_array_equal(again, pixels)
    assert image.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(image.pixels, pixels)
    assert (image.intensity.low, image.intensity.high) == (0, np.iinfo(dtype).max)


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_png_of_mixed_filters_is_read_as_by_pillow(mode: str) -> None:
    rng = np.random.default_rng(5)
    steps = rng.integers(-9, 10, (60, 70, 3)).cumsum(axis=0).cumsum(axis=1) % 256
    steps[:20] = 0  # rows that libpng's heuristic stores as they are
    pixels = steps.astype(np.uint8) if mode == "RGB" else steps[..., 0]
    pixels = pixels.astype(np.uint16) * 201 if mode == "I;16" else pixels.astype(np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    found = decode_image(file.getvalue(), "x").pixels
    expected = np.asarray(Pillow.open(file))
    expected = expected.transpose(2, 0, 1) if mode == "RGB" else expected[None]
    np.testing.assert_array_equal(found, expected)


def test_png_is_read_by_others_as_written() -> None:
    for dtype in ("u1", "u2"):
        pixels = _noise(dtype, 1)
        data = decode_image(_png(pixels, 0), "x").containers[LOSSLESS].encode(pixels)
        np.testing.assert_array_equal(np.asarray(Pillow.open(io.BytesIO(data))), pixels[0])
    pixels = _noise("u1", 3)
    data = decode_image(_png(pixels, 0), "x").containers[LOSSLESS].encode(pixels)
    found = np.asarray(Pillow.open(io.BytesIO(data))).transpose(2, 0, 1)
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("place", [30, 60, -20, -14])
def test_a_written_png_that_was_damaged_is_refused(place: int) -> None:
    pixels = _noise("u1", 3)
    codec = decode_image(_png(pixels, 0), "x").containers[LOSSLESS]
    data = bytearray(codec.encode(pixels))
    data[place] ^= 1
    with pytest.raises(DataError, match=r"checksum|truncated"):
        codec.decode(bytes(data))
    short = _png(pixels[:, :-1], 2).replace(struct.pack(">II", 7, 10), struct.pack(">II", 7, 11))
    with pytest.raises(DataError, match="checksum"):
        codec.decode(short)


def test_png_keeps_profile_text_and_resolution() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text, file = PngInfo(), io.BytesIO()
    text.add_text("Source", "left forearm")
    picture = Pillow.fromarray(_noise("u1", 3).transpose(1, 2, 0))
    picture.save(file, "PNG", icc_profile=profile, pnginfo=text, dpi=(300, 300))
    image = decode_image(file.getvalue(), "x")
    written = Pillow.open(io.BytesIO(image.containers[LOSSLESS].encode(image.pixels)))
    assert written.info["icc_profile"] == profile
    assert written.info["Source"] == "left forearm"
    assert written.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_png_with_an_opaque_alpha_channel_loses_it_in_pixels_only() -> None:
    pixels = _noise("u1", 4)
    pixels[3] = 255
    image = decode_image(_png(pixels, 4), "x")
    np.testing.assert_array_equal(image.pixels, pixels[:3])
    written = Pillow.open(io.BytesIO(image.containers[LOSSLESS].encode(image.pixels)))
    assert written.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(written).transpose(2, 0, 1), pixels)


def _tiff(pixels: NDArray[Any], order: str, photometric: int, *, deflate: bool) -> bytes:
    """A TIFF of one strip (TIFF 6.0, section 2), its directory in front."""
    channels, height, width = pixels.shape
    data = pixels.transpose(1, 2, 0).astype(pixels.dtype.newbyteorder(order)).tobytes()  # type: ignore[arg-type]
    data = zlib.compress(data) if deflate else data
    n = 12
    tail = 8 + 2 + 12 * n + 4
    bits = struct.pack(f"{order}3H", *[8 * pixels.itemsize] * 3)
    kinds = struct.pack(f"{order}3H", *["uif".index(pixels.dtype.kind) + 1] * 3)
    resolution = struct.pack(f"{order}2I", 254, 10)
    start = tail + len(bits) + len(kinds) + len(resolution)
    many = channels == 3
    entries = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, channels, tail if many else 8 * pixels.itemsize),
        (259, 3, 1, 8 if deflate else 1),
        (262, 3, 1, photometric),
        (273, 4, 1, start),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, len(data)),
        (282, 5, 1, tail + 12),
        (296, 3, 1, 3),
        (339, 3, channels, tail + 6 if many else "uif".index(pixels.dtype.kind) + 1),
    ]
    directory = struct.pack(f"{order}H", n)
    for tag, kind, count, value in entries:
        inline = kind == 3 and count == 1
        directory += struct.pack(f"{order}HHI", tag, kind, count)
        directory += struct.pack(
            f"{order}HH" if inline else f"{order}I", *([value, 0][: 1 + inline])
        )
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return head + directory + b"\0\0\0\0" + bits + kinds + resolution + data


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize(
    ("dtype", "channels", "photometric"),
    [
        ("u1", 1, 1),
        ("u1", 1, 0),
        ("u2", 1, 1),
        ("i2", 1, 1),
        ("f4", 1, 1),
        ("u1", 3, 2),
        ("u2", 3, 2),
    ],
)
def test_tiff(order: str, deflate: bool, dtype: str, channels: int, photometric: int) -> None:
    pixels = _noise(dtype, channels)
    image = decode_image(_tiff(pixels, order, photometric, deflate=deflate), "x.tif")
    assert image.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.intensity.quantum == (0 if dtype == "f4" else 1)
    assert image.intensity.slope == (-1 if photometric == 0 else 1)

    data = image.containers[LOSSLESS].encode(pixels)
    written = Pillow.open(io.BytesIO(data))
    assert written.tag_v2[262] == photometric  # type: ignore[attr-defined]
    assert written.tag_v2[282] == pytest.approx(25.4)  # type: ignore[attr-defined]
    again = decode_image(data, "x.tif")
    np.testing.assert_array_equal(again.pixels, pixels)
    assert again.intensity == image.intensity


def _saved(picture: Pillow.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


GREY = Pillow.fromarray(_noise("u1", 1)[0])
RGB = Pillow.fromarray(_noise("u1", 3).transpose(1, 2, 0))
NAN = np.full((1, 3, 3), np.nan, np.float32)
REFUSED = {
    "palette png": (_saved(RGB.quantize(), "PNG"), "8-bit palette, whose numbers are indices"),
    "1-bit png": (_saved(GREY.convert("1"), "PNG"), "found 1-bit grey"),
    "colour key": (_saved(RGB, "PNG", transparency=(0, 0, 0)), "transparent colour"),
    "animated png": (
        _saved(GREY, "PNG", save_all=True, append_images=[GREY.rotate(180)]),
        "animated PNG",
    ),
    "16-bit alpha": (_png(_noise("u2", 4), 0), "remove the alpha channel"),
    "half transparent": (_png(_noise("u1", 4), 0), "transparent part"),
    "several pages": (
        _saved(GREY, "TIFF", save_all=True, append_images=[GREY]),
        "expected a TIFF of one page, found 2",
    ),
    "palette tiff": (_saved(RGB.quantize(), "TIFF"), "found 8-bit unsigned P"),
    "1-bit tiff": (_saved(GREY.convert("1"), "TIFF"), "found 1-bit"),
    "cmyk tiff": (_saved(RGB.convert("CMYK"), "TIFF"), "found 8-bit unsigned CMYK"),
    "alpha tiff": (_saved(RGB.convert("RGBA"), "TIFF"), "found 8-bit unsigned RGBA"),
    "32-bit tiff": (_saved(GREY.convert("I"), "TIFF"), "found 32-bit signed I"),
    "nan": (_tiff(NAN, "<", 1, deflate=False), "9 pixels are NaN or infinite"),
    "gif": (_saved(GREY, "GIF"), "found one that begins b'GIF"),
    "empty": (b"", "the file is empty"),
    "text": (b"not an image", "expected a PNG, JPEG, TIFF, DICOM, NIfTI, MetaImage or NRRD"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_was_found(name: str) -> None:
    data, complaint = REFUSED[name]
    with pytest.raises(DataError) as caught:
        decode_image(data, "film")
    assert str(caught.value).startswith("film: ")
    assert complaint in str(caught.value)
