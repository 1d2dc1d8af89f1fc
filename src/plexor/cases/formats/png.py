"""PNG, 8 and 16 bit, grey and RGB."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from plexor.cases.formats.limits import Limits, inflated_size
from plexor.cases.formats.magic import PNG
from plexor.cases.formats.raster import channels_first, channels_last, rgb16
from plexor.cases.image import LOSSLESS, Image, Pixels
from plexor.cases.intensity import Intensity
from plexor.core.errors import DataError

_COLOUR_TYPES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey and alpha", 6: "RGB and alpha"}
_PALETTE = 3
_NONE, _UP = 0, 2
"""Filters of a row (PNG, 9.2): as it is, or its difference from the row above."""
_KEPT = (b"cHRM", b"cICP", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"bKGD", b"eXIf", b"tIME")
"""Chunks that stay true when pixels change, though their names do not say so (PNG, 5.4, 14.2)."""
_SMALL = 2**24
"""Bytes of decompressed image data that may be in memory twice more while Pillow reads them."""
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
"""First row and column, and steps, of the passes of an interlaced image (PNG, 8.2)."""

Chunk = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class PngCodec:
    """Writes uint8 or uint16 pixels, (1 or 3, H, W), as PNG; an alpha channel is fully opaque.

    Attributes:
        chunks: ancillary chunks to carry along (colour profile, EXIF, resolution, text).
        alpha: write an alpha channel, because the original has one.
        packed: compress; without, a file's size tells nothing of what is in the image.
    """

    chunks: tuple[Chunk, ...] = ()
    alpha: bool = False
    packed: bool = True

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return ".png"

    def unpacked(self) -> PngCodec:
        """See ``PackingCodec``."""
        return replace(self, packed=False)

    def encode(self, pixels: Pixels) -> bytes:
        """A PNG file holding these pixels."""
        if self.alpha:
            opaque = np.full_like(pixels[:1], np.iinfo(pixels.dtype).max)
            pixels = np.concatenate([pixels, opaque])
        colour = {1: 0, 2: 4, 3: 2, 4: 6}[len(pixels)]
        _, height, width = pixels.shape
        depth = 8 * pixels.itemsize
        header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
        big_endian = channels_last(pixels).astype(pixels.dtype.newbyteorder(">"), copy=False)
        rows = big_endian.reshape(height, -1).view(np.uint8)
        filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
        if self.packed:
            # Each row as its difference from the one above: one vectorised step, and fast to undo.
            filtered[:, 0] = _UP
            filtered[0, 1:] = rows[0]
            np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
        else:
            filtered[:, 0] = _NONE
            filtered[:, 1:] = rows
        # Of noisy pixels run lengths leave no more than a search for repeats does, and sooner.
        deflater = zlib.compressobj(int(self.packed), strategy=zlib.Z_RLE)
        chunks = [
            (b"IHDR", header),
            *self.chunks,
            (b"IDAT", deflater.compress(filtered.data) + deflater.flush()),
            (b"IEND", b""),
        ]
        return PNG + b"".join(_chunk_bytes(*chunk) for chunk in chunks)

    def decode(self, data: bytes) -> Pixels:
        """The pixels of a PNG file, without its alpha channel."""
        rows = None if self.alpha else _rows(data, list(_chunks(data)))
        plain = None if rows is None else _unfiltered(rows, data)
        return decode_png(data).pixels if plain is None else plain


def decode_png(data: bytes) -> Image:
    """Reads a PNG file; its lossless container is PNG with the same ancillary chunks.

    Chunks that are unknown and marked as unsafe to copy, which describe the original's own data,
    are dropped.

    Raises:
        DataError: truncated or damaged (each chunk's checksum is verified), palette, fewer than
            8 bits, animated, with transparency that hides something, or beyond the limits.
    """
    chunks = list(_chunks(data))
    depth, colour = data[24], data[25]
    _refuse_unsupported(depth, colour, {name for name, _ in chunks})
    _check_size(data)
    rows = _rows(data, chunks)
    pixels = None if rows is None else _unfiltered(rows, data)
    if pixels is None:
        if rows is None:
            _check_rows(data, chunks)
        elif rows.size <= _SMALL:
            chunks = _inflated(chunks, rows)
        del rows
        if depth == 16 and colour == 2:
            pixels = rgb16(_open(chunks), _open(chunks))
        else:
            pixels = channels_first(np.asarray(_open(chunks)))
    alpha = colour in (4, 6)
    if alpha:
        if (pixels[-1] != np.iinfo(pixels.dtype).max).any():
            raise DataError(
                "the image has a transparent part, expected an opaque one; flatten it onto the "
                "background it is read on"
            )
        pixels = pixels[:-1].copy()
    kept = tuple(chunk for chunk in chunks if _is_kept(chunk[0]))
    return Image(
        pixels=pixels,
        intensity=Intensity.of_integers(pixels.dtype),
        containers={LOSSLESS: PngCodec(kept, alpha)},
    )


def _rows(data: bytes, chunks: list[Chunk]) -> NDArray[np.uint8] | None:
    """The decompressed rows of an image, (height, 1 + bytes of a row), each behind its filter.

    Args:
        data: the file.
        chunks: its chunks.

    Returns:
        None for other than 8 or 16 bits, a palette, an interlaced image, and data that do not end
        with the last row.

    Raises:
        DataError: damaged.
    """
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if depth not in (8, 16) or colour == _PALETTE or interlaced:
        return None
    n_bytes = 1 + width * _SAMPLES[colour] * depth // 8
    stream = b"".join(content for name, content in chunks if name == b"IDAT")
    inflater = zlib.decompressobj()
    try:
        rows = np.frombuffer(inflater.decompress(stream, height * n_bytes + 1), np.uint8)
    except zlib.error as error:
        raise DataError(f"the PNG file is damaged: {error}; fetch it again") from error
    if len(rows) != height * n_bytes or not inflater.eof:
        return None
    return rows.reshape(height, n_bytes)


def _unfiltered(rows: NDArray[np.uint8], data: bytes) -> Pixels | None:
    """The pixels of rows that are stored as they are, or all as differences from the one above.

    These filters are undone in one vectorised step; Pillow takes several times as long for small
    images. None for rows with other filters.

    Args:
        rows: see ``_rows``.
        data: the file.
    """
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    filters, stored = rows[:, 0].tobytes(), rows[:, 1:]
    if filters == bytes([_UP]) * height:
        stored = np.add.accumulate(stored, axis=0, dtype=np.uint8)
    elif filters != bytes([_NONE]) * height:
        return None
    samples = np.ascontiguousarray(stored).view(">u2") if depth == 16 else stored
    channels = () if colour == 0 else (_SAMPLES[colour],)
    return channels_first(samples.reshape(height, width, *channels))


def _inflated(chunks: list[Chunk], rows: NDArray[np.uint8]) -> list[Chunk]:
    """The chunks with image data that need no decompression, so that it is done only once."""
    others = [chunk for chunk in chunks if chunk[0] != b"IDAT"]
    return [*others, (b"IDAT", zlib.compress(rows.data, 0))]


def decode_png_mask(data: bytes) -> Image:
    """Reads a PNG file as numbers: single bits as 0 and 1, a palette's indices as they are.

    Raises:
        DataError: as for ``decode_png``, except that a palette and single bits are accepted.
    """
    if (data[24:25], data[25:26]) != (b"\1", b"\0") and data[25:26] != bytes([_PALETTE]):
        return decode_png(data)
    chunks = list(_chunks(data))
    if b"acTL" in {name for name, _ in chunks}:
        raise DataError("an animated PNG was found, expected one picture; export each frame")
    _check_size(data)
    _check_rows(data, chunks)
    numbers = np.asarray(_open(chunks)).astype(np.uint8)
    return Image(
        pixels=numbers[None],
        intensity=Intensity.of_integers(np.uint8),
        containers={LOSSLESS: PngCodec()},
    )


def _refuse_unsupported(depth: int, colour: int, names: set[bytes]) -> None:
    found = f"{depth}-bit {_COLOUR_TYPES.get(colour, f'colour type {colour}')}"
    wanted = "expected 8- or 16-bit grey or RGB"
    if b"acTL" in names:
        raise DataError("an animated PNG was found, expected one picture; export each frame")
    if colour == _PALETTE:
        raise DataError(f"{wanted}, found {found}, whose numbers are indices; convert it to RGB")
    if depth < 8:
        raise DataError(f"{wanted}, found {found}; convert it to 8-bit grey")
    if depth == 16 and colour in (4, 6):
        raise DataError(f"{wanted}, found {found}; remove the alpha channel")
    if b"tRNS" in names:
        raise DataError(f"{wanted}, found {found} with a transparent colour; remove it")


def _open(chunks: list[Chunk]) -> PngImagePlugin.PngImageFile:
    """The picture of the critical chunks alone; others may mislead the decoder, e.g. frames."""
    critical = [chunk for chunk in chunks if chunk[0][:1].isupper()]
    data = PNG + b"".join(_chunk_bytes(*chunk) for chunk in [*critical, (b"IEND", b"")])
    return PngImagePlugin.PngImageFile(io.BytesIO(data))


def _is_kept(name: bytes) -> bool:
    """Whether an ancillary chunk is carried along: a known one, or one marked as safe to copy."""
    return name in _KEPT or (name[:1].islower() and name[3:].islower())


def _check_size(data: bytes) -> None:
    """Refuses an image beyond the limits."""
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    if colour not in _SAMPLES:
        raise DataError(f"the PNG header gives colour type {colour}; repair it")
    n_pixels = width * height
    size = n_pixels * max(depth * _SAMPLES[colour] // 8, 1)
    Limits.of_environment().check(pixels=n_pixels, size=size, file_size=len(data))


def _check_rows(data: bytes, chunks: list[Chunk]) -> None:
    """Refuses an image whose data end before its last row."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    bits = depth * _SAMPLES[colour]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(height - y) // dy), -(-(width - x) // dx)) for y, x, dy, dx in passes]
    needed = sum(rows * (1 + -(-columns * bits // 8)) for rows, columns in sizes if columns > 0)
    stream = b"".join(content for name, content in chunks if name == b"IDAT")
    if inflated_size(stream, most=needed) < needed:
        raise DataError("the PNG file's data end before its last row; fetch it again")


def _chunks(data: bytes) -> Iterator[Chunk]:
    """Every chunk's name and content; refuses a file that ends early or fails a checksum."""
    position = len(PNG)
    if data[12:16] != b"IHDR":
        raise DataError("the PNG file does not begin with its header; fetch it again")
    while True:
        head = data[position : position + 8]
        if len(head) < 8:
            raise DataError("the PNG file is truncated; fetch it again")
        length, name = struct.unpack(">I4s", head)
        content = data[position + 8 : position + 8 + length]
        checksum = data[position + 8 + length : position + 12 + length]
        if len(content) < length or len(checksum) < 4:
            raise DataError("the PNG file is truncated; fetch it again")
        if zlib.crc32(content, zlib.crc32(name)) != int.from_bytes(checksum, "big"):
            raise DataError(f"the PNG file is damaged: wrong checksum in {name!r}; fetch it again")
        if name == b"IEND":
            return
        yield name, content
        position += 12 + length


def _chunk_bytes(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(name))
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", checksum)
