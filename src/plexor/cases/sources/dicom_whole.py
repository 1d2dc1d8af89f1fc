"""Whether a DICOM file is whole, and its hash."""

from __future__ import annotations

from pathlib import Path

from plexor.cases.formats.magic import format_of
from plexor.core.errors import DataError, brief
from plexor.core.ids import digest_bytes


def sha256_of_whole(path: Path) -> str:
    """SHA-256 of the file of a slice whose pixels are all there.

    Raises:
        DataError: unreadable, damaged, without pixels or with fewer than its header states.
    """
    from plexor.cases.formats.dicom_pixels import parse

    try:
        data = path.read_bytes()
        parse(data)
        check_whole(data)
    except (DataError, OSError) as error:
        raise DataError(f"a slice of it cannot be used: {error}") from error
    return digest_bytes(data)


def check_whole(data: bytes) -> str:
    """The SOP Instance UID of a DICOM file of which nothing is missing.

    Uncompressed pixels are counted; of compressed ones, the end must be there.

    Raises:
        DataError: no DICOM file, damaged, or with fewer pixels than its header states.
    """
    from io import BytesIO

    from pydicom import dcmread

    from plexor.cases.formats.dicom_pixels import check_deflated

    if format_of(data) != "dicom":
        raise DataError(f"expected a DICOM file, found one that begins {data[:8]!r}")
    try:
        check_deflated(data)
        dataset = dcmread(BytesIO(data))
        uid = str(dataset.get("SOPInstanceUID", ""))
        if "PixelData" not in dataset:
            return uid
        found = len(dataset.PixelData)
        n_values = int(dataset.Rows) * int(dataset.Columns) * int(dataset.SamplesPerPixel)
        bits = n_values * int(dataset.BitsAllocated) * int(dataset.get("NumberOfFrames") or 1)
        encapsulated = dataset.file_meta.TransferSyntaxUID.is_encapsulated
    except DataError:
        raise
    except Exception as error:  # pydicom raises errors of many kinds
        raise DataError(f"the file is truncated or damaged ({brief(error)})") from error
    size = bits // 8
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        size = size * 2 // 3
    if not encapsulated and found < size:
        raise DataError(
            f"the file is truncated: expected {size:,} bytes of pixels, found {found:,}; fetch it "
            "again"
        )
    return uid
