"""What a JPEG, JPEG-LS or JPEG 2000 codestream says of itself, told without decoding it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from plexor.core.errors import DataError

_SIZE = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""Start of frame of JPEG and JPEG-LS (ITU-T T.81, table B.1; T.87, C.2.2)."""
_SCAN, _END, _TEMPORARY = 0xDA, 0xD9, 0x01
_RESTART = range(0xD0, 0xD8)
_RESTARTS = re.compile(rb"\xff[\xd0-\xd7]")
_ARITHMETIC = range(0xC9, 0xD0)
_JPEG_2000 = b"\xff\x4f\xff\x51"
_EXTRA = bytes.fromhex("b65d3a91c74ee26859b3d417")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The size of the picture in a codestream.

    Attributes:
        rows: of pixels.
        columns: likewise.
        samples: channels.
        n_blocks: blocks of 8 × 8 samples, of all channels; 0 where that is not how it is coded.
        progressive: coded in several scans.
    """

    rows: int
    columns: int
    samples: int
    n_blocks: int = 0
    progressive: bool = False


def read_frame(data: bytes) -> Frame:
    """The size that a codestream states.

    Raises:
        DataError: it states none.

    Example:
        >>> start = bytes.fromhex("ffd8ffc0000b080040003001011100")
        >>> read_frame(start)
        Frame(rows=64, columns=48, samples=1, n_blocks=48, progressive=False)
    """
    if (start := data.find(_JPEG_2000)) >= 0 and not data.startswith(b"\xff\xd8"):
        return _jpeg_2000(data[start + 4 :])
    for marker, start, end in segments(data):
        if marker in _SIZE and end - start >= 6:
            return _jpeg(marker, data[start:end])
    raise DataError("the compressed image does not state its size; fetch it again")


def _jpeg(marker: int, content: bytes) -> Frame:
    """Of a frame header (T.81, B.2.2)."""
    _, rows, columns, samples = struct.unpack(">BHHB", content[:6])
    factors = [content[i] for i in range(7, min(6 + 3 * samples, len(content)), 3)]
    across, down = [f >> 4 for f in factors], [f & 15 for f in factors]
    n_blocks = 0
    if marker in (0xC0, 0xC1, 0xC2) and min((*across, *down), default=0) > 0:
        # One block for each 8 x 8 samples, of each component at its own resolution.
        n_blocks = sum(
            -(-columns * h // (8 * max(across))) * -(-rows * v // (8 * max(down)))
            for h, v in zip(across, down, strict=True)
        )
    return Frame(
        rows=rows, columns=columns, samples=samples, n_blocks=n_blocks, progressive=marker == 0xC2
    )


def _jpeg_2000(content: bytes) -> Frame:
    """Of a SIZ segment (ITU-T T.800, A.5.1)."""
    if len(content) < 38:
        raise DataError("the compressed image is truncated; fetch it again")
    right, bottom, left, top = struct.unpack(">4I", content[4:20])
    (samples,) = struct.unpack(">H", content[36:38])
    return Frame(rows=bottom - top, columns=right - left, samples=samples)


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Each marker of a JPEG codestream, with where its content starts and ends.

    The content of a scan begins after its header and ends at the next marker that is no restart.
    """
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        if marker == _END:
            return
        at += 2
        if marker in (0, _TEMPORARY) or marker in _RESTART:
            continue
        end = at + max(int.from_bytes(data[at : at + 2], "big"), 2)
        if marker == _SCAN:
            start, end = end, _scan_end(data, end)
            yield marker, start, end
        else:
            yield marker, at + 2, end
        at = end


def _scan_end(data: bytes, at: int) -> int:
    """Where entropy-coded data end: at a marker other than restart, or with the file."""
    while (at := data.find(b"\xff", at)) >= 0:
        following = data[at + 1 : at + 2]
        if following and following[0] != 0 and following[0] not in _RESTART:
            return at
        at += 2
    return len(data)


def check_scan_length(data: bytes, frame: Frame) -> None:
    """Refuses a JPEG whose scans are too short for the size it states.

    Each block takes a Huffman code of one bit at least for its mean and, unless it is progressive,
    one for the rest.

    Raises:
        DataError: fewer bits than blocks need.
    """
    marks = list(segments(data))
    if not frame.n_blocks or any(marker in _ARITHMETIC for marker, _, _ in marks):
        return
    bits = 8 * sum(end - start for marker, start, end in marks if marker == _SCAN)
    if bits < frame.n_blocks * (1 if frame.progressive else 2):
        raise DataError(
            f"the JPEG file states {frame.columns} × {frame.rows} pixels, and its data end long "
            "before that; fetch it again"
        )


def with_more(data: bytes) -> bytes:
    """The same JPEG with bytes after each stretch of entropy-coded data, which must not matter.

    A decoder that has all it needs skips them. One that ran out of data, and would make up the
    rest, takes them for it and gives another picture.
    """
    parts, last = [], 0
    for marker, start, end in segments(data):
        if marker == _SCAN:
            scan = _RESTARTS.sub(lambda restart: _EXTRA + restart[0], data[start:end])
            restarts = _RESTARTS.findall(data, start, end)
            following = 0xD0 + (restarts[-1][1] + 1 - 0xD0) % 8 if restarts else 0xD0
            parts += [data[last:start], scan, _EXTRA, bytes([0xFF, following]), _EXTRA]
            last = end
    return b"".join([*parts, data[last:]])


def with_other_tail(data: bytes) -> bytes | None:
    """The same JPEG with the last eighth of its only scan changed, which must matter.

    Returns:
        None where there is more than one scan, or one of a few bytes.
    """
    scans = [(start, end) for marker, start, end in segments(data) if marker == _SCAN]
    if len(scans) != 1 or scans[0][1] - scans[0][0] < 64:
        return None
    start, end = scans[0]
    tail = bytearray(data[end - (end - start) // 8 : end])
    for i, byte in enumerate(tail):
        # Markers and stuffed bytes stay what they are, and no new ones come about.
        beside = 0xFF in (byte, tail[i - 1] if i else data[end - len(tail) - 1])
        tail[i] = byte if beside or byte ^ 0x5A == 0xFF else byte ^ 0x5A
    return data[: end - len(tail)] + bytes(tail) + data[end:]
