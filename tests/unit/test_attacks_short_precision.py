"""A search in a shorter type lets a case go only where the model itself agrees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.helpers.tiny import batch_of, image, model_of, multiclass
from torch import nn

from plexor.attacks import APGD, PGD, Attack, Misclassify, Threat


def nearly() -> nn.Module:
    """Class 1 from 98 down; in bfloat16, where 1.0035 is 1 and 99.3 is 99.5, from 99 down."""
    head = nn.Linear(1, 2)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0035], [0.0]]))
        head.bias.copy_(torch.tensor([0.0, 99.3]))
    return nn.Sequential(nn.Flatten(), head)


@pytest.mark.parametrize(
    "attack",
    [
        PGD(steps=4, step_size=0.5, random_start=False, stop_at_success=True, precision="bfloat16"),
        APGD(steps=8, stop_at_success=True, precision="bfloat16"),
    ],
)
def test_a_case_that_only_a_shorter_type_calls_reached_is_searched_on(attack: Attack) -> None:
    model = model_of(nearly(), multiclass(2))
    batch = batch_of([image(np.full((1, 1, 1), 100, dtype=np.uint8))], [0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model.task.decide(model.outputs(batch.images - 1)).tolist() == [1]
    assert model.task.decide(model.outputs(batch.images - 1)).tolist() == [0]
    for seed in range(8):  # Auto-PGD starts anywhere, on some of them at -1
        found = attack(model, batch, Misclassify(), Threat(norm="linf", radius=2), seed=seed)
        assert found.delta.flatten().tolist() == [-2]
