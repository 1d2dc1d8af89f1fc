"""Models whose gradients lie, and models whose gradients do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from tests.helpers.tiny import batch_of, images, model_of, multiclass
from torch import Tensor, nn
from torch.nn import functional

from plexor.audits.checks import Check, check_model
from plexor.audits.gradient_checks import check_gradients
from plexor.models import Regression, Segmentation

SHAPE = (1, 16, 16)
BATCH = batch_of(images(SHAPE, 16))


class Altered(nn.Module):
    """A small network of images in stored numbers, with something done before or after it."""

    def __init__(
        self,
        before: Callable[[Tensor], Tensor] = lambda inputs: inputs,
        after: Callable[[Tensor], Tensor] = lambda outputs: outputs,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(256, 24), nn.ReLU(), nn.Linear(24, 3))
        self.before, self.after = before, after

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.after(self.layers(self.before(inputs) / 255))
        return outputs


def checks(network: nn.Module) -> dict[str, Check]:
    return {
        check.id: check for check in check_model(model_of(network.eval(), multiclass(3)), BATCH)
    }


class Gradient(torch.autograd.Function):
    """Leaves numbers alone, and turns or stretches their gradient."""

    @staticmethod
    def forward(ctx: object, numbers: Tensor, factor: float) -> Tensor:
        ctx.factor = factor  # type: ignore[attr-defined]
        return numbers.clone()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.factor, None  # type: ignore[attr-defined]


def stretched(factor: float) -> Altered:
    return Altered(before=lambda inputs: Gradient.apply(inputs, factor))  # type: ignore[no-untyped-call]


def straight_through(inputs: Tensor) -> Tensor:
    """Eight levels of grey, with the gradient of the identity."""
    return inputs + ((inputs / 32).floor() * 32 - inputs).detach()


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(Altered(before=straight_through), id="rounding, straight through"),
        pytest.param(stretched(-1), id="the wrong way"),
        pytest.param(stretched(1e3), id="exploding"),
        pytest.param(stretched(1e-3), id="far too small"),
        pytest.param(stretched(1e-12), id="vanishing"),
        pytest.param(stretched(float("inf")), id="infinite"),
    ],
)
def test_a_gradient_that_lies_is_noticed(network: nn.Module) -> None:
    assert checks(network)["false-gradients"].raised


def test_an_output_that_no_change_can_move_is_noticed() -> None:
    """The gradient is right, and smaller than what float32 can add to the offset."""
    network = Altered(after=lambda outputs: outputs * 1e-9 + torch.tensor([1.0, 0.0, 0.0]))
    found = checks(network)["false-gradients"]
    assert found.raised
    assert found.message.endswith("negligibly small for 16 more")


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(Altered(), id="plain"),
        pytest.param(Altered(after=lambda outputs: outputs * 1e6), id="great logits"),
        pytest.param(Altered(after=lambda outputs: outputs * 1e-3), id="small logits"),
        pytest.param(stretched(0.5), id="half of the gradient"),
    ],
)
def test_a_gradient_that_is_about_right_is_not(network: nn.Module) -> None:
    found = checks(network)
    assert not found["false-gradients"].raised
    assert not found["unbounded-fails"].raised


def test_a_search_without_bound_that_gets_nowhere_is_noticed() -> None:
    network = stretched(-1)
    network.after = lambda outputs: outputs + torch.tensor([0.5, 0.0, 0.0])
    assert checks(network)["unbounded-fails"].raised
    network = Altered(after=lambda outputs: outputs + torch.tensor([0.5, 0.0, 0.0]))
    assert not checks(network)["unbounded-fails"].raised


@pytest.mark.parametrize("lies", [False, True])
def test_a_model_that_gives_a_number_is_held_to_its_slope_and_to_no_decision(*, lies: bool) -> None:
    network = stretched(-1) if lies else Altered()
    network.after = lambda outputs: outputs[:, :1]
    model = model_of(network.eval(), Regression(unit="years"))
    found = {check.id: check for check in check_gradients(model, BATCH)}
    assert found["false-gradients"].raised is lies
    assert "unbounded-fails" not in found


class Outlines(nn.Module):
    """What is brighter than 128 on average over three by three pixels, with a gradient times so."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, inputs: Tensor) -> Tensor:
        seen: Tensor = Gradient.apply(inputs, self.factor)  # type: ignore[no-untyped-call]
        near = functional.avg_pool2d(seen, 3, stride=1, padding=1, count_include_pad=False)
        return near - 128


@pytest.mark.parametrize(
    ("network", "raised"),
    [
        pytest.param(Outlines(1), False, id="plain"),
        pytest.param(Outlines(-1), True, id="the wrong way"),
        pytest.param(Outlines(0), True, id="no gradient"),
    ],
)
@pytest.mark.parametrize("classes", [("disc",), ("background", "rare", "disc")])
def test_outlines_are_lost_without_bound(
    network: nn.Module, classes: tuple[str, ...], *, raised: bool
) -> None:
    """Each image has a bright square; what is rare is in one of them, and is never outlined."""
    stored = images(SHAPE, 6)
    truth = torch.zeros(6, 16, 16, dtype=torch.int64)
    for number, one in enumerate(stored[1:], 1):
        one.pixels[:] = 100
        one.pixels[:, 3:11, number : number + 8] = 180
        truth[number, 3:11, number : number + 8] = len(classes) - (len(classes) > 1)
    truth[1, 14, 14] = 1
    batch = replace(batch_of(stored), truth=truth)
    if len(classes) > 1:
        network = nn.Sequential(network, Beside())
    model = model_of(network, Segmentation(classes=classes))
    found = {check.id: check for check in check_gradients(model, batch)}["unbounded-fails"]
    assert found.raised is raised
    assert found.message.endswith("of 5 cases withstood a search without bounds")


class Beside(nn.Module):
    """One logit as that of the last of three classes."""

    def forward(self, lead: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(lead), torch.full_like(lead, -999.0), lead], dim=1)


def test_without_anything_to_outline_no_search_is_made() -> None:
    batch = replace(batch_of(images(SHAPE, 2)), truth=torch.zeros(2, 16, 16, dtype=torch.int64))
    model = model_of(Outlines(1), Segmentation(classes=("disc",)))
    found = {check.id: check for check in check_gradients(model, batch)}["unbounded-fails"]
    assert found.raised is None


def test_a_model_without_gradient_fails_every_check_of_it() -> None:
    found = checks(Altered(after=lambda outputs: outputs.detach()))
    assert {name for name, check in found.items() if check.raised} == {
        "zero-gradients",
        "false-gradients",
        "unbounded-fails",
    }
