"""Image files, read as they are stored; the format is recognised by content, not by ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from plexor.cases.formats.gathered import read_whole
from plexor.cases.formats.magic import format_of
from plexor.cases.formats.round_trip import check_round_trip
from plexor.cases.formats.whole_files import whole_files
from plexor.cases.image import Image
from plexor.cases.labels import labels_of
from plexor.core.errors import DataError, brief
from plexor.core.ids import digest_bytes

_FIRST_IMPORT = threading.Lock()
"""pydicom imports itself in circles; threads that import it at once may find half a module."""
_CHECKED: set[str] = set()
"""SHA-256 of the files whose contents were checked in this process."""
_DICOM_STARTS = (b"\2\0", b"\x08\0", b"\0\2", b"\0\x08")
"""Groups that a DICOM data set begins with, in either byte order."""
_DICOM_ELEMENTS = (0x00, 0x01, 0x05, 0x08, 0x12, 0x16, 0x18)
"""Elements of these groups that it may begin with."""


def read_image(path: Path | str) -> Image:
    """Reads an image file as it is stored.

    Args:
        path: the file; its format is recognised by its content, not by its name.

    Returns:
        Pixels (channels, *spatial) in the file's own numbers and type, their range and meaning,
        and the containers that a changed image can be stored in.

    Raises:
        DataError: the file is missing, unreadable, empty, truncated or damaged, of an unsupported
            kind, without pixels, too large (see ``plexor.cases.formats.limits``), holds NaN or
            infinite numbers, or cannot be written back; the message names the path.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from plexor.cases.formats.png import PngCodec
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "grey.png"
        ...     _ = path.write_bytes(PngCodec().encode(np.zeros((1, 4, 6), np.uint8)))
        ...     image = read_image(path)
        >>> image.pixels.shape, image.intensity.high, list(image.containers)
        ((1, 4, 6), 255.0, ['lossless'])
    """
    return decode_image(_read(path), str(path))


def read_mask(path: Path | str) -> Image:
    """Reads a mask: an image file whose values are numbers of classes, or 0 and not 0.

    The header's scaling (NIfTI's slope and intercept, DICOM's rescale) is applied, and values that
    are whole but for its rounding are made whole. A PNG of single bits or of a palette is read by
    its numbers. Brightness means nothing: where zero is white the numbers stay.

    Raises:
        DataError: as for ``read_image``.
    """
    return decode_image(_read(path), str(path), as_mask=True)


def _read(path: Path | str) -> bytes:
    try:
        return read_whole(Path(path))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except Exception as error:  # pydicom, of a damaged file whose frame is wanted
        raise DataError(f"{path}: cannot be read ({brief(error)}); fetch it again") from error


def decode_image(data: bytes, name: str, *, as_mask: bool = False) -> Image:
    """Reads an image from the bytes of its file.

    Args:
        data: the whole file.
        name: named in errors, usually the path.
        as_mask: see ``read_mask``.

    Raises:
        DataError: as for ``read_image``.
    """
    if not data:
        raise DataError(f"{name}: the file is empty")
    try:
        with whole_files():
            image = _decode(data, as_mask=as_mask)
        if not as_mask:
            _check_contents(image, data)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # Readers meet damaged files with errors of every kind, from struct.error to MemoryError;
        # what a decoder written in Rust raises is no Exception.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{name}: cannot be decoded, probably truncated or damaged ({reason}); fetch it again"
        ) from error
    image.pixels.flags.writeable = False
    return image


def _decode(data: bytes, *, as_mask: bool) -> Image:
    """Hands the bytes to their reader, and checks the pixels."""
    with _FIRST_IMPORT:
        decode = _reader(format_of(data), as_mask=as_mask)
    if decode is None:
        raise DataError(_unknown_format(data))
    image = decode(data)
    if image.pixels.size == 0:
        raise DataError(f"the image has no pixels, its size is {image.pixels.shape}")
    if image.pixels.dtype.kind == "f" and not np.isfinite(image.pixels).all():
        n_bad = int((~np.isfinite(image.pixels)).sum())
        raise DataError(f"{n_bad} pixels are NaN or infinite; replace them first")
    return labels_of(image) if as_mask else image


def _check_contents(image: Image, data: bytes) -> None:
    """Refuses a file whose data do not fit its header, or that cannot be written and read back.

    A file is checked when it is first read; later its content is known.
    """
    content = digest_bytes(data)
    if content in _CHECKED:
        return
    if format_of(data) == "jpeg":
        from plexor.cases.formats.jpeg import check_jpeg

        check_jpeg(data, image.pixels)
    check_round_trip(image)
    _CHECKED.add(content)


def _unknown_format(data: bytes) -> str:
    """Says what was found in place of an image."""
    element = max(data[2:4], default=0) if min(data[2:4], default=1) == 0 else -1
    if data[:2] in _DICOM_STARTS and element in _DICOM_ELEMENTS:
        return (
            "this looks like DICOM without the 128 bytes of preamble and the mark DICM that a "
            "DICOM file begins with (PS3.10, 7.1), so that its transfer syntax is not certain; "
            "write it anew as a DICOM file, e.g. with dcmconv"
        )
    return (
        "expected a PNG, JPEG, TIFF, DICOM, NIfTI, MetaImage or NRRD file, found one that begins "
        f"{data[:8]!r}"
    )


def _reader(name: str | None, *, as_mask: bool) -> Callable[[bytes], Image] | None:
    """The function that reads a format, imported when first needed; None for an unknown format."""
    found: Callable[[bytes], Image] | None = None
    match name:
        case "dicom":
            from plexor.cases.formats.dicom import decode_dicom

            found = partial(decode_dicom, as_mask=as_mask)
        case "png":
            from plexor.cases.formats.png import decode_png, decode_png_mask

            found = decode_png_mask if as_mask else decode_png
        case "jpeg":
            from plexor.cases.formats.jpeg import decode_jpeg

            found = decode_jpeg
        case "tiff":
            from plexor.cases.formats.tiff import decode_tiff

            found = partial(decode_tiff, as_mask=as_mask)
        case "nifti" | "gzip":
            from plexor.cases.formats.nifti import decode_nifti

            found = decode_nifti
        case "metaimage":
            from plexor.cases.formats.metaimage import decode_metaimage

            found = decode_metaimage
        case "nrrd":
            from plexor.cases.formats.nrrd import decode_nrrd

            found = decode_nrrd
        case "series":
            from plexor.cases.formats.dicom_series import decode_series

            found = partial(decode_series, as_mask=as_mask)
    return found
