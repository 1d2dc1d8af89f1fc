"""DICOM: values as pydicom computes them, and a copy in which nothing else has changed."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.processing import apply_modality_lut
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from plexor.cases import LOSSLESS, Annotation, Image, decode_image, read_annotation
from plexor.cases.formats.dicom_codec import lossless_syntax
from plexor.core.errors import DataError

OWN_BUSINESS = {
    "SOPInstanceUID",
    "PixelData",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
}
"""All that a written copy may change in the data set."""


def _bytes(name: str) -> bytes:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()


def _edited(name: str, **elements: Any) -> bytes:
    """One of pydicom's files with some elements set, or removed where None."""
    dataset = dcmread(io.BytesIO(_bytes(name)))
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def _values(image: Image) -> Any:
    return image.intensity.slope * image.pixels + image.intensity.intercept


def _written(image: Image) -> Dataset:
    return dcmread(io.BytesIO(image.containers[LOSSLESS].encode(image.pixels)))


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "693_J2KI.dcm"])
def test_pixels_and_values_are_pydicoms(name: str) -> None:
    dataset = dcmread(io.BytesIO(_bytes(name)))
    image = decode_image(_bytes(name), name)
    np.testing.assert_array_equal(image.pixels[0], dataset.pixel_array)
    np.testing.assert_allclose(_values(image)[0], apply_modality_lut(dataset.pixel_array, dataset))


@pytest.mark.parametrize(
    ("name", "elements", "unit"),
    [
        ("CT_small.dcm", {}, "HU"),
        ("CT_small.dcm", {"RescaleType": "HU"}, "HU"),
        ("CT_small.dcm", {"RescaleType": "US"}, "HU"),
        ("CT_small.dcm", {"RescaleType": "OD"}, "OD"),
        ("CT_small.dcm", {"RescaleIntercept": None, "RescaleSlope": None}, "a.u."),
        ("MR_small.dcm", {}, "a.u."),
        ("SC_rgb_rle.dcm", {}, "level"),
    ],
)
def test_unit(name: str, elements: dict[str, Any], unit: str) -> None:
    assert decode_image(_edited(name, **elements), name).intensity.unit == unit


@pytest.mark.parametrize("signed", [0, 1])
def test_monochrome1_is_turned_over_within_the_same_range(signed: int) -> None:
    common: dict[str, Any] = {
        "PixelRepresentation": signed,
        "BitsStored": 12,
        "HighBit": 11,
        "RescaleSlope": "2.5",
        "RescaleIntercept": "-7",
    }
    plain = decode_image(_edited("MR_small.dcm", **common), "x")
    turned = decode_image(
        _edited("MR_small.dcm", PhotometricInterpretation="MONOCHROME1", **common), "x"
    )
    low, high = (-2048, 2047) if signed else (0, 4095)
    assert (plain.intensity.low, plain.intensity.high) == (low, high)
    np.testing.assert_array_equal(plain.pixels, turned.pixels)
    span = plain.intensity
    limits = 2.5 * (span.low + span.high) - 14  # lowest plus highest value
    np.testing.assert_allclose(_values(plain) + _values(turned), limits)
    assert turned.intensity.slope < 0


def test_spacing_is_rows_then_columns() -> None:
    data = _edited("MR_small.dcm", PixelSpacing=[0.5, 0.25])
    assert decode_image(data, "x").spacing_mm == (0.5, 0.25)
    data = _edited("MR_small.dcm", PixelSpacing=None, ImagerPixelSpacing=[0.1, 0.2])
    assert decode_image(data, "x").spacing_mm == (0.1, 0.2)
    assert decode_image(_edited("MR_small.dcm", PixelSpacing=None), "x").spacing_mm is None


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        ("CT_small.dcm", None),
        ("MR_small_implicit.dcm", None),
        ("MR_small_bigendian.dcm", None),
        ("image_dfl.dcm", None),
        ("MR_small_RLE.dcm", RLELossless),
        ("GDCMJ2K_TextGBR.dcm", JPEG2000Lossless),
        ("693_J2KI.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_jpeg_gdcm.dcm", ExplicitVRLittleEndian),
        ("SC_rgb_jpeg_dcmtk.dcm", ExplicitVRLittleEndian),
        ("SC_ybr_full_422_uncompressed.dcm", None),
    ],
)
def test_a_copy_changes_nothing_but_its_pixels_and_identity(name: str, syntax: UID | None) -> None:
    original = dcmread(io.BytesIO(_bytes(name)))
    copy = _written(decode_image(_bytes(name), name))

    assert copy.file_meta.TransferSyntaxUID == (syntax or original.file_meta.TransferSyntaxUID)
    assert copy.SOPInstanceUID == copy.file_meta.MediaStorageSOPInstanceUID
    assert copy.SOPInstanceUID != original.get("SOPInstanceUID")
    assert copy.preamble == original.preamble
    for element in original:
        if element.keyword not in OWN_BUSINESS and element.tag.element != 0:
            assert copy[element.tag] == element
    added = {element.keyword for element in copy if element.tag not in original}
    assert added <= OWN_BUSINESS
    unchanged = {
        "TransferSyntaxUID",
        "MediaStorageSOPInstanceUID",
        "FileMetaInformationGroupLength",
    }
    for element in original.file_meta:
        if element.keyword not in unchanged:
            assert copy.file_meta[element.tag] == element


def test_uncompressed_pixels_are_the_same_bytes() -> None:
    for name in ("CT_small.dcm", "MR_small_bigendian.dcm", "SC_rgb_small_odd_big_endian.dcm"):
        copy = _written(decode_image(_bytes(name), name))
        assert copy.PixelData == dcmread(io.BytesIO(_bytes(name))).PixelData


def test_identity_follows_from_the_content() -> None:
    image = decode_image(_bytes("CT_small.dcm"), "x")
    codec = image.containers[LOSSLESS]
    changed = image.pixels + 1
    uids = [
        dcmread(io.BytesIO(codec.encode(pixels))).SOPInstanceUID
        for pixels in (image.pixels, image.pixels.copy(), changed)
    ]
    assert uids[0] == uids[1] != uids[2]


@pytest.mark.parametrize("name", ["SC_rgb_jpeg_dcmtk.dcm", "SC_jpeg_no_color_transform_2.dcm"])
def test_jpeg_baseline_recompresses_in_its_own_syntax(name: str) -> None:
    image = decode_image(_bytes(name), name)
    own = image.containers["recompressed-own"]
    data = own.encode(image.pixels)
    copy, original = dcmread(io.BytesIO(data)), dcmread(io.BytesIO(_bytes(name)))
    assert copy.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
    assert copy.PhotometricInterpretation == original.PhotometricInterpretation
    tables = [segment for segment in _dqt(original.PixelData) if segment]
    assert set(tables) == set(_dqt(copy.PixelData))
    np.testing.assert_allclose(own.decode(data), image.pixels.astype(int), atol=3)


def _dqt(data: bytes) -> list[bytes]:
    """Quantisation tables of 8 bits, without their destination."""
    tables, start = [], data.find(b"\xff\xdb")
    while start >= 0:
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        content = data[start + 4 : start + 2 + length]
        tables += [content[i + 1 : i + 65] for i in range(0, len(content), 65)]
        start = data.find(b"\xff\xdb", start + length)
    return tables


COMPRESSED = ["MR_small_jp2klossless.dcm", "SC_rgb_jpeg_dcmtk.dcm", "MR_small_jpeg_ls_lossless.dcm"]


def _with_frame(name: str, change: Callable[[bytes], bytes]) -> bytes:
    """One of pydicom's files with another codestream of its only frame."""
    dataset = dcmread(io.BytesIO(_bytes(name)))
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([change(frame)])
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_codestream_without_its_end_is_truncated(name: str) -> None:
    """A decoder may make up what is missing; a damaged image is to be refused, not judged."""
    whole = decode_image(_bytes(name), name).pixels
    for padding in (0, 2, 12):
        padded = _with_frame(name, lambda frame, n=padding: _bare(frame) + bytes(n))  # type: ignore[misc]
        np.testing.assert_array_equal(decode_image(padded, name).pixels, whole)
    for lost in (2, 4, 400):
        cut = _with_frame(name, lambda frame, n=lost: _bare(frame)[:-n])  # type: ignore[misc]
        with pytest.raises(DataError, match="truncated: its end is missing; fetch it again"):
            decode_image(cut, name)


def _bare(frame: bytes) -> bytes:
    """A codestream without the padding behind its end."""
    return frame[: frame.rindex(b"\xff\xd9") + 2]


@pytest.mark.parametrize(
    ("elements", "complaint"),
    [
        ({"NumberOfFrames": "2"}, "65,536 bytes of pixels for 2 frames, found 32,768"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "found PALETTE COLOR"),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "found 32 allocated"),
        ({"HighBit": 15, "BitsStored": 12}, "high bit 15"),
        ({"Rows": None}, "lacks Rows"),
        ({"PixelData": None}, "no integer pixels"),
        ({"RescaleSlope": "0"}, "rescale slope is 0"),
        ({"RescaleSlope": ["1", "2"]}, "RescaleSlope is"),
        ({"RescaleSlope": ""}, "a RescaleIntercept alone"),
        ({"RescaleIntercept": None}, "a RescaleSlope alone"),
        ({"SamplesPerPixel": 3}, "MONOCHROME2 has 1 samples, found 3"),
        ({"Rows": 500}, "less than expected"),
        ({"Rows": 0}, "Rows"),
        ({"ModalityLUTSequence": [Dataset()]}, "lookup table"),
    ],
)
def test_what_is_not_supported_is_refused(elements: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        decode_image(_edited("CT_small.dcm", **elements), "scan.dcm")
    assert str(caught.value).startswith("scan.dcm: ")


def test_the_header_says_what_may_be_written_on_the_image(tmp_path: Path) -> None:
    path, elements = tmp_path / "scan.dcm", {"PatientName": "Doe^Jane", "PatientBirthDate": ""}

    def annotation(**further: Any) -> Annotation:
        path.write_bytes(_edited("CT_small.dcm", PatientID="", **elements, **further))
        return read_annotation(path)

    plain = annotation()
    assert (plain.identifiers, plain.n_frames, plain.n_overlays) == (("Doe^Jane",), 1, 0)
    assert (plain.burned_in, plain.laterality) == ("", "")
    assert annotation(Laterality="L").laterality == "L"
    assert annotation(ImageLaterality="R", Laterality="L").laterality == "R"
    assert annotation(BurnedInAnnotation="YES", NumberOfFrames="3").n_frames == 3
    assert read_annotation(path).burned_in == "YES"
    path.write_bytes(b"not DICOM")
    assert read_annotation(path) == Annotation()
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_annotation(tmp_path / "absent.dcm")


def test_small_images_stay_compressed_where_an_encoder_takes_them() -> None:
    small, large = np.zeros((1, 4, 4), np.uint8), np.zeros((1, 40, 40), np.uint8)
    for syntax, pixels, unused, kept in (
        (RLELossless, small, False, True),
        (RLELossless, small, True, False),
        (JPEG2000Lossless, small, False, False),
        (JPEG2000Lossless, large, False, True),
        (ExplicitVRLittleEndian, small, True, True),
    ):
        found = lossless_syntax(syntax, pixels, unused_bits=unused)
        assert found == (syntax if kept else ExplicitVRLittleEndian)


@pytest.mark.parametrize(
    ("error", "reason"), [(EOFError(), "EOFError"), (ValueError("cut\n off"), "cut off")]
)
def test_a_damaged_header_is_refused_with_the_reason(
    error: Exception, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scan.dcm").write_bytes(_bytes("CT_small.dcm"))
    monkeypatch.setattr("pydicom.dcmread", Mock(side_effect=error))
    with pytest.raises(DataError, match=rf"cannot be read \({reason}\); fetch it again"):
        read_annotation(tmp_path / "scan.dcm")
