"""Goals about outlines at their edges: one pixel, no pixel, logits without end, NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from tests.helpers.tiny import segmentation
from torch import Tensor

from plexor.attacks import Drift, Erase, Spread
from plexor.attacks.goals import Goal

TASK = segmentation(2)


def row(leads: Sequence[float]) -> Tensor:
    """Outputs of one image of a single row, with these leads of class "b", (1, 2, 1, P)."""
    lead = torch.tensor(leads, dtype=torch.float32)
    return torch.stack([torch.zeros_like(lead), lead])[None, :, None]


def margin(goal: Goal, before: Tensor, after: Tensor) -> float:
    return float(goal.margin(TASK, after, TASK.decide(before), before))


def test_an_unmoved_outline_is_drawn_towards_the_least_decided_pixel() -> None:
    """The fourth pixel is nearly outlined: to outline it moves the centre to the right."""
    before = row([9, 9, 9, -0.1, -9, -9, -9])
    outputs = before.clone().requires_grad_()
    ahead = Drift(of="b", by=1).margin(TASK, outputs, TASK.decide(before), before)
    (gradient,) = torch.autograd.grad(ahead.sum(), outputs)
    assert float(gradient[0, 1, 0, 3]) > 0
    assert margin(Drift(of="b", by=1), before, row([9, 9, 9, 0.1, -9, -9, -9])) == -0.5


def test_an_outline_that_vanished_has_not_moved() -> None:
    before, gone = row([9, 9, -9, -9, -9]), row([-9, -9, -9, -9, -9])
    assert margin(Drift(of="b", by=1.5), before, gone) == -1.5


@pytest.mark.parametrize("goal", [Erase(of="b"), Spread(of="b", by=0.25, kind="invent")])
def test_a_margin_is_nan_where_a_single_output_is(goal: Goal) -> None:
    before, after = row([9, 9, -9, -9]), row([9, 9, -9, -9])
    after[..., 3] = torch.nan
    assert math.isnan(margin(goal, before, after))


def test_the_loss_of_kind_margin_is_the_margin() -> None:
    before, after = row([9, 4, -9, -9]), row([5, 3, -9, -9])
    goal, truth = Erase(of="b"), TASK.decide(before)
    assert goal.loss(TASK, after, truth, "margin", before) == margin(goal, before, after)


def test_enormous_logits_still_have_a_gradient() -> None:
    before = row([3e6, 2e6, -1e6, -4e6])
    outputs = before.clone().requires_grad_()
    loss = Erase(of="b").loss(TASK, outputs, TASK.decide(before), "ce", before)
    (gradient,) = torch.autograd.grad(loss.sum(), outputs)
    assert bool((gradient[0, 1, 0, :2] < 0).all())
