"""Generators against what is known: a linear model's best perturbation, and mirrored edges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from tests.helpers.tiny import Linear, batch_of, binary, image, images, model_of
from torch import Tensor

from plexor.attacks import Generator, Misclassify, Threat, UniversalGenerator
from plexor.attacks.generative import FittedGenerator
from plexor.attacks.generative.network import (
    Architecture,
    Painter,
    UNetGenerator,
    empty_discriminator,
    fill_at_random,
    from_patches,
    to_patches,
)
from plexor.attacks.generative.training import Rival
from plexor.core.errors import PlanError
from plexor.models import Batch, Model

SHAPES = {"2D": (3, 6, 5), "3D": (1, 4, 5, 3)}
UNCLIPPED = float("inf")


def linear(shape: tuple[int, ...], batch: Batch) -> tuple[Tensor, Model]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(1, *shape, generator=generator, dtype=torch.float64) * 0.01
    return weight, model_of(Linear(weight, -1 - 128 * weight.sum().view(1)), binary())


def gains(weight: Tensor, delta: Tensor) -> Tensor:
    return (weight * delta.double()).flatten(1).sum(1)


@pytest.mark.parametrize("architecture", ["u-net", "residual"])
@pytest.mark.parametrize(("norm", "radius"), [("linf", 3.0), ("l2", 40.0)])
@pytest.mark.parametrize("dimensions", SHAPES)
def test_the_universal_one_goes_as_far_as_one_can_along_a_linear_models_weight(
    dimensions: str, norm: Literal["linf", "l2"], radius: float, architecture: Architecture
) -> None:
    shape = SHAPES[dimensions]
    batch = batch_of([image(np.full(shape, 128, np.uint8)) for _ in range(4)])
    weight, model = linear(shape, batch)
    threat = Threat(norm=norm, radius=radius)
    attack = UniversalGenerator(architecture=architecture, steps=150, held_back=0, clip=UNCLIPPED)
    fitted = attack.fit(model, [batch], Misclassify(), threat, seed=0)
    best = threat.store(threat.furthest(weight.float().expand_as(batch.images), batch), batch)
    found = fitted(model, batch, Misclassify(), threat, seed=1).delta
    assert bool((gains(weight, found) >= 0.96 * gains(weight, best)).all())


def test_each_image_gets_its_own_and_it_is_of_use_to_images_not_seen() -> None:
    shape = SHAPES["2D"]
    batch = batch_of(images(shape, 8, seed=1), [0] * 8)
    weight, model = linear(shape, batch)
    threat = Threat(norm="linf", radius=3)
    attack = Generator(steps=150, held_back=0, clip=UNCLIPPED)
    fitted = attack.fit(model, [batch], Misclassify(), threat, seed=0)
    new = batch_of(images(shape, 8, seed=2), [0] * 8)
    best = threat.store(threat.furthest(weight.float().expand_as(new.images), new), new)
    found = fitted(model, new, Misclassify(), threat, seed=0).delta
    assert not torch.equal(found[0], found[1])
    assert float(gains(weight, found).mean()) >= 0.75 * float(gains(weight, best).mean())


def test_with_nothing_held_back_all_steps_are_taken() -> None:
    batch = batch_of(images((1, 4, 4), 2, seed=1), [0, 0])
    _, model = linear((1, 4, 4), batch)
    attack = Generator(steps=110, width=8, held_back=0, patience=1, clip=UNCLIPPED)
    fitted = attack.fit(model, [batch], Misclassify(), Threat(norm="linf", radius=1), seed=0)
    assert fitted.card.n_gradients == 110 * 2


@pytest.mark.parametrize("truth", [[0, 0, 1], [1, 1, 1]], ids=["one there", "all there"])
def test_cases_at_the_goal_untouched_are_asked_about_once_and_not_learnt_from(
    truth: list[int],
) -> None:
    shape, threat = (1, 4, 4), Threat(norm="linf", radius=1)
    batch = batch_of([image(np.full(shape, 128, np.uint8))] * 3, truth)
    _, model = linear(shape, batch)
    attack = Generator(steps=5, width=8, held_back=0)
    fitted = attack.fit(model, [batch], Misclassify(), threat, seed=0)
    assert fitted.card.n_gradients == 5 * truth.count(0)
    assert fitted.card.n_forwards == 3
    assert fitted(model, batch, Misclassify(), threat, seed=0).delta.isfinite().all()


class Echo(UNetGenerator):
    """Draws what it sees, and keeps it."""

    def forward(self, images: Tensor) -> Tensor:
        self.seen = images
        return images


def test_sizes_that_the_stride_does_not_divide_are_mirrored() -> None:
    """An axis of 5 to 8, one before it and two behind; and one shorter than what is added."""
    echo = Echo(2, 1, 8)
    numbers = torch.tensor([[0.0, 5.0], [1.0, 6.0], [2.0, 7.0], [3.0, 8.0], [4.0, 9.0]]) / 10
    painter = Painter(echo, (1, 5, 2), 2)
    found = painter(numbers[None, None])
    seen = (10 * echo.seen[0, 0]).round()
    assert seen[:, 3].tolist() == [1, 0, 1, 2, 3, 4, 3, 2]
    assert seen[1].tolist() == [5, 0, 5, 0, 5, 0, 5, 0]
    assert torch.equal(found[0, 0], numbers)


def test_patterns_are_blended_and_what_goes_beyond_is_cut_off() -> None:
    painter = Painter(Echo(2, 1, 8), (1, 8, 8), 2)
    numbers = torch.zeros(1, 1, 8, 8)
    numbers[0, 0, 0, :2] = torch.tensor([0.5, -0.5])
    painter.patterns.data[:, 0, 0, :3] = torch.tensor([[1.0, 0.0, 1.0], [0.8, 0.0, -1.0]])
    shares = painter.blend(numbers)[0].detach()
    found = painter(numbers)[0, 0, 0].detach()
    assert float(shares.sum()) == pytest.approx(1)
    assert found[:2].tolist() == [1.0, -0.5]
    torch.testing.assert_close(found[2], shares[0] - shares[1])


def test_descent_moves_a_number_beyond_an_end_only_back() -> None:
    painter = Painter(Echo(2, 1, 8), (1, 8, 8), 1)
    numbers = torch.zeros(1, 1, 8, 8)
    numbers[0, 0, 0, :4] = torch.tensor([2.0, 2.0, -2.0, 0.5])
    numbers.requires_grad_()
    upwards = torch.zeros(8, 8)
    upwards[0, :4] = torch.tensor([1.0, -1.0, 1.0, 1.0])
    (painter(numbers)[0, 0] * upwards).sum().backward()
    assert numbers.grad is not None
    assert numbers.grad[0, 0, 0, :4].tolist() == [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("patch", [1, 2, 3])
def test_patches_are_pixel_unshuffle_in_any_dimension(patch: int) -> None:
    images = torch.randn(2, 3, 2 * patch, 4 * patch)
    patches = to_patches(images, patch)
    assert torch.equal(patches, torch.nn.functional.pixel_unshuffle(images, patch))
    assert torch.equal(from_patches(patches, patch), images)
    volumes = torch.randn(2, 2, 2 * patch, 3 * patch, patch)
    assert to_patches(volumes, patch).shape == (2, 2 * patch**3, 2, 3, 1)
    assert torch.equal(from_patches(to_patches(volumes, patch), patch), volumes)


BARE = Generator(steps=60, width=8, held_back=0, clip=UNCLIPPED)


@pytest.mark.parametrize("term", [replace(BARE, squares=30.0), replace(BARE, discriminator=30.0)])
def test_a_term_against_being_seen_makes_the_change_smaller(term: Generator) -> None:
    """A linear model alone drives every number to the radius, which plain images show at once."""
    shape, threat = SHAPES["2D"], Threat(norm="linf", radius=20)
    batch = batch_of([image(np.full(shape, 128, np.uint8))] * 4, [0] * 4)
    weight, model = linear(shape, batch)

    def size(attack: Generator) -> float:
        fitted = attack.fit(model, [batch], Misclassify(), threat, seed=0)
        found = fitted(model, batch, Misclassify(), threat, seed=0).delta
        assert float(gains(weight, found).mean()) > 0
        return float(found.square().mean())

    assert size(term) < 0.75 * size(BARE)


def test_a_discriminator_learns_to_tell_and_can_be_climbed() -> None:
    network = empty_discriminator((1, 16, 16), 8)
    fill_at_random(network, 0)
    rival = Rival(network, learning_rate=2e-3)
    draws = torch.Generator().manual_seed(0)
    untouched = torch.zeros(8, 1, 16, 16)
    perturbed = torch.randn(8, 1, 16, 16, generator=draws).sign()
    for _ in range(80):
        rival.learn(untouched, perturbed)
    assert float(rival.seen(perturbed).detach().mean()) > 0.6
    assert float(rival.seen(untouched).detach().mean()) < 0.1
    images = perturbed.clone().requires_grad_()
    rival.seen(images).sum().backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    assert images.grad.flatten(1).any(1).all()


def test_a_saved_one_that_draws_in_patches_draws_the_same(tmp_path: Path) -> None:
    shape, threat = SHAPES["3D"], Threat(norm="l2", radius=9)
    batch = batch_of(images(shape, 3, seed=1), [0] * 3)
    _, model = linear(shape, batch)
    attack = Generator(steps=3, width=8, patch=2, held_back=0)
    fitted = attack.fit(model, [batch], Misclassify(), threat, seed=0)
    fitted.save(tmp_path / "generator.safetensors")
    again = FittedGenerator.load(tmp_path / "generator.safetensors")
    found = (one(model, batch, Misclassify(), threat, seed=0).delta for one in (fitted, again))
    assert torch.equal(*found)


def test_a_patch_is_at_least_one_pixel() -> None:
    with pytest.raises(PlanError, match="generator: `patch` must be at least 1, got 0"):
        Generator(patch=0)
