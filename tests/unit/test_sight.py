"""Measures of several pairs of images at once."""

from __future__ import annotations

import numpy as np
import pytest

from plexor.visibility import Visibility, log_energies, luminance, psnr
from plexor.visibility.settings import Colour, Observer
from plexor.visibility.sight import Pair, channels_of, look_at_all

SHAPES = [(3, 24, 31), (3, 24, 31), (1, 24, 31), (3, 24, 31), (1, 16, 18, 4), (1, 3, 3)]


def pairs() -> list[Pair]:
    """Grey and coloured images of some sizes, a volume, and some with padding."""
    rng = np.random.default_rng(2)
    found = []
    for i, shape in enumerate(SHAPES):
        original = rng.integers(0, 256, shape).astype(np.uint8)
        other = np.clip(original + rng.integers(-3, 4, shape), 0, 255).astype(np.uint8)
        padding = rng.random(shape[1:]) < 0.2 if i in (1, 3) else None
        found.append(
            Pair(original=original, other=other, low=0, span=255, quantum=1, padding=padding)
        )
    return found


@pytest.mark.parametrize("colour", ["luminance", "each"])
@pytest.mark.parametrize("observer", ["dog", "gabor"])
def test_together_they_are_measured_to_the_bit_as_alone(colour: Colour, observer: Observer) -> None:
    settings = Visibility(colour=colour, observer=observer)
    together = look_at_all(pairs(), settings)
    alone = [look_at_all([pair], settings)[0] for pair in pairs()]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.responses, other.responses)
        assert (one.psnr, one.levels) == (other.psnr, other.levels)
        assert len(one.responses) > 0


def test_small_images_have_the_energies_that_one_has_by_itself() -> None:
    settings = Visibility()
    pair = pairs()[0]
    expected = log_energies(luminance(pair.other), channels_of(settings), rounding=1)
    for found in look_at_all([pair, pair], settings):
        np.testing.assert_array_equal(found.responses, expected)


def test_psnr_of_bytes_is_that_of_wider_numbers() -> None:
    for pair in pairs():
        wide = psnr(pair.original.astype(np.uint16), pair.other.astype(np.uint16), span=255)
        assert psnr(pair.original, pair.other, span=255) == wide
