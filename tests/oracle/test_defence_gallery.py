"""The cascade against known defences in miniature; what is left is what a search by hand left."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from tests.helpers.defences import GALLERY
from tests.helpers.trained import noisy_patterns
from torch import Tensor

from plexor.attacks import FGSM, PGD, Cascade, Misclassify, Threat
from plexor.attacks.through import Through
from plexor.core.errors import ModelError, PlanError
from plexor.models import Batch, Model, Preprocess, TorchModel
from plexor.models.hiding_layers import hiding_layers
from plexor.models.stand_ins import Identity

N_CASES, N_DRAWS = 8, 15
THREAT = Threat(norm="linf", radius=8)
MOST_LEFT = dict.fromkeys(GALLERY, 1) | {"random resize and pad": 4, "dropout": 4}
GUARDED = ("3-bit rounding", "thermometer", "JPEG 40")
"""Defences that hide the gradient in a layer, ``guard``."""


def wrong(model: Model, batch: Batch, delta: Tensor) -> Tensor:
    """Share of draws in which each case is decided wrongly, (N,)."""
    draws = [model.outputs(batch.images + delta, batch.scaling) for _ in range(N_DRAWS)]
    return torch.stack([model.task.decide(d) != batch.truth for d in draws]).float().mean(0)


@cache
def defended(name: str) -> tuple[Model, Batch]:
    """The model behind its defence, and cases that it mostly decides rightly."""
    plain, batch = noisy_patterns()
    network = GALLERY[name](plain.network)
    model = TorchModel(network, task=plain.task, preprocess=Preprocess())
    share = wrong(model, batch, torch.zeros_like(batch.images))
    return model, batch.select(torch.nonzero(share < 0.5).flatten()[:N_CASES])


@pytest.mark.parametrize("name", [name for name in GALLERY if name != "decisions only"])
def test_the_cascade_leaves_few_cases_of_a_defended_model(name: str) -> None:
    model, batch = defended(name)
    assert len(batch) == N_CASES
    proposal = Cascade()(model, batch, Misclassify(), THREAT, seed=0)
    left = int((wrong(model, batch, proposal.delta) <= 0.5).sum())
    assert left <= MOST_LEFT[name]
    if name in GUARDED:
        assert [*hiding_layers(model, batch).stand_ins] == ["guard"]
        assert not set(proposal.found_by) & {"square", "rays"}


def test_decisions_alone_are_enough() -> None:
    model, batch = defended("decisions only")
    some = batch.select(torch.arange(4))
    proposal = Cascade()(model, some, Misclassify(), THREAT, seed=0)
    assert proposal.found_by == ("rays",) * 4
    assert bool((wrong(model, some, proposal.delta) > 0.5).all())
    assert bool((proposal.delta == proposal.delta.round()).all())


@pytest.mark.parametrize("name", GUARDED)
def test_straight_through_the_guard_gradients_reach_the_cases(name: str) -> None:
    """The network behind the guard is one that few steps break; the guard alone is in the way."""
    model, batch = defended(name)
    attack = PGD(steps=10, loss="margin")
    through = Through(attack=attack, backward={"guard": Identity()})
    delta = through(model, batch, Misclassify(), THREAT, seed=0).delta
    assert int((wrong(model, batch, delta) > 0.5).sum()) >= N_CASES - 1
    if name == "JPEG 40":
        with pytest.raises(ModelError, match="not differentiable"):
            attack(model, batch, Misclassify(), THREAT, seed=0)


def test_a_layer_that_does_not_exist_or_changes_the_shape_is_refused() -> None:
    model, batch = defended("3-bit rounding")
    for layer, error, message in (
        ("gaurd", PlanError, "unknown layer 'gaurd'; did you mean 'guard'"),
        ("network.head", ModelError, r"makes \(8, 5\) of \(8, .*identity makes .*take `resize`"),
    ):
        through = Through(attack=FGSM(), backward={layer: Identity()})
        with pytest.raises(error, match=message):
            through(model, batch, Misclassify(), THREAT, seed=0)
