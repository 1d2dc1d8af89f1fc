"""Recognises an image format by the first bytes of a file; imports no reader."""

from __future__ import annotations

from typing import Literal

Format = Literal[
    "dicom", "png", "jpeg", "tiff", "nifti", "gzip", "metaimage", "nrrd", "series", "slices"
]

PNG = b"\x89PNG\r\n\x1a\n"

# DICOM comes first, since a TIFF header may stand in its preamble.
_MARKS: tuple[tuple[int, bytes, Format], ...] = (
    (128, b"DICM", "dicom"),
    (0, PNG, "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"II*\0", "tiff"),
    (0, b"MM\0*", "tiff"),
    (0, b"II+\0", "tiff"),
    (0, b"MM\0+", "tiff"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"ObjectType", "metaimage"),
    (0, b"NDims", "metaimage"),
    (0, b"NRRD000", "nrrd"),
    (30, b"dicom-series/", "series"),  # where the name of a ZIP archive's first entry stands
    (0, b'{"plexor_slices"', "slices"),
    (344, b"n+1", "nifti"),
    (344, b"ni1", "nifti"),
    (4, b"n+2", "nifti"),
    (4, b"ni2", "nifti"),
)


def format_of(data: bytes) -> Format | None:
    """The format of a file's bytes; None where it is not one that is read.

    Example:
        >>> format_of(PNG)
        'png'
    """
    return next((name for start, mark, name in _MARKS if data.startswith(mark, start)), None)
