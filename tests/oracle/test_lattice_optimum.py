"""On images of nine pixels every storable perturbation can be tried: the search finds the best."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from tests.helpers.tiny import Curved, Linear, batch_of, binary, image, model_of, multiclass
from torch import Tensor

from plexor.attacks import PGD, Lattice, Misclassify, Threat
from plexor.models import Batch, Model

SHAPE = (1, 3, 3)
N = 8


def grey() -> Batch:
    """Noise, with one image at each end of the range."""
    pixels = np.random.default_rng(0).integers(0, 256, (N, *SHAPE)).astype("u1")
    pixels[0], pixels[1] = 0, 255
    return batch_of([image(one) for one in pixels])


def decided(model: Model) -> Batch:
    batch = grey()
    labels = model.task.decide(model.outputs(batch.images)).tolist()
    return batch_of([image(p.numpy().astype("u1")) for p in batch.images], labels)


def margin(model: Model, batch: Batch, delta: Tensor) -> Tensor:
    outputs = model.outputs(batch.images + delta)
    return Misclassify().margin(model.task, outputs, batch.truth).detach()


def best_of_all(model: Model, batch: Batch, threat: Threat, reach: int) -> Tensor:
    """The greatest margin over every integer perturbation in range and radius, by trying all."""
    numbers = np.array(list(product(range(-reach, reach + 1), repeat=9)), dtype="f4")
    every = torch.from_numpy(numbers).view(-1, *SHAPE)
    every = every[threat.norms(every) <= threat.radius + 1e-6]
    best = []
    for i in range(len(batch)):
        moved = batch.images[i] + every
        allowed = ((moved >= 0) & (moved <= 255)).flatten(1).all(1)
        outputs = model.outputs(moved[allowed])
        labels = batch.truth[i].expand(len(outputs))
        best.append(Misclassify().margin(model.task, outputs, labels).amax())
    return torch.stack(best).detach()


LINEAR = torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(1))
MODELS = {
    "linear": lambda: model_of(Linear(LINEAR), multiclass(3)),
    "one logit": lambda: model_of(Linear(LINEAR[:1]), binary()),
    "curved": lambda: model_of(Curved(SHAPE, 3, seed=2), multiclass(3)),
}
THREATS = [(Threat(norm="linf", radius=1), 1), (Threat(norm="l2", radius=2.3), 2)]


@pytest.mark.parametrize(("threat", "reach"), THREATS)
@pytest.mark.parametrize("name", MODELS)
def test_the_best_storable_perturbation_is_found(name: str, threat: Threat, reach: int) -> None:
    """All there is to gain where moves do not compete. Under L2 they do, for the last quantum of
    the radius, which on nine pixels is a good part of it: nine tenths."""
    model = MODELS[name]()
    batch = decided(model)
    best = best_of_all(model, batch, threat, reach)
    found = Lattice(steps=80)(model, batch, Misclassify(), threat, seed=0)
    reached = margin(model, batch, found.delta)
    if threat.norm == "linf" and name != "curved":
        torch.testing.assert_close(reached, best)
    gain = best - margin(model, batch, torch.zeros_like(batch.images))
    assert bool((best - reached <= (0.01 if threat.norm == "linf" else 0.1) * gain).all())


@pytest.mark.parametrize(("threat", "reach"), THREATS)
@pytest.mark.parametrize("name", MODELS)
def test_rounding_at_every_step_falls_further_short(name: str, threat: Threat, reach: int) -> None:
    model = MODELS[name]()
    batch = decided(model)
    best = best_of_all(model, batch, threat, reach)
    short = []
    for attack in (Lattice(steps=80), PGD(steps=80)):
        found = attack(model, batch, Misclassify(), threat, seed=0)
        short.append(float((best - margin(model, batch, found.delta)).mean()))
    assert short[0] <= short[1]
