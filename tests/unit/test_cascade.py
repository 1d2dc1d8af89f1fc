"""Each stage sees only the cases that withstood those before, and the cost is all of theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from tests.helpers.tiny import Curved, batch_of, images, model_of, multiclass
from torch import Tensor, nn

from plexor.attacks import Become, Cascade, Goal, Misclassify, Proposal, Threat, cascade
from plexor.attacks.stages import STAGES, THOROUGH, Stage
from plexor.models import Batch, Model, TorchModel
from plexor.threat_model import NORMS

SHAPE = (3, 6, 5)
THREAT = Threat(norm="linf", radius=4)


@dataclass(frozen=True, slots=True)
class Known:
    """Proposes what it was told for each case, and remembers whom it was shown."""

    deltas: dict[str, Tensor]
    shown: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(
        self, model: Model, batch: Batch, goal: Any, threat: Any, *, seed: int
    ) -> Proposal:
        assert batch.before is not None
        self.shown.append(batch.ids)
        nothing = torch.zeros_like(batch.images[0])
        one = torch.ones(len(batch), dtype=torch.int64)
        return Proposal(
            delta=torch.stack([self.deltas.get(name, nothing) for name in batch.ids]),
            n_gradients=3 * one,
            n_forwards=one,
        )


def setup() -> tuple[TorchModel, Batch]:
    model = model_of(Curved(SHAPE, 4), multiclass(4))
    stored = images(SHAPE, 4)
    labels = model.task.decide(model.outputs(batch_of(stored).images)).tolist()
    return model, batch_of(stored, labels)


def test_a_case_goes_on_until_a_stage_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = setup()
    found = Cascade()(model, batch, Misclassify(), THREAT, seed=0).delta
    reached = Misclassify().margin(model.task, model.outputs(batch.images + found), batch.truth) > 0
    assert bool(reached.all()), "the stages below need a perturbation for every case"
    deltas = dict(zip(batch.ids, found, strict=True))
    first = Known({name: deltas[name] for name in ("case-1",)})
    second = Known({name: deltas[name] for name in ("case-0", "case-3")})
    elsewhere = Known(deltas)
    stages = (
        Stage(name="first", attack=first, norms=("linf",)),
        Stage(name="elsewhere", attack=elsewhere, norms=("l2",)),
        Stage(name="second", attack=second, norms=("linf",)),
    )
    monkeypatch.setattr(cascade, "STAGES", stages)
    proposal = Cascade()(model, batch, Misclassify(), THREAT, seed=0)
    assert first.shown == [batch.ids]
    assert second.shown == [("case-0", "case-2", "case-3")]
    assert elsewhere.shown == []
    assert proposal.found_by == ("second", "first", "", "second")
    assert torch.equal(proposal.delta[[0, 1, 3]], found[[0, 1, 3]])
    assert not proposal.delta[2].any()
    # the untouched image twice, then each stage's own cost and the look at what it proposed, and
    # for the cases left after the first a look at the layers
    assert proposal.n_gradients.tolist() == [6, 3, 6, 6]
    assert proposal.n_forwards.tolist() == [7, 4, 7, 7]


@pytest.mark.parametrize(("goal", "used"), [(Misclassify(), True), (Become(target="b"), False)])
def test_a_stage_for_several_ways_is_left_out_where_there_is_one(
    goal: Goal, monkeypatch: pytest.MonkeyPatch, *, used: bool
) -> None:
    model, batch = setup()
    nothing = Known({})
    several = Stage(name="any", attack=nothing, norms=("linf",), several_ways=True)
    monkeypatch.setattr(cascade, "STAGES", (several,))
    Cascade()(model, batch, goal, THREAT, seed=0)
    assert bool(nothing.shown) is used


class Hiding(nn.Module):
    """Lets a gradient through that is zero."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Curved(SHAPE, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.inner(torch.from_numpy(inputs.detach().numpy().copy()))
        return outputs + 0 * inputs.double().sum()


def test_what_only_hides_its_gradient_falls_to_the_stage_that_asks_for_none() -> None:
    model = model_of(Hiding(), multiclass(4))
    stored = images(SHAPE, 8)
    labels = model.task.decide(model.outputs(batch_of(stored).images)).tolist()
    batch = batch_of(stored, labels)
    proposal = Cascade()(model, batch, Misclassify(), Threat(norm="linf", radius=12), seed=0)
    assert "square" in proposal.found_by


class Detached(nn.Module):
    """Lets no gradient through, or leaves torch altogether."""

    def __init__(self, *, by_numpy: bool) -> None:
        super().__init__()
        self.inner, self.by_numpy = Curved(SHAPE, 4), by_numpy

    def forward(self, inputs: Tensor) -> Tensor:
        if self.by_numpy:
            inputs = torch.from_numpy(inputs.numpy().copy())
        with torch.inference_mode():
            outputs: Tensor = self.inner(inputs.detach())
        return outputs


@pytest.mark.parametrize("by_numpy", [False, True])
def test_without_gradients_the_stages_by_queries_go_on_and_the_log_says_so(
    by_numpy: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A tensor that needs a gradient cannot become an array: the forward pass itself fails."""
    model = model_of(Detached(by_numpy=by_numpy), multiclass(4))
    stored = images(SHAPE, 4)
    labels = model.task.decide(model.outputs(batch_of(stored).images)).tolist()
    batch, threat = batch_of(stored, labels), Threat(norm="linf", radius=12)
    with caplog.at_level("WARNING"):
        proposal = Cascade()(model, batch, Misclassify(), threat, seed=0)
    assert set(proposal.found_by) <= {"square", ""}
    assert "square" in proposal.found_by
    assert not proposal.n_gradients.any()
    assert caplog.text.count("stages that need one are skipped") == 1


@pytest.mark.parametrize("stages", [STAGES, THOROUGH])
@pytest.mark.parametrize("norm", NORMS)
def test_the_last_stage_of_every_norm_needs_no_gradient(
    stages: tuple[Stage, ...], norm: str
) -> None:
    chosen = [stage for stage in stages if norm in stage.norms]
    assert chosen[0].sees_gradients
    assert not [stage for stage in chosen if not stage.flat_only][-1].sees_gradients
