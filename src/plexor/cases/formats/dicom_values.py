"""What a DICOM file's stored numbers mean: rescale, unit, padding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from plexor.cases.formats.dicom_groups import frame_macro
from plexor.cases.image import Image, Pixels
from plexor.cases.intensity import Intensity
from plexor.core.errors import DataError

_TRANSFORMATION = "PixelValueTransformationSequence"
_PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
_DOSE_UNITS = {"GY": "Gy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescale:
    """From stored numbers to values, ``slope * stored + intercept``."""

    slope: float = 1.0
    intercept: float = 0.0
    unit: str = "a.u."


def intensity(dataset: Dataset, *, inverted: bool) -> Intensity:
    """Range and meaning of a DICOM image's stored numbers.

    Args:
        dataset: of one frame.
        inverted: turn the values of MONOCHROME1 over, so that a greater value is brighter.

    Raises:
        DataError: a rescale that is not finite, is 0, or is given twice and differs.
    """
    bits = dataset.BitsStored
    low = -(2.0 ** (bits - 1)) if dataset.PixelRepresentation else 0.0
    high = low + 2.0**bits - 1
    if dataset.SamplesPerPixel == 3:
        return Intensity(low=low, high=high)
    found = rescale(dataset)
    slope, intercept, unit = found.slope, found.intercept, found.unit
    if inverted and dataset.PhotometricInterpretation == "MONOCHROME1":
        slope, intercept, unit = -slope, intercept + slope * (low + high), "a.u."
    return Intensity(low=low, high=high, slope=slope, intercept=intercept, unit=unit)


def rescale(dataset: Dataset) -> Rescale:
    """The modality transformation of a grey image's only frame.

    It is in the Pixel Value Transformation macro of an enhanced object (PS3.3, C.7.6.16.2.9), at
    the top level of a classic one, a dose grid's scaling, or a parametric map's real-world values.
    Real-world values of other objects are a second meaning beside the first, and are not applied.

    Raises:
        DataError: as for ``intensity``.
    """
    macro = frame_macro(dataset, _TRANSFORMATION)
    if dataset.get("SOPClassUID") == _PARAMETRIC_MAP:
        found = _real_world(dataset)
    elif "DoseGridScaling" in dataset:
        unit = str(dataset.get("DoseUnits") or "a.u.").strip()
        found = Rescale(
            slope=_number(dataset, "DoseGridScaling", 1.0), unit=_DOSE_UNITS.get(unit, unit)
        )
    else:
        found = _linear(dataset if macro is None else macro, dataset)
    classic = _linear(dataset, dataset)
    if macro is not None and _has_rescale(dataset) and classic != found:
        raise DataError(
            f"the DICOM header gives two rescales, {classic.slope:g} and {classic.intercept:g} at "
            f"its top level, {found.slope:g} and {found.intercept:g} for its frame; repair it"
        )
    if found.slope == 0:
        raise DataError("the rescale slope is 0, expected another number; repair the header")
    return found


def padding(dataset: Dataset, pixels: Pixels) -> NDArray[np.bool_] | None:
    """Where a grey image has no image: its Pixel Padding Value, or range (PS3.3, C.7.5.1.1.2).

    Args:
        dataset: of one frame.
        pixels: its stored numbers, (C, H, W).

    Returns:
        (H, W), or None where nothing is padding.

    Raises:
        DataError: the value is no number.
    """
    if "PixelPaddingValue" not in dataset or len(pixels) != 1:
        return None
    value = _stored(dataset, "PixelPaddingValue", pixels)
    limit = value
    if dataset.get("PixelPaddingRangeLimit") is not None:
        limit = _stored(dataset, "PixelPaddingRangeLimit", pixels)
    covered = (pixels[0] >= min(value, limit)) & (pixels[0] <= max(value, limit))
    return covered if covered.any() else None


def refuse_all_padding(image: Image) -> None:
    """Refuses an image or volume of which every pixel is padding; a slice may be so.

    Raises:
        DataError: it is.
    """
    if image.padding is not None and image.padding.all():
        value = image.pixels.flat[0]
        raise DataError(
            f"every pixel is padding (Pixel Padding Value {value}), expected an image; remove the "
            "file or the attribute"
        )


def _stored(dataset: Dataset, keyword: str, pixels: Pixels) -> int:
    """A number in the pixels' own representation; some files write a negative one as unsigned."""
    value = dataset.get(keyword)
    if isinstance(value, bytes) and len(value) == 2:
        value = int.from_bytes(value, "little")
    if not isinstance(value, int):
        raise DataError(f"{keyword} is {value!r}, expected a whole number; repair the header")
    return int(np.array(value).astype(pixels.dtype))


def _has_rescale(dataset: Dataset) -> bool:
    return "RescaleSlope" in dataset or "RescaleIntercept" in dataset


def _linear(source: Dataset, dataset: Dataset) -> Rescale:
    given = [name for name in ("RescaleSlope", "RescaleIntercept") if source.get(name) is not None]
    if len(given) == 1:
        raise DataError(
            f"the DICOM header gives a {given[0]} alone, expected RescaleSlope and "
            "RescaleIntercept or neither; repair it"
        )
    return Rescale(
        slope=_number(source, "RescaleSlope", 1.0),
        intercept=_number(source, "RescaleIntercept", 0.0),
        unit=_unit(source, dataset),
    )


def _unit(source: Dataset, dataset: Dataset) -> str:
    """The Rescale Type, where it says more than "unspecified" (US)."""
    kind = str(source.get("RescaleType") or "").strip()
    if kind not in ("", "US"):
        return kind
    modality = dataset.get("Modality")
    if modality == "CT" and "RescaleIntercept" in source:
        return "HU"
    if modality == "PT" and _has_rescale(source):
        return str(dataset.get("Units") or "a.u.").strip()
    return "a.u."


def _real_world(dataset: Dataset) -> Rescale:
    """A parametric map's values (PS3.3, C.7.6.16.2.11)."""
    macro = frame_macro(dataset, "RealWorldValueMappingSequence")
    slope = None if macro is None else macro.get("RealWorldValueSlope")
    if macro is None or slope is None:
        raise DataError(
            "values come from a lookup table or are not given, expected a parametric map with "
            "one real-world slope and intercept"
        )
    codes = macro.get("MeasurementUnitsCodeSequence")
    return Rescale(
        slope=_number(macro, "RealWorldValueSlope", 1.0),
        intercept=_number(macro, "RealWorldValueIntercept", 0.0),
        unit=str(codes[0].get("CodeValue") or "a.u.") if codes else "a.u.",
    )


def _number(dataset: Dataset, keyword: str, default: float) -> float:
    value: Any = dataset.get(keyword)
    if value is None:
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{keyword} is {value!r}, expected a finite number; repair the header")
    return number
