"""The cascade on models that hide, scale, drop or scatter their gradient in their own code.

Each is a network that one step breaks, behind something that gets in the way of a search. No case
may be left, whatever it is, and none may be reported as withstanding because a search crashed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from tests.helpers.trained import noisy_patterns
from torch import Tensor, nn

from plexor.attacks import Cascade, Misclassify, Proposal, Threat
from plexor.models import Batch, Model, TorchModel

N_CASES = 4
Network = Callable[[Tensor], Tensor]
Answers = Callable[[Network, Tensor], Tensor]


class Scaled(torch.autograd.Function):
    """The identity, with its gradient times a factor."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return inputs.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None


def unrecorded(network: Network, x: Tensor) -> Tensor:
    with torch.no_grad():
        return network((x * 7).round() / 7)


def switched_off(network: Network, x: Tensor) -> Tensor:
    torch.set_grad_enabled(False)
    return network(x)


def inferred(network: Network, x: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(x)


def drawn_by_python(network: Network, x: Tensor) -> Tensor:
    return network(x + random.gauss(0, 0.03))


def seeded_by_the_image(network: Network, x: Tensor) -> Tensor:
    seeds = [int(1e3 * float(one.detach().sum())) % 2**31 for one in x]
    noise = [torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(s)) for s in seeds]
    return network(x + 0.1 * torch.stack(noise).to(x))


def seeding_everything(network: Network, x: Tensor) -> Tensor:
    torch.manual_seed(0)
    return network(x)


def one_hot_by_numpy(network: Network, x: Tensor) -> Tensor:
    with torch.no_grad():
        label = network(torch.from_numpy(x.detach().numpy())).argmax(1).numpy()
    return torch.from_numpy(np.eye(5, dtype=np.float32)[label])


def scaled_by(factor: float) -> Answers:
    return lambda network, x: network(Scaled.apply(x, factor))  # type: ignore[no-untyped-call]


BY_GRADIENTS: dict[str, Answers] = {
    "no_grad": unrecorded,
    "gradients switched off": switched_off,
    "rounding": lambda network, x: network((x * 7).round() / 7),
    "rounding in place": lambda network, x: network(x.mul_(7).round_().div_(7)),
    "comparison": lambda network, x: network((x > 0.5).to(x)),
    "bytes": lambda network, x: network((x * 255).byte() / 255),
    "rounded logits": lambda network, x: (network(x) * 4).round() / 4,
    "clipped logits": lambda network, x: (1e3 * network(x)).clamp(-1, 1),
    "saturated input": lambda network, x: network((200 * (x - 0.5)).sigmoid()),
    "gradient times 1e-12": scaled_by(1e-12),
    "gradient times 1e-36": scaled_by(1e-36),
    "noise by Python's random": drawn_by_python,
    "noise seeded by the image": seeded_by_the_image,
    "global seed": seeding_everything,
    "depends on the batch": lambda network, x: network(x - 0.2 * x.mean(0, keepdim=True)),
    "logits changed in place": lambda network, x: network(x).mul_(2).sub_(1),
}
BY_QUERIES: dict[str, Answers] = {
    "NumPy without detach": lambda network, x: network(torch.from_numpy(x.numpy() * 1.0).to(x)),
    "inference mode": inferred,
    "gradient of zero": scaled_by(0.0),
    "predict of an estimator": one_hot_by_numpy,
}


class Hostile(nn.Module):
    """A network behind one of these."""

    def __init__(self, network: nn.Module, answers: Answers) -> None:
        super().__init__()
        self.network, self.answers = network, answers

    def forward(self, inputs: Tensor) -> Tensor:
        return self.answers(self.network, inputs)


@cache
def patterns() -> tuple[TorchModel, Batch]:
    return noisy_patterns()


def attacked(answers: Answers) -> tuple[Model, Batch, Proposal]:
    """The cascade on cases that the model mostly decides rightly."""
    random.seed(0)
    plain, batch = patterns()
    model = TorchModel(Hostile(plain.network, answers), task=plain.task)
    right = mostly(model, batch, torch.zeros_like(batch.images), wrong=False)
    some = batch.select(torch.nonzero(right).flatten()[:N_CASES])
    assert len(some) == N_CASES
    threat = Threat(norm="linf", radius=8)
    return model, some, Cascade()(model, some, Misclassify(), threat, seed=0)


def mostly(model: Model, batch: Batch, delta: Tensor, *, wrong: bool) -> Tensor:
    """Whether most of seven answers are wrong, or right, (N,) bool."""
    with torch.no_grad():
        answers = [model.outputs(batch.images + delta, batch.scaling) for _ in range(7)]
    found = torch.stack([(model.task.decide(one) != batch.truth) == wrong for one in answers])
    return found.float().mean(0) > 0.5


@pytest.mark.parametrize("name", BY_GRADIENTS)
def test_gradients_reach_every_case(name: str) -> None:
    model, some, proposal = attacked(BY_GRADIENTS[name])
    assert bool(mostly(model, some, proposal.delta, wrong=True).all())
    assert not set(proposal.found_by) & {"", "square", "rays"}
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", BY_QUERIES)
def test_queries_reach_what_gradients_cannot(name: str) -> None:
    model, some, proposal = attacked(BY_QUERIES[name])
    assert bool(mostly(model, some, proposal.delta, wrong=True).all())
    assert set(proposal.found_by) <= {"square", "rays"}
    if "gradient" not in name:
        assert not proposal.n_gradients.any()
