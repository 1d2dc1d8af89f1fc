"""Whatever the pixels, what a lossless container is given it gives back."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import ImageFile
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from plexor.cases import LOSSLESS, Codec, decode_image
from plexor.cases.formats.dicom_codec import DicomCodec
from plexor.cases.formats.nifti import NiftiCodec
from plexor.cases.formats.png import PngCodec
from plexor.cases.formats.tiff import TiffCodec
from plexor.core.errors import DataError

SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
)


def pixels_of(
    dtype: str,
    *,
    channels: tuple[int, ...] = (1, 3),
    n_axes: int = 2,
    bits: int | None = None,
    smallest: int = 1,
) -> st.SearchStrategy[NDArray[Any]]:
    """Arrays (C, *spatial) of a type, or of as many of its bits."""
    sides = st.tuples(*[st.integers(smallest, smallest + 8)] * n_axes)
    shapes = st.tuples(st.sampled_from(channels), sides).map(lambda shape: (shape[0], *shape[1]))
    elements: Any = None
    if np.dtype(dtype).kind == "f":
        elements = st.floats(width=32, allow_nan=False, allow_infinity=False)
    elif bits is not None:
        signed = np.dtype(dtype).kind == "i"
        low = -(1 << bits - 1) if signed else 0
        elements = st.integers(low, low + (1 << bits) - 1)
    return shapes.flatmap(lambda shape: arrays(dtype, shape, elements=elements))


def assert_given_back(codec: Codec, pixels: NDArray[Any]) -> None:
    data = codec.encode(pixels)
    for found in (codec.decode(data), decode_image(data, "x").pixels):
        assert found.dtype == pixels.dtype
        np.testing.assert_array_equal(found, pixels)
    assert codec.encode(pixels) == data


@settings(deadline=None)
@given(pixels=pixels_of("u1") | pixels_of("u2"))
def test_png(pixels: NDArray[Any]) -> None:
    assert_given_back(PngCodec(), pixels)


@settings(deadline=None)
@given(pixels=pixels_of("u1"))
def test_png_with_an_opaque_alpha_channel(pixels: NDArray[Any]) -> None:
    codec = PngCodec(alpha=True)
    assert_given_back(codec, pixels)
    image = decode_image(codec.encode(pixels), "x")
    assert image.containers[LOSSLESS] == codec


@settings(deadline=None)
@given(pixels=pixels_of("u1") | pixels_of("u2"))
def test_tiff(pixels: NDArray[Any]) -> None:
    assert_given_back(TiffCodec(photometric=1 if len(pixels) == 1 else 2), pixels)


@settings(deadline=None)
@given(
    pixels=pixels_of("i2", channels=(1,)) | pixels_of("f4", channels=(1,)),
)
def test_tiff_signed_and_float(pixels: NDArray[Any]) -> None:
    assert_given_back(TiffCodec(photometric=1), pixels)


def dicom(pixels: NDArray[Any], bits: int, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """A minimal DICOM file in a syntax without compression of pixels."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = "1.2.3"
    dataset.Modality = "MR"
    dataset.SamplesPerPixel = len(pixels)
    dataset.PhotometricInterpretation = "MONOCHROME2" if len(pixels) == 1 else "RGB"
    if len(pixels) == 3:
        dataset.PlanarConfiguration = 1
    dataset.Rows, dataset.Columns = pixels.shape[1:]
    dataset.BitsAllocated = 8 * pixels.itemsize
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    order: Any = ">" if syntax == ExplicitVRBigEndian else "<"
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


@st.composite
def dicom_pixels(draw: st.DrawFn, smallest: int) -> tuple[NDArray[Any], int]:
    dtype = draw(st.sampled_from(["u1", "i1", "u2", "i2"]))
    allocated = 8 * np.dtype(dtype).itemsize
    bits = draw(st.integers(9 if allocated == 16 else 2, allocated))
    channels = (1,) if dtype.startswith("i") or bits < allocated else (1, 3)
    return draw(pixels_of(dtype, channels=channels, bits=bits, smallest=smallest)), bits


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_dicom_in_every_lossless_syntax(syntax: UID, data: st.DataObject) -> None:
    smallest = 32 if syntax in (JPEG2000Lossless, JPEGLSLossless) else 1
    pixels, bits = data.draw(dicom_pixels(smallest))
    native = ExplicitVRLittleEndian if syntax.is_encapsulated else syntax
    plain = decode_image(dicom(pixels, bits, native), "x")
    np.testing.assert_array_equal(plain.pixels, pixels)
    limits = np.iinfo(np.int32)
    assert limits.min < plain.intensity.low <= pixels.min()
    assert pixels.max() <= plain.intensity.high == plain.intensity.low + 2.0**bits - 1

    template = plain.containers[LOSSLESS]
    assert isinstance(template, DicomCodec)
    codec = replace(template, syntax=syntax)
    assert_given_back(codec, pixels)
    written = decode_image(codec.encode(pixels), "x")
    kept = written.containers[LOSSLESS]
    assert isinstance(kept, DicomCodec)
    assert kept.syntax == syntax
    assert_given_back(kept, pixels)


@settings(deadline=None)
@given(data=st.data(), overlay=st.booleans())
def test_dicom_keeps_what_lies_in_unused_bits(data: st.DataObject, overlay: bool) -> None:
    """A word is 12 stored bits and, above, either an overlay or a sign that is not repeated."""
    dtype = "u2" if overlay else "i2"
    pixels = data.draw(pixels_of(dtype, channels=(1,), bits=12))
    high = data.draw(arrays("u2", pixels.shape, elements=st.integers(0, 15)))
    words = (pixels.view("u2") & 0x0FFF | high << 12).astype("u2").view(dtype)
    source = dicom(words, 12)

    image = decode_image(source, "x")
    np.testing.assert_array_equal(image.pixels, pixels)
    changed = data.draw(arrays(dtype, pixels.shape, elements=st.integers(0, 2047)))
    written = image.containers[LOSSLESS].encode(changed)
    assert_given_back(image.containers[LOSSLESS], changed)
    if overlay:
        stored = np.frombuffer(dcmread(io.BytesIO(written)).PixelData, "u2")
        np.testing.assert_array_equal(stored >> 12, high.ravel())
    unchanged = image.containers[LOSSLESS].encode(pixels)
    assert dcmread(io.BytesIO(unchanged)).PixelData == dcmread(io.BytesIO(source)).PixelData


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("version", [1, 2])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_nifti(version: int, order: str, gzipped: bool, data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(["u1", "i1", "u2", "i2", "f4"]))
    pixels = data.draw(pixels_of(dtype, channels=(1,), n_axes=3))
    kind: Any = nib.Nifti1Image if version == 1 else nib.Nifti2Image
    header = kind.header_class(endianness=order)
    header.set_data_dtype(dtype)
    volume = kind(np.zeros(pixels.shape[1:], dtype), np.diag([2, 3, 4, 1]), header, dtype=dtype)
    raw = volume.to_bytes()
    prefix = raw[: len(raw) - pixels.nbytes]
    codec = NiftiCodec(header=prefix, dtype=np.dtype(order + dtype).str, gzipped=gzipped)
    assert_given_back(codec, pixels)
    image = decode_image(codec.encode(pixels), "x")
    assert image.containers[LOSSLESS] == codec
    assert image.spacing_mm == (2.0, 3.0, 4.0)


SMALL = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
FILES = {
    "png": PngCodec().encode(SMALL),
    "tiff": TiffCodec(photometric=1).encode(SMALL),
    "dicom": dicom(SMALL.astype(np.uint16), 12),
}


@pytest.mark.parametrize("allowed", [False, True], ids=["", "Pillow lets it pass"])
@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused_or_whole(
    name: str, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", allowed)
    data = FILES[name]
    whole = decode_image(data, name).pixels
    for cut in range(len(data)):
        try:
            pixels = decode_image(data[:cut], name).pixels
        except DataError:
            continue
        np.testing.assert_array_equal(pixels, whole)


@pytest.mark.filterwarnings("ignore::UserWarning")  # readers warn of odd headers
@pytest.mark.parametrize("name", FILES)
@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(name: str, data: st.DataObject) -> None:
    damaged = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode_image(bytes(damaged), "damaged")
    except DataError as error:
        assert str(error).startswith("damaged: ")  # noqa: PT017
    else:
        if name == "png":
            np.testing.assert_array_equal(image.pixels, SMALL)


@settings(deadline=None)
@given(data=st.binary(max_size=400))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match=r"^noise: "):
        decode_image(data, "noise")
