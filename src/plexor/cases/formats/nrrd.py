"""NRRD volumes: a text header with the voxels behind it (.nrrd), or beside it (.nhdr)."""

from __future__ import annotations

import math
import re
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
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_DTYPES = {name: code for code, names in _TYPES.items() for name in names}
_ENCODINGS: dict[str, Compression] = {"raw": "none", "gzip": "gzip", "gz": "gzip"}
_SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}
"""Signs that bring a space's axes to LPS."""
_SPATIAL = frozenset(("domain", "space", "???"))
"""Kinds of axes that are space."""
_FILE = ("data file", "datafile")
_LINE = re.compile(rb"([^\n]*?)\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class NrrdHeader:
    r"""The lines of a header: its mark, comments, fields and key/value pairs.

    Example:
        >>> header, at = NrrdHeader.read(b"NRRD0004\n# made by hand\ntype: short\n\nabc")
        >>> header.get("type"), at
        ('short', 37)
    """

    suffix: ClassVar[str] = ".nrrd"
    lines: tuple[str, ...]

    @classmethod
    def read(cls, data: bytes) -> tuple[NrrdHeader, int]:
        """The header at the beginning of a file, and where it ends.

        A detached header may end with the file, without the blank line.

        Raises:
            DataError: it does not end within the first mebibyte.
        """
        lines: list[str] = []
        at = 0
        while at < min(len(data), LONGEST):
            found = _LINE.match(data, at)
            line, at = (found[1], found.end()) if found else (data[at:], len(data))
            if not line:
                return cls(lines=tuple(lines)), at
            lines.append(line.decode("latin-1"))
        header = cls(lines=tuple(lines))
        if at >= len(data) and header.get(*_FILE) is not None:
            return header, len(data)
        raise DataError(
            "the NRRD header has no blank line at its end; it is truncated or damaged, "
            "fetch it again"
        )

    def get(self, *names: str) -> str | None:
        """The value of the first field of one of these names."""
        for line in self.lines[1:]:
            name, colon, value = line.partition(": ")
            if colon and name.strip().lower() in names:
                return value.strip()
        return None

    @property
    def voxel_file(self) -> str | None:
        """The file with the voxels; None where they follow the header."""
        return self.get(*_FILE)

    @property
    def compression(self) -> Compression:
        """Of the voxels.

        Raises:
            DataError: an encoding that is not raw or gzip.
        """
        encoding = (self.get("encoding") or "").lower()
        if encoding not in _ENCODINGS:
            raise DataError(
                f"expected NRRD voxels in raw or gzip, found {encoding!r}; save it anew"
            )
        return _ENCODINGS[encoding]

    def text(self, _: int, /) -> bytes:
        """The header for voxels that follow it at once; it does not state how many bytes."""
        dropped = (*_FILE, "line skip", "lineskip", "byte skip", "byteskip")
        kept = [line for line in self.lines if line.partition(": ")[0].lower() not in dropped]
        return "".join(f"{line}\n" for line in (*kept, "")).encode("latin-1")

    def behind(self, body: bytes) -> bytes:
        """What is left of the data after "line skip" and "byte skip" (-1: all but the voxels)."""
        for _ in range(whole_number(self.get("line skip", "lineskip") or "0", "line skip")):
            body = body[body.find(b"\n") + 1 :]
        n_bytes = whole_number(self.get("byte skip", "byteskip") or "0", "byte skip")
        if n_bytes == -1:
            n_bytes = max(len(body) - self.layout().n_bytes, 0)
        if n_bytes and self.compression != "none":
            raise DataError("a byte skip before compressed voxels is not supported; save it anew")
        return body[n_bytes:]

    def beside(self, body: bytes) -> bytes:
        """See ``behind``, which holds for a file of voxels, too."""
        return self.behind(body)

    def layout(self) -> Layout:
        """See ``VolumeHeader``.

        Raises:
            DataError: axes that are no space, or voxels of another type.
        """
        words = (self.get("sizes") or "").split()
        n = self.get("dimension")
        if n != str(len(words)) or not all(word.isascii() and word.isdigit() for word in words):
            raise DataError(f"the NRRD header gives dimension {n} and sizes {words}; repair it")
        kinds = (self.get("kinds") or "").lower().split()
        if len(words) not in (2, 3) or not _SPATIAL.issuperset(kinds):
            kind = f" of kinds {' '.join(kinds)}" if kinds else ""
            raise DataError(
                f"expected an NRRD of two or three dimensions of space, found {len(words)}{kind}; "
                "export one channel"
            )
        name = (self.get("type") or "").lower()
        if name not in _DTYPES:
            raise DataError(f"expected integer or float voxels, found {name!r}; convert them")
        dtype = np.dtype(_DTYPES[name])
        endian = (self.get("endian") or "").lower()
        if dtype.itemsize > 1 and endian not in ("little", "big"):
            raise DataError(f"the NRRD header gives endian {endian!r}, expected little or big")
        dtype = dtype.newbyteorder(">" if endian == "big" else "<")
        return Layout([int(word) for word in words], dtype)

    def place(self) -> Place:
        """See ``VolumeHeader``.

        Raises:
            DataError: distances in another unit, or vectors and numbers that do not fit the axes.
        """
        n = len(self.layout().sizes)
        units = set(re.findall(r'"([^"]*)"', self.get("space units") or ""))
        if units - {"mm", ""}:
            raise DataError(f"distances are in {sorted(units)}, expected mm; save the volume in mm")
        given = self.vectors("space directions")
        if given is None:
            return Place(None, None, _spacings(self, n))
        lengths = {len(one) for one in given if one is not None}
        if len(given) != n or any(one is None for one in given) or lengths not in ({2}, {3}):
            raise DataError(
                f"space directions are {len(given)} vectors, expected {n} of one length"
            )
        directions = np.stack([one for one in given if one is not None], axis=1)
        spacing_mm = tuple(np.linalg.norm(directions, axis=0).tolist())
        signs = _SPACES.get((self.get("space") or "").lower())
        origin = (self.vectors("space origin") or [None])[0]
        if signs is None or origin is None or len(origin) != 3 or len(directions) != 3:
            return Place(None, None, spacing_mm)
        return Place(directions * np.array(signs)[:, None], origin * np.array(signs), spacing_mm)

    def vectors(self, name: str) -> list[Floats | None] | None:
        """Vectors as ``(1,0,0) none (0,0,2.5)``; None where the field is absent.

        Raises:
            DataError: something else.
        """
        value = self.get(name)
        if value is None:
            return None
        words = re.findall(r"\([^()]*\)|[^\s()]+", value)
        try:
            found = [
                None
                if word.lower() == "none"
                else np.array([float(one) for one in word.strip("()").split(",")])
                for word in words
            ]
        except ValueError as error:
            raise DataError(f"{name} is {value[:60]!r}, expected vectors; repair it") from error
        return found


def decode_nrrd(data: bytes) -> Image:
    """Reads an NRRD of two or three dimensions of space.

    The lossless container is one .nrrd file with the same header, line by line.

    Raises:
        DataError: truncated, voxels in other files or in an encoding that is not raw or gzip,
            axes that are no space, voxels of another type, or beyond the limits.
    """
    return decode_volume(data, NrrdHeader)


def _spacings(header: NrrdHeader, n: int) -> tuple[float, ...]:
    """Of an NRRD without directions; none where it does not say."""
    words = (header.get("spacings") or "").split()
    try:
        found = tuple(float(word) for word in words)
    except ValueError:
        found = (math.nan,) * (n + 1)
    if len(found) not in (0, n):
        raise DataError(f"spacings are {words}, expected {n} numbers; repair it")
    return found
