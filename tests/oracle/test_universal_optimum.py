"""Universal perturbations against optima that are known: of linear models, and by enumeration."""

from __future__ import annotations

import itertools
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

from plexor.attacks import Become, Goal, Misclassify, Move, Threat
from plexor.attacks.fitted import FittedAttack
from plexor.attacks.universal import UniversalDeepFool, UniversalSGD, UniversalSingular
from plexor.attacks.universal.layer import Response, find_layer
from plexor.core.errors import PlanError
from plexor.models import Batch, Model, Regression

SHAPES = {"2D": (3, 6, 5), "3D": (1, 4, 5, 3)}
RADII = {"linf": 3.0, "l2": 40.0, "l1": 200.0, "l0": 6.0}
LEAST = {"linf": 1.0, "l2": 0.99, "l1": 0.99, "l0": 0.97}
"""Of the best gain. L0 settles early on its positions, by their slopes' squares over channels."""
UNCLIPPED = UniversalSGD(steps=60, clip=float("inf"))


def linear(shape: tuple[int, ...]) -> tuple[Tensor, Model, list[Batch]]:
    """A weight, the linear one-logit model of it, and four batches that all have the same room.

    Images are flat and grey, and truth is "a", so being wrong is to go up.
    """
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(1, *shape, generator=generator, dtype=torch.float64) * 0.01
    model = model_of(Linear(weight, -1 - 128 * weight.sum().view(1)), binary())
    batch = batch_of([image(np.full(shape, 128, np.uint8)) for _ in range(8)])
    return weight, model, parts(batch, 4)


def parts(batch: Batch, size: int) -> list[Batch]:
    return [batch.select(index) for index in torch.split(torch.arange(len(batch)), size)]


def gains(weight: Tensor, delta: Tensor) -> Tensor:
    return (weight * delta.double()).flatten(1).sum(1)


@pytest.mark.parametrize("norm", RADII)
@pytest.mark.parametrize(
    ("goal", "dimensions"),
    [(Misclassify(), "2D"), (Become(target="b"), "3D")],
    ids=["wrong-2D", "to-b-3D"],
)
def test_the_best_for_a_linear_model_is_as_far_as_one_can_go_along_its_weight(
    goal: Goal, norm: Literal["linf", "l2", "l1", "l0"], dimensions: str
) -> None:
    weight, model, batches = linear(SHAPES[dimensions])
    threat = Threat(norm=norm, radius=RADII[norm])
    fitted = UNCLIPPED.fit(model, batches, goal, threat, seed=0)
    for batch in batches:
        best = threat.store(threat.furthest(weight.float().expand_as(batch.images), batch), batch)
        found = fitted(model, batch, goal, threat, seed=1).delta
        # One's rounding may be luckier than the other's.
        assert bool((gains(weight, found) >= LEAST[norm] * gains(weight, best)).all())
        assert bool((gains(weight, found) <= 1.01 * gains(weight, best)).all())


@pytest.mark.parametrize("kind", ["raise", "lower"])
def test_a_number_is_moved_as_far_as_one_can_go_along_the_weight(
    kind: Literal["raise", "lower"],
) -> None:
    weight, _, batches = linear(SHAPES["2D"])
    model = model_of(Linear(weight), Regression(unit="years"))
    threat = Threat(norm="linf", radius=3)
    goal = Move(by=1.0, kind=kind)
    fitted = UNCLIPPED.fit(model, batches, goal, threat, seed=0)
    along = weight[0].sign().float() * (3 if kind == "raise" else -3)
    assert torch.equal(fitted.pattern, along)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(
    "attack", [UniversalDeepFool(desired=1.0), UniversalSingular(layer="", iterations=3)]
)
def test_the_older_ones_find_a_linear_models_weight_too(
    attack: FittedAttack, norm: Literal["linf", "l2"]
) -> None:
    """DeepFool goes on while a case is not fooled, so the radius is chosen to just not do."""
    weight, model, batches = linear(SHAPES["2D"])
    batch = batches[0]
    direction = weight.float().expand_as(batch.images)
    loose = Threat(norm=norm, radius=1)
    need = 1 / float(gains(weight, loose.radii(batch) * loose.steepest(direction))[0])
    threat = Threat(norm=norm, radius=np.floor(need) if norm == "linf" else 0.95 * need)
    fitted = attack.fit(model, batches, Misclassify(), threat, seed=0)
    best = threat.store(threat.furthest(direction, batch), batch)
    found = fitted(model, batch, Misclassify(), threat, seed=0).delta
    assert bool((gains(weight, found) >= 0.97 * gains(weight, best)).all())


def jacobians(model: Model, batch: Batch) -> Tensor:
    """Of the outputs in the stored numbers, those of all cases stacked, (N * K, C * pixels)."""
    whole = torch.func.jacrev(lambda one: model.outputs(one).double())(batch.images)
    rows = [whole[i, :, i].flatten(1) for i in range(len(batch))]
    return torch.cat(rows).double()


def test_the_2_2_singular_vector_is_that_of_the_singular_value_decomposition() -> None:
    shape = (1, 4, 5)
    model = model_of(Curved(shape, 3, seed=2), multiclass(3))
    batch = batch_of(images(shape, 6, dtype="f4"))
    attack = UniversalSingular(layer="", q=2, iterations=80)
    threat = Threat(norm="l2", radius=0.1, unit="value")
    fitted = attack.fit(model, parts(batch, 2), Misclassify(), threat, seed=0)
    _, _, right = torch.linalg.svd(jacobians(model, batch))
    cosine = float((right[0] @ fitted.pattern.flatten().double()).abs() / 0.1)
    assert cosine == pytest.approx(1.0, abs=1e-4)


def test_the_inf_q_singular_vector_is_nearly_the_best_of_all_signs() -> None:
    """With p = ∞ the vector is one of 2^12 sign patterns; the method finds a local optimum."""
    shape, q = (1, 3, 4), 10.0
    model = model_of(Curved(shape, 3, seed=4), multiclass(3))
    batch = batch_of(images(shape, 6))
    stacked = jacobians(model, batch)
    signs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=12))).double()
    values = (signs @ stacked.T).norm(q, dim=1)
    threat = Threat(norm="linf", radius=1)
    found = []
    for seed in range(4):
        fitted = UniversalSingular(layer="", q=q).fit(
            model, parts(batch, 3), Misclassify(), threat, seed=seed
        )
        pattern = fitted.pattern.flatten().double()
        assert bool((pattern.abs() == 1).all())
        found.append(float((stacked @ pattern).norm(q)))
    assert max(found) >= 0.95 * float(values.amax())
    assert min(found) >= 0.5 * float(values.amax())


def test_a_layers_response_is_the_jacobian_times_the_direction_and_back() -> None:
    shape = (1, 4, 5)
    model = model_of(Curved(shape, 3, seed=2), multiclass(3))
    batch = batch_of(images(shape, 4))
    draws = torch.Generator().manual_seed(0)
    direction = torch.randn(batch.images.shape, generator=draws)
    weight = torch.randn(4, 3, generator=draws).double()
    response = Response(model, find_layer(model, ""), batch)
    moved, pull = response.moved(direction), response.pull(weight)
    stacked = jacobians(model, batch).view(4, 3, 20)
    torch.testing.assert_close(
        moved.double(),
        torch.einsum("nkp,np->nk", stacked, direction.flatten(1).double()),
        rtol=1e-5,
        atol=1e-6,
    )
    torch.testing.assert_close(
        pull.flatten(1).double(),
        torch.einsum("nkp,nk->np", stacked, weight),
        rtol=1e-5,
        atol=1e-6,
    )


def test_norms_without_a_search_are_refused() -> None:
    _, model, batches = linear(SHAPES["2D"])
    for attack in (UniversalDeepFool(), UniversalSingular(layer="")):
        with pytest.raises(PlanError, match="searches under linf, l2, l1, got a threat in l0"):
            attack.fit(model, batches, Misclassify(), Threat(norm="l0", radius=3), seed=0)
