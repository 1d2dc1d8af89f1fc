"""What the header of a DICOM file says of its image."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plexor.cases.formats.dicom_stack import SliceFacts
from plexor.cases.sources.source import Cell
from plexor.core.errors import DataError, brief

if TYPE_CHECKING:
    from pydicom import Dataset

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
_FIRST_BYTES = 4096
_TAGS: list[str] = [
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPresentation",
    "PhotometricInterpretation",
    "ModalityLUTSequence",
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "AccessionNumber",
    "PatientID",
    "PatientSex",
    "PatientAge",
    "FrameOfReferenceUID",
    "StudyDate",
    "Modality",
    "ViewPosition",
    "BodyPartExamined",
    "Laterality",
    "ImageLaterality",
    "Manufacturer",
    "ManufacturerModelName",
    "InstitutionName",
    "NumberOfFrames",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "Units",
    "DoseGridScaling",
    "DoseUnits",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known of a DICOM file before its pixels are read.

    Attributes:
        path: the file.
        ids: ``SOPInstanceUID``, ``SeriesInstanceUID``, ``StudyInstanceUID``, ``AccessionNumber``
            and ``PatientID``, "" where absent.
        sop_class: SOP Class UID.
        modality: e.g. "CT".
        n_frames: 1 or more; 0 where the file holds no image.
        facts: of each frame; empty where they cannot be told, or there is no image.
        frame_of_reference: UID of the coordinate system, "" where absent.
        about: columns of the manifest: view, body_part, laterality, device, site, sex, age, date.
        problem: why the frames' facts cannot be told.
    """

    path: Path
    ids: Mapping[str, str]
    sop_class: str
    modality: str
    n_frames: int
    facts: tuple[SliceFacts, ...]
    frame_of_reference: str
    about: Mapping[str, Cell]
    problem: str = ""


def read_header(path: Path) -> Header:
    """Reads a DICOM file up to its pixels.

    Raises:
        DataError: the file is unreadable or damaged, or a deflated one beyond the limits.
    """
    from pydicom import dcmread

    from plexor.cases.formats.dicom_pixels import check_deflated

    try:
        with path.open("rb") as file:
            if b"1.2.840.10008.1.2.1.99\0" in file.read(_FIRST_BYTES):
                check_deflated(path.read_bytes())
            file.seek(0)
            dataset = dcmread(
                io.BufferedReader(file.raw), stop_before_pixels=True, specific_tags=_TAGS
            )
            return _header(path, dataset)
    except DataError:
        raise
    except Exception as error:  # pydicom raises errors of many kinds
        raise DataError(f"its header cannot be read ({brief(error)})") from error


def _header(path: Path, dataset: Dataset) -> Header:
    from plexor.cases.formats.dicom_frame import frame_headers, n_frames

    names = (
        "SOPInstanceUID",
        "SeriesInstanceUID",
        "StudyInstanceUID",
        "AccessionNumber",
        "PatientID",
    )
    facts: tuple[SliceFacts, ...] = ()
    n, problem = 0, ""
    meta = getattr(dataset, "file_meta", {})
    sop_class = str(dataset.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")
    if all(dataset.get(name) is not None for name in ("Rows", "Columns")):
        try:
            n = n_frames(dataset)
            if sop_class not in (SEGMENTATION, LABEL_MAP):
                frames = [dataset] if n == 1 else list(frame_headers(dataset))
                facts = tuple(_facts(one) for one in frames)
        except DataError as error:
            n, problem = max(n, 1), str(error)
    return Header(
        path=path,
        ids={name: str(dataset.get(name) or "").strip() for name in names},
        sop_class=sop_class,
        modality=str(dataset.get("Modality") or "").strip() or "unknown",
        n_frames=n,
        facts=facts,
        frame_of_reference=str(dataset.get("FrameOfReferenceUID") or ""),
        about=_about(dataset),
        problem=problem,
    )


def _facts(dataset: Dataset) -> SliceFacts:
    from plexor.cases.formats.dicom_pixels import refuse_unsupported
    from plexor.cases.formats.dicom_position import grid
    from plexor.cases.formats.dicom_values import intensity

    refuse_unsupported(dataset)
    sign = "int" if dataset.PixelRepresentation else "uint"
    return SliceFacts(
        grid=grid(dataset),
        shape=(int(dataset.Rows), int(dataset.Columns)),
        n_channels=int(dataset.SamplesPerPixel),
        kind=f"{sign}{dataset.BitsAllocated}",
        intensity=intensity(dataset, inverted=True),
    )


def _about(dataset: Dataset) -> Mapping[str, Cell]:
    def text(*keywords: str) -> str | None:
        found = (str(dataset.get(one) or "").strip() for one in keywords)
        return next((one for one in found if one), None)

    maker, model = text("Manufacturer"), text("ManufacturerModelName")
    return {
        "view": text("ViewPosition"),
        "body_part": text("BodyPartExamined"),
        "laterality": text("ImageLaterality", "Laterality"),
        "device": " ".join(one for one in (maker, model) if one) or None,
        "site": text("InstitutionName"),
        "sex": text("PatientSex"),
        "age": _years(text("PatientAge")),
        "date": text("StudyDate"),
    }


def _years(age: Any) -> Cell:
    """DICOM's age, "061Y", in whole years; months and weeks are rounded down.

    Example:
        >>> _years("061Y"), _years("018M"), _years(None)
        (61, 1, None)
    """
    if not (isinstance(age, str) and len(age) == 4 and age[:3].isdigit()):
        return None
    a_year = {"Y": 1, "M": 12, "W": 52, "D": 365}.get(age[3])
    return int(age[:3]) // a_year if a_year else None
