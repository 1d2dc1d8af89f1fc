"""DICOM images of one frame, grey or colour, compressed or not."""

from __future__ import annotations

import math
from typing import Any

from pydicom import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    UID,
    JPEGBaseline8Bit,
    RLELossless,
)

from plexor.cases.formats.dicom_codec import DicomCodec, lossless_syntax
from plexor.cases.formats.dicom_pixels import any_length, only_frame, read_dataset, read_pixels
from plexor.cases.formats.jpeg import JpegCodec, decode_jpeg
from plexor.cases.formats.raster import channels_first
from plexor.cases.image import LOSSLESS, Codec, Image, Pixels
from plexor.cases.intensity import Intensity
from plexor.core.errors import DataError


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
    dataset, syntax = read_dataset(data)
    pixels, photometric = read_pixels(dataset, syntax)
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


def _unused_bits(dataset: Dataset, syntax: UID, pixels: Pixels) -> Pixels | None:
    """Bits in which the file's words differ from the pixels they stand for; None where in none.

    Those are bits above *Bits Stored*, which should be zero or repeat the sign.
    """
    codestream = syntax.is_encapsulated and syntax != RLELossless
    if dataset.BitsStored == dataset.BitsAllocated or codestream or len(pixels) != 1:
        return None
    as_they_are: Any = {"correct_unused_bits": False}
    with any_length():
        words, _ = get_decoder(syntax).as_array(dataset, raw=True, **as_they_are)
    unused: Pixels = channels_first(words) ^ pixels
    return unused if unused.any() else None


def _recompressed(data: bytes, dataset: Dataset) -> dict[str, Codec]:
    """The JPEG Baseline containers, where the header and the codestream agree on the colours."""
    photometric = str(dataset.PhotometricInterpretation)
    codecs: dict[str, Codec] = {}
    for name, codec in decode_jpeg(only_frame(dataset)).containers.items():
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
