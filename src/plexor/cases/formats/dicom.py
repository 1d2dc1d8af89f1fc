"""DICOM files: one frame, grey or colour, compressed or not, or the frames of a volume."""

from __future__ import annotations

from dataclasses import replace

from pydicom import Dataset
from pydicom.uid import JPEGBaseline8Bit

from plexor.cases.formats.dicom_codec import DicomCodec
from plexor.cases.formats.dicom_frame import decode_frame, n_frames, without_pixels
from plexor.cases.formats.dicom_multiframe import decode_multiframe
from plexor.cases.formats.dicom_pixels import check_image, only_frame, parse
from plexor.cases.formats.dicom_values import refuse_all_padding
from plexor.cases.formats.jpeg import JpegCodec, check_jpeg, decode_jpeg
from plexor.cases.image import Codec, Image


def decode_dicom(data: bytes, *, as_mask: bool = False) -> Image:
    """Reads a DICOM image: the stored numbers, with the rescale as slope and intercept.

    A file of several frames is a volume where its functional groups say that they lie at equal
    distances; see ``decode_multiframe``.

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
        DataError: truncated, no image, frames that make no volume, an unsupported layout or
            syntax, a header at odds with itself, or beyond the limits.
    """
    dataset, syntax = parse(data)
    source = without_pixels(data, dataset, syntax)
    if n_frames(dataset) > 1:
        return decode_multiframe(source, dataset, syntax, as_mask=as_mask)
    check_image(dataset, syntax, len(data))
    image = decode_frame(source, dataset, syntax, as_mask=as_mask)
    refuse_all_padding(image)
    if syntax == JPEGBaseline8Bit:
        return replace(image, containers={**image.containers, **_recompressed(data, dataset)})
    return image


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
