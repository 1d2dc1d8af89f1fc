"""DICOM series and multi-frame objects as volumes, against SimpleITK; and what is refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless
from tests.helpers.series import (
    SERIES,
    enhanced_file,
    place,
    series_files,
    slice_file,
    voxels,
    write_series,
)

from plexor.cases import LOSSLESS, Image, decode_image, read_image
from plexor.cases.formats.dicom_frame import frame_file
from plexor.cases.formats.dicom_series import pack
from plexor.cases.formats.dicom_stack import tilt_degrees
from plexor.core.errors import DataError

RAS = np.array([-1.0, -1.0, 1.0])


def _itk_series(folder: Path) -> Any:
    itk: Any = SimpleITK
    reader = itk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), SERIES))
    return reader.Execute()


def _values(image: Image) -> NDArray[np.float64]:
    return image.pixels * image.intensity.slope + image.intensity.intercept


def _check_place(image: Image, theirs: Any) -> None:
    assert image.grid is not None
    for index in [(0, 0, 0), (6, 0, 0), (0, 4, 0), (0, 0, 5), (3, 2, 4)]:
        mine = image.grid.origin + image.grid.axes @ np.array(index)
        there = np.array(theirs.TransformIndexToPhysicalPoint(index))
        np.testing.assert_allclose(mine, RAS * there, atol=1e-9)
    np.testing.assert_allclose(image.spacing_mm or (), theirs.GetSpacing())


def test_a_series_is_the_volume_that_itk_reads(tmp_path: Path) -> None:
    files = series_files()
    write_series(tmp_path, files)
    theirs = _itk_series(tmp_path)
    image = decode_image(pack(files), "series")
    np.testing.assert_array_equal(_values(image)[0].T, SimpleITK.GetArrayFromImage(theirs))
    np.testing.assert_array_equal(image.pixels[0].T, voxels())
    assert image.pixels.dtype == np.int16
    assert (image.intensity.slope, image.intensity.intercept, image.intensity.unit) == (
        1.0,
        -24.0,
        "HU",
    )
    _check_place(image, theirs)


def test_an_enhanced_object_is_the_volume_that_itk_reads(tmp_path: Path) -> None:
    path = tmp_path / "enhanced.dcm"
    upright = enhanced_file(voxels()[::-1], places=[place(5 - n) for n in range(6)])
    path.write_bytes(upright)
    theirs = SimpleITK.ReadImage(str(path))
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels[0].T, voxels())
    np.testing.assert_array_equal(_values(image)[0].T, SimpleITK.GetArrayFromImage(theirs))
    _check_place(image, theirs)


def test_frames_are_put_in_the_order_of_their_positions() -> None:
    image = decode_image(enhanced_file(), "enhanced")
    series = decode_image(pack(series_files()), "series")
    np.testing.assert_array_equal(image.pixels, series.pixels)
    assert image.grid is not None
    assert series.grid is not None
    np.testing.assert_allclose(image.grid.axes, series.grid.axes)
    np.testing.assert_allclose(image.grid.origin, series.grid.origin)
    assert image.intensity == series.intensity


def test_a_written_series_is_read_by_itk_slice_by_slice(tmp_path: Path) -> None:
    files = series_files()
    image = decode_image(pack(files), "series")
    codec = image.containers[LOSSLESS]
    changed = image.storable(image.pixels.astype(np.float64) + 3)
    with zipfile.ZipFile(io.BytesIO(codec.encode(changed))) as archive:
        archive.extractall(tmp_path)
    theirs = _itk_series(tmp_path / "dicom-series")
    np.testing.assert_array_equal(
        SimpleITK.GetArrayFromImage(theirs), changed[0].T.astype(int) - 24
    )
    written = [dcmread(path) for path in sorted((tmp_path / "dicom-series").iterdir())]
    before = {dcmread(io.BytesIO(file)).SOPInstanceUID for file in files}
    assert not before & {one.SOPInstanceUID for one in written}
    assert {one.SeriesInstanceUID for one in written} == {SERIES}
    assert [one.PatientID for one in written] == ["MRN-0042"] * 6


def test_a_written_enhanced_object_keeps_its_frames_in_their_order() -> None:
    data = enhanced_file()
    image = decode_image(data, "enhanced")
    codec = image.containers[LOSSLESS]
    again = codec.encode(image.pixels)
    assert dcmread(io.BytesIO(again)).PixelData == dcmread(io.BytesIO(data)).PixelData
    changed = image.storable(image.pixels.astype(np.float64) - 7)
    copy = decode_image(codec.encode(changed), "copy")
    np.testing.assert_array_equal(copy.pixels, changed)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_compressed_frames_keep_their_syntax(syntax: Any) -> None:
    pixels = voxels(3, 40, 48)
    dataset = dcmread(io.BytesIO(enhanced_file(pixels)))
    dataset.compress(syntax)
    file = io.BytesIO()
    dataset.save_as(file)
    image = decode_image(file.getvalue(), "compressed")
    np.testing.assert_array_equal(image.pixels[0].T, pixels)
    written = image.containers[LOSSLESS].encode(image.pixels)
    assert dcmread(io.BytesIO(written)).file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(decode_image(written, "copy").pixels, image.pixels)


def test_a_frame_is_a_file_of_its_own() -> None:
    for number in (1, 6):
        image = decode_image(frame_file(enhanced_file(), number), "frame")
        np.testing.assert_array_equal(image.pixels[0], voxels()[::-1][number - 1])
        assert image.intensity.intercept == -24
        assert image.grid is not None
    with pytest.raises(DataError, match="a frame 7, found 6 frames"):
        frame_file(enhanced_file(), 7)


def test_a_slice_may_be_all_padding_and_a_volume_may_not() -> None:
    pixels = voxels()
    pixels[0] = -1000
    image = decode_image(pack(series_files(pixels, PixelPaddingValue=-1000)), "series")
    assert image.padding is not None
    assert image.padding.sum() == 35 + (pixels[1:] == -1000).sum()
    assert image.padding[:, :, 0].all()
    pixels[:] = -1000
    with pytest.raises(DataError, match="every pixel is padding"):
        decode_image(pack(series_files(pixels, PixelPaddingValue=-1000)), "series")


def test_bits_above_those_stored_are_kept() -> None:
    pixels = (voxels() & 0x0FFF).astype(np.uint16)
    high = pixels | (np.arange(6, dtype=np.uint16)[:, None, None] << 12)
    data = enhanced_file(high, BitsStored=12, HighBit=11)
    image = decode_image(data, "overlaid")
    np.testing.assert_array_equal(image.pixels[0].T, pixels)
    written = image.containers[LOSSLESS].encode(image.pixels)
    assert dcmread(io.BytesIO(written)).PixelData == dcmread(io.BytesIO(data)).PixelData


def test_a_tilted_gantry_is_a_sheared_grid() -> None:
    files = [
        slice_file(plane, n, ImagePositionPatient=place(n, tilt=1.0))
        for n, plane in enumerate(voxels())
    ]
    image = decode_image(pack(files), "series")
    assert image.grid is not None
    assert tilt_degrees(image.grid) == pytest.approx(np.degrees(np.arctan(1 / 2.5)))
    straight = decode_image(pack(series_files()), "series")
    assert straight.grid is not None
    assert tilt_degrees(straight.grid) == pytest.approx(0, abs=1e-5)


def _with(number: int, **elements: Any) -> bytes:
    files = series_files()
    files[number] = slice_file(voxels()[number], number, **elements)
    return pack(files)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "one slice": (lambda: pack(series_files()[:1]), "one slice makes no volume"),
    "gap": (
        lambda: pack(series_files()[:2] + series_files()[3:]),
        "slices 2 and 3 are 5 mm apart, the others 2.5 mm, so that 1 may be missing",
    ),
    "duplicate": (
        lambda: _with(3, ImagePositionPatient=place(2)),
        "1 of 6 slices share their position with another, e.g. at -95 mm",
    ),
    "order": (lambda: pack(series_files()[::-1]), "not in the order of their positions"),
    "shifted": (
        lambda: _with(3, ImagePositionPatient=[-29.0, 12.0, -92.5]),
        "not at equal distances",
    ),
    "sheared": (
        lambda: pack(
            [
                slice_file(plane, n, ImagePositionPatient=place(n, tilt=3.0))
                for n, plane in enumerate(voxels())
            ]
        ),
        "shifted along themselves by more than they are apart",
    ),
    "orientation": (
        lambda: _with(0, ImageOrientationPatient=[1, 0, 0, 0, 0, -1]),
        "several orientations",
    ),
    "spacing": (lambda: _with(5, PixelSpacing=[0.75, 0.6]), "several pixel spacings"),
    "position": (lambda: _with(2, ImagePositionPatient=None), "1 of 6 slices do not say where"),
    "size": (lambda: pack([*series_files()[:5], slice_file(voxels(1, 6, 7)[0], 5)]), "6 × 7"),
    "type": (
        lambda: pack([*series_files()[:5], slice_file(voxels()[5].astype(np.uint16), 5)]),
        "signed and unsigned",
    ),
    "rescale": (lambda: _with(1, RescaleSlope="1.5"), "different rescales"),
    "unit": (lambda: _with(1, RescaleType="MGML"), "different units"),
    "cut slice": (lambda: pack([*series_files()[:5], series_files()[5][:-9]]), "slice 6: "),
    "no slice": (lambda: pack([]), "expected a PNG"),
    "cut archive": (lambda: pack(series_files())[:-40], "archive of slices is damaged"),
    "enhanced rescale": (
        lambda: enhanced_file(slopes=[1, 1, 1, 2, 1, 1]),
        "its 6 frames make no volume: slices have different rescales",
    ),
    "enhanced phases": (
        lambda: enhanced_file(places=[place(n % 3) for n in range(6)]),
        "3 of 6 slices share their position",
    ),
    "enhanced groups": (
        lambda: enhanced_file(NumberOfFrames=5, PixelData=voxels()[:5].tobytes()),
        "states 5 frames and has functional groups of 6",
    ),
    "enhanced cut": (lambda: enhanced_file(PixelData=b"\0" * 64), "truncated or damaged"),
    "frames without place": (
        lambda: enhanced_file(PerFrameFunctionalGroupsSequence=[]),
        "6 of 6 slices do not say where they lie",
    ),
    "frames without end": (
        lambda: enhanced_file(NumberOfFrames=999_999),
        "NumberOfFrames is",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_volume_is_refused(name: str) -> None:
    make, complaint = REFUSED[name]
    with pytest.raises(DataError) as caught:
        decode_image(make(), "case-7")
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("case-7: ")


def test_a_compressed_archive_is_refused() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("dicom-series/1.dcm", b"\0" * 2**20)
    with pytest.raises(DataError, match="the archive is compressed"):
        decode_image(archive.getvalue(), "bomb")
