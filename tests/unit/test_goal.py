"""A goal's margin says when it is reached, and its losses rise towards it."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from tests.helpers.tiny import binary, multiclass, multilabel

from plexor.attacks import Become, Flip, Goal, Misclassify, Move
from plexor.attacks.goals import LossKind
from plexor.attacks.goals.one_way import OneWay
from plexor.core.errors import PlanError
from plexor.models import Binary, Multilabel, Regression, Task

TASKS = [multiclass(2), multiclass(5), binary(), binary(0.2)]
GOALS: list[Goal] = [Misclassify(), Become(target="a"), Become(target="b")]
N = 300


def outputs_of(task: Task) -> torch.Tensor:
    return 3 * torch.randn(N, task.n_outputs, generator=torch.Generator().manual_seed(0))


def truth_of(task: Task) -> torch.Tensor:
    return torch.arange(N) % len(task.classes)


@pytest.mark.parametrize("task", TASKS)
def test_wrong_is_another_decision_than_the_truth(task: Task) -> None:
    outputs, truth = outputs_of(task), truth_of(task)
    reached = Misclassify().margin(task, outputs, truth) > 0
    assert torch.equal(reached, task.decide(outputs) != truth)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("target", ["a", "b"])
def test_become_is_the_decision_for_the_target_whatever_the_truth(task: Task, target: str) -> None:
    outputs = outputs_of(task)
    reached = Become(target=target).margin(task, outputs, truth_of(task)) > 0
    assert torch.equal(reached, task.decide(outputs) == task.classes.index(target))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("kind", get_args(LossKind))
def test_climbing_the_loss_leads_to_the_goal(task: Task, goal: Goal, kind: LossKind) -> None:
    truth = truth_of(task)
    outputs = outputs_of(task).requires_grad_()
    untouched = outputs.detach()
    before = goal.margin(task, untouched, truth)
    for _ in range(400):
        loss = goal.loss(task, outputs, truth, kind, untouched)
        assert loss.shape == (N,)
        (gradient,) = torch.autograd.grad(loss.sum(), outputs)
        outputs = (outputs + 0.2 * gradient.sign()).detach().requires_grad_()
    after = goal.margin(task, outputs.detach(), truth)
    assert bool((after > before).all())
    assert bool((after > 0).all())


def test_only_a_known_class_can_be_become() -> None:
    Misclassify().check(binary())
    Become(target="b").check(binary())
    with pytest.raises(PlanError, match=r"goal: unknown class 'nv' \(known: a, b\)"):
        Become(target="nv").check(binary())


def test_names() -> None:
    assert Misclassify().name == ""
    assert Become(target="naevus").name == "to-naevus"


@pytest.mark.parametrize("task", [*TASKS, multilabel(3)])
def test_the_margin_is_the_greatest_of_the_ways(task: Task) -> None:
    outputs = outputs_of(task)
    truth = task.decide(outputs_of(task) * -1)
    for goal in GOALS[: 1 if isinstance(task, Multilabel) else None]:
        ways = goal.ways(task, outputs, truth)
        assert torch.equal(ways.amax(1), goal.margin(task, outputs, truth))


@pytest.mark.parametrize("task", [*TASKS, multilabel(3)])
@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_a_ratio_loss_climbs_alike_whatever_the_logits_scale(task: Task, factor: float) -> None:
    """For thresholds of a half: any other is a number of logits itself."""
    if isinstance(task, Multilabel):
        task = Multilabel(classes=task.classes)
    elif isinstance(task, Binary):
        task = Binary(classes=task.classes)
    outputs = outputs_of(task).double()
    truth = task.decide(outputs)

    def direction(scale: float) -> torch.Tensor:
        scaled = (scale * outputs).requires_grad_()
        loss = Misclassify().loss(task, scaled, truth, "ratio", scale * outputs)
        (gradient,) = torch.autograd.grad(loss.sum(), scaled)
        return gradient / gradient.abs().amax(1, keepdim=True)

    torch.testing.assert_close(direction(factor), direction(1.0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n", [3, 5])
def test_a_ratio_loss_is_dlr_where_there_are_enough_classes(n: int) -> None:
    """Croce & Hein (ICML 2020), equation 6."""
    outputs = outputs_of(multiclass(n)).double()
    truth = torch.arange(N) % n
    ordered = outputs.sort(dim=1, descending=True).values
    own = outputs.gather(1, truth[:, None])[:, 0]
    other = torch.where(own == ordered[:, 0], ordered[:, 1], ordered[:, 0])
    dlr = -(own - other) / (ordered[:, 0] - ordered[:, 2])
    found = Misclassify().loss(multiclass(n), outputs, truth, "ratio")
    torch.testing.assert_close(found, dlr)


def test_a_ratio_loss_of_one_way_is_targeted_dlr() -> None:
    """Croce & Hein (ICML 2020), equation 7; the target is the runner-up."""
    outputs, truth = outputs_of(multiclass(5)).double(), torch.arange(N) % 5
    ordered = outputs.sort(dim=1, descending=True).values
    own = outputs.gather(1, truth[:, None])[:, 0]
    target = torch.where(own == ordered[:, 0], ordered[:, 1], ordered[:, 0])
    dlr = -(own - target) / (ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2)
    found = OneWay(goal=Misclassify(), rank=0).loss(multiclass(5), outputs, truth, "ratio")
    torch.testing.assert_close(found, dlr)


@pytest.mark.parametrize("task", TASKS)
def test_cross_entropy_keeps_its_direction_where_logits_are_enormous(task: Task) -> None:
    outputs = (1e6 * outputs_of(task)).requires_grad_()
    loss = Misclassify().loss(task, outputs, task.decide(outputs), "ce")
    (gradient,) = torch.autograd.grad(loss.sum(), outputs)
    assert bool((gradient.abs().amax(1) > 0).all())


def test_one_finding_is_hidden_or_invented_whatever_the_others() -> None:
    task = multilabel(3)
    outputs = outputs_of(task)
    present = task.decide(outputs)[:, 1] == 1
    truth = task.decide(outputs)
    hidden = Flip(label="b", kind="hide").margin(task, outputs, truth) > 0
    assert torch.equal(hidden, ~present)
    assert torch.equal(Flip(label="b", kind="invent").margin(task, outputs, truth) > 0, present)
    with pytest.raises(PlanError, match="unknown label 'x'"):
        Flip(label="x", kind="hide").check(task)
    with pytest.raises(PlanError, match="`hide` needs a multilabel task, not binary"):
        Flip(label="b", kind="hide").check(binary())


def test_a_number_is_moved_from_what_it_was() -> None:
    task = Regression(unit="years")
    before = torch.tensor([[40.0], [40.0], [40.0], [40.0]])
    outputs = torch.tensor([[46.0], [34.0], [44.0], [45.0]])
    for kind, margins in {
        "raise": [1.0, -11.0, -1.0, 0.0],
        "lower": [-11.0, 1.0, -9.0, -10.0],
        "deviate": [1.0, 1.0, -1.0, 0.0],
    }.items():
        goal = Move(by=5, kind=kind)  # type: ignore[arg-type]
        assert goal.margin(task, outputs, before[:, 0], before).tolist() == margins
        assert goal.name == f"{kind}-5"
    with pytest.raises(PlanError, match="needs what the model said before"):
        Move(by=5).margin(task, outputs, before[:, 0])
    with pytest.raises(PlanError, match="`deviate` needs a regression, not multiclass"):
        Move(by=5).check(multiclass(3))
    with pytest.raises(PlanError, match="by more than 0, got -1"):
        Move(by=-1)
    with pytest.raises(PlanError, match="misclassify has no meaning for regression"):
        Misclassify().check(task)
