"""A few texts of a DICOM header, such as the Patient ID."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from plexor.cases.formats.magic import format_of
from plexor.core.errors import DataError


def patient_id(path: Path) -> str:
    """The Patient ID of a DICOM file; "" where it is empty, or the file is not DICOM.

    Raises:
        DataError: the file cannot be read, or its header is damaged.
    """
    (patient,) = header_texts(path, ["PatientID"])
    return patient


def header_texts(path: Path, keywords: Sequence[str]) -> list[str]:
    """Elements of a DICOM file's header as text; "" where one is empty or the file is not DICOM.

    Raises:
        DataError: the file cannot be read, or its header is damaged.
    """
    try:
        with path.open("rb") as file:
            if format_of(file.read(132)) != "dicom":
                return [""] * len(keywords)
        from pydicom import dcmread

        header = dcmread(path, stop_before_pixels=True, specific_tags=list(keywords))
        return [str(header.get(keyword, "") or "").strip() for keyword in keywords]
    except Exception as error:  # pydicom raises errors of many kinds
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: the header cannot be read ({reason}); fetch it again") from error
