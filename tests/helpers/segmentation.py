"""DICOM segmentations made for tests."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SegmentationStorage
from tests.helpers.enhanced import item, measures
from tests.helpers.series import SERIES, TURNED, place

Frame = tuple[int, list[float], NDArray[np.bool_]]
"""Segment, ImagePositionPatient and pixels (rows, columns)."""


def segmentation_file(
    frames: Sequence[Frame],
    labels: Mapping[int, str],
    *,
    series: str = SERIES,
    fractional: bool = False,
    sources: Sequence[str] = (),
    spacing: tuple[float, float] = (0.75, 0.5),
    **elements: Any,
) -> bytes:
    """A segmentation of one bit a pixel, or of fractions of 200.

    Args:
        frames: the covered pixels of each frame.
        labels: number of a segment → its label.
        series: UID of the series it was drawn on.
        fractional: write 120 where a pixel is covered and 80 elsewhere.
        sources: SOP Instance UID of the image that each frame was drawn on; then without positions.
        spacing: between rows, then columns.
        **elements: in place of its own.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    uid = UID(f"{SERIES}.77.{len(frames)}.{sum(labels)}")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.SeriesInstanceUID, dataset.Modality = f"{SERIES}.77", "SEG"
    dataset.ReferencedSeriesSequence = [item(SeriesInstanceUID=series)]
    dataset.SegmentSequence = [
        item(SegmentNumber=number, SegmentLabel=label) for number, label in labels.items()
    ]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.NumberOfFrames = len(frames)
    dataset.Rows, dataset.Columns = frames[0][2].shape
    bits = 8 if fractional else 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = 0
    planes = np.stack([plane for _, _, plane in frames])
    if fractional:
        dataset.SegmentationType, dataset.MaximumFractionalValue = "FRACTIONAL", 200
        data = np.where(planes, 120, 80).astype(np.uint8).tobytes()
    else:
        dataset.SegmentationType = "BINARY"
        data = np.packbits(planes.ravel(), bitorder="little").tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB"
    dataset.SharedFunctionalGroupsSequence = [
        item(
            PixelMeasuresSequence=measures(*spacing),
            PlaneOrientationSequence=[item(ImageOrientationPatient=list(TURNED))],
        )
    ]
    dataset.PerFrameFunctionalGroupsSequence = [
        _groups(segment, where, sources[number] if sources else "")
        for number, (segment, where, _) in enumerate(frames)
    ]
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _groups(segment: int, where: list[float], source: str) -> Dataset:
    found = item(SegmentIdentificationSequence=[item(ReferencedSegmentNumber=segment)])
    if source:
        image = item(ReferencedSOPInstanceUID=source)
        found.DerivationImageSequence = [item(SourceImageSequence=[image])]
    else:
        found.PlanePositionSequence = [item(ImagePositionPatient=where)]
    return found


def drawn_frames(truth: NDArray[np.integer[Any]]) -> list[Frame]:
    """A frame for each segment on each slice where it is, of (slices, rows, columns)."""
    return [
        (int(segment), place(number), plane == segment)
        for segment in np.unique(truth[truth > 0])
        for number, plane in enumerate(truth)
        if (plane == segment).any()
    ]
