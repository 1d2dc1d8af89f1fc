"""The minimum-norm attacks against the shortest perturbations of linear models, in closed form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from tests.helpers.tiny import Linear, batch_of, binary, images, model_of, multiclass, multilabel
from torch import Tensor, nn

from plexor.attacks import (
    DDN,
    FAB,
    FMN,
    Attack,
    Become,
    Border,
    CarliniWagner,
    DeepFool,
    Flip,
    Goal,
    Misclassify,
    Move,
    Threat,
)
from plexor.models import Batch, Model, Regression, Task, TorchModel

EVERYTHING = 1e9
ATTACKS: dict[str, tuple[Attack, tuple[str, ...]]] = {
    "fmn": (FMN(), ("linf", "l2", "l0")),
    "fmn-l1": (FMN(steps=200), ("l1",)),
    "fab": (FAB(steps=15), ("linf", "l2", "l1")),
    "fab-t": (FAB(steps=15, targeted=True), ("linf", "l2", "l1")),
    "deepfool": (DeepFool(), ("linf", "l2", "l1")),
    "ddn": (DDN(steps=200), ("l2",)),
    "carlini-wagner": (
        CarliniWagner(steps=200, constants=7, first_constant=0.1, step_size=0.02),
        ("l2",),
    ),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A goal for linear models, and images that are attacked."""

    task: Task
    goal: Goal
    n_cases: int
    shape: tuple[int, ...]


WANTED = {
    "one of several": Wanted(multiclass(4), Misclassify(), 8, (3, 5, 6)),
    "one of two": Wanted(multiclass(2), Misclassify(), 1, (1, 4, 4, 3)),
    "a target": Wanted(multiclass(2), Become(target="b"), 8, (2, 4, 4, 3)),
    "one logit": Wanted(binary(0.3), Misclassify(), 8, (1, 40)),
    "any finding": Wanted(multilabel(3), Misclassify(), 3, (1, 8, 6)),
    "hide a finding": Wanted(multilabel(3), Flip(label="b", kind="hide"), 8, (2, 4, 5)),
    "raise": Wanted(Regression(unit="years"), Move(by=4.0, kind="raise"), 3, (1, 4, 5, 3)),
    "either way": Wanted(Regression(unit="years"), Move(by=4.0), 8, (3, 4, 4)),
}


ONE_WAY = ("one of two", "a target", "one logit", "hide a finding", "raise")
SEARCHES = [
    (name, norm, wanted)
    for name, (_, norms) in ATTACKS.items()
    for norm in norms
    for wanted in (ONE_WAY[:3] if name == "carlini-wagner" else WANTED)
    # Under L0 the greatest of several ways is climbed, whose boundary need not be the nearest.
    if wanted in ONE_WAY or norm != "l0"
]


def subject(wanted: Wanted, dtype: str) -> tuple[TorchModel, Batch]:
    """A linear model, and images of which a third cannot go up or down any more."""
    scale = 1.0 if dtype == "f4" else 65535.0
    generator = torch.Generator().manual_seed(wanted.n_cases)
    weight = torch.randn(wanted.task.n_outputs, *wanted.shape, generator=generator) / scale
    stored = images(wanted.shape, wanted.n_cases, dtype=dtype, seed=4)
    for one in stored:
        ends = one.pixels.min(), one.pixels.max()
        one.pixels[..., 0], one.pixels[..., 1] = ends
    model = model_of(Linear(3 * weight), wanted.task)
    images_ = batch_of(stored).images
    labels = model.task.decide(model.outputs(images_))
    return model, batch_of(stored, labels.tolist())


def ways(model: Model, batch: Batch, goal: Goal, delta: Tensor) -> Tensor:
    before = model.outputs(batch.images)
    return goal.ways(model.task, model.outputs(batch.images + delta), batch.truth, before)


def shortest(model: Model, batch: Batch, goal: Goal, norm: str, allowed: Tensor) -> Tensor:
    """The least norm that reaches the goal for each case, (N,), over all ways, in float64."""
    delta = torch.zeros_like(batch.images).requires_grad_()
    start = ways(model, batch, goal, delta)
    best = torch.full((len(batch),), torch.inf, dtype=torch.float64)
    for way in start.unbind(1):
        (gradient,) = torch.autograd.grad(way.sum(), delta, retain_graph=True)
        steep = (gradient * allowed).double()
        low, high = (batch.low - batch.images).double(), (batch.high - batch.images).double()
        room = torch.where(steep > 0, high, -low) * (steep != 0)
        rise = -way.detach().double()
        best = torch.minimum(best, distance(steep.abs(), room, rise, norm))
    return torch.where(start.detach().amax(1) > 0, 0.0, best)


def distance(steep: Tensor, room: Tensor, rise: Tensor, norm: str) -> Tensor:
    """Number by number: what is least in norm to gain ``rise``; infinite where nothing does."""
    if norm == "l0":
        gains = (steep * room).sum(1).flatten(1).sort(dim=1, descending=True).values.cumsum(1)
        return (gains <= rise[:, None]).sum(1) + 1.0
    steep, room = steep.flatten(1), room.flatten(1)
    possible = (steep * room).sum(1) > rise
    if norm == "l1":
        order = steep.argsort(dim=1, descending=True)
        steep, room = steep.gather(1, order), room.gather(1, order)
        gains = steep * room
        left = (rise[:, None] - (gains.cumsum(1) - gains)).clamp(min=0)
        moved = torch.minimum(room, left / steep.clamp(min=1e-300)).sum(1)
        return torch.where(possible, moved, torch.inf)
    least, most = torch.zeros_like(rise), torch.full_like(rise, 1e15)
    for _ in range(150):
        middle = (least + most) / 2
        size = middle[:, None] * (steep if norm == "l2" else torch.ones_like(steep))
        enough = (steep * torch.minimum(size, room)).sum(1) > rise
        least, most = torch.where(enough, least, middle), torch.where(enough, middle, most)
    size = most[:, None] * (steep if norm == "l2" else torch.ones_like(steep))
    moved = torch.minimum(size, room) * (steep > 0)
    length = moved.square().sum(1).sqrt() if norm == "l2" else moved.amax(1)
    return torch.where(possible, length, torch.inf)


class Uneven(nn.Module):
    """A small random network whose logits differ several times in how fast they rise."""

    def __init__(self, n_outputs: int) -> None:
        super().__init__()
        torch.manual_seed(n_outputs)
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(42, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU()
        )
        self.weight = torch.randn(48, n_outputs) / 7 * torch.randn(n_outputs).exp()

    def forward(self, images: Tensor) -> Tensor:
        hidden: Tensor = self.layers(images / 16384 - 2)
        return hidden @ self.weight


@pytest.mark.parametrize(("attack", "norm"), [(FMN, "linf"), (FMN, "l2"), (FMN, "l1"), (DDN, "l2")])
def test_curved_models_are_left_by_the_nearest_boundary(attack: Any, norm: str) -> None:
    """Beside the way furthest ahead, at the same cost, and beside all ways, each followed alone."""
    stored, model = images((1, 6, 7), 48, dtype="u2"), model_of(Uneven(6), multiclass(6))
    labels = model.task.decide(model.outputs(batch_of(stored).images))
    batch, threat = batch_of(stored, labels.tolist()), Threat(norm=norm, radius=EVERYTHING)  # type: ignore[arg-type]
    length = {}
    for name, search in {
        "nearest": attack(steps=85 if norm == "l1" else 90),
        "foremost": attack(steps=100, ways=1),
        "every": FAB(steps=30, targeted=True),
    }.items():
        found = search(model, batch, Misclassify(), threat, seed=0)
        assert bool((ways(model, batch, Misclassify(), found.delta).amax(1) > 0).all())
        length[name] = threat.norms(found.delta)
        assert name == "every" or found.n_gradients.tolist() == [100] * 48
    ahead = length["foremost"] / length["every"]
    near = length["nearest"] / length["every"]
    assert near.median() <= 1.005
    assert near.median() <= ahead.median() + 1e-3
    assert near.mean() < ahead.mean() - 0.02
    assert near.max() < ahead.max()


class Misleading(nn.Module):
    """The steepest class flattens before its boundary; a slower one gets to its own.

    Logits 0, 2 min(m, 1) - 4 and n² / 8 + n / 4 - 4 of mean changes m and n of half of the numbers.
    """

    def forward(self, images: Tensor) -> Tensor:
        left, right = ((images - 100).flatten(1)[:, i::2].mean(1) for i in range(2))
        steep = 2 * left.clamp(max=1.0) - 4
        return torch.stack([0 * left, steep, right.square() / 8 + right / 4 - 4], dim=1)


@pytest.mark.parametrize(
    "search", [FMN(), DDN(), CarliniWagner(steps=200, constants=7, first_constant=0.1)]
)
def test_a_steep_class_that_flattens_is_not_followed(search: Any) -> None:
    """The slow class has its boundary at n = √33 - 1; that of the steep class does not exist."""
    batch = batch_of(images((1, 4, 6), 1), [0])
    batch = replace(
        batch,
        images=torch.full_like(batch.images, 100.0),
        quantum=torch.zeros_like(batch.quantum),
    )
    model, moved = model_of(Misleading(), multiclass(3)), 33**0.5 - 1
    for norm in search.norms:
        if norm == "l0":
            continue
        threat = threat_of(norm)
        found = threat.norms(search(model, batch, Misclassify(), threat, seed=0).delta)
        best = moved * {"linf": 1.0, "l2": 12**0.5, "l1": 12.0}[norm]
        assert best * (1 - 1e-4) <= float(found) <= best * 1.01


def threat_of(norm: Any, **options: Any) -> Threat:
    unit: Any = "count" if norm == "l0" else "value"
    return Threat(norm=norm, radius=EVERYTHING, unit=unit, **options)


@pytest.mark.parametrize(("name", "norm", "wanted"), SEARCHES)
def test_linear_models(name: str, norm: str, wanted: str) -> None:
    """Within 1 %, with a third of the numbers at an end of their range."""
    dtype = "u2" if WANTED[wanted].n_cases == 3 else "f4"
    model, batch = subject(WANTED[wanted], dtype)
    goal, threat = WANTED[wanted].goal, threat_of(norm)
    delta = ATTACKS[name][0](model, batch, goal, threat, seed=0).delta
    best = shortest(model, batch, goal, norm, torch.ones_like(batch.images))
    assert bool(best.isfinite().all())
    assert bool((best > 0).any())
    found = threat.norms(delta.double())
    assert bool((ways(model, batch, goal, delta).amax(1) > 0).all())
    assert bool((found >= best * (1 - 1e-4)).all())
    assert bool((found <= best * 1.01).all())


@pytest.mark.parametrize("norm", ["linf", "l2", "l1", "l0"])
def test_part_of_an_image(norm: str) -> None:
    """As above, where the border alone may change."""
    wanted = Wanted(multiclass(2), Misclassify(), 3, (2, 6, 7))
    model, batch = subject(wanted, "f4")
    threat = threat_of(norm, region=Border(width=2))
    assert threat.region is not None
    allowed = threat.region.allowed(batch)
    best = shortest(model, batch, wanted.goal, norm, allowed)
    assert bool(best.isfinite().any())
    for attack in (FMN(steps=200), FAB(steps=15), DeepFool()):
        if norm == "l0" and not isinstance(attack, FMN):
            continue
        delta = attack(model, batch, wanted.goal, threat, seed=0).delta
        assert not bool((delta * ~allowed).any())
        found = threat.norms(delta.double())[best.isfinite()]
        assert bool((found <= best[best.isfinite()] * 1.01).all())


@pytest.mark.parametrize("attack", [FMN(), FAB(steps=15), DeepFool()])
def test_levels_are_met_exactly(attack: Attack) -> None:
    """L∞ in 8 bits: the least whole number of levels that reaches the goal, not one more."""
    wanted = Wanted(multiclass(2), Misclassify(), 8, (3, 5, 6))
    stored = images(wanted.shape, 8, seed=4)
    weight = torch.randn(2, *wanted.shape, generator=torch.Generator().manual_seed(0)) / 100
    bias = torch.tensor([0.0, 0.0]).double()
    model = model_of(Linear(weight, bias), wanted.task)
    labels = model.task.decide(model.outputs(batch_of(stored).images))
    batch = batch_of(stored, labels.tolist())
    best = shortest(model, batch, wanted.goal, "linf", torch.ones_like(batch.images)).ceil()
    assert len(set(best.tolist())) > 3
    delta = attack(model, batch, wanted.goal, threat_of("linf"), seed=0).delta
    assert torch.equal(threat_of("linf").norms(delta).double(), best)


@pytest.mark.parametrize("attack", [FMN(), DDN(), FAB(steps=15), DeepFool()])
def test_what_rounding_loses_is_made_good(attack: Attack) -> None:
    """L2 in 8 bits, at a tenth of a level a number: no storable image is nearer."""
    shape = (1, 20, 20)
    weight = torch.randn(1, *shape, generator=torch.Generator().manual_seed(1))
    stored = images(shape, 3, seed=2)
    for one in stored:
        one.pixels[:] = 120 + one.pixels % 3
    start = model_of(Linear(weight), binary()).outputs(batch_of(stored).images).detach()[:, 0]
    rises = start.max() + 20 - start
    model = model_of(Linear(weight, -(start.max() + 20).double()[None]), binary())
    gains = weight.double().flatten().abs().sort(descending=True).values
    found = attack(model, batch_of(stored), Become(target="b"), threat_of("l2"), seed=0).delta
    for delta, rise in zip(found, rises, strict=True):
        best = lattice_distance(gains, float(rise))
        assert best - 1e-6 <= float(delta.double().norm()) <= best * 1.01


def lattice_distance(gains: Tensor, rise: float) -> float:
    """The least Euclidean length of whole numbers that gain more than ``rise``.

    Rounded multiples of the gains are the Lagrangian's minima, and bound it from both sides as
    nearly as one number's next step.
    """
    least, most = 0.0, 1e6
    for _ in range(100):
        middle = (least + most) / 2
        enough = float(((middle * gains).round() * gains).sum()) > rise
        least, most = (least, middle) if enough else (middle, most)
    return float((most * gains).round().norm())
