"""MetaImage volumes: a text header with the voxels behind it (.mha), or beside it (.mhd)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from plexor.cases.formats.text_header import (
    LONGEST,
    Floats,
    Layout,
    Place,
    decode_volume,
    whole_number,
)
from plexor.cases.formats.voxels import Compression
from plexor.cases.image import Image
from plexor.core.errors import DataError

_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_LAST = "ElementDataFile"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaHeader:
    r"""The fields of a header, in order; ``ElementDataFile`` is the last.

    Example:
        >>> header, at = MetaHeader.read(b"NDims = 3\nElementDataFile = LOCAL\nabc")
        >>> header.get("NDims"), header.voxel_file, at
        ('3', None, 34)
    """

    suffix: ClassVar[str] = ".mha"
    fields: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, data: bytes) -> tuple[MetaHeader, int]:
        """The header at the beginning of a file, and where it ends.

        Raises:
            DataError: no ``ElementDataFile`` within the first mebibyte, or a line without "=".
        """
        fields: list[tuple[str, str]] = []
        at = 0
        while (end := data.find(b"\n", at, LONGEST)) >= 0:
            line = data[at:end].decode("latin-1").strip()
            at = end + 1
            key, equals, value = line.partition("=")
            if line and not equals:
                raise DataError(f"the MetaImage header has the line {line[:60]!r} without an '='")
            if line:
                fields.append((key.strip(), value.strip()))
            if fields and fields[-1][0] == _LAST:
                return cls(fields=tuple(fields)), at
        raise DataError(
            f"the MetaImage header has no line {_LAST!r}, after which the voxels follow; it is "
            "truncated or damaged, fetch it again"
        )

    def get(self, *names: str) -> str | None:
        """The value of the first of some synonyms that is there."""
        found = dict(self.fields)
        return next((found[name] for name in names if name in found), None)

    @property
    def voxel_file(self) -> str | None:
        """The file with the voxels; None where they follow the header ("LOCAL")."""
        name = self.fields[-1][1]
        return None if name.upper() == "LOCAL" else name

    @property
    def compression(self) -> Compression:
        """Of the voxels."""
        return "zlib" if self.is_true("CompressedData", default=False) else "none"

    def text(self, n_bytes: int) -> bytes:
        """The header for voxels that follow it; ``n_bytes`` is written of compressed ones."""
        kept = [(key, value) for key, value in self.fields if key not in ("HeaderSize", _LAST)]
        if self.compression != "none":
            kept = [(key, value) for key, value in kept if key != "CompressedDataSize"]
            kept.append(("CompressedDataSize", str(n_bytes)))
        kept.append((_LAST, "LOCAL"))
        return "".join(f"{key} = {value}\n" for key, value in kept).encode("latin-1")

    def behind(self, body: bytes) -> bytes:
        """All that follows the header.

        Raises:
            DataError: the header states another number of compressed bytes.
        """
        stated = self.get("CompressedDataSize") or ""
        if self.compression != "none" and stated.isdigit() and int(stated) != len(body):
            raise DataError(
                f"expected {int(stated):,} bytes of compressed voxels, found {len(body):,}; the "
                "file is truncated or damaged, fetch it again"
            )
        return body

    def beside(self, body: bytes) -> bytes:
        """What is left after ``HeaderSize`` bytes; -1 stands for whatever is before the voxels."""
        skipped = whole_number(self.get("HeaderSize") or "0", "HeaderSize")
        if skipped == -1:
            skipped = len(body) - self.layout().n_bytes
        return body[max(skipped, 0) :]

    def layout(self) -> Layout:
        """See ``VolumeHeader``.

        Raises:
            DataError: other dimensions, several channels, voxels as text or of another type, or an
                intensity function.
        """
        words = (self.get("DimSize") or "").split()
        if len(words) not in (2, 3) or not all(word.isascii() and word.isdigit() for word in words):
            raise DataError(
                f"expected a MetaImage of two or three dimensions, found DimSize {words}"
            )
        channels = self.get("ElementNumberOfChannels") or "1"
        if channels != "1":
            raise DataError(f"expected a MetaImage of one channel, found {channels}; export one")
        if not self.is_true("BinaryData", default=True):
            raise DataError("the MetaImage has its voxels as text; save it as binary")
        kind = self.get("ElementType") or ""
        if kind not in _TYPES:
            raise DataError(f"expected integer or float voxels, found {kind!r}; convert them")
        for name, neutral in (
            ("ElementToIntensityFunctionSlope", 1.0),
            ("ElementToIntensityFunctionOffset", 0.0),
        ):
            given = self.numbers(name)
            if given is not None and given.tolist() != [neutral]:
                raise DataError(
                    f"{name} is {given.tolist()}, which programs disagree about; apply it and "
                    "save anew"
                )
        swapped = self.is_true("BinaryDataByteOrderMSB", "ElementByteOrderMSB", default=False)
        dtype = np.dtype(_TYPES[kind]).newbyteorder(">" if swapped else "<")
        return Layout([int(word) for word in words], dtype)

    def place(self) -> Place:
        """See ``VolumeHeader``; a MetaImage's world is LPS, as in ITK.

        Raises:
            DataError: distances in another unit, or numbers that do not fit the axes.
        """
        n = len(self.layout().sizes)
        unit = self.get("DistanceUnits") or "mm"
        if unit.lower() not in ("mm", "?"):
            raise DataError(f"distances are in {unit!r}, expected mm; save the volume in mm")
        spacing = self.numbers("ElementSpacing", "ElementSize")
        origin = self.numbers("Offset", "Position", "Origin")
        matrix = self.numbers("TransformMatrix", "Rotation", "Orientation")
        for name, found, wanted in (
            ("ElementSpacing", spacing, n),
            ("Offset", origin, n),
            ("TransformMatrix", matrix, n * n),
        ):
            if found is not None and len(found) != wanted:
                raise DataError(f"{name} has {len(found)} numbers, expected {wanted}; repair it")
        if spacing is None:
            return Place(None, None, None)
        steps = tuple(spacing.tolist())
        if matrix is None or origin is None:
            return Place(None, None, steps)
        return Place(matrix.reshape(n, n).T * spacing, origin, steps)

    def is_true(self, *names: str, default: bool) -> bool:
        """A yes or no, written as True or False, in any case."""
        value = self.get(*names)
        return default if value is None else value[:1].lower() in ("t", "1", "y")

    def numbers(self, *names: str) -> Floats | None:
        """Finite numbers; None where the field is absent.

        Raises:
            DataError: the field holds something else.
        """
        value = self.get(*names)
        if value is None:
            return None
        try:
            found = [float(word) for word in value.split()]
        except ValueError:
            found = [math.nan]
        if not all(map(math.isfinite, found)):
            raise DataError(f"{names[0]} is {value[:60]!r}, expected finite numbers; repair it")
        return np.array(found)


def decode_metaimage(data: bytes) -> Image:
    """Reads a MetaImage of two or three dimensions and one channel.

    Its world is LPS, as in ITK. The lossless container is one .mha file with the same fields.

    Raises:
        DataError: truncated, voxels as text or in other files, several channels, other dimensions,
            an intensity function, voxels of another type, or beyond the limits.
    """
    return decode_volume(data, MetaHeader)
