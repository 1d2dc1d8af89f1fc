"""L∞ PGD against a network that predicts a number from a volume: Plexor, ART and Foolbox.

What each peer does when it is asked for it in the ways that its interface has: it runs and moves
the number, runs and does not, or raises. Volumes run from 0 to 1; the network is untrained, and
only which way and how far its number moves is looked at. Shifts are in hundredths of Plexor's way
up.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal

import foolbox
import numpy as np
import torch
from art.attacks.evasion import ProjectedGradientDescent, ProjectedGradientDescentPyTorch
from art.estimators.classification import PyTorchClassifier
from art.estimators.regression import PyTorchRegressor
from measuring import write_result
from torch import Tensor, nn

from plexor.attacks import PGD, Move, Threat
from plexor.models import Batch, Preprocess, Regression, Scaling, TorchModel
from plexor.models.card import ModelCard

SIDE, RADIUS, BY, STEPS = 24, 0.01, 5.0, 10
Call = Callable[[], Any]


def network_of() -> nn.Sequential:
    """Three blocks of two 3D convolutions, 0.2 M parameters, one output."""
    layers: list[nn.Module] = []
    width = 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for wider in (16, 32, 64):
            layers += [nn.Conv3d(width, wider, 3, padding=1), nn.ReLU()]
            layers += [nn.Conv3d(wider, wider, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2)]
            width = wider
        head = [nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(width, 1)]
        return nn.Sequential(*layers, *head).eval()


def ours(network: nn.Module, volumes: Tensor) -> Mapping[str, Call]:
    one = torch.ones(len(volumes), 1, 1, 1, 1)
    batch = Batch(
        ids=tuple(map(str, range(len(volumes)))),
        images=volumes,
        truth=torch.zeros(len(volumes)),
        low=0 * one,
        high=one,
        quantum=0 * one,
        scaling=Scaling(slope=one, intercept=0 * one),
    )
    as_stored = ModelCard(task=Regression(unit="a"), preprocess=Preprocess(window=(0, 1)))
    model = TorchModel(network, task=as_stored.task, card=as_stored)
    threat = Threat(norm="linf", radius=RADIUS, unit="value")

    def found(way: Literal["raise", "lower"]) -> Tensor:
        goal = Move(by=BY, kind=way)
        return volumes + PGD(steps=STEPS)(model, batch, goal, threat, seed=0).delta

    return {
        "plexor, raise by 5": lambda: found("raise"),
        "plexor, lower by 5": lambda: found("lower"),
    }


class Raised(foolbox.criteria.Criterion):
    """A number that has risen to 5: a goal that Foolbox does not bring itself."""

    def __repr__(self) -> str:
        return "Raised"

    def __call__(self, _perturbed: Any, outputs: Any) -> Any:
        return outputs[:, 0] > BY


class UpwardPGD(foolbox.attacks.LinfPGD):
    """Foolbox's PGD with the loss replaced by the number itself."""

    def get_loss_fn(self, model: Any, _labels: Any) -> Any:
        return lambda inputs: model(inputs).sum()


def of_foolbox(network: nn.Module, volumes: Tensor) -> Mapping[str, Call]:
    model = foolbox.PyTorchModel(network, bounds=(0, 1))
    options = {"rel_stepsize": 0.25, "steps": STEPS}
    pgd, upward = foolbox.attacks.LinfPGD(**options), UpwardPGD(**options)
    zeros = torch.zeros(len(volumes), dtype=torch.long)

    def call(attack: Any, criterion: Any) -> Call:
        return lambda: attack(model, volumes, criterion, epsilons=RADIUS)[1]

    return {
        "foolbox, label = the age as a float": call(pgd, zeros + 40.0),
        "foolbox, label = the age as an integer": call(pgd, zeros + 40),
        "foolbox, label 0": call(pgd, zeros),
        "foolbox, own criterion": call(pgd, Raised()),
        "foolbox, own loss by a subclass, label 0": call(upward, zeros),
    }


def of_art(network: nn.Module, volumes: Tensor) -> Mapping[str, Call]:
    shape = tuple(volumes.shape[1:])
    about = {"loss": nn.MSELoss(), "input_shape": shape, "clip_values": (0, 1)}
    regressor = PyTorchRegressor(network, device_type="cpu", **about)
    x = volumes.numpy()
    before = network(volumes).detach().numpy()[:, 0]
    ways = np.where(np.arange(len(x)) % 2, -BY, BY)
    options = {"eps": RADIUS, "eps_step": RADIUS / 4, "max_iter": STEPS, "verbose": False}

    def call(y: Any, **more: Any) -> Call:
        attack = ProjectedGradientDescent
        return lambda: attack(regressor, **options, **more).generate(x, y=y)

    return {
        "art, no y, one volume": lambda: ProjectedGradientDescent(regressor, **options).generate(
            x[:1]
        ),
        "art, no y": call(None),
        "art, y = answer - 5": call(before - BY),
        "art, targeted, y = answer + 5": call(before + BY, targeted=True),
        "art, targeted, y = answer ± 5 in turn": call(before + ways, targeted=True),
        "art, the same, y as a column": call((before + ways)[:, None], targeted=True),
        "art, random start": call(before - BY, num_random_init=1),
        "art, PGD for PyTorch": lambda: ProjectedGradientDescentPyTorch(regressor, **options),
        "art, as a classifier": lambda: PyTorchClassifier(network, nb_classes=1, **about),
    }


def outcome(call: Call, shift: Callable[[Tensor], list[float]]) -> tuple[str, list[float]]:
    """What happened, and the shift of each volume's number; none where an error was raised."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            torch.manual_seed(0)  # of random starts
            found = torch.as_tensor(call())
        except Exception as error:  # noqa: BLE001 - which error a peer raises is what is asked
            words = str(error).splitlines()[0].split(" <class")[0]
            return f"{type(error).__name__}: {words}", []
    warned = any("broadcasting" in str(one.message) for one in caught)
    return "runs, and warns of broadcasting" if warned else "runs", shift(found)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    network = network_of()
    draw = torch.Generator().manual_seed(1)
    volumes = 0.1 + 0.8 * torch.rand(2, 1, SIDE, SIDE, SIDE, generator=draw)

    def shift(changed: Tensor) -> list[float]:
        with torch.no_grad():
            return (network(changed.float()) - network(volumes[: len(changed)])).flatten().tolist()

    rows, unit = [], 1.0
    contenders = {**ours(network, volumes), **of_art(network, volumes)}
    for name, call in {**contenders, **of_foolbox(network, volumes)}.items():
        what, shifts = outcome(call, shift)
        unit = max(shifts) if not rows else unit
        moved = ", ".join(f"{100 * one / unit:+.0f}" for one in shifts) or "–"
        rows.append({"name": name, "what": what, "moved": moved, "shifts": shifts})
        print(name, what, moved, flush=True)
    n = sum(one.numel() for one in network.parameters())
    write_result("regression_peers", {"side": SIDE, "parameters": n, "steps": STEPS}, rows)


if __name__ == "__main__":
    main()
