"""PGD against worst cases that are known: in closed form, and by trying every image there is."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np
import pytest
import torch
from tests.helpers.tiny import (
    Curved,
    Linear,
    batch_of,
    binary,
    image,
    images,
    model_of,
    multiclass,
)
from torch import Tensor

from plexor.attacks import FGSM, PGD, Attack, Become, Goal, Misclassify, Threat
from plexor.models import Batch, Model

FAR_AWAY = -1000.0
"""A bias that takes a class out of the race."""

PATIENT = PGD(steps=25, step_size=0.25)
"""The default's steps shrink what a start has across the gradient to a twelfth, these to 0.4 %."""


def margins(model: Model, batch: Batch, goal: Goal, delta: Tensor) -> Tensor:
    outputs = model.outputs(batch.images + delta, batch.scaling)
    return goal.margin(model.task, outputs, batch.truth).double().detach()


def best_along(direction: Tensor, batch: Batch, norm: str, radius: float) -> Tensor:
    """The greatest ``direction · delta`` within ball and range, (N,), in float64.

    L∞: each number moves by the radius or to the end of its range. L2: ``clip(s * direction)``
    with the s that uses the radius up (Lagrange), by bisection.
    """
    low, high = (batch.low - batch.images).double(), (batch.high - batch.images).double()
    if norm == "linf":
        delta = (direction.sign() * radius).expand_as(low).clamp(low, high)
    else:
        least = torch.zeros_like(batch.low).double()
        most = torch.full_like(least, 1e12)
        for _ in range(120):
            middle = (least + most) / 2
            lengths = (middle * direction).clamp(low, high).flatten(1).norm(dim=1)
            fits = (lengths <= radius).view_as(middle)
            least, most = torch.where(fits, middle, least), torch.where(fits, most, middle)
        delta = (least * direction).clamp(low, high)
    return (delta * direction).flatten(1).sum(1)


@pytest.mark.parametrize(("n_cases", "shape"), [(1, (3, 5, 6)), (3, (1, 4, 4, 3)), (8, (1, 40))])
@pytest.mark.parametrize("task", ["binary", "multiclass-2", "multiclass-3", "multiclass-7"])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_linear_model_with_one_rival(
    norm: Literal["linf", "l2"], targeted: bool, task: str, shape: tuple[int, ...], n_cases: int
) -> None:
    """The last class is the rival. Images are fine-grained, many numbers at the end of the range,
    and the clean margin is such that the worst case is on its other side."""
    n_outputs = 1 if task == "binary" else int(task[-1])
    generator = torch.Generator().manual_seed(n_cases + 10 * n_outputs)
    weight = 1e-4 * torch.randn(n_outputs, *shape, generator=generator, dtype=torch.float64)
    bias = torch.full((n_outputs,), FAR_AWAY, dtype=torch.float64)
    bias[0] = bias[-1] = 0.0
    direction = weight[-1] - (0 if task == "binary" else weight[0])
    stored = images(shape, n_cases, dtype="u2", seed=n_cases)
    for one in stored[::2]:
        one.pixels[..., :2] = 65535
    batch = batch_of(stored)
    bias[0 if n_outputs > 1 else -1] += float((direction * batch.images).mean(0).sum()) * (
        1 if n_outputs > 1 else -1
    )
    named = binary() if task == "binary" else multiclass(n_outputs)
    model = model_of(Linear(weight, bias), named)
    goal: Goal = Become(target=named.classes[-1]) if targeted else Misclassify()
    radius = 2000.0 if norm == "linf" else 8000.0

    clean = margins(model, batch, goal, torch.zeros_like(batch.images))
    most = best_along(direction, batch, norm, radius)
    for loss in ("ce", "margin"):
        attack = replace(PATIENT, loss=loss)
        delta = attack(model, batch, goal, Threat(norm=norm, radius=radius), seed=0).delta
        gained = margins(model, batch, goal, delta) - clean
        assert bool((gained <= most * (1 + 1e-4)).all())
        assert bool((gained >= most * 0.99).all())


@pytest.mark.parametrize("n_classes", [3, 7])
def test_linear_model_with_many_rivals(n_classes: int) -> None:
    """The worst case is the worst over the rivals. A start decides which one is climbed, so the
    search is given several, all used since the goal is out of reach; and one case in eight may
    still end at the second worst."""
    shape, radius = (3, 5, 6), 0.1
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(n_classes, *shape, generator=generator, dtype=torch.float64)
    bias = torch.zeros(n_classes, dtype=torch.float64)
    bias[0] = 60.0
    batch = batch_of(images(shape, 8, dtype="f4"))
    model = model_of(Linear(weight, bias), multiclass(n_classes))
    threat = Threat(norm="linf", radius=radius, unit="value")
    clean = model.outputs(batch.images).double()
    rivals = [
        clean[:, k] - clean[:, 0] + best_along(weight[k] - weight[0], batch, "linf", radius)
        for k in range(1, n_classes)
    ]
    best = torch.stack(rivals).amax(0)
    assert bool((best < 0).all())
    attack = replace(PATIENT, restarts=8, loss="margin")
    delta = attack(model, batch, Misclassify(), threat, seed=0).delta
    found = margins(model, batch, Misclassify(), delta)
    start = margins(model, batch, Misclassify(), torch.zeros_like(delta))
    assert bool((found <= best + 1e-4).all())
    shares = ((found - start) / (best - start)).sort().values
    assert float(shares[0]) > 0.8
    assert float(shares[1]) > 0.99


@pytest.mark.parametrize("attack", [FGSM(), PGD(), PGD(steps=1), PGD(steps=3, restarts=2)])
@pytest.mark.parametrize("radius", [1, 2, 5, 2.9])
@pytest.mark.parametrize("dtype", ["u1", "i2"])
def test_storable_linf_optimum_is_met_exactly(attack: Attack, radius: float, dtype: str) -> None:
    """Every number moves by the whole levels of the radius, or to the end of its range."""
    shape = (3, 6, 7)
    generator = np.random.default_rng(0)
    limits = np.iinfo(dtype)
    ends = [limits.min, limits.min + 1, limits.min + 100, limits.max - 100, limits.max - 1]
    batch = batch_of([image(generator.choice(ends, shape).astype(dtype)) for _ in range(3)])
    scale = 1.2 / (limits.max - limits.min)  # a dozen logits between the images
    weight = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)).double() * scale
    difference = weight[1] - weight[0]
    bias = torch.tensor([float((difference * batch.images).mean(0).sum()), 0]).double()
    model = model_of(Linear(weight, bias), multiclass(2))
    threat = Threat(norm="linf", radius=radius)
    delta = attack(model, batch, Misclassify(), threat, seed=0).delta
    wanted = difference.sign().float() * int(radius)
    expected = (batch.images + wanted).clamp(limits.min, limits.max) - batch.images
    assert torch.equal(delta, expected)


@cache
def every_change() -> Tensor:
    """All 3^9 changes of a 3×3 image by at most one level."""
    return torch.tensor(list(itertools.product((-1.0, 0.0, 1.0), repeat=9))).view(-1, 1, 3, 3)


@pytest.mark.parametrize(
    ("attack", "at_least", "exactly"),
    [(PGD(restarts=5, loss="margin"), 0.99, 18), (PGD(), 0.95, 12), (FGSM(), 0.85, 10)],
    ids=["restarts", "default", "fgsm"],
)
def test_every_image_within_one_level(attack: Attack, at_least: float, exactly: int) -> None:
    """Twenty cases on ten curved models: near the best of all 19,683 images, never beyond."""
    shares: list[float] = []
    for seed in range(10):
        model = model_of(Curved((1, 3, 3), 3, seed=seed), multiclass(3))
        stored = images((1, 3, 3), 2, seed=seed)
        truth = model.task.decide(model.outputs(batch_of(stored).images)).tolist()
        batch, goal = batch_of(stored, truth), Misclassify()
        delta = attack(model, batch, goal, Threat(norm="linf", radius=1), seed=0).delta
        found = margins(model, batch, goal, delta)
        clean = margins(model, batch, goal, torch.zeros_like(delta))
        for i in range(2):
            candidates = batch.images[i] + every_change()
            storable = ((candidates >= 0) & (candidates <= 255)).flatten(1).all(1)
            outputs = model.outputs(candidates[storable])
            labels = torch.full((len(outputs),), truth[i])
            best = goal.margin(model.task, outputs, labels).amax().double()
            assert float(found[i]) <= float(best) + 1e-6
            shares.append(float((found[i] - clean[i]) / (best - clean[i])))
    assert min(shares) >= at_least
    assert sum(share > 1 - 1e-6 for share in shares) >= exactly


def test_nothing_is_proposed_where_nothing_is_better() -> None:
    """The image is the one the model is least sure of: every change a file can hold helps it."""
    weight = torch.ones(2, 1, 3, 3).double()
    weight[1] = -1.0
    model = model_of(Linear(weight), multiclass(2))
    batch = batch_of([image(np.zeros((1, 3, 3), np.uint8))] * 2)
    for attack in (PGD(), PGD(random_start=False), FGSM()):
        for norm in ("linf", "l2"):
            threat = Threat(norm=norm, radius=2)
            assert not attack(model, batch, Misclassify(), threat, seed=0).delta.any()
