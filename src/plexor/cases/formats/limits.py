"""Upper limits on the size of an image, checked before it is decoded.

A file of a kilobyte can claim gigapixels. What is checked is what the header claims, so that
nothing of that size is allocated. The environment raises or lowers each limit::

    PLEXOR_MAX_PIXELS=2000000000 PLEXOR_MAX_BYTES=8000000000 plexor audit plan.yaml
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from plexor.core.errors import DataError, PlanError

_BLOCK = 1 << 20
_GZIP = 16
"""zlib's ``wbits`` above this stand for gzip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest image that is decoded.

    Attributes:
        pixels: pixels or voxels of an image, whatever its channels; ``PLEXOR_MAX_PIXELS``.
        bytes: size of a file, and of its decoded numbers; ``PLEXOR_MAX_BYTES``.
        ratio: decoded size over file size, for images that decode to more than ``ratio_from``;
            ``PLEXOR_MAX_RATIO``.
        ratio_from: bytes; a small image may be compressed as far as it likes.

    Example:
        >>> Limits().check(pixels=65000 * 65000, size=3 * 65000 * 65000, file_size=1435)
        Traceback (most recent call last):
        plexor.core.errors.DataError: the header claims 4,225,000,000 pixels, expected at most \
536,870,912; if the file is sound, set PLEXOR_MAX_PIXELS=4225000000
    """

    pixels: int = 2**29
    bytes: int = 2**31
    ratio: int = 250
    ratio_from: int = 2**28

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The defaults, with what the environment sets.

        Raises:
            PlanError: a limit that is no whole number above 0.

        Example:
            >>> Limits.of_environment({"PLEXOR_MAX_RATIO": "1000"}).ratio
            1000
        """
        given = {
            "pixels": environment.get("PLEXOR_MAX_PIXELS"),
            "bytes": environment.get("PLEXOR_MAX_BYTES"),
            "ratio": environment.get("PLEXOR_MAX_RATIO"),
        }
        return cls(**{name: _whole(name, text) for name, text in given.items() if text})

    def check_file(self, size: int) -> None:
        """Refuses a file that is too large to be read into memory.

        Raises:
            DataError: more bytes than the limit.
        """
        if size > self.bytes:
            raise DataError(
                f"the file has {size:,} bytes, expected at most {self.bytes:,}; if it is sound, "
                f"set PLEXOR_MAX_BYTES={size}"
            )

    def check(self, *, pixels: int, size: int, file_size: int) -> None:
        """Refuses an image that would be too large once decoded.

        Args:
            pixels: pixels or voxels.
            size: bytes of the decoded numbers, all channels.
            file_size: bytes of the file.

        Raises:
            DataError: any limit is exceeded.
        """
        if pixels > self.pixels:
            raise DataError(
                f"the header claims {pixels:,} pixels, expected at most {self.pixels:,}; if the "
                f"file is sound, set PLEXOR_MAX_PIXELS={pixels}"
            )
        if size > self.bytes:
            raise DataError(
                f"the image decodes to {size:,} bytes, expected at most {self.bytes:,}; if the "
                f"file is sound, set PLEXOR_MAX_BYTES={size}"
            )
        ratio = -(-size // max(file_size, 1))
        if size > self.ratio_from and ratio > self.ratio:
            raise DataError(
                f"the header claims an image {ratio:,} times the size of its file, expected at "
                f"most {self.ratio} times; if the file is sound, set PLEXOR_MAX_RATIO={ratio}"
            )


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise PlanError(
            f"PLEXOR_MAX_{name.upper()} must be a whole number above 0, got {text!r}; unset it "
            "for the default"
        )
    return int(text)


def inflate(data: bytes, *, most: int, wbits: int) -> bytes:
    """Decompresses a zlib, gzip or raw deflate stream up to a limit; of gzip, all members.

    Args:
        data: the compressed stream.
        most: bytes that may come out.
        wbits: as for ``zlib.decompressobj``.

    Returns:
        The decompressed bytes; ``most + 1`` of them where there are more than ``most``.

    Raises:
        zlib.error: damaged.
        EOFError: truncated.

    Example:
        >>> inflate(zlib.compress(b"abc" * 1000), most=5, wbits=15)
        b'abcabc'
    """
    found = bytearray()
    while data:
        stream = zlib.decompressobj(wbits)
        found += stream.decompress(data, most + 1 - len(found))
        if len(found) > most:
            break
        if not stream.eof:
            raise EOFError("the compressed data end early")
        # Members may be padded with zeros; what follows another stream is no part of it.
        data = stream.unused_data.lstrip(b"\0") if wbits > _GZIP else b""
    return bytes(found)


def inflated_size(data: bytes, *, most: int) -> int:
    """Bytes that a zlib stream decompresses to, without holding them; at most ``most``.

    Raises:
        zlib.error: damaged.
    """
    stream = zlib.decompressobj()
    size = 0
    while data and size < most and not stream.eof:
        size += len(stream.decompress(data, _BLOCK))
        data = stream.unconsumed_tail
    return min(size + len(stream.flush(_BLOCK)), most)
