"""Every attack at its default options reaches what a linear model allows, in every norm it names.

The greatest margin within a threat is known in closed form (``greatest_rise``). The decision
boundary lies just before it, so that a search that falls short of its share does not get there.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.helpers.attacks import ATTACKS, NAMES_AND_NORMS
from tests.helpers.linear_optimum import greatest_rise
from tests.helpers.tiny import Linear, batch_of, binary, images, model_of
from torch import Tensor

from plexor.attacks import Misclassify, Threat
from plexor.models import Batch, TorchModel

LAYOUTS = {
    "2D, grey": (1, 6, 6),
    "2D, colour": (3, 4, 4),
    "3D, grey": (1, 3, 4, 4),
    "3D, colour": (3, 2, 3, 3),
}
RADII = {"linf": 3.0, "l2": 20.0, "l1": 90.0, "l0": 3.0}
SHARE = 0.97
"""How near to the greatest rise the boundary lies."""
SHARES = {
    ("pgd", "l2"): 0.94,
    ("transfer", "linf"): 0.4,
    ("transfer", "l2"): 0.4,
    ("carlini-wagner", "l2"): 0.9,
    ("fmn", "l0"): 0.8,
    ("sigma-zero", "l0"): 0.8,
    ("sparse-rs", "l0"): 0.8,
    ("one-pixel", "l0"): 0.8,
    ("square", "l2"): 0.2,
    ("square", "l1"): 0.25,
    ("simba", "linf"): 0.4,
    ("simba", "l2"): 0.6,
    ("nes", "l2"): 0.9,
    ("rays", "linf"): 0.5,
    ("hop-skip-jump", "linf"): 0.2,
    ("hop-skip-jump", "l2"): 0.8,
}
"""Of attacks that average over views, choose positions before they know how far each can move, or
see no gradient."""
QUICKER: dict[str, dict[str, Any]] = {
    "carlini-wagner": {"steps": 100, "constants": 5, "first_constant": 0.1, "step_size": 0.05},
    "hop-skip-jump": {"queries": 1500},
}
"""The defaults of these take thousands of steps on every case, whatever the model."""
RADIUS_ONE = {"exhaustive-pixel"}
"""Attacks that change one position, whatever the radius."""
N_CASES = 3


def subject(layout: str, threat: Threat, share: float) -> tuple[TorchModel, Batch, Tensor]:
    """One logit, three cases that need the same, and the greatest margin of each."""
    shape = LAYOUTS[layout]
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight /= 20
    drawn = batch_of(images(shape, 600))
    clean = (weight * drawn.images).flatten(1).sum(1)
    rise = greatest_rise(weight, drawn, threat)
    needed, order = (clean + share * rise).sort()
    alike = int((needed[N_CASES:] - needed[:-N_CASES]).argmin())
    order = order[alike : alike + N_CASES]
    batch, bias = drawn.select(order), -needed[alike][None]
    model = model_of(Linear(weight[None], bias), binary())
    return model, batch, (clean + rise)[order] + bias


def layouts(name: str, norm: str) -> list[str]:
    """All layouts for gradients under L0; else one of each kind, and one for queries."""
    if norm == "l0" and ATTACKS[name].access == "gradients":
        return list(LAYOUTS)
    n_layouts = 2 if ATTACKS[name].access == "gradients" else 1
    return ["3D, grey", "2D, colour"][:n_layouts]


@pytest.mark.parametrize(
    ("name", "norm", "layout"),
    [(*each, layout) for each in NAMES_AND_NORMS for layout in layouts(*each)],
)
def test_a_linear_model_falls_where_it_can(name: str, norm: Any, layout: str) -> None:
    share = SHARES.get((name, norm), SHARE)
    threat = Threat(norm=norm, radius=1.0 if name in RADIUS_ONE else RADII[norm])
    model, batch, most = subject(layout, threat, share)
    assert bool((model.outputs(batch.images) < 0).all())
    attack = ATTACKS[name](**QUICKER.get(name, {}))
    delta = attack(model, batch, Misclassify(), threat, seed=0).delta
    found = model.outputs(batch.images + delta).double().flatten()
    assert bool((found > 0).all())
    assert bool((found <= most + 1e-4).all())
