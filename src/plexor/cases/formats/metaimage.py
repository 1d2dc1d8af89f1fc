"""MetaImage volumes: a text header with the voxels behind it (.mha), or beside it (.mhd)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plexor.cases.formats.voxels import (
    Compression,
    compressed,
    decompressed,
    stored_voxels,
    volume_of,
    whole_number,
)
from plexor.cases.image import Image, Pixels
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
_LONGEST = 1 << 20
"""Bytes that a header may have."""
_LAST = "ElementDataFile"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaHeader:
    r"""The fields of a header, in order; ``ElementDataFile`` is the last.

    Example:
        >>> header, at = MetaHeader.read(b"NDims = 3\nElementDataFile = LOCAL\nabc")
        >>> header.get("NDims"), header.data_file, at
        ('3', 'LOCAL', 34)
    """

    fields: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, data: bytes) -> tuple[MetaHeader, int]:
        """The header at the beginning of a file, and where it ends.

        Raises:
            DataError: no ``ElementDataFile`` within the first mebibyte, or a line without "=".
        """
        fields: list[tuple[str, str]] = []
        at = 0
        while (end := data.find(b"\n", at, _LONGEST)) >= 0:
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
    def data_file(self) -> str:
        """Where the voxels are: "LOCAL", or the name of a file."""
        return self.fields[-1][1]

    def text(self, n_bytes: int | None) -> bytes:
        """The header for voxels that follow it, ``n_bytes`` of them where they are compressed."""
        kept = [(key, value) for key, value in self.fields if key not in ("HeaderSize", _LAST)]
        if n_bytes is not None:
            kept = [(key, value) for key, value in kept if key != "CompressedDataSize"]
            kept.append(("CompressedDataSize", str(n_bytes)))
        kept.append((_LAST, "LOCAL"))
        return "".join(f"{key} = {value}\n" for key, value in kept).encode("latin-1")

    def is_true(self, *names: str, default: bool) -> bool:
        """A yes or no, written as True or False, in any case."""
        value = self.get(*names)
        return default if value is None else value[:1].lower() in ("t", "1", "y")

    def numbers(self, *names: str) -> NDArray[np.float64] | None:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaImageCodec:
    """Writes pixels, (1, X, Y, Z) or (1, H, W), behind the original's header, in one file.

    Attributes:
        header: the original's; its fields stay, but for the size of compressed voxels.
        dtype: the voxels' type in the file, with its byte order.
        compression: "zlib" where the original's voxels are compressed, else "none".
    """

    header: MetaHeader
    dtype: str
    compression: Compression

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return ".mha"

    def encode(self, pixels: Pixels) -> bytes:
        """A MetaImage file holding these pixels."""
        body = compressed(stored_voxels(pixels, self.dtype), self.compression)
        return self.header.text(None if self.compression == "none" else len(body)) + body

    def decode(self, data: bytes) -> Pixels:
        """The pixels of a MetaImage file."""
        return decode_metaimage(data).pixels


def attach(header: bytes, body: bytes) -> bytes:
    """One file of a detached header and its file of voxels.

    ``HeaderSize`` bytes before the voxels are left out; -1 stands for whatever is before them.

    Raises:
        DataError: the header is damaged.
    """
    found, _ = MetaHeader.read(header)
    skipped = whole_number(found.get("HeaderSize") or "0", "HeaderSize")
    if skipped == -1:
        sizes, dtype = _layout(found)
        skipped = len(body) - math.prod(sizes) * dtype.itemsize
    compressed_size = len(body) if found.is_true("CompressedData", default=False) else None
    return found.text(compressed_size) + body[max(skipped, 0) :]


def decode_metaimage(data: bytes) -> Image:
    """Reads a MetaImage of two or three dimensions and one channel.

    Its world is LPS, as in ITK. The lossless container is one .mha file with the same fields.

    Raises:
        DataError: truncated, voxels as text or in other files, several channels, other dimensions,
            an intensity function, voxels of another type, or beyond the limits.
    """
    header, at = MetaHeader.read(data)
    if header.data_file.upper() != "LOCAL":
        raise DataError(
            f"the voxels are in another file, {header.data_file!r}; read the header by its path, "
            "or save one .mha file"
        )
    sizes, dtype = _layout(header)
    is_compressed = header.is_true("CompressedData", default=False)
    compression: Compression = "zlib" if is_compressed else "none"
    body = data[at:]
    stated = header.get("CompressedDataSize")
    if is_compressed and stated and stated.isdigit() and int(stated) != len(body):
        raise DataError(
            f"expected {int(stated):,} bytes of compressed voxels, found {len(body):,}; the file "
            "is truncated or damaged, fetch it again"
        )
    n_voxels = math.prod(sizes)
    voxels = decompressed(body, compression, n_voxels=n_voxels, itemsize=dtype.itemsize)
    directions, origin, spacing_mm = _place(header, len(sizes))
    return volume_of(
        voxels,
        sizes=sizes,
        dtype=dtype,
        directions=directions,
        origin=origin,
        spacing_mm=spacing_mm,
        codec=MetaImageCodec(header=header, dtype=dtype.str, compression=compression),
    )


def _layout(header: MetaHeader) -> tuple[list[int], np.dtype[np.generic]]:
    """Sizes of the axes, the fastest first, and the voxels' type."""
    words = (header.get("DimSize") or "").split()
    if len(words) not in (2, 3) or not all(word.isascii() and word.isdigit() for word in words):
        raise DataError(f"expected a MetaImage of two or three dimensions, found DimSize {words}")
    channels = header.get("ElementNumberOfChannels") or "1"
    if channels != "1":
        raise DataError(f"expected a MetaImage of one channel, found {channels}; export one")
    if not header.is_true("BinaryData", default=True):
        raise DataError("the MetaImage has its voxels as text; save it as binary")
    kind = header.get("ElementType") or ""
    if kind not in _TYPES:
        raise DataError(f"expected integer or float voxels, found {kind!r}; convert them")
    for name, neutral in (
        ("ElementToIntensityFunctionSlope", 1.0),
        ("ElementToIntensityFunctionOffset", 0.0),
    ):
        given = header.numbers(name)
        if given is not None and given.tolist() != [neutral]:
            raise DataError(
                f"{name} is {given.tolist()}, which programs disagree about; apply it and save anew"
            )
    swapped = header.is_true("BinaryDataByteOrderMSB", "ElementByteOrderMSB", default=False)
    dtype = np.dtype(_TYPES[kind]).newbyteorder(">" if swapped else "<")
    return [int(word) for word in words], dtype


def _place(
    header: MetaHeader, n: int
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None, tuple[float, ...] | None]:
    """Directions in mm (one column for each axis), origin and spacing."""
    unit = header.get("DistanceUnits") or "mm"
    if unit.lower() not in ("mm", "?"):
        raise DataError(f"distances are in {unit!r}, expected mm; save the volume in mm")
    spacing = header.numbers("ElementSpacing", "ElementSize")
    origin = header.numbers("Offset", "Position", "Origin")
    matrix = header.numbers("TransformMatrix", "Rotation", "Orientation")
    for name, found, wanted in (
        ("ElementSpacing", spacing, n),
        ("Offset", origin, n),
        ("TransformMatrix", matrix, n * n),
    ):
        if found is not None and len(found) != wanted:
            raise DataError(f"{name} has {len(found)} numbers, expected {wanted}; repair it")
    if spacing is None:
        return None, None, None
    steps = tuple(spacing.tolist())
    if matrix is None or origin is None:
        return None, None, steps
    return matrix.reshape(n, n).T * spacing, origin, steps
