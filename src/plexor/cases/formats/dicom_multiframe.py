"""DICOM files of several frames that make a volume: enhanced CT, MR, PET, tomosynthesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from plexor.cases.formats.dicom_codec import DicomCodec, written
from plexor.cases.formats.dicom_frame import decode_frame, frames, n_frames
from plexor.cases.formats.dicom_pixels import check_image, parse, read_pixels
from plexor.cases.formats.dicom_stack import SliceFacts, check_alike, order_of, stacked
from plexor.cases.formats.dicom_values import refuse_all_padding
from plexor.cases.image import LOSSLESS, Image, Pixels
from plexor.core.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MultiframeCodec:
    """Writes a volume, (1, columns, rows, slices), into a copy of its file of several frames.

    Attributes:
        codecs: of the frames in the order of the slices, all of one source.
        order: the frame of each slice, from 0.
    """

    codecs: tuple[DicomCodec, ...]
    order: tuple[int, ...]

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return ".dcm"

    def encode(self, pixels: Pixels) -> bytes:
        """A DICOM file with these pixels."""
        slices = slices_of(pixels)
        places = np.argsort(self.order)
        return written(
            [self.codecs[place] for place in places], [slices[place] for place in places]
        )

    def decode(self, data: bytes) -> Pixels:
        """The pixels of such a file."""
        dataset, syntax = parse(data)
        found = [read_pixels(one, syntax)[0] for one in frames(dataset, syntax)]
        return stack([found[number] for number in self.order])


def decode_multiframe(source: bytes, dataset: Dataset, syntax: UID, *, as_mask: bool) -> Image:
    """Reads a file of several frames as a volume, (1, columns, rows, slices).

    Functional groups give the rescale, spacing, orientation and position of each frame. Slices are
    put in the order of their positions. The lossless container is the same file with other pixels.

    Args:
        source: the file, with or without its pixels, that pixels are written into.
        dataset: the contents of the whole file.
        syntax: its transfer syntax.
        as_mask: read MONOCHROME1 like MONOCHROME2.

    Raises:
        DataError: the frames make no volume, or one of them cannot be read.
    """
    pictures = []
    for one in frames(dataset, syntax):
        check_image(one, syntax, len(one.PixelData))
        pictures.append(decode_frame(source, one, syntax, as_mask=as_mask))
    try:
        order = order_of([picture.grid for picture in pictures])
        found = volume([pictures[number] for number in order])
    except DataError as error:
        raise DataError(
            f"its {n_frames(dataset)} frames make no volume: {error}; `plexor cohort make dicom` "
            "takes each frame as an image"
        ) from error
    codecs = [_codec(pictures[number]) for number in order]
    if len({codec.syntax for codec in codecs}) > 1:  # some frame has something in its unused bits
        codecs = [replace(codec, syntax=ExplicitVRLittleEndian) for codec in codecs]
    codec = MultiframeCodec(codecs=tuple(codecs), order=tuple(order))
    return replace(found, containers={LOSSLESS: codec})


def volume(slices: Sequence[Image]) -> Image:
    """One image of slices in the order of their positions; it has no containers yet.

    Raises:
        DataError: slices of several sizes, types or scalings, in colour, not at equal distances,
            or all padding.
    """
    first = slices[0]
    check_alike([_facts(one) for one in slices])
    grid = stacked([one.grid for one in slices])
    found = Image(
        pixels=stack([one.pixels for one in slices]),
        intensity=first.intensity,
        containers={},
        spacing_mm=grid.spacing_mm,
        grid=grid,
        padding=_padding(slices),
    )
    refuse_all_padding(found)
    return found


def stack(slices: Sequence[Pixels]) -> Pixels:
    """Slices, (1, rows, columns) each, as (1, columns, rows, slices)."""
    found: Pixels = np.empty((1, *slices[0].shape[:0:-1], len(slices)), slices[0].dtype)
    for number, one in enumerate(slices):
        found[0, :, :, number] = one[0].T
    return found


def slices_of(pixels: Pixels) -> list[Pixels]:
    """The slices, (1, rows, columns) each, of a volume (1, columns, rows, slices)."""
    return [np.ascontiguousarray(one.T)[None] for one in np.moveaxis(pixels[0], -1, 0)]


def _facts(picture: Image) -> SliceFacts:
    n_channels, rows, columns = picture.pixels.shape
    return SliceFacts(
        grid=picture.grid,
        shape=(rows, columns),
        n_channels=n_channels,
        kind=picture.pixels.dtype.name,
        intensity=picture.intensity,
    )


def _padding(slices: Sequence[Image]) -> NDArray[np.bool_] | None:
    if all(one.padding is None for one in slices):
        return None
    shape = slices[0].pixels.shape[1:]
    none = np.zeros(shape, bool)
    found: NDArray[np.bool_] = stack(
        [(none if one.padding is None else one.padding)[None] for one in slices]
    )[0]
    return found


def _codec(picture: Image) -> DicomCodec:
    codec = picture.containers[LOSSLESS]
    if not isinstance(codec, DicomCodec):
        raise TypeError(f"a frame's codec is a DicomCodec, got {type(codec).__name__}")
    return codec
