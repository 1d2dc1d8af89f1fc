"""A goal's margin says when it is reached, and its losses rise towards it."""

from __future__ import annotations

import pytest
import torch
from tests.helpers.tiny import binary, multiclass

from plexor.attacks import Become, Goal, Misclassify
from plexor.attacks.goal import LossKind
from plexor.core.errors import PlanError
from plexor.models import Task

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
@pytest.mark.parametrize("kind", ["ce", "margin"])
def test_climbing_the_loss_leads_to_the_goal(task: Task, goal: Goal, kind: LossKind) -> None:
    truth = truth_of(task)
    outputs = outputs_of(task).requires_grad_()
    before = goal.margin(task, outputs.detach(), truth)
    for _ in range(400):
        loss = goal.loss(task, outputs, truth, kind)
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
