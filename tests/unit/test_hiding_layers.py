from __future__ import annotations

import pytest
import torch
from tests.helpers.tiny import batch_of, images, model_of, multiclass
from torch import Tensor, nn

from plexor.models.hiding_layers import hiding_layers

SHAPE = (1, 4, 4)


class Rounds(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs / 8).round() * 8


class Detaches(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.detach() + 1


class LeavesTorch(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return torch.from_numpy(inputs.numpy().copy())


class Pools(nn.Module):
    """Leaves torch, and its output is smaller than its input."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.detach()[..., :2, :2]


class RoundsWeights(nn.Module):
    """A quantised layer: what is rounded does not depend on the image."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, inputs: Tensor) -> Tensor:
        weight = (self.inner.weight * 16).round() / 16
        return nn.functional.conv2d(inputs, weight, padding=1)


class Root(nn.Module):
    """Hides the gradient itself; there is no layer to name."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(16, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.head(inputs.detach().flatten(1))
        return logits


def behind(*guards: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(*guards, nn.Conv2d(1, 1, 1), nn.Flatten(), nn.LazyLinear(3))


@pytest.mark.parametrize(
    ("network", "found"),
    [
        (behind(), ()),
        (behind(Rounds()), ("0",)),
        (behind(Detaches()), ("0",)),
        (behind(LeavesTorch()), ("0",)),
        (behind(nn.Conv2d(1, 1, 3, padding=1), Rounds(), nn.ReLU(), LeavesTorch()), ("1", "3")),
        (behind(nn.Sequential(nn.ReLU(), Rounds())), ("0.1",)),
        (behind(RoundsWeights()), ()),
        (behind(Pools()), ()),
        (behind(Rounds(), Pools()), ()),
        (Root(), ()),
    ],
)
def test_the_innermost_layers_that_hide_the_gradient_are_named(
    network: nn.Module, found: tuple[str, ...]
) -> None:
    batch = batch_of(images(SHAPE, 1))
    with torch.no_grad():
        network(batch.images)
    assert hiding_layers(model_of(network, multiclass(3)), batch).layers == found


def test_hooks_are_taken_off() -> None:
    network, batch = behind(LeavesTorch()), batch_of(images(SHAPE, 1))
    with torch.no_grad():
        network(batch.images)
    hiding_layers(model_of(network, multiclass(3)), batch)
    layers = list(network.modules())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers)
