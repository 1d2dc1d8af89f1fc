"""What a DICOM header says of text on its image: overlays, burnt-in annotation, identifiers."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from plexor.cases.formats.magic import format_of
from plexor.core.errors import DataError

_OVERLAYS = range(0x6000, 0x6020, 2)
_NAMES = ("PatientName", "PatientID", "OtherPatientIDs", "PatientBirthDate", "AccessionNumber")


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What the header says; empty for files that are not DICOM.

    Attributes:
        n_overlays: overlay planes, which viewers draw over the image and which are no part of its
            pixels.
        burned_in: *Burned In Annotation*, "YES", "NO" or "" where it is absent.
        laterality: *Image Laterality* or *Laterality*, "L", "R", "B" or "".
        n_frames: number of frames.
        identifiers: the patient's name, numbers and birth date, and the accession number.
    """

    n_overlays: int = 0
    burned_in: str = ""
    laterality: str = ""
    n_frames: int = 1
    identifiers: tuple[str, ...] = ()


def read_annotation(path: Path | str) -> Annotation:
    """Reads what the header of an image file says of text on the image.

    Raises:
        DataError: the file cannot be read, or its header is damaged.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(132)
            if format_of(data) != "dicom":
                return Annotation()
            data += file.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    from pydicom import dcmread

    try:
        header = dcmread(io.BytesIO(data), stop_before_pixels=True)
        names = (str(header.get(name, "")).strip() for name in _NAMES)
        return Annotation(
            n_overlays=sum((group, 0x0010) in header for group in _OVERLAYS),
            burned_in=str(header.get("BurnedInAnnotation", "")),
            laterality=str(header.get("ImageLaterality", "") or header.get("Laterality", "")),
            n_frames=int(header.get("NumberOfFrames", 1) or 1),
            identifiers=tuple(name for name in names if name),
        )
    except Exception as error:  # pydicom raises errors of many kinds
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: the header cannot be read ({reason}); fetch it again") from error
