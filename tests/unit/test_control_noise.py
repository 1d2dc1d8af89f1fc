"""The control uses the whole radius, knows no model, and is each case's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from tests.helpers.tiny import batch_of, image, images

from plexor.attacks import Threat, matched_noise

SHAPES = [(1, 64, 64), (3, 40, 41), (1, 16, 17, 18)]


def mid_grey(shape: tuple[int, ...], dtype: str = "u1") -> Any:
    return image(np.full(shape, 100, dtype))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", [1, 3])
def test_linf_noise_moves_every_number_by_the_radius_on_a_fair_coin(
    shape: tuple[int, ...], radius: int
) -> None:
    batch = batch_of([mid_grey(shape)])
    noise = matched_noise(batch, Threat(norm="linf", radius=radius), seed=0)
    assert bool((noise.abs() == radius).all())
    n_up = int((noise > 0).sum())
    assert binomtest(n_up, noise.numel()).pvalue > 0.001


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", [10.0, 200.0])
def test_euclidean_noise_has_the_radius_as_its_length(
    shape: tuple[int, ...], radius: float
) -> None:
    batch = batch_of([mid_grey(shape, "i2")])
    threat = Threat(norm="l2", radius=radius)
    noise = matched_noise(batch, threat, seed=0)
    assert torch.equal(noise, noise.round())
    length = float(threat.norms(noise))
    assert 0.99 * radius <= length <= radius * (1 + 1e-6)


def test_noise_stays_in_range() -> None:
    ends = [image(np.full((1, 8, 8), value, np.uint8)) for value in (0, 255)]
    batch = batch_of(ends)
    for norm in ("linf", "l2"):
        noise = matched_noise(batch, Threat(norm=norm, radius=2), seed=0)
        assert bool((noise[0] >= 0).all())
        assert bool((noise[1] <= 0).all())


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_noise_belongs_to_case_and_seed(norm: Any) -> None:
    batch = batch_of(images((3, 9, 9), 4))
    threat = Threat(norm=norm, radius=3)
    noise = matched_noise(batch, threat, seed=1)
    assert torch.equal(matched_noise(batch, threat, seed=1), noise)
    assert not torch.equal(matched_noise(batch, threat, seed=2), noise)
    order = torch.tensor([2, 0])
    assert torch.equal(matched_noise(batch.select(order), threat, seed=1), noise[order])
    assert not torch.equal(noise[0], noise[1])
