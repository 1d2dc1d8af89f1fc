"""DICOM series and objects of several frames, made for tests."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid
from tests.helpers.enhanced import ENHANCED_CT, item, measures, transformation, written

SERIES = "1.2.826.0.1.3680043.8.498.1"
TURNED = (0.8, 0.6, 0.0, -0.6, 0.8, 0.0)
"""Rows and columns of axial slices of a patient turned about the long axis."""


def voxels(n: int = 6, rows: int = 5, columns: int = 7) -> NDArray[np.int16]:
    """Stored numbers, (slices, rows, columns)."""
    return np.random.default_rng(3).integers(-900, 1200, (n, rows, columns)).astype(np.int16)


def place(number: int, *, step: float = 2.5, tilt: float = 0.0) -> list[float]:
    """ImagePositionPatient of a slice; a tilted gantry shifts slices along their columns."""
    return [-30.0 - 0.6 * tilt * number, 12.0 + 0.8 * tilt * number, -100.0 + step * number]


def slice_file(pixels: NDArray[Any], number: int, **elements: Any) -> bytes:
    """One CT slice of the series, with further elements in place of its own."""
    own: dict[str, Any] = {
        "SOPInstanceUID": generate_uid(entropy_srcs=[SERIES, str(number)]),
        "SeriesInstanceUID": SERIES,
        "StudyInstanceUID": f"{SERIES}.9",
        "PatientID": "MRN-0042",
        "PatientName": "Doe^Jane",
        "StudyDate": "20240131",
        "BodyPartExamined": "CHEST",
        "InstitutionName": "Somewhere General",
        "ManufacturerModelName": "Scanner 9",
        "ImagePositionPatient": place(number),
        "ImageOrientationPatient": list(TURNED),
        "PixelSpacing": [0.75, 0.5],
        "RescaleSlope": "1",
        "RescaleIntercept": "-24",
        "InstanceNumber": number + 1,
    }
    given = {key: value for key, value in (own | elements).items() if value is not None}
    data = written(pixels, bits=16, **given)
    dataset = dcmread(io.BytesIO(data))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def series_files(pixels: NDArray[Any] | None = None, **elements: Any) -> list[bytes]:
    """A series of axial CT slices, from the feet to the head."""
    chosen = voxels() if pixels is None else pixels
    return [slice_file(plane, number, **elements) for number, plane in enumerate(chosen)]


def write_series(folder: Path, files: list[bytes]) -> list[Path]:
    """Files of a series in an order that is not that of their positions."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, data in enumerate(files):
        path = folder / f"IM{(number * 5 + 3) % 11:03d}{number}"
        path.write_bytes(data)
        paths.append(path)
    return paths


def enhanced_file(
    pixels: NDArray[Any] | None = None,
    *,
    slopes: list[float] | None = None,
    places: list[list[float]] | None = None,
    sop_class: UID = ENHANCED_CT,
    **elements: Any,
) -> bytes:
    """An enhanced CT whose frames are stored from the head to the feet."""
    chosen = voxels() if pixels is None else pixels
    n = len(chosen)
    where = places or [place(number) for number in range(n)]
    frames = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=where[number])],
            **(
                {"PixelValueTransformationSequence": transformation(slopes[number])}
                if slopes
                else {}
            ),
        )
        for number in reversed(range(n))
    ]
    shared: Dataset = item(
        PixelMeasuresSequence=measures(0.75, 0.5),
        PlaneOrientationSequence=[item(ImageOrientationPatient=list(TURNED))],
        **({} if slopes else {"PixelValueTransformationSequence": transformation(1, -24)}),
    )
    data = written(
        chosen[0],
        bits=16,
        sop_class=sop_class,
        **{
            "NumberOfFrames": n,
            "SeriesInstanceUID": SERIES,
            "StudyInstanceUID": f"{SERIES}.9",
            "SOPInstanceUID": f"{SERIES}.8",
            "PatientID": "MRN-0042",
            "SharedFunctionalGroupsSequence": [shared],
            "PerFrameFunctionalGroupsSequence": frames,
            "PixelData": chosen[::-1].tobytes(),
            **elements,
        },
    )
    dataset = dcmread(io.BytesIO(data))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()
