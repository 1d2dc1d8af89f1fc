"""A number that is to change either way: the nearer of two boundaries is found, up or down."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.helpers.tiny import Linear, batch_of, image, model_of
from torch import Tensor

from plexor.attacks import APGD, FGSM, MIFGSM, PGD, Lattice, Move, Threat
from plexor.models import Batch, Regression, TorchModel

UP = Move(by=5.0)
THREATS = {"linf": 3.0, "l2": 20.0, "l1": 90.0, "l0": 3.0}
ATTACKS = (FGSM(), PGD(), APGD(steps=20), MIFGSM(), Lattice(steps=20))


def one_sided(*, dark: bool) -> tuple[TorchModel, Batch]:
    """Images at one end of the range, so that the number can change one way only."""
    weight = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(0)) + 0.5
    drawn = torch.full((1, 6, 6), 0 if dark else 255, dtype=torch.uint8).numpy()
    return model_of(Linear(weight), Regression(unit="years")), batch_of([image(drawn)] * 2)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("attack", "norm"), [(attack, norm) for attack in ATTACKS for norm in attack.norms]
)
def test_the_only_possible_direction_is_searched(attack: Any, norm: Any, dark: bool) -> None:
    model, batch = one_sided(dark=dark)
    threat = Threat(norm=norm, radius=THREATS[norm])
    delta: Tensor = attack(model, batch, UP, threat, seed=0).delta
    moved = model.outputs(batch.images + delta) - model.outputs(batch.images)
    assert bool(((moved if dark else -moved) > UP.by).all())
