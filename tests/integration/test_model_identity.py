"""A run notes what the model answers to fixed images, and tells a model that answers otherwise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.helpers.runs import LINF_2, Setup
from torch import Tensor, nn

from plexor.audits import Ray, audit
from plexor.core.errors import PlanError
from plexor.findings import RunDirectory
from plexor.models import ModelSource, TorchModel, load_model, open_model
from plexor.models.sources.endpoint_settings import Request


class Code(nn.Module):
    """What surrounds a network: not among its weights."""

    def __init__(self, factor: float, noise: float) -> None:
        super().__init__()
        self.factor, self.noise = factor, noise

    def forward(self, images: Tensor) -> Tensor:
        return self.factor * images + self.noise * torch.randn_like(images)


def started(setup: Setup, *, factor: float = 1, noise: float = 0) -> RunDirectory:
    """A start of the run with a model whose weights are always the same."""
    sound = load_model(ModelSource(weights=setup.weights))
    network = nn.Sequential(Code(factor, noise), sound.network)
    model = TorchModel(network, task=sound.task, preprocess=sound.preprocess)
    return audit(setup.plan, out=setup.out, model=model, quiet=True)


def check(run: RunDirectory, name: str = "answers-differ") -> dict[str, Any]:
    checks: Any = run.provenance()["checks"]
    (found,) = [one for one in checks if one["id"] == name]
    return dict(found)


def answers(run: RunDirectory) -> list[dict[str, Any]]:
    found: Any = run.provenance()["answers"]
    return list(found)


def test_the_same_weights_with_other_code_raise_a_flag(setup: Setup) -> None:
    setup.change_plan(n_examples=0, probes=[LINF_2])
    run = started(setup)
    assert check(run)["raised"] is False
    assert len(answers(run)) == 1
    before = (setup.out / "provenance.json").read_bytes()
    assert (started(setup).path / "provenance.json").read_bytes() == before
    run = started(setup, factor=0.5)
    assert check(run)["raised"] is True
    assert "answers-differ" in {flag.id for flag in run.summarise().flags}
    first, other = answers(run)
    assert first["sha256"] != other["sha256"]
    run = started(setup)  # the first model again: findings of both are there
    assert check(run)["raised"] is True
    assert answers(run) == [first, other]


def test_a_model_that_varies_is_told_apart(setup: Setup) -> None:
    setup.change_plan(n_examples=0, probes=[LINF_2])
    run = started(setup, noise=0.1)
    assert check(run, "non-deterministic")["raised"] is True
    assert check(run)["raised"] is None
    assert answers(run) == []
    raised = {flag.id for flag in started(setup, noise=0.1).summarise().flags}
    assert "non-deterministic" in raised
    assert "answers-differ" not in raised


def test_workers_are_refused_for_a_server_with_a_rate(setup: Setup) -> None:
    server = {"url": "http://localhost:9/x", "classes": ["a", "b"], "request": {"per_second": 5}}
    setup.change_plan(model=server, probes=[{"attack": "square", "threat": LINF_2["threat"]}])
    with pytest.raises(PlanError, match="at most 5 times a second, which several workers cannot"):
        audit(setup.plan, out=setup.out, executor=Ray(workers=2))
    assert not setup.out.exists()


def test_workers_are_refused_for_such_a_server_made_in_python(setup: Setup) -> None:
    request = Request(per_second=5, ledger=setup.out.parent / "answers.jsonl")
    server = open_model(
        ModelSource(url="http://localhost:9/x", classes=("keratosis", "naevus"), request=request)
    )
    with pytest.raises(PlanError, match="server localhost is to be asked at most 5 times a second"):
        audit(setup.plan, out=setup.out, model=server, executor=Ray(workers=2))
    assert not setup.out.exists()
