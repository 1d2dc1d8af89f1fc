"""Models whose outputs vary: how they are noticed, averaged, judged and reported."""

from __future__ import annotations

import math

import pytest
import torch
from tests.helpers.tiny import Linear, batch_of, images, model_of, multiclass
from torch import Tensor, nn

from plexor.attacks import APGD, FGSM, Misclassify, Objective, Threat, judge
from plexor.attacks.cascade import averaged
from plexor.attacks.randomness import JUDGED, fresh_margins, settled_samples, varies
from plexor.cases import LOSSLESS

SHAPE = (1, 4, 4)
THREAT = Threat(norm="linf", radius=1)


class Turning(nn.Module):
    """Gives each of its logits in turn, the same for every image."""

    def __init__(self, *logits: tuple[float, float]) -> None:
        super().__init__()
        self.logits, self.asked = torch.tensor(logits), 0

    def forward(self, inputs: Tensor) -> Tensor:
        found = self.logits[self.asked % len(self.logits)]
        self.asked += 1
        return found.expand(len(inputs), 2) + 0 * inputs.flatten(1).sum(1, keepdim=True)


@pytest.mark.parametrize(("n_wrong", "margin"), [(0, -1.0), (2, -1.0), (3, 2.0), (5, 2.0)])
def test_a_case_counts_as_reached_where_most_draws_reach_the_goal(
    n_wrong: int, margin: float
) -> None:
    """Of five answers in turn, each is given three times in fifteen draws."""
    wrong, right = (0.0, 2.0), (1.0, 0.0)
    model = model_of(Turning(*[wrong] * n_wrong, *[right] * (5 - n_wrong)), multiclass(2))
    stored = images(SHAPE, 2)
    batch = batch_of(stored)
    delta = torch.zeros_like(batch.images)
    goal = Misclassify()
    found = judge(model, batch, stored, delta, goal=goal, threat=THREAT, draws=JUDGED)[LOSSLESS]
    for verdict in found:
        assert verdict.share == pytest.approx(n_wrong / 5)
        assert verdict.margin == margin
        mean = [(5 - n_wrong) / 5, 2 * n_wrong / 5]
        assert verdict.outputs.tolist() == pytest.approx(mean)
    (once, _) = judge(model, batch, stored, delta, goal=goal, threat=THREAT)[LOSSLESS]
    assert math.isnan(once.share)


def test_rounding_is_no_randomness() -> None:
    outputs = torch.tensor([[1000.0, -3.0]])
    assert not varies(outputs, outputs + 0.01)
    assert varies(outputs, outputs + 1.0)
    assert not varies(torch.full((1, 2), torch.nan), torch.full((1, 2), torch.nan))


class Shaken(nn.Module):
    """A linear model whose weights are shaken anew in every pass."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.inner, self.deviation = Linear(torch.ones(2, *SHAPE)), deviation
        self.inner.weight.data[1] *= -1
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, inputs: Tensor) -> Tensor:
        noise = torch.randn(self.inner.weight.shape, generator=self.generator).double()
        shaken = self.inner.weight + self.deviation * noise
        outputs: Tensor = (inputs.double()[:, None] * shaken).flatten(2).sum(2)
        return outputs


def test_the_more_a_gradient_varies_the_more_draws_are_averaged() -> None:
    batch = batch_of(images(SHAPE, 3))
    needed = [
        settled_samples(Objective(model_of(Shaken(much), multiclass(2)), batch, Misclassify()))
        for much in (0.0, 2.0, 100.0)
    ]
    assert needed[0] == 1
    assert 1 < needed[1] < 32
    assert needed[2] == 32


def test_fresh_margins_are_of_new_draws() -> None:
    batch = batch_of(images(SHAPE, 3))
    objective = Objective(model_of(Shaken(1.0), multiclass(2)), batch, Misclassify())
    drawn = fresh_margins(objective, torch.zeros_like(batch.images))
    assert drawn.shape == (JUDGED, 3)
    assert len({tuple(draw.tolist()) for draw in drawn}) == JUDGED


def test_only_attacks_that_can_average_are_averaged() -> None:
    assert averaged(APGD(stop_at_success=True), 8) == APGD(samples=8)
    assert averaged(FGSM(), 8) == FGSM()
    assert averaged(APGD(stop_at_success=True), 0) == APGD(stop_at_success=True)
