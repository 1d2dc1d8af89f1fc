"""DICOM images of one frame, grey or colour, compressed or not."""

from __future__ import annotations

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
from plexor.cases.formats.dicom_position import grid, spacing
from plexor.cases.formats.dicom_values import intensity, padding
from plexor.cases.formats.jpeg import JpegCodec, check_jpeg, decode_jpeg
from plexor.cases.formats.raster import channels_first
from plexor.cases.image import LOSSLESS, Codec, Image, Pixels


def decode_dicom(data: bytes, *, as_mask: bool = False) -> Image:
    """Reads a DICOM image: the stored numbers, with the rescale as slope and intercept.

    Rescale, spacing, orientation and position are read from the functional groups of an enhanced
    object as from the top level of a classic one. Colour is decoded to RGB. MONOCHROME1 turns the
    slope over, so that a greater value is brighter. Windows and presentation lookup tables are
    left to viewers. Bits beyond *Bits Stored* are kept aside and written back.

    The lossless container has the file's own transfer syntax if that is lossless and can be
    written (uncompressed, deflated, RLE, JPEG-LS, JPEG 2000), else Explicit VR Little Endian.
    A file in JPEG Baseline also has the recompressed containers, with its own tables; files in
    other lossy syntaxes have not, since their encoders cannot repeat the original's settings.

    Args:
        data: the file.
        as_mask: read MONOCHROME1 like MONOCHROME2, since a mask's numbers are no brightness.

    Raises:
        DataError: truncated, no image, several frames, an unsupported layout or syntax, a header
            at odds with itself, or beyond the limits.
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
        intensity=intensity(dataset, inverted=not as_mask),
        containers=containers,
        spacing_mm=spacing(dataset),
        grid=grid(dataset),
        padding=padding(dataset, pixels),
    )


def _unused_bits(dataset: Dataset, syntax: UID, pixels: Pixels) -> Pixels | None:
    """The file's words XOR its pixels; None where they are equal.

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
    frame = only_frame(dataset)
    decoded = decode_jpeg(frame)
    check_jpeg(frame, decoded.pixels)
    for name, codec in decoded.containers.items():
        if isinstance(codec, JpegCodec) and codec.rgb == (photometric == "RGB"):
            codecs[name] = DicomCodec(
                source=data, syntax=JPEGBaseline8Bit, photometric=photometric, jpeg=codec
            )
    return codecs
