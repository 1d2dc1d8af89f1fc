from __future__ import annotations

import base64
import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plexor.cases.formats import decode_image
from plexor.cases.grid import Grid
from plexor.cases.image import Image
from plexor.cases.intensity import Intensity
from plexor.report.deep_picture import depth, show_deep
from plexor.report.picture import WIDEST, frame, show, show_change


def _image(pixels: NDArray[Any], *, slope: float = 1.0, intercept: float = 0.0) -> Image:
    limits = np.iinfo(pixels.dtype)
    intensity = Intensity(
        low=float(limits.min), high=float(limits.max), slope=slope, intercept=intercept
    )
    return Image(pixels=pixels, intensity=intensity, containers={})


def _pixels(uri: str) -> NDArray[Any]:
    head, data = uri.split(",")
    assert head == "data:image/png;base64"
    return decode_image(base64.b64decode(data), "picture").pixels


def _random(dtype: type, shape: tuple[int, ...], high: int) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, high, shape).astype(dtype)


@pytest.mark.parametrize("channels", [1, 3])
def test_eight_bits_are_shown_as_they_are_stored(channels: int) -> None:
    image = _image(_random(np.uint8, (channels, 9, 7), 256))
    seen = frame(image, image)
    assert (seen.low, seen.high, seen.whole, seen.part) == (0, 255, True, "")
    np.testing.assert_array_equal(_pixels(show(image, seen)), image.pixels)


def test_a_change_is_drawn_in_one_hue_a_sign_and_white_where_none() -> None:
    before = _image(np.full((1, 2, 3), 100, np.uint8))
    after = _image(np.array([[[100, 102, 98], [101, 99, 100]]], np.uint8))
    change = show_change(before, after, frame(before, after))
    assert change.reach == 2.0
    shown = np.moveaxis(_pixels(change.difference), 0, -1)
    white, red, blue = [255, 255, 255], [255, 0, 0], [0, 0, 255]
    pale_red, pale_blue = [255, 128, 128], [128, 128, 255]
    np.testing.assert_array_equal(shown, [[white, red, blue], [pale_red, pale_blue, white]])
    np.testing.assert_array_equal(_pixels(change.perturbed), after.pixels)


def test_of_colours_the_most_changed_channel_counts_and_the_sum_gives_the_sign() -> None:
    before = _image(np.full((3, 1, 4), 100, np.uint8))
    moved = np.array([[2, 0, 0], [1, 1, -2], [-2, -2, 1], [1, 0, 0]], np.int16)
    after = _image((before.pixels + moved.T[:, None]).astype(np.uint8))
    shown = np.moveaxis(_pixels(show_change(before, after, frame(before, after)).difference), 0, -1)
    red, magenta, blue, pale_red = [255, 0, 0], [255, 0, 255], [0, 0, 255], [255, 128, 128]
    np.testing.assert_array_equal(shown, [[red, magenta, blue, pale_red]])


def test_an_unchanged_image_has_a_white_difference() -> None:
    image = _image(_random(np.uint8, (3, 4, 4), 256))
    change = show_change(image, image, frame(image, image))
    assert change.reach == 0.0
    assert (_pixels(change.difference) == 255).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_all_sixteen_bits_are_in_the_picture_for_a_window(dtype: type) -> None:
    limits = np.iinfo(dtype)
    ramp: NDArray[Any] = np.linspace(limits.min, limits.max, 300).round().astype(dtype)
    stored = ramp.reshape(1, 15, 20)
    image = _image(stored, slope=0.5, intercept=-7.0)
    codes = depth(image)
    assert codes is not None
    red, green, blue = _pixels(show_deep(image, frame(image, image), codes)).astype(float)
    np.testing.assert_array_equal(codes.low + codes.step * (256 * red + green), 0.5 * stored[0] - 7)
    assert not blue.any()


def test_floats_are_in_the_picture_in_equal_steps_and_eight_bits_need_none() -> None:
    stored = np.random.default_rng(1).normal(size=(1, 30, 40)).astype(np.float32)
    intensity = Intensity(low=-9.0, high=9.0, quantum=0.0)
    image = Image(pixels=stored, intensity=intensity, containers={})
    codes = depth(image)
    assert codes is not None
    red, green, _ = _pixels(show_deep(image, frame(image, image), codes)).astype(float)
    shown = codes.low + codes.step * (256 * red + green)
    np.testing.assert_allclose(shown, stored[0], atol=0.51 * codes.step)
    assert codes.step == pytest.approx(float(np.ptp(stored)) / 65535)
    assert depth(_image(_random(np.uint8, (1, 4, 4), 256))) is None
    assert depth(_image(_random(np.uint16, (3, 4, 4), 256))) is None


def test_deeper_images_share_the_originals_window() -> None:
    before = _image(np.arange(10_000, dtype=np.uint16).reshape(1, 100, 100))
    after = _image(before.pixels + np.uint16(500))
    seen = frame(before, after)
    assert seen.low == pytest.approx(99.99)
    assert seen.high == pytest.approx(9899.01)
    assert not seen.whole
    shown = _pixels(show(before, seen)).astype(float)
    brighter = _pixels(show(after, seen)).astype(float)
    assert (shown.min(), shown.max()) == (0, 255)
    assert brighter[0, 50, 50] - shown[0, 50, 50] == pytest.approx(500 / 9799 * 255, abs=1)


def test_what_the_file_stores_inverted_is_shown_upright() -> None:
    pixels = np.array([[[0, 255]]], np.uint8)
    image = _image(pixels, slope=-1.0, intercept=255.0)
    np.testing.assert_array_equal(_pixels(show(image, frame(image, image))), [[[255, 0]]])


def test_a_flat_image_can_be_shown() -> None:
    image = _image(np.full((1, 4, 4), 1000, np.int16))
    assert _pixels(show(image, frame(image, image))).shape == (1, 4, 4)


def test_a_large_image_is_cut_to_where_most_changed_and_not_shrunk() -> None:
    before = _image(np.zeros((1, 600, 900), np.uint8))
    pixels = before.pixels.copy()
    pixels[0, 500:520, 700:740] = 9
    after = _image(pixels)
    seen = frame(before, after)
    shown = _pixels(show_change(before, after, seen).perturbed)
    assert shown.shape == (1, WIDEST, WIDEST)
    assert (shown == 9).sum() == 20 * 40
    assert seen.part.startswith("rows ")


def test_a_volume_is_shown_by_its_middle_slices() -> None:
    volume = np.zeros((1, 10, 12, 14), np.int16)
    volume[0, 5, 6, 13] = 100
    image = _image(volume)
    seen = frame(image, image)
    shown = _pixels(show(image, seen))
    assert shown.shape == (1, 14, 12 + 4 + 10 + 4 + 10)
    # The last index of the third axis is the top of the first two slices.
    assert [tuple(place) for place in np.argwhere(shown[0] == shown.max())] == [(0, 6), (0, 21)]
    assert seen.part == "middle slice along each axis"


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PSR", "IRP"])
def test_slices_are_upright_however_a_volume_is_stored(orientation: str) -> None:
    """Sizes are odd, so that the middle slice is the same from either end."""
    ras = _random(np.int16, (1, 11, 13, 15), 100)
    directions = ("LR", "PA", "IS")
    axes = [next(i for i, ends in enumerate(directions) if one in ends) for one in orientation]
    back = tuple(place + 1 for place, one in enumerate(orientation) if one in "LPI")
    stored = np.flip(ras.transpose(0, *(axis + 1 for axis in axes)), back)
    affine = np.zeros((4, 4))
    for place, (axis, one) in enumerate(zip(axes, orientation, strict=True)):
        affine[axis, place] = 2.0 if one in "RAS" else -2.0
    grid = Grid.of_affine(affine)
    assert grid is not None
    assert grid.orientation == orientation
    image = dataclasses.replace(_image(np.ascontiguousarray(stored)), grid=grid)
    seen = frame(image, image)
    assert seen.part.endswith("the patient's right is on the right")
    plain = _image(ras)
    assert show(image, seen) == show(plain, frame(plain, plain))


def test_of_many_channels_the_first_three_are_shown() -> None:
    image = _image(_random(np.uint8, (5, 4, 4), 256))
    np.testing.assert_array_equal(_pixels(show(image, frame(image, image))), image.pixels[:3])
