"""Attacks by queries against worst cases and distances in closed form, and the papers' recipes."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.fft import idctn
from tests.helpers.tiny import Curved, Linear, batch_of, binary, images, model_of, multiclass
from torch import Tensor, nn

from plexor.attacks import (
    NES,
    Attack,
    Become,
    Border,
    HopSkipJump,
    Masked,
    Misclassify,
    SimBA,
    Square,
    Threat,
)
from plexor.attacks.query import window
from plexor.attacks.query.hop_skip_jump import _Walk
from plexor.attacks.query.simba import _direction
from plexor.core.errors import PlanError
from plexor.models import Batch, Model, TorchModel

SHAPES = [(2, 6, 7), (1, 4, 5, 4)]
FREE = Masked(mask="free")
"""All but the last pixel."""


def against(shape: tuple[int, ...], batch: Batch, clean: float) -> tuple[TorchModel, Tensor]:
    """A linear model of one logit, all of whose cases have the margin ``clean``; its weights.

    The last pixel tells the cases apart; it has no weight, and no threat here may change it.
    """
    generator = torch.Generator().manual_seed(sum(shape))
    weight = torch.randn(1, *shape, generator=generator, dtype=torch.float64)
    weight.flatten(2)[..., -1] = 0.0
    return model_of(Centred(weight, batch.images.double(), clean), binary()), weight[0]


class Centred(nn.Module):
    """``weight · (x - x0) + clean``, x0 being the image whose last number is nearest to x's."""

    def __init__(self, weight: Tensor, centres: Tensor, clean: float) -> None:
        super().__init__()
        self.linear = Linear(weight)
        self.centres, self.clean = centres, clean

    def forward(self, inputs: Tensor) -> Tensor:
        away = inputs.double().flatten(1)[:, None, -1] - self.centres.flatten(1)[None, :, -1]
        centres = self.centres[away.abs().argmin(dim=1)]
        products: Tensor = self.linear(inputs.double() - centres)
        return products + self.clean


def spread(shape: tuple[int, ...], n_cases: int, dtype: str) -> Batch:
    """Images from the middle of the range, so that no bound is met; their last numbers differ."""
    stored = images(shape, n_cases, dtype=dtype, seed=n_cases)
    for i, one in enumerate(stored):
        one.pixels[:] = one.pixels // 4 + 96 if dtype == "u1" else one.pixels / 4 + 0.375
        one.pixels.reshape(-1)[-1] = 20 + 50 * i if dtype == "u1" else 0.1 + 0.25 * i
    free = torch.ones(n_cases, 1, *shape[1:], dtype=torch.bool)
    free.flatten(1)[:, -1] = False
    return replace(batch_of(stored), masks={"free": free})


def optimum(weight: Tensor, threat: Threat, batch: Batch) -> Tensor:
    """The greatest ``weight · delta`` within the radius, no bound being met."""
    radii = threat.radii(batch).flatten().double()
    norms = {"linf": weight.abs().sum(), "l2": weight.norm(), "l1": weight.abs().max()}
    best: Tensor = radii * norms[threat.norm]
    return best


def reached(model: Model, batch: Batch, goal: Any, delta: Tensor) -> Tensor:
    outputs = model.outputs(batch.images + delta, batch.scaling)
    margin: Tensor = goal.margin(model.task, outputs, batch.truth)
    return margin.double().detach()


@pytest.mark.parametrize("shape", SHAPES, ids=["2D", "3D"])
@pytest.mark.parametrize(
    ("attack", "norm", "share"),
    [
        (Square(queries=300), "linf", 0.8),
        (Square(queries=300), "l2", 0.45),
        (Square(queries=300), "l1", 0.4),
        (NES(queries=300, samples=20), "linf", 0.7),
        (NES(queries=300, samples=20), "l2", 0.7),
        (SimBA(queries=300, basis="pixel"), "linf", 1.0),
        (SimBA(queries=300, basis="pixel"), "l2", 0.65),
        (SimBA(queries=300), "linf", 0.4),
        (SimBA(queries=300), "l2", 0.7),
    ],
)
def test_a_linear_models_worst_case_is_approached(
    attack: Attack, norm: Any, share: float, shape: tuple[int, ...]
) -> None:
    """The goal is out of reach, so that the budget is used up; nothing beats the closed form."""
    batch = spread(shape, 3, "u1")
    threat = Threat(norm=norm, radius={"linf": 2.0, "l2": 20.0, "l1": 40.0}[norm], region=FREE)
    model, weight = against(shape, batch, clean=1e3)
    batch = replace(batch, truth=torch.ones(3, dtype=torch.int64))
    found = attack(model, batch, Misclassify(), threat, seed=0)
    gained = reached(model, batch, Misclassify(), found.delta) + 1e3
    best = optimum(weight, threat, batch)
    assert bool((gained <= best + 1e-3).all())  # outputs are float32
    assert bool((gained >= share * best - 1e-3).all()), gained / best
    assert bool((found.n_forwards > 300 - 30).all())


@pytest.mark.parametrize("shape", SHAPES, ids=["2D", "3D"])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("attack", [Square(), NES(), SimBA()])
def test_a_goal_in_reach_is_reached_and_the_case_left_at_once(
    attack: Attack, targeted: bool, shape: tuple[int, ...]
) -> None:
    """40 % of the worst case's change are enough; the defaults' 10,000 queries are not touched."""
    batch, threat = spread(shape, 3, "u1"), Threat(norm="linf", radius=2, region=FREE)
    _, weight = against(shape, batch, clean=0.0)
    needed = float(optimum(weight, threat, batch)[0]) * 0.4
    model, _ = against(shape, batch, clean=-needed if targeted else needed)
    truth = torch.full((3,), 0 if targeted else 1)
    goal = Become(target="b") if targeted else Misclassify()
    batch = replace(batch, truth=truth)
    found = attack(model, batch, goal, threat, seed=0)
    assert bool((reached(model, batch, goal, found.delta) > 0).all())
    assert bool((found.n_forwards < 2000).all())


def test_a_case_stops_with_the_query_that_reaches_the_goal() -> None:
    """One query less, and it is not reached: nothing was asked after it."""
    shape = (3, 6, 5)
    model = model_of(Curved(shape, 4, seed=1), multiclass(4))
    stored, threat = images(shape, 6, seed=3), Threat(norm="linf", radius=6)
    labels = model.task.decide(model.outputs(batch_of(stored).images)).tolist()
    batch = batch_of(stored, labels)
    for basis in ("pixel", "dct"):
        attack = SimBA(queries=300, basis=basis)
        found = attack(model, batch, Misclassify(), threat, seed=0)
        margin = reached(model, batch, Misclassify(), found.delta)
        assert bool((margin > 0).any())
        for i in torch.nonzero(margin > 0).flatten().tolist():
            one, cost = batch.select(torch.tensor([i])), int(found.n_forwards[i])
            again = replace(attack, queries=cost)(model, one, Misclassify(), threat, seed=0)
            assert torch.equal(again.delta[0], found.delta[i])
            less = replace(attack, queries=cost - 1)(model, one, Misclassify(), threat, seed=0)
            assert not bool(reached(model, one, Misclassify(), less.delta) > 0)


@pytest.mark.parametrize("shape", SHAPES, ids=["2D", "3D"])
@pytest.mark.parametrize(("norm", "excess"), [("l2", 1.04), ("linf", 1.1)])
def test_hop_skip_jump_approaches_the_distance_to_a_plane(
    norm: Any, excess: float, shape: tuple[int, ...]
) -> None:
    """Numbers stored as floating ones; the plane is 0.05 from each image."""
    batch = spread(shape, 3, "f4")
    batch = replace(batch, truth=torch.ones(3, dtype=torch.int64))
    batch = replace(batch, low=batch.low * 0 - 1, high=batch.high * 0 + 2)
    threat = Threat(norm=norm, radius=50, unit="percent", region=FREE)
    _, weight = against(shape, batch, clean=0.0)
    dual = weight.norm() if norm == "l2" else weight.abs().sum()
    model, _ = against(shape, batch, clean=0.05 * float(dual))
    found = HopSkipJump(queries=4000)(model, batch, Misclassify(), threat, seed=0)
    lengths = threat.norms(found.delta)
    assert bool((reached(model, batch, Misclassify(), found.delta) > 0).all())
    assert bool((lengths >= 0.05 * (1 - 1e-4)).all())
    assert bool((lengths <= 0.05 * excess).all()), lengths / 0.05


@pytest.mark.parametrize(("norm", "excess"), [("l2", 1.15), ("linf", 1.0)])
def test_hop_skip_jump_proposes_short_storable_perturbations(norm: Any, excess: float) -> None:
    """On the grid: for L∞ the fewest whole levels there are, for L2 little more than the plane."""
    shape, levels = (2, 6, 7), 2.6 if norm == "linf" else 30.0
    batch = spread(shape, 3, "u1")
    batch = replace(batch, truth=torch.ones(3, dtype=torch.int64))
    _, weight = against(shape, batch, clean=0.0)
    dual = weight.norm() if norm == "l2" else weight.abs().sum()
    model, _ = against(shape, batch, clean=levels * float(dual))
    threat = Threat(norm=norm, radius=60, region=FREE)
    found = HopSkipJump(queries=4000)(model, batch, Misclassify(), threat, seed=0)
    assert torch.equal(found.delta, found.delta.round())
    assert bool((reached(model, batch, Misclassify(), found.delta) > 0).all())
    fewest = math.ceil(levels) if norm == "linf" else levels
    lengths = threat.norms(found.delta)
    assert bool((lengths <= fewest * excess).all()), lengths
    assert not HopSkipJump(queries=400)(
        model, batch, Misclassify(), replace(threat, radius=levels * 0.9), seed=0
    ).delta.any()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_hop_skip_jump_estimates_the_direction_across_the_boundary(norm: Any) -> None:
    """From a point on a plane, n directions in d dimensions: the cosine with the plane's normal is
    about ``√(k / (k + 1))`` with k = 2 n / (π d), as half-normal averages have it."""
    batch = spread((2, 6, 7), 1, "f4")
    batch = replace(batch, low=batch.low * 0 - 1, high=batch.high * 0 + 2)
    normal = torch.randn(batch.images.shape, generator=torch.Generator().manual_seed(0))
    walk = _Walk(
        attack=HopSkipJump(),
        case=batch,
        threat=Threat(norm=norm, radius=50, unit="percent"),
        generator=torch.Generator().manual_seed(1),
    )
    for n_samples in (50, 400, 3000):
        search = walk._estimate(torch.zeros_like(normal), 0.01, n_samples)
        trial, n_asked = next(search), 0
        while True:
            n_asked += len(trial)
            try:
                trial = search.send((trial * normal).flatten(1).sum(1) > 0)
            except StopIteration as stop:
                estimate = stop.value
                break
        k = 2 * n_samples / (math.pi * normal.numel())
        cosine = float((estimate * normal).sum() / normal.norm())
        assert n_asked == n_samples
        assert float(estimate.norm()) == pytest.approx(1, abs=1e-5)
        assert cosine == pytest.approx(
            math.sqrt(k / (k + 1)), abs=3 * math.sqrt(1 / (k + 1) / normal.numel())
        )


class Decided(nn.Module):
    """Another network's decisions, as logits of 0 and 1."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.inner(inputs)
        return nn.functional.one_hot(outputs.argmax(1), outputs.shape[1]).double()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_hop_skip_jump_does_the_same_where_it_is_told_decisions_only(norm: Any) -> None:
    shape, task = (3, 6, 5), multiclass(4)
    network = Curved(shape, 4, seed=1)
    stored = images(shape, 4, seed=3)
    labels = task.decide(network(batch_of(stored).images)).tolist()
    batch, threat = batch_of(stored, labels), Threat(norm=norm, radius=300)
    scores, decisions = (
        HopSkipJump(queries=400)(model_of(net, task), batch, Misclassify(), threat, seed=0)
        for net in (network, Decided(network))
    )
    assert bool(scores.delta.any())
    assert torch.equal(scores.delta, decisions.delta)
    assert torch.equal(scores.n_forwards, decisions.n_forwards)


def test_hop_skip_jump_proposes_nothing_where_no_noise_reaches_the_goal() -> None:
    """Class "c" is never decided: all starts are tried, and no more."""
    shape = (1, 5, 5)
    weight = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0)).double()
    bias = torch.tensor([0.0, 0.0, -1e9]).double()
    model = model_of(Linear(weight, bias), multiclass(3))
    batch, threat = batch_of(images(shape, 2)), Threat(norm="l2", radius=100)
    found = HopSkipJump(starts=30)(model, batch, Become(target="c"), threat, seed=0)
    assert not found.delta.any()
    assert found.n_forwards.tolist() == [31, 31]


@pytest.mark.parametrize("shape", [(3, 24, 20), (1, 8, 7, 8)], ids=["2D", "3D"])
def test_hop_skip_jump_finds_a_start_that_noise_in_each_pixel_is_not(
    shape: tuple[int, ...],
) -> None:
    """The goal is a bright mean, far beyond what the mean of so many independent numbers comes to;
    colours of the whole image come to it, as often as not."""
    batch = spread(shape, 3, "u1")
    weight, bright = torch.ones(1, *shape).double(), 0.6 * 255 * math.prod(shape)
    model = model_of(Linear(weight, torch.tensor([-bright]).double()), binary())
    batch = replace(batch, truth=torch.zeros(3, dtype=torch.int64))
    least = (bright - batch.images.double().flatten(1).sum(1)) / math.sqrt(math.prod(shape))
    threat = Threat(norm="l2", radius=1e6)
    found = HopSkipJump(queries=300)(model, batch, Misclassify(), threat, seed=0)
    assert bool((reached(model, batch, Misclassify(), found.delta) > 0).all())
    assert bool((threat.norms(found.delta) >= least * (1 - 1e-6)).all())
    assert bool((found.n_forwards <= 300).all())


def test_squares_shrink_as_in_the_paper() -> None:
    """Section 4.1: halved after 10, 50, 200, 500, 1k, 2k, 4k, 6k and 8k of 10k queries."""
    ends = [0, 10, 11, 50, 51, 200, 201, 500, 501, 1000, 1001, 2000, 2001, 4000, 4001, 6000, 6001]
    ends += [8000, 8001, 9999]
    wanted = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]
    threat = Threat(norm="linf", radius=1)
    shares = [Square(p=0.8)._share(step, threat) for step in ends]
    assert shares == [0.8 / 2**power for power in wanted]
    assert Square(p=0.8, queries=1000)._share(5, threat) == 0.8 / 2
    assert window.sides(0.05, (224, 224), odd=False) == [50, 50]
    assert window.sides(0.05 / 512, (224, 224), odd=False) == [2, 2]
    assert window.sides(0.1, (224, 224), odd=True) == [71, 71]
    assert window.sides(0.1 / 512, (32, 32), odd=True) == [3, 3]
    assert window.sides(0.05, (64, 64, 64), odd=False) == [24, 24, 24]
    assert window.sides(0.8, (64, 64, 4), odd=False) == [24, 24, 4]


def pile(height: int, width: int, power: int) -> np.ndarray[Any, Any]:
    """Squares of 1, 3, 5, ... around the centre, each lower than the last, one on the other."""
    found = np.zeros((height, width))
    for k in range(max(height, width) // 2 + 1):
        rows = slice(max(height // 2 - k, 0), height // 2 + k + 1)
        columns = slice(max(width // 2 - k, 0), width // 2 + k + 1)
        found[rows, columns] += 1 / (k + 1) ** power
    found /= np.sqrt((found**2).sum()) if power == 2 else found.sum()
    return found


@pytest.mark.parametrize("power", [2, 4])
@pytest.mark.parametrize("side", [3, 5, 9, 12])
def test_bumps_are_the_papers(side: int, power: int) -> None:
    upper, lower = pile(side // 2, side, power), pile(side - side // 2, side, power)
    both = np.concatenate([upper, -lower])
    both /= np.sqrt((both**2).sum()) if power == 2 else np.abs(both).sum()
    down, across = window.bumps((side, side), power=power)
    np.testing.assert_allclose(down, both, atol=1e-6)
    np.testing.assert_allclose(across, both.T, atol=1e-6)
    cubes = window.bumps((side,) * 3, power=power)
    length = cubes.flatten(1).norm(dim=1) if power == 2 else cubes.flatten(1).abs().sum(1)
    np.testing.assert_allclose(length, 1, atol=1e-5)
    np.testing.assert_allclose(cubes[0], cubes[2].permute(2, 1, 0), atol=1e-7)


def test_windows_lie_where_they_are_drawn_and_reach_every_border() -> None:
    sizes, sides = (5, 6, 4), [2, 3, 1]
    uniform = torch.tensor(list(itertools.product((0.0, 0.5, 0.999999), repeat=3)))
    corner = window.origins(uniform, sides, sizes)
    assert corner.amin(0).tolist() == [0, 0, 0]
    assert corner.amax(0).tolist() == [3, 3, 3]
    at = window.positions(corner, sides, sizes)
    for i, (a, b, c) in enumerate(corner.tolist()):
        everywhere = torch.arange(math.prod(sizes)).view(sizes)
        assert torch.equal(at[i], everywhere[a : a + 2, b : b + 3, c : c + 1].flatten())


def test_square_starts_with_vertical_stripes_of_the_whole_radius() -> None:
    """The second and last query; the first is for the image as it is."""
    shape = (3, 6, 7)
    weight = torch.zeros(2, *shape).double()
    weight[1, :, 0] = torch.randn(3, 7, generator=torch.Generator().manual_seed(0)) / 1000
    batch = batch_of(images(shape, 20, dtype="i2"))
    model = model_of(Linear(weight, torch.tensor([100.0, 0.0]).double()), multiclass(2))
    found = Square(queries=2)(model, batch, Misclassify(), Threat(norm="linf", radius=3), seed=0)
    tried = found.delta.flatten(1).any(1)
    assert 0 < int(tried.sum()) < 20  # only a half is better than nothing
    stripes = found.delta[tried]
    assert bool((stripes.abs() == 3).all())
    assert bool((stripes == stripes[:, :, :1]).all())
    assert bool((stripes != stripes[..., :1]).any())


def test_simbas_waves_are_the_cosine_transforms() -> None:
    batch = batch_of(images((2, 4, 5), 1))
    waves = SimBA(frequencies=1.0)._waves(batch)
    directions = _direction(torch.arange(40), waves)
    wanted = [idctn(row, axes=(1, 2), norm="ortho") for row in np.eye(40).reshape(40, 2, 4, 5)]
    np.testing.assert_allclose(directions, np.stack(wanted), atol=1e-6)
    few = SimBA()._waves(batch_of(images((1, 224, 9, 80), 1)))
    assert [len(rows) for rows in few] == [1, 28, 8, 10]


@pytest.mark.parametrize("attack", [Square(queries=40), NES(queries=40), SimBA(queries=40)])
def test_only_the_region_changes(attack: Attack) -> None:
    batch, region = spread((2, 6, 7), 2, "u1"), Border(width=1)
    model, _ = against((2, 6, 7), batch, clean=1e5)
    batch = replace(batch, truth=torch.ones(2, dtype=torch.int64))
    hop = HopSkipJump(queries=500, samples=10)
    model_in_reach, _ = against((2, 6, 7), batch, clean=50.0)
    for norm in ("linf", "l2"):
        for search, network in ((attack, model), (hop, model_in_reach)):
            threat = Threat(norm=norm, radius=100, region=region)
            delta = search(network, batch, Misclassify(), threat, seed=0).delta
            assert delta.any()
            assert not (delta * ~region.allowed(batch)).any()


@pytest.mark.parametrize("attack", [Square(), NES(), SimBA(), HopSkipJump()])
def test_an_empty_region_costs_nothing_beyond_the_first_look(attack: Attack) -> None:
    batch = spread((2, 6, 7), 2, "u1")
    batch = replace(batch, masks={"lung": torch.zeros(2, 1, 6, 7, dtype=torch.bool)})
    model, _ = against((2, 6, 7), batch, clean=-1.0)
    threat = Threat(norm="linf", radius=2, region=Masked(mask="lung"))
    found = attack(model, batch, Become(target="b"), threat, seed=0)
    assert not found.delta.any()
    assert found.n_forwards.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("attack", "options", "message"),
    [
        (Square, {"queries": 0}, "square: `queries` must be at least 1, got 0"),
        (Square, {"p": 1.5}, "square: `p` must be above 0 and at most 1, got 1.5"),
        (NES, {"samples": 1}, "nes: `samples` come in pairs, at least 2, got 1"),
        (NES, {"sigma": 0.0}, "nes: `sigma` must be positive, got 0.0"),
        (NES, {"momentum": 1.0}, "nes: `momentum` must be 0 or more and below 1, got 1.0"),
        (SimBA, {"basis": "dtc"}, "simba: unknown basis 'dtc'; did you mean 'dct'"),
        (SimBA, {"frequencies": 0.0}, "simba: `frequencies` must be above 0"),
        (SimBA, {"step_size": -1}, "simba: `step_size` must be positive"),
        (HopSkipJump, {"queries": -1}, "hop-skip-jump: `queries` must be at least 1, got -1"),
        (HopSkipJump, {"most_samples": 99}, "`most_samples` must be at least `samples`, 100"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    attack: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        attack(**options)


@pytest.mark.parametrize(
    ("attack", "norm"), [(Square(), "l0"), (NES(), "l1"), (SimBA(), "l0"), (HopSkipJump(), "l1")]
)
def test_a_threat_that_is_not_searched_is_refused(attack: Attack, norm: Any) -> None:
    batch = spread((2, 6, 7), 2, "u1")
    model, _ = against((2, 6, 7), batch, clean=-1.0)
    with pytest.raises(PlanError, match=f"searches under linf, l2.* got a threat in {norm}"):
        attack(model, batch, Become(target="b"), Threat(norm=norm, radius=2), seed=0)
