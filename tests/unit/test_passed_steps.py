from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.helpers.tiny import Linear, model_of, multiclass
from torch import Tensor, nn

from plexor.models.passed_steps import PassedSteps

SHAPE = (2, 3, 4)


class Applies(nn.Module):
    """A step in the network's own code, then a linear layer."""

    def __init__(self, step: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.step, self.head = step, Linear(weight())

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.head(self.step(inputs))
        return logits


def weight() -> Tensor:
    return torch.randn(3, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def unrecorded(inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return 2 * inputs


def overwritten(inputs: Tensor) -> Tensor:
    return inputs.mul(2).round_().clamp_(0, 255)


def thermometer(inputs: Tensor) -> Tensor:
    return (inputs[..., None] > torch.tensor([60.0, 120.0, 180.0])).to(inputs).mean(dim=-1)


def by_numpy(inputs: Tensor) -> Tensor:
    return torch.from_numpy(np.asarray(inputs.detach()).copy())


STEPS: list[tuple[Callable[[Tensor], Tensor], float]] = [
    (lambda x: (x / 8).round() * 8, 1),
    (lambda x: torch.floor(x / 8), 1 / 8),
    (lambda x: x.detach() * 3, 3),
    (lambda x: x.clamp(100, 101) * 2, 2),
    (nn.functional.hardtanh, 1),
    (lambda x: (x > 128).float(), 1),
    (lambda x: (x < 128).to(torch.float32), -1),
    (lambda x: x.byte() / 255, 1 / 255),
    (lambda x: (x * 4).int().long().double(), 4),
    (lambda x: x.to(torch.uint8).float() * 2, 2),
    (unrecorded, 2),
    (overwritten, 2),
    (thermometer, 1),
    (lambda x: x * 3, 3),
    (lambda x: x + (x.round() - x).detach(), 1),
    (by_numpy, 0),
]


@pytest.mark.parametrize(("step", "slope"), STEPS)
def test_the_outputs_are_the_models_and_steps_have_a_slope(
    step: Callable[[Tensor], Tensor], slope: float
) -> None:
    model = model_of(Applies(step), multiclass(3))
    draw = torch.Generator().manual_seed(1)
    images = (255 * torch.rand(4, *SHAPE, generator=draw)).requires_grad_()
    with torch.no_grad():
        wanted = model.outputs(images.clone())
    outputs = PassedSteps(model).outputs(images)
    assert torch.equal(outputs, wanted)
    if slope == 0:
        assert not outputs.requires_grad
        return
    (gradient,) = torch.autograd.grad(outputs[:, 1].sum(), images)
    torch.testing.assert_close(gradient, (slope * weight()[1]).float().expand_as(gradient))
