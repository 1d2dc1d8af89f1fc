"""Stand-ins for layers in the backward pass, from a plan to the attack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.helpers.tiny import Linear, batch_of, images, model_of, multiclass
from torch import Tensor, nn

from plexor.attacks import FGSM
from plexor.attacks.through import Through
from plexor.core.errors import ModelError, PlanError
from plexor.models.backward import Backward
from plexor.models.stand_ins import Blur, Identity, Resize, Sigmoid, StandIn
from plexor.plans.plan import load_plan
from plexor.probes import CodedStandIn
from plexor.probes.materials import Materials

SHAPE = (1, 3, 3)


class Round(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return 50 * (inputs / 50).round()


class Quantised(nn.Module):
    """Returns its output with the codes beside it, as vector quantisers do."""

    def forward(self, *, given: Tensor) -> tuple[Tensor, Tensor]:
        codes = (given / 50).round().long()
        return 50.0 * codes, codes


class Overwrites(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.div_(50).round_().mul_(50)


class Threshold(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs > 128).to(inputs)


class Halves(nn.Module):
    """Every other pixel, by NumPy."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(inputs.numpy()[..., ::2, ::2]))


class Calls(nn.Module):
    """A network that calls its layer in a way of its own."""

    def __init__(self, layer: nn.Module, how: str) -> None:
        super().__init__()
        self.layer, self.how, self.head = layer, how, Linear(weight())

    def forward(self, inputs: Tensor) -> Tensor:
        if self.how == "by name":
            found = self.layer(given=inputs)[0]
        elif self.how == "twice":
            found = self.layer(self.layer(inputs) + 1)
        else:
            context = torch.no_grad() if self.how == "no_grad" else torch.inference_mode()
            with context:
                found = self.layer(inputs)
        logits: Tensor = self.head(found)
        return logits


def weight() -> Tensor:
    return torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def stored(n: int = 3, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return batch_of(images(shape, n)).images.clone().requires_grad_()


def gradient(model: Any, at: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(model.outputs(at).sum(), at)
    return found


@pytest.mark.parametrize("layer", [Round(), Overwrites()])
def test_the_outputs_are_the_models_and_the_gradient_that_of_the_rest(layer: nn.Module) -> None:
    plain = model_of(Linear(weight()), multiclass(2))
    rounded = model_of(nn.Sequential(layer, Linear(weight())), multiclass(2))
    through = Backward(rounded, {"0": Identity()})
    at = stored()
    assert torch.equal(through.outputs(at), rounded.outputs(at))
    torch.testing.assert_close(gradient(through, at), gradient(plain, at))
    assert not layer._forward_hooks
    assert not layer._forward_pre_hooks


def test_without_a_stand_in_rounding_hides_the_gradient() -> None:
    rounded = model_of(nn.Sequential(Round(), Linear(weight())), multiclass(2))
    assert not gradient(rounded, stored()).any()


@pytest.mark.parametrize("how", ["by name", "twice", "no_grad", "inference_mode"])
def test_however_the_network_calls_the_layer(how: str) -> None:
    layer = Quantised() if how == "by name" else Round()
    model = model_of(Calls(layer, how), multiclass(2))
    through = Backward(model, {"layer": Identity()})
    at = stored()
    with torch.no_grad():
        wanted = model.outputs(at)
    assert torch.equal(through.outputs(at), wanted)
    plain = model_of(Linear(weight()), multiclass(2))
    torch.testing.assert_close(gradient(through, at), gradient(plain, at))


SIZE = (6, 5)
STAND_INS: list[tuple[nn.Module, StandIn]] = [
    (Round(), Identity()),
    (Round(), Blur(blur=0.8)),
    (Threshold(), Sigmoid(at=128, width=40)),
    (Halves(), Resize()),
]


@pytest.mark.parametrize(("layer", "stand_in"), STAND_INS)
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_the_stand_ins_at_the_layers_input(
    layer: nn.Module, stand_in: StandIn, seed: int
) -> None:
    """Central differences of the stand-in alone, weighted by the gradient at the layer's output."""
    draw = torch.Generator().manual_seed(seed)
    at = (255 * torch.rand(2, 2, *SIZE, generator=draw)).double()
    output = layer(at.clone())
    head = Linear(torch.randn(3, *output.shape[1:], generator=draw, dtype=torch.float64))
    model = model_of(nn.Sequential(layer, head), multiclass(3))
    through = Backward(model, {"0": stand_in})
    tracked = at.clone().requires_grad_()
    outputs = through.outputs(tracked)
    assert torch.equal(outputs, model.outputs(at))
    weights = torch.randn(outputs.shape, generator=draw)
    (found,) = torch.autograd.grad((weights * outputs).sum(), tracked)
    end = output.clone().requires_grad_()
    (after,) = torch.autograd.grad((weights * head(end)).sum(), end)
    for _ in range(5):
        place = tuple(int(torch.randint(n, (), generator=draw)) for n in at.shape)
        step = torch.zeros_like(at)
        step[place] = 1e-3
        ahead, behind = stand_in(at + step, output.shape), stand_in(at - step, output.shape)
        wanted = (after * (ahead - behind) / 2e-3).sum()
        torch.testing.assert_close(found[place], wanted, rtol=1e-3, atol=1e-5)


def test_a_blur_is_a_gaussian_filter() -> None:
    """By scipy, whose "mirror" is torch's "reflect"."""
    from scipy.ndimage import gaussian_filter

    image = torch.rand(9, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = Blur(blur=1.3)(image[None, None], torch.Size((1, 1, 9, 12)))[0, 0]
    # cut off after four deviations, as scipy does by default
    wanted = gaussian_filter(image.numpy(), 1.3, mode="mirror", radius=6)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "stand_in", "error", "message"),
    [
        ("1", Identity(), ModelError, r"layer 1 \(Linear\) makes \(3, 2\) of \(3, 1, 3, 3\)"),
        ("unused", Identity(), ModelError, "the layer unused was not called"),
        ("O", Identity(), PlanError, "unknown layer 'O'.*known: 0, 1, unused"),
        ("0", lambda inputs, _: inputs @ inputs.flatten(), ModelError, "cannot stand for"),
    ],
)
def test_what_does_not_fit_is_refused(
    name: str, stand_in: StandIn, error: type[Exception], message: str
) -> None:
    network = nn.Sequential(Round(), Linear(weight()))
    network.unused = nn.Identity()
    network.forward = lambda inputs: network[1](network[0](inputs))  # type: ignore[method-assign]
    with pytest.raises(error, match=message):
        Backward(model_of(network, multiclass(2)), {name: stand_in}).outputs(stored())


def test_of_many_layers_the_outer_ones_are_listed() -> None:
    network = nn.Sequential(nn.Sequential(*(nn.Identity() for _ in range(20))), Linear(weight()))
    with pytest.raises(PlanError, match=r"did you mean '0.19'. \(there are 22, the outer ones: 0,"):
        Backward(model_of(network, multiclass(2)), {"0.19.": Identity()})


def plan_with(backward: object, attack: str = "fgsm") -> dict[str, Any]:
    threat = {"norm": "linf", "radius": 1}
    probe = {"attack": attack, "backward": backward, "threat": threat}
    return {"cohort": {"manifest": "manifest.csv"}, "probes": [probe]}


WRITTEN: dict[str, Any] = {
    "guard": "identity",
    "shrink": "resize",
    "denoise": {"blur": 1.5},
    "binary": {"sigmoid": {"at": 0.5, "width": 0.1}},
}


def test_a_plan_names_what_stands_for_layers_of_attacks_that_see_gradients() -> None:
    plan = load_plan(plan_with(WRITTEN))
    assert load_plan(plan.resolved()).resolved() == plan.resolved()
    probe = next(one for one in plan.all_probes() if one.id.startswith("fgsm"))
    assert probe.needs.layers
    assert probe.about.settings["backward"] == WRITTEN
    nothing: Any = {}
    materials = Materials(
        paths=nothing, sha256=nothing, models=nothing, fits=nothing, audited=(), weights_sha256=""
    )
    ready = probe.ready(materials)
    assert ready.probe.attack == Through(  # type: ignore[attr-defined]
        attack=FGSM(),
        backward={
            "guard": Identity(),
            "shrink": Resize(),
            "denoise": Blur(blur=1.5),
            "binary": Sigmoid(at=0.5, width=0.1),
        },
    )
    with pytest.raises(PlanError, match="backward"):
        load_plan(plan_with(WRITTEN, attack="square"))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("identty", "unknown stand-in 'identty'; did you mean 'identity'"),
        ("blur", "needs its numbers: identity, resize, {blur: SIGMA}"),
        ({"blurr": 1}, "expected identity, resize"),
        ({"blur": -1}, "greater than 0"),
        ({"blur": 1, "size": 2}, "unknown key 'size'"),
        (["identity"], "expected identity, resize"),
    ],
)
def test_what_is_no_stand_in_is_refused(written: object, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        load_plan(plan_with({"guard": written}))


def test_a_network_of_ones_own_is_code() -> None:
    plan = load_plan(plan_with({"guard": {"python": "some:network", "weights": "a.safetensors"}}))
    probe = next(one for one in plan.all_probes() if one.id.startswith("fgsm"))
    (coded,) = probe.needs.coded
    assert isinstance(coded, CodedStandIn)
    assert probe.needs.files == (coded.weights,)
