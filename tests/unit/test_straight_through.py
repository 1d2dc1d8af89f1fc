"""Layers of a network whose gradient is the identity's, from a plan to the attack."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.helpers.tiny import Linear, batch_of, images, model_of, multiclass
from torch import Tensor, nn

from plexor.attacks import FGSM
from plexor.attacks.through import Through
from plexor.core.errors import PlanError
from plexor.models.straight_through import StraightThrough
from plexor.plans.plan import load_plan
from plexor.probes.materials import Materials

SHAPE = (1, 3, 3)


class Round(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return 50 * (inputs / 50).round()


def weight() -> Tensor:
    return torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_outputs_are_the_models_and_the_gradient_that_of_the_rest() -> None:
    plain = model_of(Linear(weight()), multiclass(2))
    rounded = model_of(nn.Sequential(Round(), Linear(weight())), multiclass(2))
    through = StraightThrough(rounded, ["0"])
    stored = batch_of(images(SHAPE, 3)).images.requires_grad_()
    assert torch.equal(through.outputs(stored), rounded.outputs(stored))
    (found,) = torch.autograd.grad(through.outputs(stored).sum(), stored)
    (wanted,) = torch.autograd.grad(plain.outputs(stored).sum(), stored)
    torch.testing.assert_close(found, wanted)
    (blocked,) = torch.autograd.grad(rounded.outputs(stored).sum(), stored)
    assert not blocked.any()
    layer = rounded.network.get_submodule("0")
    assert not layer._forward_hooks
    assert not layer._forward_pre_hooks


def test_a_plan_names_the_layers_of_attacks_that_see_gradients() -> None:
    plan = {
        "cohort": {"manifest": "manifest.csv"},
        "probes": [
            {
                "attack": "fgsm",
                "straight_through": ["guard"],
                "threat": {"norm": "linf", "radius": 1},
            }
        ],
    }
    probe = next(one for one in load_plan(plan).all_probes() if one.id.startswith("fgsm"))
    assert probe.needs.layers
    assert probe.about.settings["straight_through"] == ["guard"]
    nothing: Any = {}
    materials = Materials(
        paths=nothing, sha256=nothing, models=nothing, fits=nothing, audited=(), weights_sha256=""
    )
    ready = probe.ready(materials)
    assert ready.probe.attack == Through(attack=FGSM(), layers=("guard",))  # type: ignore[attr-defined]
    plan["probes"][0]["attack"] = "square"  # type: ignore[index]
    with pytest.raises(PlanError, match="straight_through"):
        load_plan(plan)
