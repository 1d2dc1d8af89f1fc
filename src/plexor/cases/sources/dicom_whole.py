"""Whether a DICOM file is whole, and its hash."""

from __future__ import annotations

from pathlib import Path

from plexor.core.errors import DataError, brief
from plexor.core.ids import digest_bytes


def sha256_of_whole(path: Path) -> str:
    """SHA-256 of a DICOM file whose pixels are all there.

    Raises:
        DataError: unreadable, damaged, without pixels or with fewer than its header states.
    """
    from plexor.cases.formats.dicom_frame import n_frames
    from plexor.cases.formats.dicom_pixels import parse

    try:
        data = path.read_bytes()
        dataset, syntax = parse(data)
        bits = int(dataset.Rows) * int(dataset.Columns) * int(dataset.SamplesPerPixel)
        size = bits * int(dataset.BitsAllocated) // 8 * n_frames(dataset)
    except DataError as error:
        raise DataError(f"a slice of it cannot be read: {error}") from error
    except Exception as error:  # pydicom raises errors of many kinds
        raise DataError(f"a slice of it cannot be read: {brief(error)}") from error
    if not syntax.is_encapsulated and len(dataset.PixelData) < size:
        colour = dataset.PhotometricInterpretation == "YBR_FULL_422"
        if not colour or len(dataset.PixelData) < size * 2 // 3:
            raise DataError(
                f"a slice of it is truncated: expected {size:,} bytes of pixels, found "
                f"{len(dataset.PixelData):,}; fetch it again"
            )
    return digest_bytes(data)
