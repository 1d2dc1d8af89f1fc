"""MetaImage and NRRD against SimpleITK, in both directions, and files that are refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from tests.helpers.itk import itk_bytes, itk_files, itk_image

from plexor.audits.provenance import images_sha256
from plexor.cases import LOSSLESS, Case, decode_image, read_image
from plexor.core.errors import DataError

RAS = np.array([-1.0, -1.0, 1.0])
VOLUMES = [name for name in itk_files() if "flat" not in name]


def _opened(data: bytes, suffix: str, folder: Path) -> Any:
    path = folder / f"copy{suffix}"
    path.write_bytes(data)
    return SimpleITK.ReadImage(str(path))


@pytest.mark.parametrize("name", VOLUMES)
def test_voxels_and_their_places_are_those_of_itk(name: str, tmp_path: Path) -> None:
    data = itk_files()[name]
    image = decode_image(data, name)
    theirs = _opened(data, f".{name.split(maxsplit=1)[0]}", tmp_path)
    np.testing.assert_array_equal(image.pixels[0].T, SimpleITK.GetArrayFromImage(theirs))
    assert image.grid is not None
    for index in [(0, 0, 0), (5, 0, 0), (0, 4, 0), (0, 0, 3), (3, 2, 1)]:
        mine = image.grid.origin + image.grid.axes @ np.array(index)
        there = np.array(theirs.TransformIndexToPhysicalPoint(index))
        np.testing.assert_allclose(mine, RAS * there, atol=1e-12)
    np.testing.assert_allclose(image.spacing_mm or (), theirs.GetSpacing())


@pytest.mark.parametrize("name", itk_files())
def test_itk_reads_what_is_written(name: str, tmp_path: Path) -> None:
    data = itk_files()[name]
    image = decode_image(data, name)
    codec = image.containers[LOSSLESS]
    before = _opened(data, codec.suffix, tmp_path)
    changed = image.storable(image.pixels.astype(np.float64) + 3)
    after = _opened(codec.encode(changed), codec.suffix, tmp_path)
    found = SimpleITK.GetArrayFromImage(after)
    np.testing.assert_array_equal(found if changed.ndim == 3 else found.T, changed[0])
    assert after.GetDirection() == before.GetDirection()
    assert after.GetOrigin() == before.GetOrigin()
    assert after.GetSpacing() == before.GetSpacing()
    assert after.GetPixelIDValue() == before.GetPixelIDValue()


@pytest.mark.parametrize("name", ["mha", "nrrd", "mha float", "nrrd double"])
def test_an_uncompressed_file_is_written_back_byte_for_byte(name: str) -> None:
    data = itk_files()[name]
    image = decode_image(data, name)
    assert image.containers[LOSSLESS].encode(image.pixels) == data


def test_flat_images_have_rows_and_columns() -> None:
    theirs = SimpleITK.GetArrayFromImage(itk_image("u2", (5, 6)))
    for name in ("mha flat", "nrrd flat"):
        image = decode_image(itk_files()[name], name)
        np.testing.assert_array_equal(image.pixels[0], theirs)
        assert image.spacing_mm == (0.5, 0.25)


@pytest.mark.parametrize("ending", ["mhd", "nhdr"])
@pytest.mark.parametrize("compress", [False, True])
def test_voxels_beside_their_header(ending: str, compress: bool, tmp_path: Path) -> None:
    path = tmp_path / f"brain.{ending}"
    SimpleITK.WriteImage(itk_image(), str(path), compress)
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels[0].T, SimpleITK.GetArrayFromImage(itk_image()))
    codec = image.containers[LOSSLESS]
    again = _opened(codec.encode(image.pixels), codec.suffix, tmp_path)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(again), image.pixels[0].T)
    with pytest.raises(DataError, match="the voxels are in another file"):
        decode_image(path.read_bytes(), "header alone")


@pytest.mark.parametrize("compress", [False, True])
def test_bytes_before_the_voxels_are_skipped(compress: bool, tmp_path: Path) -> None:
    path = tmp_path / "brain.mhd"
    SimpleITK.WriteImage(itk_image(), str(path), compress)
    (voxels,) = (file for file in tmp_path.iterdir() if file != path)
    voxels.write_bytes(b"12 bytes....".ljust(12) + voxels.read_bytes())
    path.write_bytes(
        path.read_bytes().replace(b"ElementDataFile", b"HeaderSize = 12\nElementDataFile")
    )
    pixels = read_image(path).pixels
    np.testing.assert_array_equal(pixels[0].T, SimpleITK.GetArrayFromImage(itk_image()))


@pytest.mark.parametrize("ending", ["mhd", "nhdr"])
def test_the_hash_of_a_case_covers_the_voxels_beside_its_header(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"brain.{ending}"
    SimpleITK.WriteImage(itk_image(), str(path))
    case = Case(id="a", path=path, truth="", group="a")
    before = images_sha256([case])
    raw = path.with_suffix(".raw")
    raw.write_bytes(b"\1" + raw.read_bytes()[1:])
    assert images_sha256([case]) != before


@pytest.mark.parametrize("ending", ["mhd", "nhdr"])
@pytest.mark.parametrize("way", ["dots", "absolute", "link"])
def test_voxels_outside_of_the_folder_are_refused(ending: str, way: str, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    path = folder / f"brain.{ending}"
    SimpleITK.WriteImage(itk_image(), str(path))
    secret = tmp_path / "secret.raw"
    (folder / "brain.raw").rename(secret)
    named = {"dots": "../secret.raw", "absolute": str(secret), "link": "brain.raw"}[way]
    if way == "link":
        (folder / "brain.raw").symlink_to(secret)
    path.write_text(path.read_text().replace("brain.raw", named))
    with pytest.raises(DataError, match="outside of the header's folder"):
        read_image(path)


def test_headers_of_other_programs_are_read() -> None:
    voxels = np.arange(24, dtype=">i2")
    mha = (
        b"NDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\nElementByteOrderMSB = True\n"
        b"ElementSize = 1 2 3\nElementDataFile = LOCAL\n"
    )
    nrrd = (
        b"NRRD0005\r\n# by hand\r\ntype: int16\r\ndimension: 3\r\nsizes: 4 3 2\r\nendian: big\r\n"
        b"encoding: raw\r\nspacings: 1 2 3\r\nspecies:=a: cat\r\n\r\n"
    )
    for head in (mha, nrrd):
        image = decode_image(head + voxels.tobytes(), "volume")
        np.testing.assert_array_equal(image.pixels[0], np.arange(24).reshape(4, 3, 2, order="F"))
        assert image.grid is None
        assert image.spacing_mm == (1.0, 2.0, 3.0)


def test_a_space_of_ras_is_not_turned() -> None:
    data = itk_files()["nrrd"].replace(b"left-posterior-superior", b"right-anterior-superior")
    image, turned = decode_image(data, "ras"), decode_image(itk_files()["nrrd"], "lps")
    assert image.grid is not None
    assert turned.grid is not None
    np.testing.assert_allclose(image.grid.axes, RAS[:, None] * turned.grid.axes)


MHA, NRRD = itk_files()["mha"], itk_files()["nrrd"]
BOMB = zlib.compress(b"\0" * 2**22, 9)
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "short": (lambda: MHA[:-1], "truncated: expected 240 bytes"),
    "long": (lambda: MHA + b"\0", "more follows than the 240 bytes"),
    "cut in the header": (lambda: MHA[:90], "no line 'ElementDataFile'"),
    "channels": (
        lambda: MHA.replace(b"NDims", b"ElementNumberOfChannels = 3\nNDims"),
        "one channel, found 3",
    ),
    "four axes": (lambda: MHA.replace(b"6 5 4", b"6 5 2 2"), "two or three dimensions"),
    "no size": (lambda: MHA.replace(b"6 5 4", b"6 -5 4"), "two or three dimensions"),
    "nothing": (lambda: MHA.replace(b"6 5 4", b"6 0 4")[:-240], "positive numbers"),
    "text": (lambda: MHA.replace(b"BinaryData = True", b"BinaryData = False"), "as text"),
    "a list": (lambda: MHA.replace(b"LOCAL", b"LIST"), "in another file, 'LIST'"),
    "inches": (lambda: MHA.replace(b"NDims", b"DistanceUnits = inch\nNDims"), "expected mm"),
    "spacing": (lambda: MHA.replace(b"0.5 0.75", b"0.5"), "ElementSpacing has 2 numbers"),
    "no number": (lambda: MHA.replace(b"0.5 0.75", b"0.5 x"), "expected finite numbers"),
    "damaged": (
        lambda: itk_files()["mha zlib"].replace(b"LOCAL\nx", b"LOCAL\ny"),
        "probably truncated or damaged",
    ),
    "zlib cut": (lambda: itk_files()["mha zlib"][:-9], "bytes of compressed voxels"),
    "bomb": (
        lambda: (
            b"NDims = 3\nDimSize = 5 5 5\nElementType = MET_UCHAR\nCompressedData = True\n"
            b"ElementDataFile = LOCAL\n" + BOMB
        ),
        "more follows than the 125 bytes",
    ),
    "vast": (
        lambda: (
            b"NDims = 3\nDimSize = 9000 9000 90\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
        ),
        "claims 7,290,000,000 pixels",
    ),
    "nrrd short": (lambda: NRRD[:-1], "truncated: expected 240 bytes"),
    "nrrd long": (lambda: NRRD + b"\0", "more follows than the 240 bytes"),
    "nrrd cut in the header": (lambda: NRRD[:90], "no blank line"),
    "nrrd colour": (
        lambda: NRRD.replace(b"domain domain domain", b"vector domain domain"),
        "export one channel",
    ),
    "nrrd bzip2": (lambda: NRRD.replace(b"encoding: raw", b"encoding: bzip2"), "raw or gzip"),
    "nrrd type": (lambda: NRRD.replace(b"type: short", b"type: block"), "found 'block'"),
    "nrrd endian": (lambda: NRRD.replace(b"endian: little\n", b""), "endian ''"),
    "nrrd vectors": (lambda: NRRD.replace(b"(0,0,-2.5)", b"none"), "space directions"),
    "nrrd skip": (lambda: NRRD.replace(b"endian", b"byte skip: x\nendian"), "byte skip is 'x'"),
    "nrrd gzip cut": (lambda: itk_files()["nrrd gzip"][:-9], "truncated"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_refused(name: str) -> None:
    make, complaint = REFUSED[name]
    with pytest.raises(DataError) as caught:
        decode_image(make(), "volume")
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("volume: ")


def test_nan_is_refused() -> None:
    head = itk_bytes(itk_image("f4"), "a.mha")[:-480]
    with pytest.raises(DataError, match="120 pixels are NaN"):
        decode_image(head + struct.pack("<f", np.nan) * 120, "volume")
