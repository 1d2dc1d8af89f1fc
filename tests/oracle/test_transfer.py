"""Searches on surrogates, against optima that are known because the models are linear."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Literal

import pytest
import torch
from tests.helpers.tiny import Counted, Curved, Linear, batch_of, images, model_of, multiclass
from torch import Tensor

from plexor.attacks import MIFGSM, Goal, Misclassify, Move, Threat, Transfer
from plexor.attacks.engine import propose
from plexor.core.errors import ModelError, PlanError
from plexor.models import Batch, Binary, Model, Multiclass, Regression, TorchModel
from plexor.models.ensemble import Ensemble

SHAPE = (3, 7, 6)
PLAIN = Transfer(diversity=0.0)


def drawn(seed: int, n_outputs: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_outputs, *SHAPE, generator=generator, dtype=torch.float64) / 100


def linear(weight: Tensor) -> TorchModel:
    return model_of(Linear(weight), multiclass(len(weight)))


def inner(n_cases: int) -> Batch:
    """Stored in 16 bits, far from the ends of the range, at the goal or not."""
    stored = images(SHAPE, n_cases, dtype="u2", seed=n_cases)
    for one in stored:
        one.pixels[:] = one.pixels // 2 + 16000
    return batch_of(stored, [i % 2 for i in range(n_cases)])


def rise(model: Model, batch: Batch, goal: Goal, delta: Tensor) -> Tensor:
    def margin(images: Tensor) -> Tensor:
        outputs = model.outputs(images, batch.scaling)
        return goal.margin(model.task, outputs, batch.truth).double().detach()

    return margin(batch.images + delta) - margin(batch.images)


@pytest.mark.parametrize("n_cases", [1, 3, 8])
@pytest.mark.parametrize(("norm", "radius"), [("linf", 100.0), ("l2", 3000.0)])
def test_a_surrogate_equal_to_the_model_reaches_the_models_own_optimum(
    norm: Literal["linf", "l2"], radius: float, n_cases: int
) -> None:
    """By Hölder's inequality: the radius times the dual norm of the logits' difference."""
    weight = drawn(n_cases)
    model, batch = linear(weight), inner(n_cases)
    threat = Threat(norm=norm, radius=radius)
    found = PLAIN.using([linear(weight)])(model, batch, Misclassify(), threat, seed=0)
    apart = (weight[1] - weight[0]).flatten()
    optimum = radius * float(apart.abs().sum() if norm == "linf" else apart.norm())
    torch.testing.assert_close(
        rise(model, batch, Misclassify(), found.delta),
        torch.full((n_cases,), optimum, dtype=torch.float64),
        rtol=0.01,
        atol=0.0,
    )


@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_surrogates_that_say_the_opposite_leave_nothing_to_follow(diversity: float) -> None:
    weight, batch = drawn(1), inner(3)
    attack = Transfer(diversity=diversity, loss="margin").using([linear(weight), linear(-weight)])
    found = attack(linear(weight), batch, Misclassify(), Threat(norm="linf", radius=9), seed=0)
    assert not found.delta.any()


@pytest.mark.parametrize(("one", "other"), [(2.0, -1.0), (-1.0, 2.0), (1.0, 3.0)])
def test_an_ensemble_follows_the_mean_of_its_logits(one: float, other: float) -> None:
    weights, batch = (drawn(1), drawn(2)), inner(3)
    threat = Threat(norm="linf", radius=9)
    mean = linear((one * weights[0] + other * weights[1]) / 2)
    surrogates = [linear(one * weights[0]), linear(other * weights[1])]
    found = PLAIN.using(surrogates)(mean, batch, Misclassify(), threat, seed=0)
    alone = PLAIN.using([mean])(mean, batch, Misclassify(), threat, seed=0)
    assert torch.equal(found.delta, alone.delta)
    assert torch.equal(found.n_gradients, 2 * alone.n_gradients)
    assert torch.equal(found.n_forwards, 2 * alone.n_forwards)


def test_the_model_is_never_asked_and_its_surrogates_are_counted() -> None:
    """Nor do the model's own outputs, where they are known, tell the search anything."""
    task = multiclass(3)
    target = Counted(Curved(SHAPE, 3, seed=1))
    surrogates = [Counted(Curved(SHAPE, 3, seed=seed)) for seed in (2, 3)]
    batch = batch_of(images(SHAPE, 5), [0, 1, 2, 0, 1])
    model, threat = model_of(target, task), Threat(norm="linf", radius=4)
    attack = Transfer(samples=2).using([model_of(one, task) for one in surrogates])
    found = attack(model, batch, Misclassify(), threat, seed=0)
    assert target.n_forwards == target.n_backwards == 0
    assert surrogates[0].n_forwards == surrogates[1].n_forwards
    assert sum(one.n_backwards for one in surrogates) == int(found.n_gradients.sum()) == 200
    spent = int((found.n_gradients + found.n_forwards).sum())
    assert sum(one.n_forwards for one in surrogates) == spent
    known = replace(batch, before=torch.full((5, 3), 7.0))
    again = attack(model, known, Misclassify(), threat, seed=0)
    assert torch.equal(again.delta, found.delta)


def test_a_change_of_a_number_is_from_what_the_surrogates_say() -> None:
    """The model's own number is 1000 years away, which the surrogate need not make up for."""
    weight, task = drawn(5, 1), Regression(unit="years")
    near = model_of(Linear(weight), task)
    far = model_of(Linear(weight, torch.tensor([1000.0], dtype=torch.float64)), task)
    batch, goal = inner(3), Move(by=5.0, kind="raise")
    known = replace(batch, truth=torch.zeros(3), before=far.outputs(batch.images, batch.scaling))
    threat = Threat(norm="linf", radius=100)
    found = PLAIN.using([near])(far, known, goal, threat, seed=0)
    alone = MIFGSM()(near, replace(known, before=None), goal, threat, seed=0)
    assert found.delta.any()
    assert torch.equal(found.delta, alone.delta)


def test_cases_that_are_not_attempted_are_left_alone() -> None:
    weight, batch = drawn(1), inner(4)
    attempted = torch.tensor([True, False, True, False])
    found = propose(
        linear(weight),
        batch,
        PLAIN.using([linear(weight)]),
        Misclassify(),
        Threat(norm="linf", radius=9),
        attempted=attempted,
        seed=0,
    )
    assert found.delta.flatten(1).any(dim=1).tolist() == attempted.tolist()


def test_thresholds_are_the_models_own() -> None:
    net = Curved(SHAPE, 1)
    strict, loose = (Binary(classes=("a", "b"), threshold=t) for t in (0.9, 0.1))
    ensemble = Ensemble([model_of(net, loose), model_of(net, strict)], task=strict)
    assert ensemble.task == strict
    batch = batch_of(images(SHAPE, 2))
    alone = model_of(net, strict).outputs(batch.images)
    torch.testing.assert_close(ensemble.outputs(batch.images), alone)


def test_it_can_be_sent_to_a_worker() -> None:
    weight, batch, threat = drawn(1), inner(2), Threat(norm="linf", radius=9)
    attack = Transfer().using([linear(weight), linear(drawn(2))])
    here, there = (
        each(linear(weight), batch, Misclassify(), threat, seed=0)
        for each in (attack, pickle.loads(pickle.dumps(attack)))  # noqa: S301
    )
    assert torch.equal(here.delta, there.delta)


def test_what_cannot_be_searched_is_refused() -> None:
    weight, batch, goal = drawn(1), inner(2), Misclassify()
    model, threat = linear(weight), Threat(norm="linf", radius=9)
    with pytest.raises(PlanError, match="`surrogates` is empty; name at least one"):
        PLAIN.using([])
    swapped = model_of(Linear(weight), Multiclass(classes=("b", "a")))
    with pytest.raises(PlanError, match="same classes as the model it stands for, a, b; it has b"):
        PLAIN.using([model, swapped])(model, batch, goal, threat, seed=0)
    number = model_of(Linear(weight[:1]), Regression(unit="years"))
    with pytest.raises(PlanError, match="same kind as the model it stands for, multiclass; it has"):
        PLAIN.using([number])(model, batch, goal, threat, seed=0)
    with pytest.raises(PlanError, match="transfer: searches under linf, l2, got a threat in l1"):
        PLAIN.using([model])(model, batch, goal, Threat(norm="l1", radius=9), seed=0)
    with pytest.raises(PlanError, match="transfer: `steps` must be at least 1, got 0"):
        Transfer(steps=0)
    with pytest.raises(PlanError, match="transfer: `diversity` is a probability from 0 to 1"):
        Transfer(diversity=2.0)
    other = model_of(Curved((3, 4, 4), 2), multiclass(2))
    with pytest.raises(ModelError, match="fails on images of shape"):
        PLAIN.using([other])(model, batch, goal, threat, seed=0)
