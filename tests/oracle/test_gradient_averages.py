"""Gradients averaged over draws (EOT) and over views of the image (input diversity)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.helpers.tiny import Curved, Linear, batch_of, images, model_of, multiclass
from torch import Tensor, nn
from torch.nn import functional

from plexor.attacks import MIFGSM, PGD, Attack, Misclassify, Objective, Threat
from plexor.attacks.gradient.slope import View, slope
from plexor.models import Batch

SHAPES: list[tuple[int, ...]] = [(3, 40, 33), (1, 24, 20, 30)]


def a_batch(shape: tuple[int, ...], n_cases: int = 4) -> Batch:
    return batch_of(images(shape, n_cases))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_view_is_the_image_shrunk_and_padded(shape: tuple[int, ...]) -> None:
    """Of the paper's sizes, 299 to 330 of 330; what it shows is torch's own interpolation."""
    batch = a_batch(shape, 12)
    batch = replace(batch, images=batch.images + 1, low=torch.ones_like(batch.low))
    view = View.drawn(batch, 1.0, 0, "x")
    seen = view(batch.images)
    mode = "bilinear" if len(shape) == 3 else "trilinear"
    for i in range(12):
        rows = [line[i].sum(1).nonzero().flatten() for line in view.axes]
        sizes = [len(row) for row in rows]
        for size, full in zip(sizes, shape[1:], strict=True):
            assert 299 / 330 * full - 1 < size <= full
        expected = functional.interpolate(batch.images[i : i + 1], size=sizes, mode=mode)
        window = tuple(slice(int(row[0]), int(row[-1]) + 1) for row in rows)
        window = (slice(None), *window)
        torch.testing.assert_close(seen[i][window], expected[0], rtol=1e-4, atol=1e-2)
        padded = torch.ones_like(seen[i], dtype=torch.bool)
        padded[window] = False
        assert bool((seen[i][padded] == 1).all())
    assert len({float(line[i].sum()) for line in view.axes for i in range(12)}) > 2


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_come_back_by_the_transpose(shape: tuple[int, ...]) -> None:
    batch = a_batch(shape)
    view = View.drawn(batch, 1.0, 1, "x")
    images_ = batch.images.clone().requires_grad_()
    at_view = torch.randn(batch.images.shape, generator=torch.Generator().manual_seed(0))
    (expected,) = torch.autograd.grad((view(images_) * at_view).sum(), images_)
    torch.testing.assert_close(view.back(at_view), expected)


def test_without_diversity_every_view_is_the_image() -> None:
    batch = a_batch(SHAPES[0])
    assert torch.equal(View.drawn(batch, 0.0, 0, "x")(batch.images), batch.images)
    shown = View.drawn(a_batch(SHAPES[0], 100), 0.5, 0, "x").axes[0]
    untouched = (shown == torch.eye(40)).flatten(1).all(1)
    assert 30 < int(untouched.sum()) < 75


def test_the_margin_is_the_images_own() -> None:
    """While the gradient is the mean over the views', which change with their name."""
    batch, task = a_batch((3, 12, 11)), multiclass(3)
    model = model_of(Curved((3, 12, 11), 3), task)
    objective = Objective(model, batch, Misclassify())
    delta = torch.ones_like(batch.images)
    found = slope(objective, delta, "margin", samples=3, diversity=1.0, seed=0, name="a")
    parts = []
    for draw in range(3):
        view = View.drawn(batch, 1.0, 0, f"a-{draw}")
        moved = (batch.images + delta).requires_grad_()
        climbed = Misclassify().loss(task, model.outputs(view(moved)), batch.truth, "margin")
        parts.append((torch.autograd.grad(climbed.sum(), moved)[0], climbed.detach()))
    torch.testing.assert_close(found[0], objective.margin(delta))
    torch.testing.assert_close(found[1], torch.stack([part[1] for part in parts]).mean(0))
    torch.testing.assert_close(found[2], torch.stack([part[0] for part in parts]).mean(0))
    other = slope(objective, delta, "margin", samples=3, diversity=1.0, seed=0, name="b")
    assert not torch.equal(found[2], other[2])
    assert objective.n_gradients.tolist() == [6] * 4
    assert objective.n_forwards.tolist() == [2 * 3 + 1] * 4  # ours, and once above


class Noisy(nn.Module):
    """A linear model whose gradient is another each time, by noise thrice as strong as itself."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.inner = Linear(weight)
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, inputs: Tensor) -> Tensor:
        weight = self.inner.weight
        noise = 3 * torch.randn(weight.shape, generator=self.generator, dtype=weight.dtype)
        nothing = (inputs - inputs.detach()).double()
        outputs: Tensor = self.inner(inputs)
        return outputs + (nothing[:, None] * noise).flatten(2).sum(2)


@pytest.mark.parametrize("kind", [PGD, MIFGSM])
def test_averaging_helps_against_a_randomised_model(kind: Any) -> None:
    weight = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1)).double()
    weight[0] = 0
    batch, threat = a_batch((1, 8, 8), 8), Threat(norm="linf", radius=4)

    def alignment(attack: Attack) -> float:
        """What the perturbations gain, as a share of the most."""
        model = model_of(Noisy(weight), multiclass(2))
        delta = attack(model, batch, Misclassify(), threat, seed=0).delta.double()
        return float(((delta * weight[1]).flatten(1).sum(1) / (4 * weight[1].abs().sum())).mean())

    once = alignment(kind(steps=4, loss="margin"))
    often = alignment(kind(steps=4, loss="margin", samples=50))
    assert often > 0.8
    assert once < 0.6


@pytest.mark.parametrize("attack", [PGD(steps=5, restarts=2, diversity=0.5), MIFGSM(diversity=1)])
def test_views_are_each_cases_own(attack: Attack) -> None:
    """As without them, a proposal is the case's, whoever its neighbours are."""
    shape, task = (3, 12, 11), multiclass(4)
    model = model_of(Curved(shape, 4), task)
    batch, threat = a_batch(shape, 6), Threat(norm="linf", radius=2)
    whole = attack(model, batch, Misclassify(), threat, seed=0)
    some = torch.tensor([4, 1])
    part = attack(model, batch.select(some), Misclassify(), threat, seed=0)
    assert torch.equal(part.delta, whole.delta[some])
    assert torch.equal(part.n_gradients, whole.n_gradients[some])
