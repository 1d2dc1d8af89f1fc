from __future__ import annotations

import pytest
import torch
from tests.helpers.tiny import batch_of, images, model_of, multiclass
from torch import Tensor, nn

from plexor.models.hiding_layers import hiding_layers
from plexor.models.stand_ins import written

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


class Repeats(nn.Module):
    """Hides the gradient, and has another number of channels: nothing known can stand for it."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.detach().repeat(1, 2, 1, 1).sum(1, keepdim=True)[:, :, 0]


class Unrecorded(nn.Module):
    """Runs a layer without recording gradients."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = self.inner(inputs)
        return found


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
        (behind(), {}),
        (behind(Rounds()), {"0": "identity"}),
        (behind(Detaches()), {"0": "identity"}),
        (behind(LeavesTorch()), {"0": "identity"}),
        (behind(Unrecorded(Detaches())), {"0.inner": "identity"}),
        (
            behind(nn.Conv2d(1, 1, 3, padding=1), Rounds(), nn.ReLU(), LeavesTorch()),
            {"1": "identity", "3": "identity"},
        ),
        (behind(nn.Sequential(nn.ReLU(), Rounds())), {"0.1": "identity"}),
        (behind(RoundsWeights()), {}),
        (behind(Pools()), {"0": "resize"}),
        (behind(Rounds(), Pools()), {"0": "identity", "1": "resize"}),
        (behind(Repeats()), {}),
        (Root(), {}),
    ],
)
def test_the_innermost_layers_that_hide_the_gradient_are_named(
    network: nn.Module, found: dict[str, str]
) -> None:
    batch = batch_of(images(SHAPE, 1))
    with torch.no_grad():
        network(batch.images)
    hiding = hiding_layers(model_of(network, multiclass(3)), batch).stand_ins
    assert {name: written(one) for name, one in hiding.items()} == found


def test_hooks_are_taken_off() -> None:
    network, batch = behind(LeavesTorch()), batch_of(images(SHAPE, 1))
    with torch.no_grad():
        network(batch.images)
    hiding_layers(model_of(network, multiclass(3)), batch)
    layers = list(network.modules())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers)
