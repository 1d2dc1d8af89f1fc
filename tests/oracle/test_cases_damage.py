"""Files that are damaged, hostile or hold more than they show: refused, each with its reason."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless
from tests.helpers.enhanced import WORDS, written

from plexor.cases import LOSSLESS, decode_image, read_image
from plexor.cases.formats.codestream import read_frame, segments
from plexor.cases.formats.limits import Limits, inflate
from plexor.cases.image import Image
from plexor.core.errors import DataError, PlanError

NIFTI_1: Any = nib.Nifti1Image

tifffile = pytest.importorskip("tifffile", reason="tifffile comes with scikit-image")

RNG = np.random.default_rng(0)
RGB = np.cumsum(RNG.integers(-3, 4, (48, 64, 3)), axis=1).clip(-90, 90).astype(np.int16) + 128
RGB = RGB.astype(np.uint8)


def _saved(pixels: Any, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def _refused(data: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        decode_image(data, "file")
    assert "\n" not in str(caught.value)


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def _png(
    size: tuple[int, int], stream: bytes, *extra: tuple[bytes, bytes], depth: int = 8
) -> bytes:
    header = struct.pack(">IIBBBBB", *size, depth, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", stream), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _jpeg_size(data: bytes, width: int, height: int) -> bytes:
    start = next(start for marker, start, _ in segments(data) if marker in (0xC0, 0xC1, 0xC2))
    return data[: start + 1] + struct.pack(">HH", height, width) + data[start + 5 :]


def test_limits_are_told_and_adjustable(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _saved(RGB, "PNG")
    monkeypatch.setenv("PLEXOR_MAX_PIXELS", str(48 * 64 - 1))
    _refused(data, "claims 3,072 pixels, expected at most 3,071; .* set PLEXOR_MAX_PIXELS=3072")
    monkeypatch.setenv("PLEXOR_MAX_PIXELS", "3072")
    assert decode_image(data, "x").pixels.shape == (3, 48, 64)
    monkeypatch.setenv("PLEXOR_MAX_BYTES", str(3 * 48 * 64 - 1))
    _refused(data, "decodes to 9,216 bytes, .* set PLEXOR_MAX_BYTES=9216")
    monkeypatch.setenv("PLEXOR_MAX_BYTES", "a lot")
    with pytest.raises(PlanError, match="must be a whole number above 0, got 'a lot'"):
        Limits.of_environment()


def test_a_ratio_is_bounded_for_large_images_only() -> None:
    limits = Limits(ratio=10, ratio_from=1000)
    limits.check(pixels=1000, size=1000, file_size=1)
    limits.check(pixels=2000, size=2000, file_size=200)
    with pytest.raises(DataError, match="11 times the size of its file"):
        limits.check(pixels=2000, size=2000, file_size=199)


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.png").write_bytes(_saved(RGB, "PNG"))
    monkeypatch.setenv("PLEXOR_MAX_BYTES", "100")
    with pytest.raises(DataError, match=r"x\.png: the file has .* bytes, expected at most 100"):
        read_image(tmp_path / "x.png")


BOMBS: dict[str, Any] = {
    "jpeg": lambda: _jpeg_size(_saved(RGB, "JPEG"), 65000, 65000),
    "jpeg below the limits": lambda: _jpeg_size(_saved(RGB, "JPEG"), 9000, 9000),
    "progressive jpeg": lambda: _jpeg_size(_saved(RGB, "JPEG", progressive=True), 9000, 9000),
    "png": lambda: _png((30000, 30000), zlib.compress(bytes(1000))),
    "tiff": lambda: _saved(np.zeros((20, 20), np.uint8), "TIFF").replace(
        struct.pack("<HHII", 256, 4, 1, 20), struct.pack("<HHII", 256, 4, 1, 2**30)
    ),
    "nifti": lambda: _stretched(gzip.compress(_volume(np.zeros((9, 8, 7), np.uint8)))),
    "gzip": lambda: gzip.compress(_volume(np.zeros((9, 8, 7), np.uint8)) + bytes(10**8)),
    "dicom": lambda: written(RescaleType="HU", Rows=65000, Columns=65000),
    "deflated dicom": lambda: _deflated(bytes(10**8)),
}


def _volume(voxels: Any) -> bytes:
    volume: Any = NIFTI_1(voxels, np.eye(4))
    data: bytes = volume.to_bytes()
    return data


def _stretched(data: bytes) -> bytes:
    volume = bytearray(gzip.decompress(data))
    volume[42:48] = struct.pack("<3h", 20000, 20000, 9)
    return gzip.compress(bytes(volume))


def _deflated(further: bytes) -> bytes:
    """A deflated data set with a long private element."""
    dataset = dcmread(io.BytesIO(written()))
    dataset.add_new(0x00091001, "OB", further)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_anything_is_allocated(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = BOMBS[name]()
    if name in ("deflated dicom", "gzip"):
        monkeypatch.setenv("PLEXOR_MAX_BYTES", str(10**6))
    assert len(data) < 2 * 10**5
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            decode_image(data, "bomb")
        assert tracemalloc.get_traced_memory()[1] < 20 * 10**6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}])
def test_a_jpeg_whose_data_end_early_is_refused(options: dict[str, Any]) -> None:
    data = _saved(RGB, "JPEG", quality=90, subsampling=0, **options)
    assert decode_image(data, "x").pixels.shape == (3, 48, 64)
    _refused(_jpeg_size(data, 64, 56), "end before its last pixel")
    _refused(_jpeg_size(data, 72, 48), "end before its last pixel")


@pytest.mark.parametrize("n_cut", [1, 2, 5, 40])
def test_a_jpeg_with_bytes_cut_out_of_its_scan_is_refused(n_cut: int) -> None:
    data = _saved(RGB, "JPEG", quality=90, subsampling=0)
    _refused(data[: -2 - n_cut] + data[-2:], "end before its last pixel")


def test_a_jpeg_of_more_data_than_its_size_takes_is_refused() -> None:
    data = _saved(RGB, "JPEG", quality=90, subsampling=0)
    _refused(_jpeg_size(data, 64, 24), "more data than the size")


@pytest.mark.parametrize("value", [0, 127, 128, 129, 255])
def test_flat_jpegs_are_whole(value: int) -> None:
    """Grey of 128 is what a decoder fills in for missing data."""
    for size in (8, 64, 400):
        for mode in ("L", "RGB"):
            file = io.BytesIO()
            Pillow.new(mode, (size, size), (value,) * 3 if mode == "RGB" else value).save(
                file, "JPEG"
            )
            decode_image(file.getvalue(), "flat")


def test_frame_sizes_are_read_from_codestreams() -> None:
    frame = read_frame(_saved(RGB, "JPEG"))
    assert (frame.rows, frame.columns, frame.samples) == (48, 64, 3)
    assert frame.n_blocks == 8 * 6 + 2 * 4 * 3  # luma, and two planes of chroma at half size
    with pytest.raises(DataError, match="does not state its size"):
        read_frame(b"\xff\xd8\xff\xd9")


def test_blocks_are_counted_where_they_are_8_by_8_and_the_header_is_sound() -> None:
    start = "000b080040003001011100"
    assert read_frame(bytes.fromhex(f"ffd8ffc2{start}")).n_blocks == 48
    for odd in (f"ffd8ffc3{start}", "ffd8ffc0000b080040003001010000", "ffd8ffc00008080040003000"):
        frame = read_frame(bytes.fromhex(odd))  # lossless; sampled 0 times; without a channel
        assert (frame.rows, frame.columns, frame.n_blocks) == (64, 48, 0)


def test_inflation_ends_at_the_limit_and_not_before_the_data() -> None:
    one, two = gzip.compress(b"abcde"), gzip.compress(b"fg")
    assert inflate(one + bytes(9) + two, most=7, wbits=31) == b"abcdefg"
    assert inflate(one + two, most=5, wbits=31) == b"abcdef"
    for most in (5, 50):
        with pytest.raises(EOFError, match="end early"):
            inflate(one[:-8], most=most, wbits=31)


def test_a_png_whose_rows_are_missing_is_refused() -> None:
    rows = zlib.compress(bytes(65 * 40))
    _refused(_png((64, 48), rows), "end before its last row")
    assert decode_image(_png((64, 40), rows), "x").pixels.shape == (1, 40, 64)


PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)


def test_an_interlaced_png_is_whole(rng: np.random.Generator) -> None:
    """Adam7 by hand: seven passes, each a small image of its own."""
    pixels = rng.integers(0, 256, (11, 9), dtype=np.uint8)
    raw = b""
    for y, x, dy, dx in PASSES:
        raw += b"".join(b"\0" + row.tobytes() for row in pixels[y::dy, x::dx] if row.size)
    header = struct.pack(">IIBBBBB", 9, 11, 8, 0, 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)
    np.testing.assert_array_equal(decode_image(data, "x").pixels[0], pixels)
    chunks[1] = (b"IDAT", zlib.compress(raw[:-1]))
    short = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)
    _refused(short, "end before its last row")


def test_chunks_of_an_animation_are_not_carried_along(rng: np.random.Generator) -> None:
    """Without acTL it is one picture; written back with the frames' chunks it was another."""
    pixels = rng.integers(0, 256, (5, 6), dtype=np.uint8)
    stream = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
    frame = struct.pack(">IIIIIHHBB", 0, 6, 5, 0, 0, 1, 10, 0, 0)
    other = (b"fdAT", struct.pack(">I", 1) + zlib.compress(bytes(35)))
    private = (b"prVt", b"kept"), (b"iDOT", b"describes the original's data")
    image = decode_image(_png((6, 5), stream, (b"fcTL", frame), other, *private), "x")
    written_back = image.containers[LOSSLESS].encode(image.pixels)
    np.testing.assert_array_equal(decode_image(written_back, "x").pixels[0], pixels)
    assert b"prVt" in written_back
    for name in (b"fcTL", b"fdAT", b"iDOT"):
        assert name not in written_back


STACK = RNG.integers(0, 255, (5, 30, 40)).astype(np.uint8)


def _tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "truncate": True},
        {"imagej": True, "truncate": True, "metadata": {"axes": "TYX"}},
        {"truncate": True},
        {"truncate": True, "bigtiff": True},
        {"truncate": True, "byteorder": ">"},
        {"volumetric": True, "tile": (16, 16, 16)},
    ],
    ids=str,
)
def test_planes_behind_one_directory_are_refused(options: dict[str, Any]) -> None:
    pixels = STACK.astype(np.uint16) if options.get("imagej") else STACK
    data = _tiff(pixels, photometric="minisblack", **options)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert file.series[0].shape != STACK.shape[1:]
    _refused(data, "planes behind one directory|expected a TIFF|cannot be decoded")


def test_planes_are_told_by_the_data_or_the_description() -> None:
    data = _tiff(STACK, photometric="minisblack", truncate=True)
    _refused(data, "found 5 planes")
    _refused(data.replace(b'"shape"', b'"other"'), "found 5 planes")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"imagej": True},
        {"compression": "zlib"},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"tile": (16, 16)},
        {"rowsperstrip": 7},
        {"description": "shape of the lesion: round"},
        {"extratags": [(34675, 7, 5000, bytes(5000), True)]},
    ],
    ids=str,
)
def test_one_plane_is_read_however_it_is_written(options: dict[str, Any]) -> None:
    data = _tiff(STACK[0], photometric="minisblack", **options)
    np.testing.assert_array_equal(
        decode_image(data, "x").pixels[0], tifffile.imread(io.BytesIO(data))
    )


def test_a_profile_behind_the_pixels_is_no_plane() -> None:
    file = io.BytesIO()
    Pillow.fromarray(STACK[0]).save(file, "TIFF", icc_profile=bytes(5000))
    decode_image(file.getvalue(), "x")


@pytest.mark.parametrize("tag", [330, 34665, 34853])
def test_a_further_directory_behind_the_pixels_is_no_plane(tag: int) -> None:
    behind = 8 + 2 + 9 * 12 + 4 + STACK[0].size
    fields = [(256, 40), (257, 30), (258, 8), (259, 1), (262, 1), (273, behind - STACK[0].size)]
    fields += [(278, 30), (279, STACK[0].size), (tag, behind)]
    entries = b"".join(struct.pack("<HHII", at, 4, 1, value) for at, value in sorted(fields))
    data = struct.pack("<2sHIH", b"II", 42, 8, len(fields)) + entries + bytes(4)
    data += STACK[0].tobytes()
    further = struct.pack("<HHHII", 1, 0, 1, 1, 0) + bytes(2 * STACK[0].size)
    assert decode_image(data + further, "x").pixels.shape == (1, 30, 40)
    unknown = data.replace(struct.pack("<HH", tag, 4), struct.pack("<HH", 700, 4))
    _refused(unknown + further, "found 3 planes")


def test_imagejs_calibration_is_slope_and_intercept() -> None:
    """ImageJ stores signed numbers as unsigned ones, with an intercept of -32768."""
    text = "ImageJ=1.53t\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=HU\n"
    file = io.BytesIO()
    Pillow.fromarray(STACK[0].astype(np.uint16) + 32768).save(file, "TIFF", tiffinfo={270: text})
    image = decode_image(file.getvalue(), "x")
    span = image.intensity
    np.testing.assert_array_equal(span.slope * image.pixels[0] + span.intercept, STACK[0])
    assert span.unit == "HU"
    assert decode_image(image.containers[LOSSLESS].encode(image.pixels), "x").intensity == span
    file = io.BytesIO()
    Pillow.fromarray(STACK[0]).save(file, "TIFF", tiffinfo={270: text.replace("cf=0", "cf=3")})
    _refused(file.getvalue(), "no straight line")


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (108, struct.pack("<f", 0), "begin at byte 0, expected 352"),
        (108, struct.pack("<f", 340), "begin at byte 340, expected 352"),
        (108, struct.pack("<f", np.nan), "begin at byte nan"),
        (108, struct.pack("<f", 10**6), "truncated: expected 1,008 bytes"),
        (72, struct.pack("<h", 8), "8 bits a voxel and a type of 16"),
        (42, struct.pack("<h", -9), "gives the size"),
        (42, struct.pack("<h", 4), "more follows than the 448 bytes"),
        (42, struct.pack("<h", 10), "truncated: expected 1,120 bytes of voxels, found 1,008"),
    ],
)
@pytest.mark.parametrize("gzipped", [False, True])
def test_nifti_headers_at_odds_with_the_file(
    at: int, value: bytes, reason: str, *, gzipped: bool
) -> None:
    data = bytearray(_volume(np.zeros((9, 8, 7), np.int16)))
    data[at : at + len(value)] = value
    _refused(gzip.compress(bytes(data)) if gzipped else bytes(data), reason)


def test_several_gzip_members_are_one_file() -> None:
    data = _volume(np.arange(504, dtype=np.int16).reshape(9, 8, 7))
    parts = gzip.compress(data[:500]) + gzip.compress(data[500:]) + bytes(20)
    np.testing.assert_array_equal(
        decode_image(parts, "x").pixels[0].ravel(), np.arange(504, dtype=np.int16)
    )


def test_a_dicom_that_cannot_be_written_is_refused_when_read() -> None:
    # One bit of the modality's tag: an element of a command set, which no file may have.
    data = written().replace(b"\x08\0\x60\0CS", b"\0\0\x60\0CS")
    assert dcmread(io.BytesIO(data)).pixel_array.shape == WORDS.shape
    _refused(data, "can be read and not written back")


def test_a_codec_that_gives_back_another_picture_is_the_files_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from plexor.cases.formats.png import PngCodec
    from plexor.cases.formats.round_trip import check_round_trip

    image: Image = decode_image(_saved(RGB, "PNG"), "x")
    monkeypatch.setattr(PngCodec, "decode", lambda self, data: image.pixels)  # the original always
    with pytest.raises(DataError, match="read back as another picture"):
        check_round_trip(image)


def test_a_codestream_of_another_size_than_the_header_is_refused() -> None:
    dataset = dcmread(io.BytesIO(written()))
    dataset.compress(JPEG2000Lossless, WORDS, encoding_plugin="pylibjpeg")
    file = io.BytesIO()
    dataset.save_as(file)
    assert decode_image(file.getvalue(), "x").pixels.shape == (1, 40, 48)
    stream = bytearray(dataset.PixelData)
    at = stream.index(b"\xff\x4f\xff\x51") + 8
    stream[at : at + 4] = struct.pack(">I", 60000)
    dataset.PixelData = bytes(stream)
    file = io.BytesIO()
    dataset.save_as(file)
    _refused(file.getvalue(), r"states rows, columns and samples \(40, 48, 1\)")


def test_codestreams_that_the_header_does_not_count_are_refused() -> None:
    dataset = dcmread(io.BytesIO(written()))
    dataset.compress(JPEG2000Lossless, WORDS, encoding_plugin="pylibjpeg")
    frame = dataset.PixelData[dataset.PixelData.index(b"\xff\x4f\xff\x51") :]
    frame = frame[: frame.rindex(b"\xff\xd9") + 2]
    dataset.PixelData = encapsulate([frame, frame])
    file = io.BytesIO()
    dataset.save_as(file)
    _refused(file.getvalue(), "found 2 compressed images")


@pytest.mark.parametrize(
    "start", [b"\x08\0\x05\0CS", b"\x08\0\x16\0", b"\0\x08\0\x05CS", b"\2\0\0\0UL"]
)
def test_dicom_without_preamble_is_told_why(start: bytes) -> None:
    _refused(start + bytes(300), "DICOM without the 128 bytes of preamble")
