"""What every shortcut of the catalogue must do."""

from __future__ import annotations

import dataclasses
from typing import cast

import numpy as np
import pytest

from plexor.cases import Image, Intensity
from plexor.cases.image import LOSSLESS
from plexor.core.errors import DataError
from plexor.shortcuts import CATALOGUE, Change, rng_for, shuffled
from plexor.shortcuts.shortcut import Shortcut

GREY, COLOUR = (1, 48, 64), (3, 48, 64)


class NoCodec:
    """These images are never written."""

    suffix = ".none"

    def encode(self, pixels: object) -> bytes:
        raise NotImplementedError

    def decode(self, data: bytes) -> np.ndarray:
        raise NotImplementedError


def image(shape: tuple[int, ...], dtype: str = "uint8") -> Image:
    pixels = np.random.default_rng(1).integers(60, 200, shape).astype(dtype)
    return Image(
        pixels=pixels,
        intensity=Intensity.of_integers(dtype),
        containers={LOSSLESS: NoCodec()},
    )


def change(name: str, of: Image, case: str = "a") -> Change:
    drawn = cast("Shortcut", CATALOGUE[name].shortcut())
    return drawn(of, rng=rng_for(0, name, case))


@pytest.mark.parametrize("shape", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("name", CATALOGUE)
def test_it_is_seen_and_leaves_most_of_the_image(name: str, shape: tuple[int, ...]) -> None:
    subject = image(shape)
    moved = change(name, subject)
    stored = subject.storable(subject.pixels + moved)
    assert moved.shape == shape
    assert np.all((subject.pixels + moved >= -1e-9) & (subject.pixels + moved <= 255 + 1e-9))
    share = (stored != subject.pixels).any(axis=0).mean()
    assert 0.005 < share < 0.5
    assert np.abs(stored - subject.pixels.astype(int)).max() > 20


@pytest.mark.parametrize("name", CATALOGUE)
def test_it_lies_elsewhere_in_another_case_and_nowhere_else_in_the_same(name: str) -> None:
    subject = image(COLOUR)
    np.testing.assert_array_equal(change(name, subject), change(name, subject))
    assert (change(name, subject) != change(name, subject, "b")).any()


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_control_moves_as_much_somewhere_else(name: str) -> None:
    moved = change(name, image(COLOUR))
    control = shuffled(moved, rng=rng_for(0, "control", "a"))
    assert (control != moved).any()
    columns = [
        np.unique(part.reshape(3, -1), axis=1, return_counts=True) for part in (moved, control)
    ]
    for one, other in zip(*columns, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", CATALOGUE)
def test_it_is_drawn_in_the_greys_of_an_image_of_more_bits(name: str) -> None:
    bytes_, words = image(GREY), image(GREY, "uint16")
    words.pixels[0, 0, :2] = bytes_.pixels[0, 0, :2] = (0, 255)
    np.testing.assert_allclose(change(name, words), change(name, bytes_), atol=1e-9)


@pytest.mark.parametrize("name", CATALOGUE)
def test_dark_is_dark_where_the_file_stores_it_bright(name: str) -> None:
    subject = image(GREY)
    negative = dataclasses.replace(
        subject,
        pixels=255 - subject.pixels,
        intensity=dataclasses.replace(subject.intensity, slope=-1.0, intercept=255.0),
    )
    np.testing.assert_allclose(change(name, negative), -change(name, subject), atol=1e-9)


@pytest.mark.parametrize("shape", [(2, 48, 64), (1, 8, 48, 64)], ids=["2 channels", "3D"])
@pytest.mark.parametrize("name", CATALOGUE)
def test_an_image_it_cannot_be_drawn_on_is_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="2D images, grey or RGB"):
        change(name, image(shape))
