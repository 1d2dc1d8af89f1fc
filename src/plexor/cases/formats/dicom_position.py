"""Where a DICOM image's pixels lie: spacing, orientation, position."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from plexor.cases.formats.dicom_groups import frame_value
from plexor.cases.grid import Grid

_UNIT = 1e-3
"""How far direction cosines may be from length 1 and from a right angle."""


def spacing(dataset: Dataset) -> tuple[float, ...] | None:
    """Between rows, then between columns, in mm.

    In the patient where the file says it, else at the detector, else on the film scanned.
    """
    for value in (
        frame_value(dataset, "PixelMeasuresSequence", "PixelSpacing"),
        dataset.get("ImagerPixelSpacing"),
        dataset.get("NominalScannedPixelSpacing"),
    ):
        found = _numbers(value, 2)
        if found is not None and (found > 0).all():
            return tuple(found.tolist())
    return None


def grid(dataset: Dataset) -> Grid | None:
    """Rows and columns in the patient (PS3.3, C.7.6.2.1.1); None where the file does not say.

    DICOM's world is LPS; x and y are turned over.
    """
    measures = _numbers(frame_value(dataset, "PixelMeasuresSequence", "PixelSpacing"), 2)
    cosines = _numbers(
        frame_value(dataset, "PlaneOrientationSequence", "ImageOrientationPatient"), 6
    )
    origin = _numbers(frame_value(dataset, "PlanePositionSequence", "ImagePositionPatient"), 3)
    if measures is None or cosines is None or origin is None or not (measures > 0).all():
        return None
    along_row, along_column = cosines[:3], cosines[3:]
    lengths = np.array([along_row @ along_row, along_column @ along_column])
    if (np.abs(lengths - 1) > 2 * _UNIT).any() or abs(along_row @ along_column) > _UNIT:
        return None
    turned = np.array([-1.0, -1.0, 1.0])
    axes = np.stack([along_column * measures[0], along_row * measures[1]], axis=1)
    return Grid.of_axes(turned[:, None] * axes, turned * origin)


def _numbers(value: object, n: int) -> NDArray[np.float64] | None:
    """A multi-valued attribute as n finite numbers; None where it is anything else."""
    if value is None or isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        return None
    try:
        numbers = [float(number) for number in value]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return None
    return np.array(numbers) if len(numbers) == n and all(map(math.isfinite, numbers)) else None
