"""DICOM files made for tests: classic and enhanced objects of one frame."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

CLASSIC_CT = UID("1.2.840.10008.5.1.4.1.1.2")
ENHANCED_CT = UID("1.2.840.10008.5.1.4.1.1.2.1")
WORDS: NDArray[np.uint16] = np.random.default_rng(0).integers(8, 4093, (40, 48)).astype(np.uint16)


def written(
    pixels: NDArray[Any] = WORDS, *, bits: int = 12, sop_class: UID = CLASSIC_CT, **elements: Any
) -> bytes:
    """A grey DICOM file, (H, W) of unsigned or signed 16 bits, with further elements."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    dataset.Modality = "CT"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def item(**elements: Any) -> Dataset:
    """An item of a sequence."""
    found = Dataset()
    for keyword, value in elements.items():
        setattr(found, keyword, value)
    return found


def transformation(slope: float = 1, intercept: float = -1024, kind: str = "HU") -> list[Dataset]:
    """A Pixel Value Transformation macro."""
    return [
        item(RescaleSlope=str(slope), RescaleIntercept=str(intercept), RescaleType=kind),
    ]


def measures(*spacing: float) -> list[Dataset]:
    """A Pixel Measures macro."""
    return [item(PixelSpacing=list(spacing))]
