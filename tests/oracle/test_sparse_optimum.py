"""Few-pixel attacks against optima in closed form, and against every image there is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.helpers.tiny import (
    Counted,
    Curved,
    Linear,
    PixelWise,
    batch_of,
    binary,
    images,
    model_of,
    multiclass,
    segmentation,
)
from torch import Tensor, nn

from plexor.attacks import (
    Attack,
    Become,
    Border,
    ExhaustivePixel,
    Goal,
    GreedyPixel,
    LowerDice,
    Masked,
    Misclassify,
    OnePixel,
    Proposal,
    SparseRS,
    Threat,
)
from plexor.attacks.sparse.random_search import _Sets
from plexor.core.errors import PlanError
from plexor.models import Batch, Model

Together = Literal["together", "apart"]
ONE = Threat(norm="l0", radius=1)
EVERYTHING = [OnePixel(), ExhaustivePixel(), GreedyPixel(), SparseRS()]


def margins(model: Model, batch: Batch, goal: Goal, delta: Tensor) -> Tensor:
    before = model.outputs(batch.images, batch.scaling)
    outputs = model.outputs(batch.images + delta, batch.scaling)
    return goal.margin(model.task, outputs, batch.truth, before).double().detach()


def gains(direction: Tensor, batch: Batch, channels: Together = "together") -> Tensor:
    """By how much ``direction · x`` rises at most with each position alone, (N, positions)."""
    low, high = (batch.low - batch.images).double(), (batch.high - batch.images).double()
    best = torch.maximum(direction * low, direction * high)
    return (best.sum(dim=1) if channels == "together" else best).flatten(1)


@pytest.mark.parametrize(("n_cases", "shape"), [(1, (3, 5, 6)), (3, (1, 4, 4, 3)), (8, (2, 6, 3))])
@pytest.mark.parametrize("n_outputs", [1, 2, 4])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("channels", ["together", "apart"])
def test_the_best_pixel_of_a_linear_model(
    channels: Together, targeted: bool, n_outputs: int, shape: tuple[int, ...], n_cases: int
) -> None:
    """It moves each channel to the end its weight points at; the best of all rivals counts."""
    generator = torch.Generator().manual_seed(n_cases + 10 * n_outputs)
    weight = torch.randn(n_outputs, *shape, generator=generator, dtype=torch.float64) / 1000
    bias = torch.zeros(n_outputs, dtype=torch.float64)
    bias[0] = 50.0 if n_outputs > 1 else -50.0
    task = binary() if n_outputs == 1 else multiclass(n_outputs)
    model, batch = model_of(Linear(weight, bias), task), batch_of(images(shape, n_cases))
    goal: Goal = Become(target="b") if targeted else Misclassify()
    clean = model.outputs(batch.images).double()
    rivals = range(1, 2 if targeted or n_outputs < 3 else n_outputs)
    if n_outputs == 1:
        best = clean[:, 0] + gains(weight[0], batch, channels).amax(dim=1)
    else:
        best = torch.stack(
            [
                clean[:, k] - clean[:, 0] + gains(weight[k] - weight[0], batch, channels).amax(1)
                for k in rivals
            ]
        ).amax(dim=0)
    threat = replace(ONE, channels=channels)
    for attack in (ExhaustivePixel(), GreedyPixel()):
        delta = attack(model, batch, goal, threat, seed=0).delta
        assert bool((threat.norms(delta) == 1).all())
        torch.testing.assert_close(margins(model, batch, goal, delta), best, rtol=1e-5, atol=0)


def every_change(
    pixels: NDArray[Any], channels: Together, places: set[tuple[int, ...]]
) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
    """Every position of ``places`` and every image in which it alone has an extreme colour."""
    limits = np.iinfo(pixels.dtype)
    ends = (limits.min, limits.max)
    for place in places:
        if channels == "together":
            for colour in itertools.product(ends, repeat=len(pixels)):
                changed = pixels.copy()
                changed.reshape(len(pixels), -1)[
                    :, np.ravel_multi_index(place, pixels.shape[1:])
                ] = colour
                yield place, changed
        else:
            for channel, number in itertools.product(range(len(pixels)), ends):
                changed = pixels.copy()
                changed[(channel, *place)] = number
                yield place, changed


@pytest.mark.parametrize("dtype", ["u1", "i2"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 3)])
@pytest.mark.parametrize("channels", ["together", "apart"])
@pytest.mark.parametrize("part", ["all", "border", "stride"])
def test_a_map_is_what_two_loops_find(
    part: str, channels: Together, shape: tuple[int, ...], dtype: str
) -> None:
    """Pixel by pixel and colour by colour, each image through the model by itself."""
    scale = 20.0 if dtype == "u1" else 5000.0
    network = Curved(shape, 4, seed=2, centre=128.0 if dtype == "u1" else 0.0, scale=scale)
    model, goal = model_of(network, multiclass(4)), Misclassify()
    stored = images(shape, 3, seed=4, dtype=dtype)
    truth = model.task.decide(model.outputs(batch_of(stored).images)).tolist()
    batch = batch_of(stored, truth)
    spatial = shape[1:]
    everywhere = set(itertools.product(*map(range, spatial)))
    at_edge = {p for p in everywhere if any(i in (0, n - 1) for i, n in zip(p, spatial))}  # noqa: B905
    on_grid = {p for p in everywhere if all(i % 2 == 0 for i in p)}
    places = {"all": everywhere, "border": at_edge, "stride": on_grid}[part]
    threat = replace(ONE, channels=channels, region=Border(width=1) if part == "border" else None)
    attack = ExhaustivePixel(stride=2 if part == "stride" else 1, at_once=7)
    proposal = attack(model, batch, goal, threat, seed=0)
    assert proposal.by_position is not None
    for i, one in enumerate(stored):
        expected = np.full(spatial, np.nan)
        best, answer = -np.inf, one.pixels
        for place, changed in every_change(one.pixels, channels, places):
            outputs = model.outputs(torch.from_numpy(changed.astype("f4"))[None])
            margin = float(goal.margin(model.task, outputs, batch.truth[i : i + 1]))
            expected[place] = np.fmax(expected[place], margin)
            if margin > best:
                best, answer = margin, changed
        found = proposal.by_position[i].numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert int((found > 0).sum()) == int((expected > 0).sum())
        change = answer.astype("f4") - one.pixels.astype("f4")
        untouched = float(margins(model, batch, goal, torch.zeros_like(batch.images))[i])
        assert best > untouched
        np.testing.assert_array_equal(proposal.delta[i].numpy(), change)


def test_a_segmentations_map_counts_the_pixels_that_matter() -> None:
    """Where each pixel is decided by itself, one pixel's change is its own decision's."""
    shape = (3, 5, 4)
    model, goal = (
        model_of(PixelWise(3, 3, seed=13), segmentation(3)),
        LowerDice(of="b", below=0.999),
    )
    stored = images(shape, 4, seed=5)
    truth = model.task.decide(model.outputs(batch_of(stored).images)).tolist()
    batch = batch_of(stored, truth)
    found = ExhaustivePixel()(model, batch, goal, ONE, seed=0).by_position
    assert found is not None
    corners = torch.tensor(list(itertools.product((0.0, 255.0), repeat=3)))
    labels = model.task.decide(model.outputs(corners[:, :, None, None])).flatten()
    for i in range(4):
        inside = batch.truth[i] == 1
        wanted = torch.where(inside, bool((labels != 1).any()), bool((labels == 1).any()))
        if bool(inside.any()):
            assert torch.equal(found[i] > 0, wanted)
        else:
            assert bool(found[i].isnan().all()), "there is no Dice to lower"


class Trigger(nn.Module):
    """One logit, above 0 once the pixel at ``place`` is bright in one channel and dark in another.

    What the logit falls short by shrinks with the distance, of place and of colour, if ``smooth``.
    """

    def __init__(self, place: tuple[int, int], sizes: tuple[int, int], *, smooth: bool) -> None:
        super().__init__()
        rows, columns = torch.meshgrid(*map(torch.arange, sizes), indexing="ij")
        away = (rows - place[0]) ** 2 + (columns - place[1]) ** 2
        self.near: Tensor
        self.register_buffer("near", (-away / 50.0).exp() if smooth else (away == 0).double())

    def forward(self, inputs: Tensor) -> Tensor:
        signal = (inputs[:, 0] - inputs[:, 2]).double() / 255 * self.near
        return signal.flatten(1).amax(dim=1, keepdim=True) - 0.9


@pytest.mark.parametrize(("smooth", "sizes"), [(True, (40, 52)), (False, (9, 11))])
def test_evolution_finds_a_planted_pixel(smooth: bool, sizes: tuple[int, int]) -> None:
    """A grey image; one pixel, red enough, is the trigger. Of 2,080 pixels it is found by where
    the score rises; of 99, without any such hint, by the first members and their offspring."""
    place = (sizes[0] - 4, 5)
    stored = images((3, *sizes), 3)
    for i, one in enumerate(stored):
        one.pixels[:] = 100 + i
    model, batch = model_of(Trigger(place, sizes, smooth=smooth), binary()), batch_of(stored)
    proposal = OnePixel()(model, batch, Misclassify(), ONE, seed=0)
    assert bool((margins(model, batch, Misclassify(), proposal.delta) > 0).all())
    changed = torch.nonzero(proposal.delta.any(dim=1))
    assert len(changed) == 3
    assert bool(((changed[:, 1:] - torch.tensor(place)).abs() <= 2).all())
    assert int(proposal.n_forwards.max()) < 20_000


@pytest.mark.parametrize("shape", [(2, 4, 5), (1, 3, 4, 2)])
@pytest.mark.parametrize("channels", ["together", "apart"])
@pytest.mark.parametrize(
    ("attack", "at_least"),
    [
        (GreedyPixel(), 1.0),
        (SparseRS(queries=1500), 0.95),
        (OnePixel(queries=8000, population=100), 0.85),
    ],
    ids=["greedy", "sparse-rs", "evolution"],
)
def test_the_best_pixels_of_a_linear_model(
    attack: Attack, at_least: float, channels: Together, shape: tuple[int, ...]
) -> None:
    """Pixels add up: the best four are those of the four greatest gains. The goal is out of reach,
    so that the whole budget is used. Sparse-RS, as published, cannot give a changed pixel another
    colour at once, and evolution knows no extremes: both may end a little short."""
    weight = torch.randn(1, *shape, generator=torch.Generator().manual_seed(1)).double() / 100
    batch = batch_of(images(shape, 3, seed=2))
    model = model_of(Linear(weight, torch.tensor([-1000.0]).double()), binary())
    threat = Threat(norm="l0", radius=4, channels=channels)
    delta = attack(model, batch, Misclassify(), threat, seed=0).delta
    best = gains(weight[0], batch, channels).topk(4, dim=1).values.sum(dim=1)
    gained = margins(model, batch, Misclassify(), delta) - margins(
        model, batch, Misclassify(), torch.zeros_like(delta)
    )
    assert bool((gained <= best * (1 + 1e-4)).all())
    assert bool((gained >= at_least * best - 1e-3).all()), gained / best


@pytest.mark.parametrize("attack", EVERYTHING, ids=lambda attack: type(attack).__name__)
def test_nothing_outside_a_region_is_changed(attack: Attack) -> None:
    """A region of its own for each case, down to one pixel and to none."""
    shape = (3, 6, 7)
    batch = batch_of(images(shape, 4, seed=3))
    masks = torch.zeros(4, 1, 6, 7, dtype=torch.bool)
    masks[0, :, 2:5, 1:3] = True
    masks[1, :, 3, 4] = True
    masks[2] = True
    batch = replace(batch, masks={"part": masks})
    weight = torch.randn(1, *shape, generator=torch.Generator().manual_seed(1)).double() / 100
    model = model_of(Linear(weight, torch.tensor([-1000.0]).double()), binary())
    threat = Threat(norm="l0", radius=3, region=Masked(mask="part"))
    attack = replace(attack, queries=800)  # type: ignore[type-var]
    delta = attack(model, batch, Misclassify(), threat, seed=0).delta
    assert not (delta * ~masks).any()
    assert delta.flatten(1).any(dim=1).tolist() == [True, True, True, False]
    assert bool((threat.norms(delta) <= 3).all())
    best = gains(weight[0], batch)[1, 3 * 7 + 4]
    found = (weight[0] * delta[1].double()).sum()
    if not isinstance(attack, OnePixel):  # whose colours are drawn, not extreme
        torch.testing.assert_close(found, best, rtol=1e-5, atol=0)


def test_a_budget_tries_positions_drawn_at_random() -> None:
    """As many as it pays for, other ones with another seed."""
    shape = (3, 8, 8)
    batch = batch_of(images(shape, 2))
    model = model_of(Linear(torch.zeros(1, *shape), torch.tensor([-1.0]).double()), binary())

    def tried(seed: int) -> Tensor:
        proposal = ExhaustivePixel(queries=101)(model, batch, Misclassify(), ONE, seed=seed)
        assert proposal.by_position is not None
        assert proposal.n_forwards.tolist() == [97, 97]
        return ~proposal.by_position.isnan()

    assert tried(0).flatten(1).sum(dim=1).tolist() == [12, 12]
    assert not torch.equal(tried(0)[0], tried(0)[1])
    assert not torch.equal(tried(0), tried(1))


class Cramped(nn.Module):
    """A network with memory for five images."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> Tensor:
        if len(inputs) > 5:
            raise torch.OutOfMemoryError("no memory")
        outputs: Tensor = self.inner(inputs)
        return outputs


@pytest.mark.parametrize("attack", [ExhaustivePixel(), GreedyPixel(), OnePixel(population=20)])
def test_less_memory_changes_nothing(attack: Attack) -> None:
    shape = (3, 4, 5)
    network = Curved(shape, 3, seed=3)
    batch = batch_of(images(shape, 2))
    threat = Threat(norm="l0", radius=2)

    def found(net: nn.Module) -> Proposal:
        model = model_of(net, multiclass(3))
        known = replace(batch, before=model.outputs(batch.images))
        return attack(model, known, Become(target="c"), threat, seed=0)

    assert torch.equal(found(network).delta, found(Cramped(network)).delta)


def test_a_sweep_asks_for_many_images_at_once() -> None:
    counted = Counted(Curved((3, 6, 7), 3))
    sizes: list[int] = []
    counted.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    model, batch = model_of(counted, multiclass(3)), batch_of(images((3, 6, 7), 1))
    label = int(model.task.decide(model.outputs(batch.images)))
    batch = replace(batch, truth=torch.tensor([label]))
    sizes.clear()
    ExhaustivePixel(at_once=64)(model, batch, Misclassify(), ONE, seed=0)
    assert sizes == [1, 64, 64, 64, 64, 64, 16]


@pytest.mark.parametrize(
    ("step", "share"),
    [(1, 0.15), (50, 0.15), (51, 0.075), (201, 0.06), (501, 0.05), (1001, 0.3 / 8), (8001, 0.015)],
)
def test_the_papers_schedule(step: int, share: float) -> None:
    assert SparseRS()._share(step) == pytest.approx(share)
    assert SparseRS(queries=100_000)._share(10 * step) == pytest.approx(share)


def test_sets_are_drawn_evenly_and_stay_apart() -> None:
    """Three of five inside and of seven outside, exchanged again and again: no position is lost,
    and each is inside as often as the others."""
    n, generator = 2000, torch.Generator().manual_seed(0)
    sets = _Sets(
        order=torch.arange(14).int().repeat(n, 1),
        inside=torch.full((n,), 5),
        outside=torch.full((n,), 7),
    )
    several = torch.full((n,), 3)
    inside = torch.zeros(14)
    for _ in range(12):
        sets.draw(several, torch.rand(n, 3, 2, generator=generator))
        sets.exchange(several, 3)
        assert torch.equal(sets.order.sort(dim=1).values, torch.arange(14).int().repeat(n, 1))
        assert torch.equal(sets.order[:, 12:], torch.tensor([[12, 13]]).int().repeat(n, 1))
    inside = sets.order[:, :5].long().flatten().bincount(minlength=14)[:12] / n
    assert bool((inside - 5 / 12).abs().max() < 5 * (5 / 12 * 7 / 12 / n) ** 0.5)


@pytest.mark.parametrize("attack", EVERYTHING, ids=lambda attack: type(attack).__name__)
def test_what_makes_no_sense_is_refused_or_changes_nothing(attack: Attack) -> None:
    shape = (3, 4, 5)
    model, batch = model_of(Curved(shape, 3), multiclass(3)), batch_of(images(shape, 2))
    with pytest.raises(PlanError, match=r"searches under l0, got a threat in linf"):
        attack(model, batch, Misclassify(), Threat(norm="linf", radius=2), seed=0)
    less = Threat(norm="l0", radius=0.5)
    assert not attack(model, batch, Misclassify(), less, seed=0).delta.any()


@pytest.mark.parametrize(
    ("attack", "options", "message"),
    [
        (ExhaustivePixel, {"stride": 0}, "`stride` must be at least 1, got 0"),
        (ExhaustivePixel, {"queries": 0}, "`queries` must be at least 1, got 0"),
        (GreedyPixel, {"shortlist": 0}, "`shortlist` must be at least 1, got 0"),
        (OnePixel, {"population": 2}, "`population` must be at least 3, got 2"),
        (OnePixel, {"weight": 0.0}, "`weight` must be positive, got 0"),
        (SparseRS, {"alpha": 1.5}, "`alpha` must be above 0 and at most 1, got 1.5"),
    ],
)
def test_options_are_checked(attack: type[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        attack(**options)
