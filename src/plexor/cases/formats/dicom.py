"""DICOM images of one frame, grey or colour, compressed or not."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterator
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    UID,
    JPEGBaseline8Bit,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from plexor.cases.formats.dicom_codec import DicomCodec, lossless_syntax
from plexor.cases.formats.jpeg import JpegCodec, decode_jpeg
from plexor.cases.formats.raster import channels_first
from plexor.cases.image import LOSSLESS, Codec, Image, Pixels
from plexor.cases.intensity import Intensity
from plexor.core.errors import DataError

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_NEEDED = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)
_END_OF_CODESTREAM = b"\xff\xd9"  # of JPEG, JPEG-LS and JPEG 2000 alike


def decode_dicom(data: bytes) -> Image:
    """Reads a DICOM image: the stored numbers, with the rescale as slope and intercept.

    Colour is read as RGB, whatever the file keeps it in. MONOCHROME1 turns the slope over, so
    that a greater value is brighter. Windows and presentation lookup tables are left to viewers.
    What bits beyond *Bits Stored* hold is kept aside and written back.

    The lossless container has the file's own transfer syntax if that is lossless and can be
    written (uncompressed, deflated, RLE, JPEG-LS, JPEG 2000), else Explicit VR Little Endian.
    A file in JPEG Baseline also has the recompressed containers, with its own tables; files in
    other lossy syntaxes have not, since their encoders cannot be told to repeat the original's.

    Raises:
        DataError: truncated, no image, several frames, an unsupported layout or syntax.
    """
    dataset = dcmread(io.BytesIO(data))
    syntax = _checked_syntax(dataset)
    _refuse_unsupported(dataset)
    pixels, photometric = _pixels(dataset, syntax)
    unused = _unused_bits(dataset, syntax, pixels)
    lossless = lossless_syntax(syntax, pixels, unused_bits=unused is not None)
    if lossless == syntax and dataset.PhotometricInterpretation == "YBR_RCT":
        photometric = "YBR_RCT"  # of RGB, by the codestream itself
    containers: dict[str, Codec] = {
        LOSSLESS: DicomCodec(
            source=data, syntax=lossless, photometric=photometric, unused_bits=unused
        )
    }
    if syntax == JPEGBaseline8Bit:
        containers.update(_recompressed(data, dataset))
    return Image(
        pixels=pixels,
        intensity=_intensity(dataset),
        containers=containers,
        spacing_mm=_spacing(dataset),
    )


def _checked_syntax(dataset: Dataset) -> UID:
    if "PixelData" not in dataset:
        kind = dataset.get("Modality") or "unknown"
        raise DataError(
            f"the DICOM file (modality {kind}) holds no integer pixels, expected an image"
        )
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if not syntax:
        raise DataError("the DICOM file does not say its transfer syntax; repair its header")
    implicit = any(element.VR is None for element in dataset.values())
    if UID(syntax).is_implicit_VR != implicit:
        raise DataError("the DICOM header is not written in the syntax it says; repair it")
    return UID(syntax)


def _refuse_unsupported(dataset: Dataset) -> None:
    missing = [keyword for keyword in _NEEDED if dataset.get(keyword) is None]
    if missing:
        raise DataError(f"the DICOM header lacks {', '.join(missing)}; repair it")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise DataError(f"expected a DICOM file of one frame, found {frames}; export each frame")
    photometric = str(dataset.PhotometricInterpretation)
    if photometric not in _GREY + _COLOUR:
        raise DataError(
            f"expected a grey or colour DICOM image, found {photometric}; convert it to RGB"
        )
    n_samples = 1 if photometric in _GREY else 3
    if dataset.SamplesPerPixel != n_samples:
        raise DataError(f"{photometric} has {n_samples} samples, found {dataset.SamplesPerPixel}")
    allocated, stored, high = dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit
    if allocated not in (8, 16) or not 1 < stored <= allocated or high != stored - 1:
        raise DataError(
            "expected 8 or 16 bits allocated, with the stored bits the lowest of them, found "
            f"{allocated} allocated, {stored} stored, high bit {high}"
        )
    if "ModalityLUTSequence" in dataset:
        raise DataError("values come from a modality lookup table, expected slope and intercept")


def _pixels(dataset: Dataset, syntax: UID) -> tuple[Pixels, str]:
    """Pixels and the photometric interpretation they now have."""
    if syntax.is_encapsulated and syntax != RLELossless:
        frame = _frame(dataset)
        if _END_OF_CODESTREAM not in frame[-16:]:  # padding may follow
            raise DataError("the compressed image is truncated: its end is missing; fetch it again")
        if dataset.SamplesPerPixel == 3 and _plugin(syntax) in ("pillow", "pylibjpeg"):
            dataset.PlanarConfiguration = 0  # which they give, and the standard asks for
    try:
        with _whatever_its_length():
            array, found = get_decoder(syntax).as_array(dataset, decoding_plugin=_plugin(syntax))
    except NotImplementedError as error:
        raise DataError(
            f"transfer syntax {syntax.name!r} is not supported; decompress it"
        ) from error
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"transfer syntax {syntax.name!r}: {reason}") from error
    kind = "i" if dataset.PixelRepresentation else "u"
    pixels = channels_first(array.astype(f"{kind}{dataset.BitsAllocated // 8}", copy=False))
    return pixels, str(found["photometric_interpretation"])


@contextlib.contextmanager
def _whatever_its_length() -> Iterator[None]:
    """Compressed pixels may by chance be as long as uncompressed ones; pydicom warns of that."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of bytes of compressed pixel data matches")
        yield


def _plugin(syntax: UID) -> str:
    """One decoder for each syntax, so that pixels are the same wherever they are read."""
    if not syntax.is_encapsulated:
        return ""
    if syntax in JPEGLSTransferSyntaxes:
        return "pyjpegls"
    if syntax in JPEGTransferSyntaxes:
        return "pillow" if syntax.name.startswith(("JPEG Baseline", "JPEG Extended")) else "gdcm"
    return "pylibjpeg"


def _frame(dataset: Dataset) -> bytes:
    return next(generate_frames(dataset.PixelData, number_of_frames=1))


def _unused_bits(dataset: Dataset, syntax: UID, pixels: Pixels) -> Pixels | None:
    """Bits in which the file's words differ from the pixels they stand for; None where in none.

    Those are bits above *Bits Stored*, which should be zero or repeat the sign.
    """
    codestream = syntax.is_encapsulated and syntax != RLELossless
    if dataset.BitsStored == dataset.BitsAllocated or codestream or len(pixels) != 1:
        return None
    as_they_are: Any = {"correct_unused_bits": False}
    with _whatever_its_length():
        words, _ = get_decoder(syntax).as_array(dataset, raw=True, **as_they_are)
    unused: Pixels = channels_first(words) ^ pixels
    return unused if unused.any() else None


def _recompressed(data: bytes, dataset: Dataset) -> dict[str, Codec]:
    """The JPEG Baseline containers, where the header and the codestream agree on the colours."""
    photometric = str(dataset.PhotometricInterpretation)
    codecs: dict[str, Codec] = {}
    for name, codec in decode_jpeg(_frame(dataset)).containers.items():
        if isinstance(codec, JpegCodec) and codec.rgb == (photometric == "RGB"):
            codecs[name] = DicomCodec(
                source=data, syntax=JPEGBaseline8Bit, photometric=photometric, jpeg=codec
            )
    return codecs


def _intensity(dataset: Dataset) -> Intensity:
    bits = dataset.BitsStored
    low = -(2.0 ** (bits - 1)) if dataset.PixelRepresentation else 0.0
    high = low + 2.0**bits - 1
    if dataset.SamplesPerPixel == 3:
        return Intensity(low=low, high=high)
    slope = _number(dataset, "RescaleSlope", 1.0)
    intercept = _number(dataset, "RescaleIntercept", 0.0)
    if slope == 0:
        raise DataError("the rescale slope is 0, expected another number; repair the header")
    unit = _unit(dataset)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        slope, intercept = -slope, intercept + slope * (low + high)
        unit = "a.u."
    return Intensity(low=low, high=high, slope=slope, intercept=intercept, unit=unit)


def _unit(dataset: Dataset) -> str:
    kind = str(dataset.get("RescaleType") or "").strip()
    if kind in ("", "US"):  # US: unspecified
        return "HU" if dataset.get("Modality") == "CT" and "RescaleIntercept" in dataset else "a.u."
    return kind


def _number(dataset: Dataset, keyword: str, default: float) -> float:
    value: Any = dataset.get(keyword)
    if value is None:
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{keyword} is {value!r}, expected a finite number; repair the header")
    return number


def _spacing(dataset: Dataset) -> tuple[float, ...] | None:
    """Between rows, then between columns; at the detector where the file says no better."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        value = dataset.get(keyword)
        if value is not None and not isinstance(value, str) and len(value) == 2:
            spacing = tuple(float(distance) for distance in value)
            if all(math.isfinite(distance) and distance > 0 for distance in spacing):
                return spacing
    return None
