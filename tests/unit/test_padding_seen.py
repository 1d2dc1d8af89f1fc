"""Padding is no part of what is seen: neither in SSIM nor by the model observer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from plexor.visibility.settings import Visibility
from plexor.visibility.sight import look
from plexor.visibility.similarity import ssim

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 200, (1, 40, 48)).astype(np.int16)
CHANGED = IMAGE + RNG.integers(-3, 4, IMAGE.shape).astype(np.int16)


def padded(pixels: NDArray[np.int16], value: int) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """The image with ten columns of padding to its left, and where these are."""
    wide = np.full((1, 40, 58), value, np.int16)
    wide[:, :, 10:] = pixels
    where = np.zeros((40, 58), np.bool_)
    where[:, :10] = True
    return wide, where


@pytest.mark.parametrize("value", [-2000, 0, 4000])
def test_ssim_is_that_of_the_image_without_its_padding(value: int) -> None:
    (original, where), (changed, _) = padded(IMAGE, value), padded(CHANGED, value)
    found = ssim(original, changed, span=255, padding=where)
    assert found == pytest.approx(ssim(IMAGE, CHANGED, span=255), abs=1e-12)
    assert ssim(original, changed, span=255) != pytest.approx(found, abs=1e-6)


def test_ssim_without_a_window_free_of_padding_is_undefined() -> None:
    where = np.zeros((40, 48), np.bool_)
    where[::8, ::8] = True
    assert np.isnan(ssim(IMAGE, CHANGED, span=255, padding=where))


def test_the_observer_does_not_see_which_number_padding_has() -> None:
    seen = []
    for value in (-2000, 0):
        (original, where), (changed, _) = padded(IMAGE, value), padded(CHANGED, value)
        sight = look(
            original, changed, Visibility(), low=-2000, span=4095, quantum=1, padding=where
        )
        seen.append(sight.responses)
        assert len(sight.responses) > 0
    assert seen[0] == seen[1]
    (original, _), (changed, _) = padded(IMAGE, -2000), padded(CHANGED, -2000)
    plain = look(original, changed, Visibility(), low=-2000, span=4095, quantum=1)
    assert plain.responses != seen[0]
