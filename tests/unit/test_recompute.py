"""Gradients in less memory are the same gradients."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
import torch
from tests.helpers.tiny import batch_of, images, model_of, multiclass
from torch import Tensor, nn

from plexor.attacks import PGD, Misclassify, Threat
from plexor.core.errors import ModelError
from plexor.models import Model
from plexor.models.architectures import build_network
from plexor.models.backward import Backward
from plexor.models.passed_steps import PassedSteps
from plexor.models.recompute import recomputing
from plexor.models.stand_ins import Blur, Identity

VOLUMES = {"small-cnn": 16, "densenet121": 32, "efficientnet-lite0": 32, "small-unet": 32}


def passed(network: nn.Module, images: Tensor, *, again: bool) -> tuple[Tensor, Tensor, int]:
    """Outputs, the gradient of the sum of their squares, and bytes kept on the way forward."""
    images = images.clone().requires_grad_()
    kept: dict[int, int] = {}

    def pack(saved: Tensor) -> Tensor:
        kept[saved.data_ptr()] = saved.numel() * saved.element_size()
        return saved

    torch.manual_seed(0)
    with recomputing(network) if again else contextlib.nullcontext():
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved):
            outputs = network(images)
        (gradient,) = torch.autograd.grad(outputs.square().sum(), images)
    return outputs.detach(), gradient, sum(kept.values())


@pytest.mark.parametrize("name", VOLUMES)
def test_volumes_get_the_same_gradients_to_the_bit(name: str) -> None:
    torch.manual_seed(1)
    network = build_network(name, spatial_dims=3, channels=1, n_outputs=2).eval()
    network.requires_grad_(requires_grad=False)
    volume = torch.randn(1, 1, *[VOLUMES[name]] * 3)
    before = passed(network, volume, again=False)
    after = passed(network, volume, again=True)
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])
    assert before[1].any()
    assert after[2] < before[2] / 3
    assert not any("forward" in vars(module) for module in network.modules())
    assert passed(network, volume, again=False)[2] == before[2]


def test_layers_that_write_over_their_input_wait() -> None:
    over = nn.LeakyReLU(0.5, inplace=True)
    network = nn.Sequential(nn.Linear(4, 4), nn.Sequential(over, nn.Dropout(), nn.Linear(4, 2)))
    inputs = torch.randn(3, 4, generator=torch.Generator().manual_seed(2))
    before = passed(network, inputs, again=False)
    after = passed(network, inputs, again=True)  # the same units drop out
    assert torch.equal(before[1], after[1])
    assert over.inplace


class Overwriting(nn.Module):
    """Changes its input by other means."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.other(inputs.mul_(2)) + self.one(inputs)
        return outputs


def test_other_overwriting_is_no_wrong_gradient() -> None:
    network = nn.Sequential(nn.Linear(4, 4), Overwriting())
    passed(network, torch.randn(3, 4), again=False)
    with pytest.raises(ModelError, match=r"activations of Overwriting .* overwrites their input"):
        passed(network, torch.randn(3, 4), again=True)


def test_an_attack_finds_the_same() -> None:
    torch.manual_seed(3)
    network = build_network("small-cnn", spatial_dims=3, channels=1, n_outputs=3)
    model, batch = model_of(network, multiclass(3)), batch_of(images((1, 9, 10, 11), 2))
    attack, threat = PGD(steps=3), Threat(norm="linf", radius=4)
    plain = attack(model, batch, Misclassify(), threat, seed=0)
    with recomputing(network):
        again = attack(model, batch, Misclassify(), threat, seed=0)
    assert plain.delta.any()
    assert torch.equal(plain.delta, again.delta)
    assert torch.equal(plain.n_gradients, again.n_gradients)


class Rounds(nn.Module):
    """A layer that leaves no gradient."""

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs / 8).round() * 8


@pytest.mark.parametrize(
    "passing",
    [
        lambda model: Backward(model, {"0.0": Blur(blur=1.0)}),
        lambda model: Backward(model, {"0.0": Identity()}),
        PassedSteps,
    ],
    ids=["blur", "identity", "steps"],
)
def test_gradients_of_stand_ins_are_the_same(passing: Callable[[Model], Model]) -> None:
    """Their hooks and modes are there in the forward pass only."""
    block = nn.Sequential(Rounds(), nn.Conv2d(1, 2, 3), nn.Sigmoid())
    network = nn.Sequential(block, nn.Flatten(), nn.Linear(72, 3)).requires_grad_(
        requires_grad=False
    )
    model = passing(model_of(network, multiclass(3)))
    found = []
    for again in (False, True):
        at = batch_of(images((1, 8, 8), 2)).images.requires_grad_()
        with recomputing(network) if again else contextlib.nullcontext():
            outputs = model.outputs(at)
            found.append(torch.autograd.grad(outputs.square().sum(), at)[0])
    assert found[0].any()
    assert torch.equal(*found)
