"""Auto-PGD, targeted or not, and momentum, against worst cases in closed form and against PGD."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from tests.helpers.tiny import Linear, Quadratic, batch_of, image, images, model_of, multiclass
from tests.helpers.trained import noisy_patterns
from torch import Tensor

from plexor.attacks import APGD, APGDT, MIFGSM, PGD, Attack, Become, Goal, Misclassify, Move, Threat
from plexor.attacks.gradient.climb import Halving, Sparse
from plexor.core.errors import PlanError
from plexor.models import Batch, Model, Multilabel, Regression

SHAPES = {1: (3, 5, 6), 3: (1, 4, 4, 3), 8: (1, 40)}
RADII = {"linf": 2000.0, "l2": 8000.0, "l1": 60000.0}


def margins(model: Model, batch: Batch, goal: Goal, delta: Tensor) -> Tensor:
    before = model.outputs(batch.images, batch.scaling)
    outputs = model.outputs(batch.images + delta, batch.scaling)
    return goal.margin(model.task, outputs, batch.truth, before).double().detach()


def most_along(direction: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """The greatest ``direction · delta`` within ball and range, (N,), in float64.

    L∞ number by number; L2 by the multiplier that uses the radius up; L1 greedily, the steepest
    numbers to the end of their range.
    """
    low, high = (batch.low - batch.images).double(), (batch.high - batch.images).double()
    along = direction.double().expand_as(low)
    if threat.norm == "linf":
        return ((along.sign() * threat.radius).clamp(low, high) * along).flatten(1).sum(1)
    if threat.norm == "l1":
        room = torch.where(along > 0, high, -low).flatten(1)
        order = along.flatten(1).abs().argsort(dim=1, descending=True)
        room, slopes = room.gather(1, order), along.flatten(1).abs().gather(1, order)
        left = (threat.radius - room.cumsum(1) + room).clamp(min=0)
        return (torch.minimum(room, left) * slopes).sum(1)
    least, most = torch.zeros_like(batch.low).double(), torch.full_like(batch.low, 1e12).double()
    for _ in range(120):
        middle = (least + most) / 2
        fits = ((middle * along).clamp(low, high).flatten(1).norm(dim=1) <= threat.radius).view_as(
            middle
        )
        least, most = torch.where(fits, middle, least), torch.where(fits, most, middle)
    return ((least * along).clamp(low, high) * along).flatten(1).sum(1)


@pytest.mark.parametrize("n_cases", SHAPES)
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(
    ("attack", "norm"),
    [
        *itertools.product((APGD(), APGDT(loss="margin")), ("linf", "l2", "l1")),
        *itertools.product((MIFGSM(), MIFGSM(nesterov=True)), ("linf", "l2")),
    ],
)
def test_linear_model_with_one_rival(
    attack: Attack, norm: Any, targeted: bool, n_cases: int
) -> None:
    """A fine grid, half of the cases with numbers at the end of the range, one rival in reach."""
    shape, threat = SHAPES[n_cases], Threat(norm=norm, radius=RADII[norm])
    generator = torch.Generator().manual_seed(n_cases)
    weight = 1e-4 * torch.randn(3, *shape, generator=generator, dtype=torch.float64)
    stored = images(shape, n_cases, dtype="u2", seed=n_cases)
    for one in stored[::2]:
        one.pixels[..., :2] = 65535
    batch, direction = batch_of(stored), weight[2] - weight[0]
    offset = float((direction * batch.images).mean(0).sum())
    bias = torch.tensor([offset, -1000.0, 0.0], dtype=torch.float64)
    model = model_of(Linear(weight, bias), multiclass(3))
    goal: Goal = Become(target="c") if targeted else Misclassify()
    delta = attack(model, batch, goal, threat, seed=0).delta
    gained = margins(model, batch, goal, delta) - margins(model, batch, goal, 0 * delta)
    most = most_along(direction, batch, threat)
    assert bool((gained <= most * (1 + 1e-4)).all())
    assert bool((gained >= most * 0.99).all())


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("n_classes", [3, 5])
def test_every_rival_is_tried(n_classes: int, norm: Any) -> None:
    """Of linear rivals the worst is found for every case, from one start each: there is no luck.

    The goal is out of reach first, so that every target is used; then in reach of each case by a
    hundredth of its way, where the targeted DLR loss, too, is above 0 at the right place only.
    """
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(n_classes, 3, 5, 6, generator=generator, dtype=torch.float64)
    bias = torch.zeros(n_classes, dtype=torch.float64)
    bias[0] = 60.0
    batch, goal = batch_of(images((3, 5, 6), 4, dtype="f4")), Misclassify()
    model = model_of(Linear(weight, bias), multiclass(n_classes))
    threat = Threat(norm=norm, radius={"linf": 0.1, "l2": 1.0, "l1": 4.0}[norm], unit="value")
    clean = model.outputs(batch.images).double()
    rivals = [
        clean[:, k] - clean[:, 0] + most_along(weight[k] - weight[0], batch, threat)
        for k in range(1, n_classes)
    ]
    worst = torch.stack(rivals).amax(0)
    assert bool((worst < 0).all())
    delta = APGDT(loss="margin", steps=60)(model, batch, goal, threat, seed=0).delta
    start, found = (margins(model, batch, goal, d) for d in (0 * delta, delta))
    assert bool((found <= worst + 1e-4).all())
    assert bool((found - start >= 0.99 * (worst - start)).all())

    for i in range(2):
        nearer = bias.clone()
        nearer[0] += worst[i] - 0.01 * (worst - start)[i]
        one, near = batch.select(torch.tensor([i])), model_of(Linear(weight, nearer), model.task)
        assert margins(near, one, goal, 0 * one.images).item() < 0
        delta = APGDT(steps=60)(near, one, goal, threat, seed=0).delta
        assert margins(near, one, goal, delta).item() > 0


def test_few_targets_are_the_nearest_ones() -> None:
    """With one target only the runner-up is climbed, although another class is easier to reach."""
    weight = torch.zeros(3, 1, 4, 4).double()
    weight[1], weight[2, 0, 0, 0] = 1.0, 0.01
    bias = torch.tensor([10.0, -9000.0, 0.0]).double()
    model = model_of(Linear(weight, bias), multiclass(3))
    batch = batch_of([image(np.full((1, 4, 4), 100, np.uint8))] * 2)
    threat = Threat(norm="linf", radius=5)
    one = APGDT(n_targets=1, steps=10)(model, batch, Misclassify(), threat, seed=0)
    runner_up = one.delta[:, 0, 0, 0]
    assert bool((runner_up == 5).all())
    both = APGDT(n_targets=2, steps=10)(model, batch, Misclassify(), threat, seed=0)
    assert bool((both.n_gradients == 20).all())
    assert bool((one.n_gradients == 10).all())


def test_each_finding_and_each_direction_is_tried() -> None:
    """Climbed together, findings pull in different directions; alone, the best one is reached."""
    weight = torch.zeros(3, 1, 2, 2).double()
    weight[0], weight[1], weight[2, 0, 0, 0] = 1.0, -1.1, 3.0
    bias = torch.tensor([-400.0 - 6, 440.0 - 4, -300.0 - 3]).double()
    findings = Multilabel(classes=("a", "b", "c"))
    model = model_of(Linear(weight, bias), findings)
    batch = batch_of([image(np.full((1, 2, 2), 100, np.uint8))], [[0, 0, 0]])
    delta = APGDT(steps=10)(
        model, batch, Misclassify(), Threat(norm="linf", radius=1), seed=0
    ).delta
    assert margins(model, batch, Misclassify(), delta).item() == pytest.approx(4.4 - 4, abs=1e-4)

    # Up by 48 at most, which does not suffice, and down by 120.
    number = model_of(Quadratic(torch.full((1, 1, 2, 2), 103.5), scale=1.0), Regression(unit="y"))
    goal, threat = Move(by=100, kind="deviate"), Threat(norm="linf", radius=3)
    found = APGDT(steps=10)(number, batch, goal, threat, seed=0)
    assert found.delta.flatten().tolist() == [-3.0] * 4
    assert found.n_gradients.tolist() == [20]
    assert margins(number, batch, goal, found.delta).item() == pytest.approx(20)


def test_one_way_is_plain_apgd() -> None:
    model = model_of(Linear(torch.randn(4, 1, 5, 5).double()), multiclass(4))
    batch, goal = batch_of(images((1, 5, 5), 3)), Become(target="d")
    threat = Threat(norm="l2", radius=9)
    plain = APGD(steps=15, loss="ratio")(model, batch, goal, threat, seed=3)
    found = APGDT(steps=15)(model, batch, goal, threat, seed=3)
    assert bool(plain.delta.any())
    assert torch.equal(plain.delta, found.delta)
    assert torch.equal(plain.n_gradients, found.n_gradients)


@pytest.mark.parametrize(("norm", "radius"), [("linf", 3), ("l2", 60), ("l1", 500)])
def test_no_weaker_than_pgd_at_equal_gradients(norm: Any, radius: float) -> None:
    model, batch = noisy_patterns()
    goal, threat = Misclassify(), Threat(norm=norm, radius=radius)
    pgd = PGD(steps=30)(model, batch, goal, threat, seed=0)
    apgd = APGD(steps=30)(model, batch, goal, threat, seed=0)
    assert torch.equal(pgd.n_gradients, apgd.n_gradients)
    theirs, ours = (margins(model, batch, goal, found.delta) for found in (pgd, apgd))
    assert 5 < int((theirs > 0).sum()) < 55, "the budget tells no attacks apart"
    assert int((ours > 0).sum()) >= int((theirs > 0).sum())
    assert float(ours.mean()) > float(theirs.mean())


def test_checkpoints_are_the_papers() -> None:
    """w_j of 100 steps, from p_1 = 0.22, periods shorter by 0.03, at least 0.06."""
    batch, threat = batch_of(images((1, 4, 4), 1)), Threat(norm="linf", radius=1)
    climb = Halving.begin(torch.zeros_like(batch.images), batch, threat, 100)
    assert climb.checkpoints == (0, 22, 41, 57, 70, 80, 87, 93, 99)
    sparse = Sparse.begin(torch.zeros_like(batch.images), batch, threat, 50)
    assert sparse.checkpoints == tuple(range(2, 50, 2))


@pytest.mark.parametrize(
    ("losses", "halved"),
    [
        ([0, *range(1, 23)], False),  # rises always
        ([0, *[1, 2, 3, 2] * 5, 2, 3], True),  # in fewer than 16.5 of 22 steps
        ([9, *range(-22, 0)], True),  # in 21 of 22, but never above the start
        ([0, *range(1, 17), 0, 1, 0, 1, 0, 1][:23], False),  # in 19 of 22
    ],
)
def test_steps_are_halved_as_the_paper_says(losses: list[float], halved: bool) -> None:
    """Conditions 1 and 2 at the first checkpoint, one case beside another that always rises."""
    batch, threat = batch_of(images((1, 4, 4), 2)), Threat(norm="linf", radius=1)
    climb = Halving.begin(torch.zeros_like(batch.images), batch, threat, 100)
    points = []
    for step, loss in enumerate(losses):
        points.append(climb.delta)
        climb.see(climb.delta, torch.tensor([loss, step]), torch.ones_like(climb.delta))
        climb.move(step, threat.around(batch))
    assert climb.size.flatten().tolist() == [1.0 if halved else 2.0, 2.0]
    # The step was taken from the best point, where it was halved.
    best = points[int(np.argmax(losses))] if halved else points[-1]
    assert torch.equal(climb.earlier[0], best[0])


@pytest.mark.parametrize("attack", [APGD(), APGDT(), MIFGSM()])
def test_a_norm_without_such_steps_is_refused(attack: Attack) -> None:
    model = model_of(Linear(torch.randn(3, 1, 4, 4).double()), multiclass(3))
    batch, threat = batch_of(images((1, 4, 4), 1)), Threat(norm="l0", radius=2)
    with pytest.raises(PlanError, match="got a threat in l0; choose another"):
        attack(model, batch, Misclassify(), threat, seed=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: APGD(steps=0), "apgd: `steps` must be at least 1, got 0"),
        (lambda: APGD(samples=0), "apgd: `samples` must be at least 1, got 0"),
        (lambda: APGDT(n_targets=0), "apgd-t: `n_targets` must be at least 1, got 0"),
        (lambda: MIFGSM(decay=-1), "mi-fgsm: `decay` must be at least 0, got -1"),
        (lambda: MIFGSM(step_size=0), "mi-fgsm: `step_size` must be positive, got 0"),
        (lambda: PGD(diversity=1.5), "pgd: `diversity` is a probability from 0 to 1, got 1.5"),
    ],
)
def test_options_without_meaning_are_refused(make: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        make()
