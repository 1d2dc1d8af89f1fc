"""Phantoms depend on their seed and configuration alone, and fit the type they are stored in."""

from __future__ import annotations

from typing import Literal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from plexor.cases.phantoms import (
    BrainConfig,
    LesionConfig,
    Phantom,
    RadiographConfig,
    brain,
    draw_chest,
    draw_head,
    draw_spot,
    lesion,
    radiograph,
)

SEEDS = st.integers(0, 2**32)
SIDES = st.integers(40, 130)


def assert_same(one: Phantom, other: Phantom) -> None:
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert (one.label, one.truth) == (other.label, other.truth)
    for name, mask in one.masks.items():
        np.testing.assert_array_equal(mask, other.masks[name])
        assert mask.shape == one.pixels.shape[1:]


@settings(max_examples=25, deadline=None)
@given(SEEDS, SIDES, SIDES, st.sampled_from(["normal", "opacity"]), st.sampled_from([8, 12, 16]))
def test_radiographs(
    seed: int, height: int, width: int, label: str, bits: Literal[8, 12, 16]
) -> None:
    config = RadiographConfig(height=height, width=width, bits=bits)

    def take() -> Phantom:
        generator = np.random.default_rng(seed)
        return radiograph(generator, draw_chest(generator, label), config)

    film = take()
    assert_same(film, take())
    assert film.pixels.shape == (1, height, width)
    assert film.pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert film.intensity.high == 2**bits - 1
    assert 0.5 * film.intensity.high < film.pixels.max() <= film.intensity.high
    assert film.masks["opacity"].any() == (label == "opacity")
    assert film.masks["marker"].any() == (film.truth["marker"] != "")


@settings(max_examples=25, deadline=None)
@given(SEEDS, SIDES, SIDES, st.sampled_from(["naevus", "melanoma", "keratosis"]))
def test_lesions(seed: int, height: int, width: int, label: str) -> None:
    config = LesionConfig(height=height, width=width)

    def take() -> tuple[Phantom, Phantom]:
        generator = np.random.default_rng(seed)
        spot = draw_spot(generator, label, config)
        return lesion(generator, spot, config), lesion(generator, spot, config)

    first, second = take()
    assert_same(first, take()[0])
    assert first.pixels.shape == (3, height, width)
    assert first.pixels.dtype == np.uint8
    assert 0.02 < first.masks["lesion"].mean() < 0.7
    assert first.label == second.label == label
    assert first.truth["asymmetry"] == second.truth["asymmetry"]
    assert (first.pixels != second.pixels).any()


@settings(max_examples=5, deadline=None)
@given(SEEDS, st.floats(20, 90))
def test_brains(seed: int, age: float) -> None:
    config = BrainConfig(shape=(30, 36, 32), spacing_mm=6.0)

    def take() -> Phantom:
        generator = np.random.default_rng(seed)
        return brain(generator, draw_head(generator, age, config), config)

    scan = take()
    assert_same(scan, take())
    assert scan.pixels.shape == (1, 30, 36, 32)
    assert scan.pixels.dtype == np.int16
    assert scan.pixels.min() >= 0
    assert abs(float(scan.label) - age) <= 0.005
    assert all(np.isfinite(float(ml)) and float(ml) > 0 for ml in scan.truth.values())
