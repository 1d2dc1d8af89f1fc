"""A DICOM series of single slices as one volume, and the archive that it is written to."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace

from plexor.cases.formats.dicom_frame import decode_frame, without_pixels
from plexor.cases.formats.dicom_multiframe import slices_of, stack, volume
from plexor.cases.formats.dicom_pixels import check_image, parse
from plexor.cases.formats.limits import Limits
from plexor.cases.image import LOSSLESS, Codec, Image, Pixels
from plexor.core.errors import DataError

FOLDER = "dicom-series/"
"""Every entry of the archive is in this folder, by which the archive is recognised."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every entry, so that the same slices give the same archive."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesCodec:
    """Writes a volume, (1, columns, rows, slices), as its series of DICOM files in a ZIP archive.

    Each slice is written as ``DicomCodec`` writes an image. Nothing is compressed by the archive;
    unpacked, it is a folder that any DICOM program reads.

    Attributes:
        slices: a codec for each slice, in the order of their positions.
    """

    slices: tuple[Codec, ...]

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return ".zip"

    def encode(self, pixels: Pixels) -> bytes:
        """An archive of the slices of these pixels."""
        planes = slices_of(pixels)
        return pack([codec.encode(plane) for codec, plane in zip(self.slices, planes, strict=True)])

    def decode(self, data: bytes) -> Pixels:
        """The pixels of such an archive."""
        planes = zip(self.slices, unpack(data), strict=True)
        return stack([codec.decode(one) for codec, one in planes])


def pack(files: Sequence[bytes]) -> bytes:
    """DICOM files as an archive."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        for number, data in enumerate(files, 1):
            entry = zipfile.ZipInfo(f"{FOLDER}{number:05d}.dcm", date_time=_LONG_AGO)
            entry.external_attr = 0o644 << 16
            out.writestr(entry, data)
    return archive.getvalue()


def unpack(data: bytes) -> list[bytes]:
    """The DICOM files of an archive, in order.

    Raises:
        DataError: the archive is damaged, or its entries are compressed: one of a kilobyte can
            hold gigabytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise DataError("the archive is compressed; unpack it and make a manifest of it")
            Limits.of_environment().check_file(sum(entry.file_size for entry in entries))
            return [archive.read(entry) for entry in entries]
    except zipfile.BadZipFile as error:
        raise DataError(f"the archive of slices is damaged ({error}); fetch it again") from error


def decode_series(data: bytes, *, as_mask: bool = False) -> Image:
    """Reads an archive of single slices as a volume, (1, columns, rows, slices).

    Stored numbers are those of the slices, and one slope and intercept holds for all. Each slice
    keeps its own header and transfer syntax in the lossless container.

    Args:
        data: the archive.
        as_mask: read MONOCHROME1 like MONOCHROME2.

    Raises:
        DataError: a slice cannot be read, or the slices make no volume.
    """
    pictures = []
    for number, file in enumerate(unpack(data), 1):
        try:
            dataset, syntax = parse(file)
            source = without_pixels(file, dataset, syntax)
            check_image(dataset, syntax, len(file))
            pictures.append(decode_frame(source, dataset, syntax, as_mask=as_mask))
        except (DataError, ValueError) as error:  # pydicom's, of too few bytes
            raise DataError(f"slice {number}: {error}") from error
    found = volume(pictures)
    pixels, size = found.pixels.size, found.pixels.nbytes
    Limits.of_environment().check(pixels=pixels, size=size, file_size=len(data))
    codecs = tuple(picture.containers[LOSSLESS] for picture in pictures)
    return replace(found, containers={LOSSLESS: SeriesCodec(slices=codecs)})
