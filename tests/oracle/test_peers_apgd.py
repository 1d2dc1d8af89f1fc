"""Auto-PGD, targeted or not, and momentum beside torchattacks, at the same budget.

torchattacks is not among Plexor's dependencies; these tests run where it is installed, as
``make benchmark`` installs it.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from tests.helpers.trained import noisy_patterns
from torch import Tensor, nn

from plexor.attacks import APGD, APGDT, MIFGSM, Attack, Misclassify, Threat
from plexor.models import Batch, Model, TorchModel

pytestmark = [
    # The peer's own warnings are not ours to mend.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(find_spec("torchattacks") is None, reason="torchattacks is not installed"),
]
GREATEST, STEPS = 255.0, 30


class UnitNetwork(nn.Module):
    """The model for those who want images from 0 to 1."""

    def __init__(self, model: TorchModel) -> None:
        super().__init__()
        self.network = model.network
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        return self.model.outputs(images * GREATEST)


def theirs(model: TorchModel, batch: Batch, name: str, **options: Any) -> Tensor:
    """What torchattacks' attack of that name adds, in stored numbers."""
    torchattacks: Any = importlib.import_module("torchattacks")
    with torch.random.fork_rng(devices=[]):
        attack = getattr(torchattacks, name)(UnitNetwork(model).eval(), **options)
        return Tensor(attack(batch.images / GREATEST, batch.truth)) * GREATEST - batch.images


def margins(model: Model, batch: Batch, delta: Tensor) -> Tensor:
    outputs = model.outputs(batch.images + delta, batch.scaling)
    return Misclassify().margin(model.task, outputs, batch.truth).detach()


@pytest.mark.parametrize(("norm", "radius"), [("linf", 3.0), ("linf", 4.0), ("l2", 70.0)])
@pytest.mark.parametrize(
    ("attack", "name", "options"),
    [
        (APGD(steps=STEPS), "APGD", {"loss": "ce"}),
        (APGD(steps=STEPS, loss="ratio"), "APGD", {"loss": "dlr"}),
        (APGDT(steps=STEPS), "APGDT", {"n_classes": 5}),
    ],
    ids=["ce", "ratio", "targeted"],
)
def test_auto_pgd_succeeds_as_often_as_torchattacks(
    attack: Attack, name: str, options: dict[str, Any], norm: Any, radius: float
) -> None:
    """Ours searches on the grid; theirs knows no storage, and is put on it, inside the ball."""
    model, batch = noisy_patterns()
    threat = Threat(norm=norm, radius=radius)
    named = {"linf": "Linf", "l2": "L2"}[norm]
    found = theirs(
        model, batch, name, norm=named, eps=radius / GREATEST, steps=STEPS, n_restarts=1, **options
    )
    delta = attack(model, batch, Misclassify(), threat, seed=0).delta
    ours_reached = int((margins(model, batch, delta) > 0).sum())
    theirs_reached = int((margins(model, batch, threat.store(found, batch)) > 0).sum())
    assert 3 < ours_reached < 57, "the budget tells no attacks apart"
    assert ours_reached >= theirs_reached - 1


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_takes_torchattacks_steps(nesterov: bool) -> None:
    """Where nothing is rounded, and the last point is the best, it is theirs."""
    model, batch = noisy_patterns()
    batch = replace(batch, quantum=torch.zeros_like(batch.quantum))
    threat = Threat(norm="linf", radius=2.0, unit="value")
    delta = MIFGSM(nesterov=nesterov)(model, batch, Misclassify(), threat, seed=0).delta
    found = theirs(
        model,
        batch,
        "NIFGSM" if nesterov else "MIFGSM",
        eps=2.0 / GREATEST,
        alpha=0.2 / GREATEST,
        steps=10,
    )
    assert bool((margins(model, batch, delta) >= margins(model, batch, found) - 0.01).all())
    same = ((delta - found).abs() < 1e-3).flatten(1).float().mean(1) > 0.99
    assert float(same.float().mean()) > 0.5
