"""Grey images stored as RGB: the worst change that is equal in all channels, in closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.helpers.tiny import AS_STORED
from torch import Tensor, nn

from plexor.attacks import PGD, SEARCHES, Misclassify, Threat, matched_noise
from plexor.attacks.example import tiny_problem
from plexor.attacks.fitted import FittedAttack
from plexor.attacks.generative import Generator
from plexor.attacks.judge import judge
from plexor.attacks.storable import check_storable
from plexor.attacks.tied import Tied, fit
from plexor.attacks.universal import UniversalSGD
from plexor.cases.formats import decode_image
from plexor.cases.formats.png import PngCodec
from plexor.core.errors import DataError, PlanError
from plexor.models import Batch, Multiclass, TorchModel
from plexor.models.tied import tied_batch, tied_model
from plexor.plans import load_plan

SIDE, VALUE = 4, 100.0
CHEAP: dict[str, dict[str, object]] = {
    "square": {"queries": 200},
    "nes": {"queries": 400},
    "simba": {"queries": 400},
    "hop-skip-jump": {"queries": 400},
    "sparse-rs": {"queries": 200},
    "one-pixel": {"queries": 200},
    "fab": {"steps": 10},
    "fmn": {"steps": 60},
    "ddn": {"steps": 60},
    "carlini-wagner": {"steps": 60},
    "cascade": {},
}


class Linear(nn.Module):
    """Two logits, ∓ half of a linear function of all numbers."""

    def __init__(self, weights: Tensor, bias: float) -> None:
        super().__init__()
        self.weights, self.bias = nn.Parameter(weights), bias

    def forward(self, images: Tensor) -> Tensor:
        rise = images.flatten(1) @ self.weights.flatten() + self.bias
        return torch.stack([-rise, rise], dim=1) / 2


def problem(bias: float = -1.0) -> tuple[TorchModel, Batch, Tensor]:
    """A model, two grey images as RGB, and the weights summed over channels, no two alike.

    A single channel has much larger weights than the sum: they cancel to a good part.
    """
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(3, SIDE, SIDE, generator=generator)
    weights[1] = -0.8 * weights[0] + 0.02 * weights[1]
    pixels = np.full((3, SIDE, SIDE), int(VALUE), np.uint8)
    stored = decode_image(PngCodec().encode(pixels), "grey.png")
    offset = float((weights * VALUE).sum())
    model = TorchModel(
        Linear(weights, bias - offset), task=Multiclass(classes=("a", "b")), preprocess=AS_STORED
    )
    batch = Batch.of(["x", "y"], [stored, stored], torch.zeros(2, dtype=torch.long), model.device)
    with torch.no_grad():
        batch = replace(batch, before=model.outputs(batch.images))
    return model, batch, weights.sum(0)


def gain(model: TorchModel, delta: Tensor) -> Tensor:
    """How far the linear function rises."""
    weights = model.network.get_parameter("weights").detach()
    return delta.double().flatten(1) @ weights.double().flatten()


def optimum(norm: str, radius: float, summed: Tensor) -> float:
    """The greatest rise by a change that is equal in three channels."""
    match norm:
        case "linf":
            return radius * float(summed.abs().sum())
        case "l2":
            return radius / math.sqrt(3) * float(summed.norm())
        case "l1":
            return radius / 3 * float(summed.abs().max())
    rise = torch.where(summed > 0, (255 - VALUE) * summed, -VALUE * summed).flatten()
    return float(rise.topk(int(radius)).values.sum())


@pytest.mark.parametrize(
    ("norm", "radius", "share"),
    [("linf", 2, 0.99), ("l2", 60, 0.95), ("l1", 90, 0.9), ("l0", 3, 0.5)],
)
def test_pgd_finds_the_best_change_that_is_equal_in_all_channels(
    norm: str, radius: float, share: float
) -> None:
    model, batch, summed = problem(bias=-1e4)
    threat = Threat(norm=norm, radius=radius, channels="tied")  # type: ignore[arg-type]
    attack = Tied(attack=PGD(steps=20))
    delta = attack(model, batch, Misclassify(), threat, seed=0).delta
    assert torch.equal(delta, delta[:, :1].expand_as(delta))
    best = optimum(norm, radius, summed)
    found = gain(model, delta)
    assert (found <= best * (1 + 1e-4)).all()
    assert (found >= share * best).all()
    if norm != "l0":  # of which PGD finds no more than a good part
        colour = replace(threat, channels="together")
        free = PGD(steps=20)(model, batch, Misclassify(), colour, seed=0)
        assert (gain(model, free.delta) > 1.3 * best).all(), "colour would be no more"


@pytest.mark.parametrize("name", sorted(set(SEARCHES) - {"jpeg"}))
def test_every_attack_keeps_channels_equal_and_the_radius_of_the_stored_image(name: str) -> None:
    model, batch, _ = problem()
    attack = SEARCHES[name]
    for norm in attack.norms:
        radius = {"linf": 3, "l2": 60, "l1": 200, "l0": 3}[norm]
        threat = Threat(norm=norm, radius=radius, channels="tied")  # type: ignore[arg-type]
        tied = Tied(attack=attack(**CHEAP.get(name, {})))
        found = tied(model, batch, Misclassify(), threat, seed=0)
        verdicts = judge(
            model, batch, batch.stored, found.delta, goal=Misclassify(), threat=threat
        )["lossless"]
        for verdict in verdicts:
            assert verdict.within_threat
            assert (verdict.pixels == verdict.pixels[:1]).all()


@pytest.mark.parametrize("attack", [UniversalSGD(steps=10), Generator(steps=3, width=8)])
def test_fitted_attacks_do_so(attack: FittedAttack) -> None:
    model, batch, _ = problem()
    threat = Threat(norm="l2", radius=30, channels="tied")
    fitted = fit(attack, model, [batch], Misclassify(), threat, n_channels=3, seed=0)
    assert fitted.card.shape == (1, SIDE, SIDE)
    found = Tied(attack=fitted)(model, batch, Misclassify(), threat, seed=0)
    (first, _) = judge(model, batch, batch.stored, found.delta, goal=Misclassify(), threat=threat)[
        "lossless"
    ]
    assert first.within_threat
    assert 25 < first.distances.l2 <= 30 * (1 + 1e-5)


@pytest.mark.parametrize(("norm", "length"), [("linf", 2.0), ("l2", 60.0), ("l1", 90.0)])
def test_noise_is_tied_and_uses_the_radius(norm: str, length: float) -> None:
    _, batch, _ = problem()
    threat = Threat(norm=norm, radius=length, channels="tied")  # type: ignore[arg-type]
    noise = matched_noise(batch, threat, seed=0)
    assert torch.equal(noise, noise[:, :1].expand_as(noise))
    norms = replace(threat, channels="together").norms(noise)
    assert (norms <= length * (1 + 1e-5)).all()
    assert (norms >= 0.95 * length).all()


def test_the_judge_refuses_colours() -> None:
    model, batch, _ = problem()
    delta = torch.zeros_like(batch.images)
    delta[0, 0] = 1
    delta[1] = 1
    threat = Threat(norm="linf", radius=2, channels="tied")
    verdicts = judge(model, batch, batch.stored, delta, goal=Misclassify(), threat=threat)
    assert [v.within_threat for v in verdicts["lossless"]] == [False, True]


def test_images_in_colour_are_refused() -> None:
    model, batch, _ = problem()
    images = batch.images.clone()
    images[1, 2, 0, 0] += 1
    attack = Tied(attack=PGD())
    threat = Threat(norm="linf", radius=2, channels="tied")
    with pytest.raises(DataError, match=r"is for grey images .* those of y differ"):
        attack(model, replace(batch, images=images), Misclassify(), threat, seed=0)


def test_images_of_one_channel_are_as_with_any_threat() -> None:
    model, batch = tiny_problem()
    tied, plain = (Threat(norm="l2", radius=9, channels=c) for c in ("tied", "together"))
    one = Tied(attack=PGD())(model, batch, Misclassify(), tied, seed=0)
    other = PGD()(model, batch, Misclassify(), plain, seed=0)
    assert torch.equal(one.delta, other.delta)


def test_the_least_radius_is_that_of_three_channels() -> None:
    _, batch, _ = problem()
    check_storable(Threat(norm="l2", radius=1.74, channels="tied"), batch)
    with pytest.raises(PlanError, match=r"the least is 1\.74 level$"):
        check_storable(Threat(norm="l2", radius=1.5, channels="tied"), batch)


def test_a_tied_model_has_the_network_and_the_gradient_of_its_model() -> None:
    model, batch, summed = problem()
    grey = tied_batch(batch)
    images = grey.images.clone().requires_grad_()
    tied_model(model, grey.copies).outputs(images)[:, 1].sum().backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    assert torch.allclose(images.grad[0, 0], summed / 2, atol=1e-5)
    assert tied_model(model, grey.copies).network is model.network  # type: ignore[attr-defined]


def test_jpeg_is_refused_in_a_plan(tmp_path: object) -> None:
    threat = {"norm": "linf", "radius": 2, "channels": "tied"}
    plan = {"cohort": {"manifest": "m"}, "probes": [{"attack": "jpeg", "threat": threat}]}
    with pytest.raises(PlanError, match="jpeg changes the coefficients of each colour"):
        load_plan(plan)
    plan["probes"] = [{"attack": "pgd", "threat": threat}]
    assert [probe.id for probe in load_plan(plan).all_probes()] == [
        "clean",
        "pgd-linf-2-tied",
        "noise-linf-2-tied",
    ]
