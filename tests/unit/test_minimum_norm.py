"""Minimum-norm searches: what they refuse, and what they do where the goal is out of reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.helpers.tiny import Linear, batch_of, binary, images, model_of, multiclass
from torch import Tensor

from plexor.attacks import (
    DDN,
    FAB,
    FMN,
    Attack,
    Become,
    CarliniWagner,
    DeepFool,
    Masked,
    Misclassify,
    Objective,
    Threat,
)
from plexor.attacks.goals import OneWay
from plexor.attacks.minimum_norm.boundary import nearest_plane
from plexor.attacks.minimum_norm.nearest import Nearest, shortest_stored
from plexor.core.errors import PlanError
from plexor.models import Batch, TorchModel

SHAPE = (1, 5, 6)
TEN = 10**0.5
"""The Euclidean length of ten numbers moved by a level."""
QUICK: list[Attack] = [
    FMN(steps=20),
    DDN(steps=20),
    FAB(steps=10),
    FAB(steps=5, targeted=True, restarts=2),
    DeepFool(),
    CarliniWagner(steps=30, constants=4, step_size=0.1),
]


def one_logit(rise: float, *, slope: float = 1.0) -> tuple[TorchModel, Batch]:
    """About ``slope`` a level for each number; ``rise`` short of being positive; far inside."""
    stored = images(SHAPE, 3)
    for one in stored:
        one.pixels[:] = 100
    weight = slope * torch.linspace(1.0, 1.5, 30, dtype=torch.float64).view(1, *SHAPE)
    bias = torch.tensor([-rise - float(weight.sum()) * 100], dtype=torch.float64)
    return model_of(Linear(weight, bias), binary()), batch_of(stored)


@pytest.mark.parametrize(
    ("attack", "options", "message"),
    [
        (FMN, {"steps": 0}, "fmn: `steps` must be at least 1, got 0"),
        (FMN, {"step_size": 0}, "fmn: `step_size` must be positive"),
        (FMN, {"gamma": 1}, "fmn: `gamma` must lie between 0 and 1"),
        (DDN, {"steps": 0}, "ddn: `steps` must be at least 1"),
        (DDN, {"first_norm": -1}, "ddn: `first_norm` must be positive"),
        (DDN, {"gamma": 0}, "ddn: `gamma` must lie between 0 and 1"),
        (FAB, {"restarts": 0}, "fab: `restarts` must be at least 1"),
        (DeepFool, {"ways": 0}, "deepfool: `ways` must be at least 1"),
        (DeepFool, {"overshoot": -0.1}, "deepfool: `overshoot` must be at least 0"),
        (FMN, {"ways": 0}, "fmn: `ways` must be at least 1, got 0"),
        (CarliniWagner, {"constants": 0}, "carlini-wagner: `constants` must be at least 1"),
        (CarliniWagner, {"step_size": 0}, "carlini-wagner: `step_size` must be positive"),
    ],
)
def test_options_that_make_no_sense(attack: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        attack(**options)


@pytest.mark.parametrize(
    ("attack", "norms"),
    [
        (DDN(), ["linf", "l1", "l0"]),
        (CarliniWagner(), ["linf"]),
        (FAB(), ["l0"]),
        (DeepFool(), ["l0"]),
    ],
)
def test_a_norm_that_is_not_searched(attack: Attack, norms: list[Any]) -> None:
    model, batch = one_logit(5.0)
    for norm in norms:
        with pytest.raises(PlanError, match=f"searches under .* got a threat in {norm}; choose"):
            attack(model, batch, Misclassify(), Threat(norm=norm, radius=3), seed=0)


@pytest.mark.parametrize("attack", QUICK)
def test_the_radius_bounds_what_is_proposed(attack: Attack) -> None:
    """Ten numbers must move by a level: proposed at that radius, and beyond; below it, as far as
    the radius lets one go."""
    model, batch = one_logit(13.5)
    goal = Become(target="b")
    for radius, expected in [(2.0, 2.0), (3.0, 3.0), (3.2, TEN), (300.0, TEN)]:
        threat = Threat(norm="l2", radius=radius)
        proposal = attack(model, batch, goal, threat, seed=0)
        assert threat.norms(proposal.delta).tolist() == pytest.approx([expected] * 3, rel=1e-6)
        reached = model.outputs(batch.images + proposal.delta)[:, 0] > 0
        assert bool(reached.all()) == (radius > 3.1)


@pytest.mark.parametrize("attack", QUICK)
def test_what_cannot_be_done_is_left_alone(attack: Attack) -> None:
    """An empty region, and a model that nothing moves."""
    model, batch = one_logit(5.0)
    nowhere = torch.zeros(3, 1, *SHAPE[1:], dtype=torch.bool)
    masked = replace(batch, masks={"lesion": nowhere})
    threat = Threat(norm="l2", radius=50, region=Masked(mask="lesion"))
    assert not attack(model, masked, Become(target="b"), threat, seed=0).delta.any()
    deaf, batch = one_logit(5.0, slope=0.0)
    threat = Threat(norm="l2", radius=50)
    assert not attack(deaf, batch, Become(target="b"), threat, seed=0).delta.any()


def test_the_nearest_that_reaches_is_kept_else_the_best_margin() -> None:
    model, batch = one_logit(5.0)
    threat = Threat(norm="l2", radius=50)
    nearest = Nearest(Objective(model, batch, Become(target="b")), threat)

    def see(length: float, margins: list[float]) -> list[float]:
        nearest.see(torch.full_like(batch.images, length), torch.tensor(margins))
        return [float(delta.flatten()[0]) for delta in nearest.delta]

    assert see(1.0, [-2.0, -6.0, 1.0]) == [1.0, 0.0, 1.0]
    assert see(2.0, [-1.0, 1.0, 2.0]) == [2.0, 2.0, 1.0]
    assert see(0.5, [-1.5, -1.0, 0.1]) == [2.0, 2.0, 0.5]
    assert nearest.found.tolist() == [False, True, True]


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_what_is_stored_is_asked_for_and_counted(norm: Any) -> None:
    """A direction found by rounding's leave: too short for the goal, and for any level."""
    model, batch = one_logit(13.5)
    objective = Objective(model, batch, Become(target="b"))
    asked = objective.n_forwards.clone()
    delta = torch.linspace(0.1, 0.3, 30).view(SHAPE).expand_as(batch.images)
    threat = Threat(norm=norm, radius=100)
    found = shortest_stored(objective, threat, delta)
    expected = {"linf": 1.0, "l2": TEN, "l1": 10.0}[norm]
    assert threat.norms(found).tolist() == pytest.approx([expected] * 3, rel=1e-6)
    assert bool(((objective.n_forwards - asked) <= 25).all())
    assert bool((objective.n_forwards > asked).all())


def test_l0_drops_positions_that_are_not_needed() -> None:
    model, batch = one_logit(13.5)
    delta = torch.arange(30.0).view(SHAPE).expand_as(batch.images)
    threat = Threat(norm="l0", radius=30)
    found = shortest_stored(Objective(model, batch, Become(target="b")), threat, delta)
    assert threat.norms(found).tolist() == [1.0, 1.0, 1.0]


def test_the_nearest_way_is_the_one_within_the_range() -> None:
    """Without a range, the second class would be nearer; but its numbers are at their end."""
    stored = images(SHAPE, 1)
    stored[0].pixels[:] = 100
    stored[0].pixels[..., :3] = 255
    weight = torch.zeros(3, *SHAPE)
    weight[1, ..., :3] = 2.0
    weight[2, ..., 3:] = 1.0
    batch = batch_of(stored)
    bias = torch.tensor([3.0, -2.0 * 255 * 15, -100.0 * 15]).double()
    model = model_of(Linear(weight, bias), multiclass(3))
    objective = Objective(model, batch, Misclassify())
    zero = torch.zeros_like(batch.images)
    plane = nearest_plane(objective, Threat(norm="l2", radius=9), zero, most=5)
    assert torch.equal(plane.gradient[0], weight[2])
    assert float(plane.rise) == 3.0
    expected: Tensor = weight[2] * 0.2
    torch.testing.assert_close(plane.step[0], expected)


def test_one_way_is_followed_and_any_reaches_the_goal() -> None:
    task, goal = multiclass(4), Misclassify()
    truth = torch.tensor([0, 3])
    before = torch.tensor([[9.0, 1.0, 3.0, 2.0], [0.0, 4.0, 1.0, 5.0]])
    outputs = before + torch.tensor([[0.0, 9.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    second = OneWay(goal=goal, rank=1)
    second.check(task)
    assert second.name == goal.name
    assert second.ways(task, outputs, truth, before).tolist() == [[-7.0], [-4.0]]
    assert second.loss(task, outputs, truth, "ce", before).tolist() == [-7.0, -4.0]
    assert second.margin(task, outputs, truth, before).tolist() == [1.0, -1.0]
