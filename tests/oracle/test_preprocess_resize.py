"""Resizing and scaling against Pillow, SciPy and block means; gradients against differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from scipy import ndimage, stats

from plexor.models import Preprocess


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((64, 48), (32, 24)),
        ((50, 71), (23, 40)),
        ((10, 12), (20, 30)),
        ((100, 30), (33, 60)),
        ((45, 60), (72, 96)),
    ],
)
def test_pictures_are_resized_as_pillow_does(
    before: tuple[int, int], after: tuple[int, int], rng: np.random.Generator
) -> None:
    """Pillow's bilinear filter, which looks at every pixel it shrinks away, on floats."""
    picture = (rng.random((2, *before)) * 255).astype("f4")
    ours = Preprocess(size=after).resize(torch.from_numpy(picture)[None])[0]
    for channel, resized in zip(picture, ours.numpy(), strict=True):
        pillow = Pillow.fromarray(channel).resize(after[::-1], Pillow.Resampling.BILINEAR)
        np.testing.assert_allclose(resized, np.asarray(pillow), atol=1e-3)


def test_volumes_shrink_by_averaging(rng: np.random.Generator) -> None:
    volume = rng.random((8, 12, 6)).astype("f4")
    ours = Preprocess(size=(4, 4, 3)).resize(torch.from_numpy(volume)[None, None])
    blocks = volume.reshape(4, 2, 4, 3, 3, 2).mean((1, 3, 5))
    np.testing.assert_allclose(ours[0, 0], blocks, rtol=1e-5)


def test_volumes_grow_linearly(rng: np.random.Generator) -> None:
    volume = rng.random((8, 12, 6)).astype("f4")
    ours = Preprocess(size=(16, 12, 9)).resize(torch.from_numpy(volume)[None, None])
    scipys = ndimage.zoom(volume, (2, 1, 1.5), order=1, grid_mode=True, mode="nearest")
    np.testing.assert_allclose(ours[0, 0], scipys, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 9, 8), (3, 5, 6), (1, 4, 5, 6)])
def test_z_score_is_that_of_all_numbers_of_an_image(
    shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    values = rng.normal(300, 40, (4, *shape))
    ours = Preprocess(window=None)(torch.from_numpy(values))
    wanted = stats.zscore(values.reshape(4, -1), axis=1).reshape(values.shape)
    np.testing.assert_allclose(ours, wanted, atol=1e-9)


@pytest.mark.parametrize(
    ("preprocess", "shape"),
    [
        (Preprocess(size=(3, 4), mean=(0.4, 0.5), std=(0.2, 0.3)), (2, 2, 5, 6)),
        (Preprocess(size=(7, 9), window=(-10, 20)), (2, 1, 5, 6)),
        (Preprocess(size=(3, 4), window=None, mean=(0.1,), std=(2.0,)), (2, 2, 5, 6)),
        (Preprocess(size=(2, 2, 2), window=None), (2, 1, 4, 3, 4)),
        (Preprocess(size=(5, 4, 5), window=(0, 4095)), (1, 1, 4, 3, 4)),
    ],
)
def test_gradients_pass_through(preprocess: Preprocess, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(shape, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(preprocess, (values,))
