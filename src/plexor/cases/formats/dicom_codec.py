"""Writing pixels back into a copy of their DICOM file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import DataElement, Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from plexor.cases.formats.dicom_pixels import read_dataset, read_pixels
from plexor.cases.formats.jpeg import JpegCodec
from plexor.cases.formats.raster import channels_last
from plexor.cases.image import Pixels

ENCODERS = {
    JPEG2000Lossless: "pylibjpeg",
    JPEGLSLossless: "pyjpegls",
    RLELossless: "pylibjpeg",
}
"""Lossless compressed transfer syntaxes that can be written, and by which plugin."""

_SMALLEST_SIDE = 32
_UNTRUE = (
    "SmallestImagePixelValueInPlane",
    "LargestImagePixelValueInPlane",
    "HistogramSequence",
    "MACParametersSequence",
    "DigitalSignaturesSequence",
)
"""What is true of the original's pixels only."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DicomCodec:
    """Writes pixels, (1 or 3, H, W), into a copy of the original file.

    The copy has a new SOP instance UID, derived from the original's and the pixels, so that the
    same pixels always give the same file. Every other element stays, except those that describe
    the pixel data's own form and those that another image's pixels would make untrue: smallest
    and largest pixel values are brought up to date, histograms and digital signatures removed.

    Attributes:
        source: the original file; of an uncompressed one, without its pixels.
        syntax: the transfer syntax to write.
        photometric: the photometric interpretation to write.
        unused_bits: the original's words XOR its pixels, e.g. an overlay in bits that are no
            part of the pixels; None where they are equal.
        jpeg: compresses the pixels; None unless the syntax is JPEG Baseline.
    """

    source: bytes
    syntax: UID
    photometric: str
    unused_bits: Pixels | None = None
    jpeg: JpegCodec | None = None

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return ".dcm"

    def encode(self, pixels: Pixels) -> bytes:
        """A DICOM file holding these pixels."""
        return written([self], [pixels])

    def decode(self, data: bytes) -> Pixels:
        """The pixels of a DICOM file."""
        return read_pixels(*read_dataset(data))[0]

    def frame(self, dataset: Dataset, pixels: Pixels) -> bytes:
        """The pixels in the form in which the transfer syntax stores a frame.

        Args:
            dataset: the file's header.
            pixels: (1 or 3, H, W).
        """
        if self.jpeg is not None:
            return self.jpeg.encode(pixels)
        if self.syntax.is_encapsulated:
            return self._codestream(dataset, pixels)
        if self.unused_bits is not None:
            pixels = pixels ^ self.unused_bits
        planar = dataset.get("PlanarConfiguration", 0) == 1
        big_endian = self.syntax == ExplicitVRBigEndian
        array = pixels if planar else channels_last(pixels)
        return array.astype(pixels.dtype.newbyteorder(">" if big_endian else "<")).tobytes()

    def _codestream(self, dataset: Dataset, pixels: Pixels) -> bytes:
        return get_encoder(self.syntax).encode(
            channels_last(pixels),
            encoding_plugin=ENCODERS[self.syntax],
            rows=pixels.shape[1],
            columns=pixels.shape[2],
            number_of_frames=1,
            samples_per_pixel=len(pixels),
            bits_allocated=dataset.BitsAllocated,
            bits_stored=dataset.BitsStored,
            pixel_representation=dataset.PixelRepresentation,
            photometric_interpretation=self.photometric,
            planar_configuration=0,
        )


def written(codecs: Sequence[DicomCodec], frames: Sequence[Pixels]) -> bytes:
    """A copy of a file with other frames; see ``DicomCodec`` for what else changes.

    Args:
        codecs: one for each frame, of the same source and syntax.
        frames: (1 or 3, H, W) each, as many as the source has.
    """
    codec = codecs[0]
    dataset = dcmread(io.BytesIO(codec.source))
    original = dataset.file_meta.TransferSyntaxUID
    dataset.file_meta.TransferSyntaxUID = codec.syntax
    if codec.photometric != dataset.PhotometricInterpretation:
        dataset.PhotometricInterpretation = codec.photometric
        dataset.PlanarConfiguration = 0
    parts = [one.frame(dataset, frame) for one, frame in zip(codecs, frames, strict=True)]
    if codec.syntax.is_encapsulated:
        if len(frames[0]) == 3 and codec.syntax != RLELossless:
            dataset.PlanarConfiguration = 0  # the encoders interleave
        dataset.PixelData = encapsulate(parts)
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    else:
        _set_native(dataset, parts, frames[0].itemsize, codec, keep_vr=original == codec.syntax)
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:  # it describes the original's fragments, which are no more
            delattr(dataset, keyword)
    _keep_true(dataset, frames)
    identity = [str(dataset.get("SOPInstanceUID", "")), codec.syntax]
    content = hashlib.sha256()
    for frame in frames:
        content.update(np.ascontiguousarray(frame).data)  # tobytes would copy it
    uid = generate_uid(entropy_srcs=[*identity, content.hexdigest()])
    dataset.SOPInstanceUID = uid
    dataset.file_meta.MediaStorageSOPInstanceUID = uid
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def _set_native(
    dataset: Dataset, parts: Sequence[bytes], itemsize: int, codec: DicomCodec, *, keep_vr: bool
) -> None:
    vr = dataset["PixelData"].VR if keep_vr else ("OB" if itemsize == 1 else "OW")
    data = b"".join(parts)
    data += b"\0" * (len(data) % 2)
    if codec.syntax == ExplicitVRBigEndian and vr == "OW" and itemsize == 1:
        data = np.frombuffer(data, "u2").byteswap().tobytes()
    # pydicom writes a buffer block by block, and would copy bytes twice
    pixels = DataElement("PixelData", vr, io.BytesIO(data))
    dataset["PixelData"] = pixels


def _keep_true(dataset: Dataset, frames: Sequence[Pixels]) -> None:
    """Brings up to date, or removes, what the header says of the numbers that occur.

    The smallest and largest value of the image (PS3.3, C.7.6.3.1) are those of ``frames``. Those of
    the series stay as long as these pixels do not contradict them.
    """
    low, high = min(int(one.min()) for one in frames), max(int(one.max()) for one in frames)
    vr = "SS" if dataset.PixelRepresentation else "US"
    for keyword, value in (("SmallestImagePixelValue", low), ("LargestImagePixelValue", high)):
        if keyword in dataset:
            if len(frames[0]) == 1:
                dataset.add_new(keyword, vr, value)
            else:
                delattr(dataset, keyword)
    smallest = dataset.get("SmallestPixelValueInSeries")
    largest = dataset.get("LargestPixelValueInSeries")
    untrue = list(_UNTRUE)
    if not (isinstance(smallest, int) and smallest <= low):
        untrue.append("SmallestPixelValueInSeries")
    if not (isinstance(largest, int) and largest >= high):
        untrue.append("LargestPixelValueInSeries")
    for keyword in untrue:
        if keyword in dataset:
            delattr(dataset, keyword)


def lossless_syntax(original: UID, pixels: Pixels, *, unused_bits: bool) -> UID:
    """The syntax to write losslessly: the original's where possible, else uncompressed.

    A compressed file is written uncompressed, too, if it has something in its unused bits, or
    is so small that encoders of JPEG 2000 and JPEG-LS refuse it.
    """
    small = original != RLELossless and min(pixels.shape[1:]) < _SMALLEST_SIDE
    if not original.is_encapsulated or (original in ENCODERS and not (unused_bits or small)):
        return original
    return ExplicitVRLittleEndian
