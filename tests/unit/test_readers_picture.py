"""What of a stored image reaches a reader's screen: every number, in files of one length."""

from __future__ import annotations

import numpy as np
import pytest

from plexor.cases.formats.png import PngCodec, decode_png
from plexor.cases.image import Image, Pixels
from plexor.cases.intensity import Intensity
from plexor.core.errors import DataError
from plexor.readers.picture import common_length, look_of, padded_png


def image(
    pixels: Pixels, *, low: float | None = None, high: float | None = None, slope: float = 1.0
) -> Image:
    intensity = Intensity(
        low=float(pixels.min()) if low is None else low,
        high=float(pixels.max()) if high is None else high,
        slope=slope,
    )
    return Image(pixels=pixels, intensity=intensity, containers={"lossless": PngCodec()})


def test_eight_bits_stay_as_they_are(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (3, 6, 5)).astype(np.uint8)
    look = look_of("a", [image(pixels)])
    (plane,) = look.planes(image(pixels))
    assert np.array_equal(plane, pixels)
    assert look.view["width"] == 5
    assert look.view["height"] == 6


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_signed_numbers_begin_at_0_and_keep_their_steps(
    slope: float, rng: np.random.Generator
) -> None:
    pixels = rng.integers(-1024, 2048, (1, 6, 5)).astype(np.int16)
    stored = image(pixels, low=-2048, high=2047, slope=slope)
    look = look_of("a", [stored])
    (plane,) = look.planes(stored)
    expected = pixels + 2048
    assert look.view["top"] == 4095
    assert np.array_equal(plane, expected if slope > 0 else 4095 - expected)
    level, width = look.window
    assert 0 <= level - width / 2 < level + width / 2 <= 4095


def test_arms_of_one_case_share_window_and_scale(rng: np.random.Generator) -> None:
    first = rng.normal(0, 1, (1, 8, 8)).astype(np.float32)
    second = first + np.float32(10)
    images = [image(first), image(second)]
    look = look_of("a", images)
    shown = [look.planes(one)[0].astype(np.float64) for one in images]
    span = float(second.max() - first.min())
    assert np.abs((shown[1] - shown[0]) / 65_535 * span - 10).max() < 1e-3
    assert look.window == look_of("a", [images[0], images[1]]).window


def test_slices_of_a_volume_are_upright() -> None:
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(1, 2, 3, 4)
    look = look_of("a", [image(pixels, low=0, high=255)])
    planes = look.planes(image(pixels))
    assert len(planes) == look.view["slices"] == 4
    assert planes[1].shape == (1, 3, 2)
    assert planes[1][0, -1, 0] == pixels[0, 0, 0, 1]
    assert planes[1][0, 0, 1] == pixels[0, 1, 2, 1]


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (
            [np.zeros((1, 4, 4), np.uint8), np.zeros((1, 4, 5), np.uint8)],
            "images of its arms differ",
        ),
        ([np.zeros((1, 4, 4), np.uint8), np.zeros((1, 4, 4), np.uint16)], "of its arms differ"),
        ([np.zeros((2, 4, 4), np.uint8)], "expected grey or colour"),
        ([np.zeros((3, 4, 4), np.uint16)], "colour is shown in 8 bits only"),
    ],
)
def test_what_cannot_be_shown_is_refused(images: list[Pixels], said: str) -> None:
    with pytest.raises(DataError, match=said):
        look_of("a", [image(pixels, low=0, high=255) for pixels in images])


def test_files_of_all_sizes_are_of_one_length_and_read_back(rng: np.random.Generator) -> None:
    several: list[Pixels] = [
        rng.integers(0, 256, (1, 9, 7)).astype(np.uint8),
        rng.integers(0, 256, (3, 20, 30)).astype(np.uint8),
        rng.integers(0, 65536, (1, 5, 5)).astype(np.uint16),
        np.zeros((3, 20, 30), np.uint8),
    ]
    looks = [look_of("a", [image(pixels, low=0, high=65535)]) for pixels in several]
    length = common_length(looks)
    files = [padded_png(pixels, length) for pixels in several]
    assert {len(data) for data in files} == {length}
    for data, pixels in zip(files, several, strict=True):
        assert np.array_equal(decode_png(data).pixels, pixels)
    with pytest.raises(DataError, match="at most"):
        padded_png(several[1], 100)
