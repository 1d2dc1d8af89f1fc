"""How visible a generator takes a perturbation to be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.helpers.tiny import batch_of, image, images

from plexor.attacks import Threat
from plexor.attacks.generative.penalty import dissimilarity, smoothness, squares
from plexor.models import Preprocess

LEVELS = Threat(norm="linf", radius=4)


@pytest.mark.parametrize(
    "shape", [(3, 6, 5), (1, 16, 16), (3, 72, 96), (1, 180, 176), (1, 9, 8, 1)]
)
@pytest.mark.parametrize("window", [(0.0, 255.0), None])
def test_images_of_every_size_are_compared(
    shape: tuple[int, ...], window: tuple[float, float] | None
) -> None:
    batch, preprocess = batch_of(images(shape, 2)), Preprocess(window=window)
    nothing = torch.zeros_like(batch.images)
    torch.testing.assert_close(dissimilarity(nothing, batch, preprocess), torch.zeros(2))
    noise = torch.randn(batch.images.shape, generator=torch.Generator().manual_seed(0))
    weak, strong = (dissimilarity(by * noise, batch, preprocess) for by in (4, 60))
    assert bool((weak < strong).all())
    assert bool((weak > 0).all())
    delta = (4 * noise).requires_grad_()
    (gradient,) = torch.autograd.grad(dissimilarity(delta, batch, preprocess).sum(), delta)
    assert bool(gradient.isfinite().all())
    assert bool(gradient.any())


def test_a_change_that_uses_the_radius_up_is_one_and_half_of_it_a_quarter() -> None:
    batch = batch_of(images((3, 8, 8), 2))
    for times, wanted in ((1.0, 1.0), (0.5, 0.25)):
        delta = torch.full_like(batch.images, 4 * times)
        torch.testing.assert_close(squares(delta, batch, LEVELS), torch.full((2,), wanted))
    spread = Threat(norm="l2", radius=10)
    delta = torch.full_like(batch.images, 10 / 192**0.5)
    torch.testing.assert_close(squares(delta, batch, spread), torch.ones(2))


def test_a_change_counts_less_on_a_contour_than_in_a_plain_area() -> None:
    pixels = np.zeros((1, 8, 16), np.uint8)
    pixels[:, :, 8:] = 200
    batch = batch_of([image(pixels)])
    contour, plain = torch.zeros_like(batch.images), torch.zeros_like(batch.images)
    contour[..., 7:9], plain[..., 1:3] = 4.0, 4.0
    on_contour, in_plain = (smoothness(d, batch, LEVELS) for d in (contour, plain))
    torch.testing.assert_close(in_plain, torch.tensor([2 / 16]))
    # The gradient is 100 in two of sixteen columns, its mean 12.5.
    torch.testing.assert_close(on_contour, torch.tensor([2 / 16 / 9]))
