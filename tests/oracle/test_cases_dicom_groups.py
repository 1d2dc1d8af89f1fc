"""Enhanced DICOM of one frame means what the same words mean as a classic object."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import UID
from tests.helpers.enhanced import ENHANCED_CT, WORDS, item, measures, transformation, written

from plexor.cases import LOSSLESS, Image, decode_image
from plexor.core.errors import DataError

PARAMETRIC_MAP = UID("1.2.840.10008.5.1.4.1.1.30")
SHARED, OWN = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"


def _values(image: Image) -> Any:
    return image.intensity.slope * image.pixels + image.intensity.intercept


def _read(data: bytes) -> Image:
    return decode_image(data, "x")


def _enhanced(**groups: Any) -> bytes:
    return written(sop_class=ENHANCED_CT, NumberOfFrames="1", **groups)


MACROS = {
    "PixelValueTransformationSequence": transformation(2.5, -1024),
    "PixelMeasuresSequence": measures(0.7, 0.5),
}


@pytest.mark.parametrize(
    "groups",
    [
        {SHARED: [item(**MACROS)], OWN: [Dataset()]},
        {SHARED: [Dataset()], OWN: [item(**MACROS)]},
        {OWN: [item(**MACROS)]},
        {
            SHARED: [item(PixelMeasuresSequence=measures(0.7, 0.5))],
            OWN: [item(PixelValueTransformationSequence=transformation(2.5, -1024))],
        },
    ],
    ids=["shared", "per frame", "no shared", "one in each"],
)
def test_values_and_spacing_are_the_classic_ones(groups: dict[str, list[Dataset]]) -> None:
    classic = _read(
        written(
            RescaleSlope="2.5", RescaleIntercept="-1024", RescaleType="HU", PixelSpacing=[0.7, 0.5]
        )
    )
    enhanced = _read(_enhanced(**groups))
    np.testing.assert_array_equal(_values(enhanced), _values(classic))
    np.testing.assert_array_equal(_values(enhanced)[0], 2.5 * WORDS.astype(float) - 1024)
    assert enhanced.intensity == classic.intensity
    assert enhanced.intensity.unit == "HU"
    assert enhanced.spacing_mm == classic.spacing_mm == (0.7, 0.5)
    copy = _read(enhanced.containers[LOSSLESS].encode(enhanced.pixels))
    assert copy.intensity == enhanced.intensity


def test_position_and_orientation_are_read_from_groups() -> None:
    place = {
        "PlaneOrientationSequence": [item(ImageOrientationPatient=[0, 1, 0, 0, 0, -1])],
        "PlanePositionSequence": [item(ImagePositionPatient=[10, -20, 30])],
        "PixelMeasuresSequence": measures(2, 3),
    }
    grid = _read(_enhanced(**{SHARED: [item(**place)]})).grid
    assert grid is not None
    # Rows run downwards by 2 mm; columns to posterior, which is -y in RAS, by 3 mm.
    np.testing.assert_array_equal(grid.axes, [[0, 0], [0, -3], [-2, 0]])
    np.testing.assert_array_equal(grid.origin, [-10, 20, 30])
    assert grid.orientation == "IP"


@pytest.mark.parametrize(
    ("groups", "complaint"),
    [
        ({OWN: [Dataset(), Dataset()]}, "one frame and functional groups of 2"),
        (
            {
                SHARED: [item(PixelValueTransformationSequence=transformation(1, 0))],
                OWN: [item(PixelValueTransformationSequence=transformation(2, 0))],
            },
            "several PixelValueTransformationSequence that differ",
        ),
        ({SHARED: [item(PixelValueTransformationSequence=transformation(0, 0))]}, "slope is 0"),
    ],
)
def test_groups_at_odds_are_refused(groups: dict[str, list[Dataset]], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        _read(_enhanced(**groups))


def test_a_second_rescale_at_the_top_level_must_agree() -> None:
    groups: dict[str, Any] = {
        SHARED: [item(PixelValueTransformationSequence=transformation(1, -1024))]
    }
    same: dict[str, Any] = {"RescaleSlope": "1", "RescaleIntercept": "-1024", "RescaleType": "HU"}
    _read(written(sop_class=ENHANCED_CT, **groups, **same))
    with pytest.raises(DataError, match="two rescales"):
        _read(written(sop_class=ENHANCED_CT, **groups, **same | {"RescaleIntercept": "0"}))


@pytest.mark.parametrize(
    ("elements", "slope", "intercept", "unit"),
    [
        ({"Modality": "RTDOSE", "DoseGridScaling": "0.001", "DoseUnits": "GY"}, 0.001, 0, "Gy"),
        (
            {"Modality": "PT", "RescaleSlope": "3", "RescaleIntercept": "0", "Units": "BQML"},
            3,
            0,
            "BQML",
        ),
        ({"Modality": "MR", "RescaleSlope": "3", "RescaleIntercept": "1"}, 3, 1, "a.u."),
    ],
)
def test_other_ways_to_say_what_numbers_mean(
    elements: dict[str, Any], slope: float, intercept: float, unit: str
) -> None:
    found = _read(written(**elements)).intensity
    assert (found.slope, found.intercept, found.unit) == (slope, intercept, unit)


def test_a_parametric_map_has_real_world_values() -> None:
    code = item(CodeValue="mm2/s", CodingSchemeDesignator="UCUM", CodeMeaning="mm2/s")
    mapping = item(
        RealWorldValueSlope=0.5, RealWorldValueIntercept=-2.0, MeasurementUnitsCodeSequence=[code]
    )
    groups: dict[str, Any] = {SHARED: [item(RealWorldValueMappingSequence=[mapping])]}
    found = _read(written(sop_class=PARAMETRIC_MAP, **groups)).intensity
    assert (found.slope, found.intercept, found.unit) == (0.5, -2.0, "mm2/s")
    del mapping.RealWorldValueSlope
    with pytest.raises(DataError, match="expected a parametric map"):
        _read(written(sop_class=PARAMETRIC_MAP, **groups))


def test_numbers_of_a_supplemental_palette_are_refused() -> None:
    with pytest.raises(DataError, match="supplemental palette"):
        _read(written(PixelPresentation="COLOR"))


PADDED: dict[str, Any] = {"PixelPaddingValue": 0}


def _padded(kind: str, value: int) -> Any:
    pixels = WORDS.astype(kind)
    pixels[:3] = value
    return pixels


@pytest.mark.parametrize(
    ("kind", "value", "elements"),
    [
        ("u2", 0, {"PixelPaddingValue": 0}),
        ("i2", -2000, {"PixelPaddingValue": -2000}),
        ("u2", 4, {"PixelPaddingValue": 6, "PixelPaddingRangeLimit": 2}),
    ],
)
def test_padding_is_no_image(kind: str, value: int, elements: dict[str, Any]) -> None:
    image = _read(written(_padded(kind, value), bits=16, **elements))
    assert image.padding is not None
    want = np.zeros((40, 48), bool)
    want[:3] = True
    np.testing.assert_array_equal(image.padding, want)


def test_padding_that_does_not_occur_or_is_all_there_is() -> None:
    assert _read(written(PixelPaddingValue=0)).padding is None
    with pytest.raises(DataError, match="every pixel is padding"):
        _read(written(np.zeros((4, 4), np.uint16), PixelPaddingValue=0))


def test_a_negative_padding_value_written_as_unsigned_is_understood() -> None:
    dataset = dcmread(io.BytesIO(written(_padded("i2", -2000), bits=16, PixelPaddingValue=-2000)))
    dataset["PixelPaddingValue"].VR = "US"
    dataset["PixelPaddingValue"].value = 2**16 - 2000
    file = io.BytesIO()
    dataset.save_as(file)
    padding = _read(file.getvalue()).padding
    assert padding is not None
    assert padding.sum() == 3 * 48


def test_what_is_said_of_the_pixels_stays_true() -> None:
    image = _read(
        written(
            SmallestImagePixelValue=int(WORDS.min()),
            LargestImagePixelValue=int(WORDS.max()),
            SmallestPixelValueInSeries=0,
            LargestPixelValueInSeries=int(WORDS.max()),
            HistogramSequence=[item(HistogramNumberOfBins=1)],
            DigitalSignaturesSequence=[item(MACIDNumber=1)],
        )
    )
    changed = (image.pixels // 2 + 2200).clip(0, 4095).astype(np.uint16)
    copy = dcmread(io.BytesIO(image.containers[LOSSLESS].encode(changed)))
    assert copy.SmallestImagePixelValue == copy.pixel_array.min() == changed.min()
    assert copy.LargestImagePixelValue == copy.pixel_array.max() == changed.max()
    assert copy.SmallestPixelValueInSeries == 0  # still true
    for keyword in ("LargestPixelValueInSeries", "HistogramSequence", "DigitalSignaturesSequence"):
        assert keyword not in copy


def test_signed_extremes_are_written_as_signed() -> None:
    pixels = WORDS.astype(np.int16) - 3000
    image = _read(written(pixels, bits=16, SmallestImagePixelValue=0, LargestImagePixelValue=0))
    copy = dcmread(io.BytesIO(image.containers[LOSSLESS].encode(image.pixels)))
    assert copy.SmallestImagePixelValue == pixels.min() < 0
    assert copy["SmallestImagePixelValue"].VR == "SS"


def test_no_extremes_are_added() -> None:
    image = _read(written())
    copy = dcmread(io.BytesIO(image.containers[LOSSLESS].encode(image.pixels)))
    assert "SmallestImagePixelValue" not in copy


def test_frames_that_the_header_does_not_count() -> None:
    dataset = dcmread(io.BytesIO(written()))
    dataset.PixelData = 3 * dataset.PixelData
    file = io.BytesIO()
    dataset.save_as(file)
    with pytest.raises(DataError, match="does not count all frames"):
        _read(file.getvalue())
