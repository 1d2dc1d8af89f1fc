"""One DICOM frame: decoding it, and cutting it out of a file of several."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, RLELossless, generate_uid

from plexor.cases.formats.dicom_codec import DicomCodec, lossless_syntax
from plexor.cases.formats.dicom_groups import PER_FRAME, items
from plexor.cases.formats.dicom_pixels import any_length, parse, read_pixels
from plexor.cases.formats.dicom_position import grid, spacing
from plexor.cases.formats.dicom_values import intensity, padding
from plexor.cases.formats.limits import Limits
from plexor.cases.formats.raster import channels_first
from plexor.cases.image import LOSSLESS, Image, Pixels
from plexor.core.errors import DataError

_MOST_FRAMES = 100_000


def decode_frame(source: bytes, dataset: Dataset, syntax: UID, *, as_mask: bool = False) -> Image:
    """An image of one frame, with its lossless container.

    Args:
        source: the file that the frame is written back into.
        dataset: of one frame, checked.
        syntax: its transfer syntax.
        as_mask: read MONOCHROME1 like MONOCHROME2.
    """
    pixels, photometric = read_pixels(dataset, syntax)
    unused = _unused_bits(dataset, syntax, pixels)
    lossless = lossless_syntax(syntax, pixels, unused_bits=unused is not None)
    if lossless == syntax and dataset.PhotometricInterpretation == "YBR_RCT":
        photometric = "YBR_RCT"  # of RGB, by the codestream itself
    codec = DicomCodec(source=source, syntax=lossless, photometric=photometric, unused_bits=unused)
    return Image(
        pixels=pixels,
        intensity=intensity(dataset, inverted=not as_mask),
        containers={LOSSLESS: codec},
        spacing_mm=spacing(dataset),
        grid=grid(dataset),
        padding=padding(dataset, pixels),
    )


def without_pixels(data: bytes, dataset: Dataset, syntax: UID) -> bytes:
    """The file with no bytes of pixels, so that an image does not hold its pixels twice.

    A compressed or deflated file is returned as it is.

    Args:
        data: the file.
        dataset: the same, parsed; its pixels not yet looked at.
        syntax: its transfer syntax.
    """
    raw: Any = dataset.get_item("PixelData")
    start, length = getattr(raw, "value_tell", 0), getattr(raw, "length", 0)
    if syntax.is_encapsulated or syntax.is_deflated or data[start : start + length] != raw.value:
        return data
    return data[: start - 4] + bytes(4) + data[start + length :]  # its length stands before it


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
    found: Pixels = channels_first(words)
    return None if np.array_equal(found, pixels) else found ^ pixels


def n_frames(dataset: Dataset) -> int:
    """Number of frames that the header states; 1 where it states none.

    Raises:
        DataError: it is no positive number.
    """
    value = dataset.get("NumberOfFrames") or 1
    if not isinstance(value, int) or not 1 <= value <= _MOST_FRAMES:
        raise DataError(f"NumberOfFrames is {value!r}, expected 1 to {_MOST_FRAMES:,}; repair it")
    return int(value)


def frame_headers(dataset: Dataset) -> Iterator[Dataset]:
    """For each frame a dataset without pixels, with that frame's functional groups.

    Raises:
        DataError: functional groups of another number of frames.
    """
    n = n_frames(dataset)
    groups = items(dataset, PER_FRAME)
    if groups and len(groups) != n:
        raise DataError(
            f"the DICOM file states {n} frames and has functional groups of {len(groups)}; "
            "repair its header"
        )
    header = Dataset()
    header.update({element.tag: element for element in _without_pixels(dataset)})
    header.NumberOfFrames = 1
    for number in range(n):
        one = Dataset()
        one.update(header)
        one.file_meta = dataset.file_meta
        if groups:
            setattr(one, PER_FRAME, [groups[number]])
        yield one


def frames(dataset: Dataset, syntax: UID) -> Iterator[Dataset]:
    """A dataset of one frame for each frame, with that frame's functional groups.

    Raises:
        DataError: too few or too many bytes of pixels, functional groups of another number of
            frames, or beyond the limits.
    """
    stored = _stored_frames(dataset, syntax, n_frames(dataset))
    for one, data in zip(frame_headers(dataset), stored, strict=True):
        one.PixelData = data
        one["PixelData"].VR = dataset["PixelData"].VR
        one["PixelData"].is_undefined_length = syntax.is_encapsulated
        yield one


def frame_file(data: bytes, number: int) -> bytes:
    """One frame of a DICOM file as a file of its own; a file of one frame is its own.

    Args:
        data: the file.
        number: of the frame, from 1.

    Raises:
        DataError: there is no such frame, or the file cannot be read.
    """
    dataset, syntax = parse(data)
    n = n_frames(dataset)
    if not 1 <= number <= n:
        raise DataError(f"expected a DICOM file with a frame {number}, found {n} frames")
    if n == 1:
        return data
    found = next(one for at, one in enumerate(frames(dataset, syntax), 1) if at == number)
    uid = generate_uid(entropy_srcs=[str(dataset.get("SOPInstanceUID", "")), str(number)])
    found.SOPInstanceUID = uid
    found.file_meta.MediaStorageSOPInstanceUID = uid
    file = io.BytesIO()
    found.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _without_pixels(dataset: Dataset) -> Iterator[Any]:
    left = (
        "NumberOfFrames",
        "PixelData",
        PER_FRAME,
        "ExtendedOffsetTable",
        "ExtendedOffsetTableLengths",
    )
    for tag in dataset.keys():  # noqa: SIM118 (a dataset's own iterator converts every element)
        if dataset[tag].keyword not in left:
            yield dataset[tag]


def _stored_frames(dataset: Dataset, syntax: UID, n: int) -> Iterator[bytes]:
    """The bytes of each frame as its own Pixel Data."""
    try:
        n_pixels = int(dataset.Rows) * int(dataset.Columns)
        bits = n_pixels * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated)
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError("the DICOM header does not state the size of a frame") from error
    data: bytes = dataset.PixelData
    Limits.of_environment().check(
        pixels=n_pixels * n, size=bits // 8 * n, file_size=max(len(data), 1)
    )
    if syntax.is_encapsulated:
        found = 0
        for frame in generate_frames(data, number_of_frames=n):
            found += 1
            yield encapsulate([frame], has_bot=False)
        if found != n:
            raise DataError(f"expected {n} compressed frames, found {found}; fetch the file again")
        return
    size = bits // 8
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        size = size * 2 // 3
    if bits % 8 or not size * n <= len(data) <= size * n + 1:
        raise DataError(
            f"expected {size * n:,} bytes of pixels for {n} frames, found {len(data):,}; the file "
            "is truncated or damaged, fetch it again"
        )
    for start in range(0, size * n, size):
        frame = data[start : start + size]
        yield frame + b"\0" * (len(frame) % 2)
