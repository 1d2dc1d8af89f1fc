"""Image files, read as they are stored; the format is told by content, not by file ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from plexor.cases.formats.magic import format_of
from plexor.cases.image import Image
from plexor.core.errors import DataError

_FIRST_IMPORT = threading.Lock()
"""pydicom imports itself in circles: threads that begin to at once may find half a module."""


def read_image(path: Path | str) -> Image:
    """Reads an image file as it is stored.

    Raises:
        DataError: the file is missing, unreadable, empty, truncated or damaged, of an unsupported
            kind, without pixels, or holds NaN or infinite numbers; the message names the path.
    """
    return decode_image(_read(path), str(path))


def read_mask(path: Path | str) -> Image:
    """Reads a mask: as ``read_image``, and a PNG of single bits or of a palette by its numbers.

    Raises:
        DataError: as for ``read_image``.
    """
    return decode_image(_read(path), str(path), as_mask=True)


def _read(path: Path | str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def decode_image(data: bytes, name: str, *, as_mask: bool = False) -> Image:
    """Reads an image from the bytes of its file.

    Args:
        data: the whole file.
        name: what to call it in an error, usually its path.
        as_mask: see ``read_mask``.

    Raises:
        DataError: as for ``read_image``.
    """
    if not data:
        raise DataError(f"{name}: the file is empty")
    try:
        image = _decode(data, as_mask=as_mask)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    except Exception as error:
        # Readers meet damaged files with errors of every kind, from struct.error to MemoryError.
        reason = str(error) or type(error).__name__
        raise DataError(
            f"{name}: cannot be decoded, probably truncated or damaged ({reason}); fetch it again"
        ) from error
    if image.pixels.size == 0:
        raise DataError(f"{name}: the image has no pixels, its size is {image.pixels.shape}")
    if image.pixels.dtype.kind == "f" and not np.isfinite(image.pixels).all():
        n_bad = int((~np.isfinite(image.pixels)).sum())
        raise DataError(f"{name}: {n_bad} pixels are NaN or infinite; replace them first")
    image.pixels.flags.writeable = False
    return image


def _decode(data: bytes, *, as_mask: bool) -> Image:
    """Hands the bytes to their reader."""
    with _FIRST_IMPORT:
        decode = _reader(format_of(data), as_mask=as_mask)
    if decode is None:
        raise DataError(
            f"expected a PNG, JPEG, TIFF, DICOM or NIfTI file, found one that begins {data[:8]!r}"
        )
    return decode(data)


def _reader(name: str | None, *, as_mask: bool) -> Callable[[bytes], Image] | None:
    """The function that reads a format, imported when first needed; None for an unknown format."""
    found: Callable[[bytes], Image] | None = None
    match name:
        case "dicom":
            from plexor.cases.formats.dicom import decode_dicom

            found = decode_dicom
        case "png":
            from plexor.cases.formats.png import decode_png, decode_png_mask

            found = decode_png_mask if as_mask else decode_png
        case "jpeg":
            from plexor.cases.formats.jpeg import decode_jpeg

            found = decode_jpeg
        case "tiff":
            from plexor.cases.formats.tiff import decode_tiff

            found = decode_tiff
        case "nifti" | "gzip":
            from plexor.cases.formats.nifti import decode_nifti

            found = decode_nifti
    return found
