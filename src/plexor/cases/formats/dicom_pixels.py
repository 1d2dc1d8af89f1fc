"""Decodes the stored pixels of a DICOM file, once its header has been checked."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator

from pydicom import Dataset, dcmread
from pydicom.encaps import generate_fragments, generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from plexor.cases.formats.codestream import check_scan_length, read_frame
from plexor.cases.formats.limits import Limits, inflate
from plexor.cases.formats.raster import channels_first
from plexor.cases.image import Pixels
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
_START_OF_CODESTREAM = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")
_END_OF_CODESTREAM = b"\xff\xd9"  # of JPEG, JPEG-LS and JPEG 2000 alike


def read_dataset(data: bytes) -> tuple[Dataset, UID]:
    """Parses a DICOM file that holds one supported image; returns it with its transfer syntax.

    Raises:
        DataError: no image, several frames, an unsupported layout, a header at odds with itself,
            or beyond the limits.
    """
    dataset, syntax = parse(data)
    check_image(dataset, syntax, len(data))
    return dataset, syntax


def parse(data: bytes) -> tuple[Dataset, UID]:
    """Parses a DICOM file that holds integer pixels; returns it with its transfer syntax.

    Raises:
        DataError: no image, a header at odds with itself, or deflated beyond the limits.
    """
    check_deflated(data)
    dataset = dcmread(io.BytesIO(data))
    return dataset, _checked_syntax(dataset)


def check_image(dataset: Dataset, syntax: UID, file_size: int) -> None:
    """Refuses a dataset that is not one supported image.

    Raises:
        DataError: as for ``read_dataset``.
    """
    refuse_unsupported(dataset)
    n_pixels = dataset.Rows * dataset.Columns
    size = n_pixels * dataset.SamplesPerPixel * dataset.BitsAllocated // 8
    stored = max(file_size, len(dataset.PixelData))  # a deflated data set is longer than its file
    Limits.of_environment().check(pixels=n_pixels, size=size, file_size=stored)
    if not syntax.is_encapsulated:
        _refuse_further_frames(dataset, size)


def check_deflated(data: bytes) -> None:
    """Refuses a deflated data set that would inflate beyond the limit, before it is inflated.

    Raises:
        DataError: it would.
    """
    meta = data[132 : 132 + 12]
    if meta[:8] != b"\2\0\0\0UL\4\0":
        return
    start = 144 + int.from_bytes(meta[8:], "little")
    if DeflatedExplicitVRLittleEndian.encode() in data[:start]:
        most = Limits.of_environment().bytes
        if len(inflate(data[start:], most=most, wbits=-15)) > most:
            raise DataError(
                f"the deflated DICOM data set inflates to more than {most:,} bytes; if the file "
                f"is sound, set PLEXOR_MAX_BYTES={2 * most}"
            )


def _refuse_further_frames(dataset: Dataset, size: int) -> None:
    """Frames that the header does not count would be lost; padding after the only one may be."""
    if dataset.PhotometricInterpretation == "YBR_FULL_422":
        size = size * 2 // 3
    found = len(dataset.PixelData)
    if found >= 2 * size > 0 and found > size + size % 2:  # an odd length is padded to an even one
        raise DataError(
            f"expected {size:,} bytes of pixels for one frame, found {found:,}; the header does "
            "not count all frames, export each"
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


def refuse_unsupported(dataset: Dataset) -> None:
    """Refuses a header whose image is not supported, before its pixels are looked at.

    Raises:
        DataError: several frames, or an unsupported layout.
    """
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
    if photometric in _GREY and dataset.get("PixelPresentation") in ("COLOR", "MIXED"):
        raise DataError(
            "some of the numbers are indices to a supplemental palette, expected grey levels; "
            "export the image without its colour overlay"
        )


def read_pixels(dataset: Dataset, syntax: UID) -> tuple[Pixels, str]:
    """Decodes the only frame.

    Returns:
        The pixels, (1 or 3, H, W), and the photometric interpretation of the decoded pixels.

    Raises:
        DataError: a truncated codestream, or a transfer syntax that no decoder here reads.
    """
    if syntax.is_encapsulated and syntax != RLELossless:
        frame = only_frame(dataset)
        if _END_OF_CODESTREAM not in frame[-16:]:  # padding may follow
            raise DataError("the compressed image is truncated: its end is missing; fetch it again")
        _check_codestream(dataset, frame)
        if dataset.SamplesPerPixel == 3 and _plugin(syntax) in ("pillow", "pylibjpeg"):
            dataset.PlanarConfiguration = 0  # which they give, and the standard asks for
    try:
        with any_length():
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


def _check_codestream(dataset: Dataset, frame: bytes) -> None:
    """Refuses a codestream of another size than the header's, and further codestreams."""
    found = read_frame(frame)
    stated = (dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)
    if (found.rows, found.columns, found.samples) != stated:
        raise DataError(
            f"the DICOM header states rows, columns and samples {stated}, and the compressed "
            f"image {(found.rows, found.columns, found.samples)}; repair the header"
        )
    check_scan_length(frame, found)
    starts = sum(
        fragment.startswith(_START_OF_CODESTREAM)
        for fragment in generate_fragments(dataset.PixelData)
    )
    if starts > 1:
        raise DataError(
            f"expected a DICOM file of one frame, found {starts} compressed images that its "
            "header does not count; export each frame"
        )


@contextlib.contextmanager
def any_length() -> Iterator[None]:
    """Silences pydicom's warning about compressed pixels as long as uncompressed ones."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of bytes of compressed pixel data matches")
        yield


def _plugin(syntax: UID) -> str:
    """The decoder of a syntax: always the same, whatever else is installed."""
    if not syntax.is_encapsulated:
        return ""
    if syntax in JPEGLSTransferSyntaxes:
        return "pyjpegls"
    if syntax in JPEGTransferSyntaxes:
        return "pillow" if syntax.name.startswith(("JPEG Baseline", "JPEG Extended")) else "gdcm"
    return "pylibjpeg"


def only_frame(dataset: Dataset) -> bytes:
    """The codestream of the only frame."""
    return next(generate_frames(dataset.PixelData, number_of_frames=1))
