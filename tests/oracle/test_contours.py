"""Segmentations: Dice, goals and what is found, against brute force, MONAI and closed forms."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from monai.metrics.meandice import compute_dice
from numpy.typing import NDArray
from tests.helpers.tiny import (
    AS_STORED,
    PixelWise,
    batch_of,
    image,
    images,
    model_of,
    multiclass,
    segmentation,
)
from torch import Tensor, nn
from torch.nn import functional

from plexor.attacks import (
    FMN,
    PGD,
    Attack,
    DeepFool,
    Drift,
    Erase,
    Goal,
    LowerDice,
    Spread,
    Threat,
    judge,
)
from plexor.attacks.goals import LossKind
from plexor.cases import LOSSLESS
from plexor.cases.phantoms import TISSUES, BrainConfig, brain, draw_head
from plexor.core.errors import DataError, ModelError, PlanError
from plexor.models import Batch, Preprocess, Segmentation, TorchModel
from plexor.models.task import Task

SHAPES = [(7, 6), (4, 5, 3)]


def draws(shape: tuple[int, ...], n_outputs: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, truth and outputs before of 40 cases; small whole logits, so that many are tied."""
    generator = torch.Generator().manual_seed(seed)
    before = torch.randint(-2, 3, (40, n_outputs, *shape), generator=generator).float()
    after = before + torch.randint(-1, 2, before.shape, generator=generator)
    truth = torch.randint(0, max(2, n_outputs), (40, *shape), generator=generator)
    return after, truth, before


def decided(outputs: Tensor) -> NDArray[Any]:
    numbers = outputs.numpy()
    return (numbers[:, 0] > 0).astype(int) if numbers.shape[1] == 1 else numbers.argmax(axis=1)


def by_hand(one: NDArray[Any], other: NDArray[Any]) -> float:
    total = int(one.sum() + other.sum())
    return math.nan if total == 0 else 2 * int((one & other).sum()) / total


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_outputs", [1, 2, 4])
def test_dice_is_that_of_counting_and_of_monai(shape: tuple[int, ...], n_outputs: int) -> None:
    outputs, truth, _ = draws(shape, n_outputs, 0)
    truth[:7] = 0
    outputs[:3, 1:] = outputs[:3, :1] = -1
    task = segmentation(n_outputs)
    found = task.dice(task.decide(outputs), truth).numpy()
    labels = range(1, max(2, n_outputs))
    expected = [
        [by_hand(one == k, other == k) for k in labels]
        for one, other in zip(decided(outputs), truth.numpy(), strict=True)
    ]
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(found).any()
    ours, true = (
        functional.one_hot(x, max(2, n_outputs)).movedim(-1, 1)
        for x in (task.decide(outputs), truth)
    )
    theirs = compute_dice(ours, true, include_background=False, ignore_empty=False).numpy()
    np.testing.assert_allclose(np.nan_to_num(found, nan=1.0), theirs, rtol=1e-6)


@pytest.mark.parametrize("n_outputs", [1, 2, 4])
def test_a_pixel_leads_exactly_where_it_is_decided(n_outputs: int) -> None:
    outputs, _, _ = draws((7, 6), n_outputs, 1)
    task = segmentation(n_outputs)
    for label in range(1, max(2, n_outputs)):
        lead = task.lead(outputs, label)
        assert torch.equal(lead > 0, task.decide(outputs) == label)
        assert bool((lead != 0).all())


def reached(goal: Goal, now: NDArray[Any], truth: NDArray[Any], was: NDArray[Any]) -> bool | None:
    """Whether one case is where the goal wants it, by its definition; None where it means nothing.

    All three are bool, where the class is.
    """
    if isinstance(goal, LowerDice):
        return by_hand(now, truth) < goal.below if truth.any() else None
    if isinstance(goal, Erase):
        return bool((now & was).sum() <= goal.keep * was.sum()) if was.any() else None
    if isinstance(goal, Spread):
        wanted = goal.by * (was.sum() if goal.kind == "grow" else was.size)
        if wanted == 0 or wanted > (~was).sum():
            return None
        return bool((now & ~was).sum() >= wanted)
    assert isinstance(goal, Drift)
    if not was.any() or not now.any():
        return False if was.any() else None
    moved = np.argwhere(now).mean(axis=0) - np.argwhere(was).mean(axis=0)
    return bool(np.linalg.norm(moved) > goal.by)


GOALS: list[Goal] = [
    *(LowerDice(of="b", below=below) for below in (0.3, 0.45, 0.5, 0.8, 1.0)),
    *(Erase(of="b", keep=keep) for keep in (0.0, 0.5, 0.7)),
    *(Spread(of="b", by=by) for by in (0.1, 0.3, 2.0)),
    *(Spread(of="b", by=by, kind="invent") for by in (0.1, 0.2, 0.9)),
    *(Drift(of="b", by=by) for by in (0.21, 0.43)),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_outputs", [1, 2, 3])
@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.name)
def test_a_margin_is_positive_exactly_where_the_decision_is_as_wished(
    goal: Goal, n_outputs: int, shape: tuple[int, ...]
) -> None:
    """And no number where that means nothing."""
    task: Any = segmentation(n_outputs) if n_outputs > 1 else Segmentation(classes=("b",))
    outputs, truth, before = draws(shape, n_outputs, 2)
    before[:2, :1], before[:2, 1:] = 3 if n_outputs > 1 else -3, 0
    truth[1:3] = 0
    margin = goal.margin(task, outputs, truth, before)
    cases = zip(decided(outputs), truth.numpy(), decided(before), strict=True)
    expected = [reached(goal, now == 1, true == 1, was == 1) for now, true, was in cases]
    found = [None if math.isnan(m) else m > 0 for m in margin.tolist()]
    assert found == expected
    assert torch.equal(margin.isnan(), goal.loss(task, outputs, truth, "margin", before).isnan())
    ways = goal.ways(task, outputs, truth, before).amax(dim=1)
    torch.testing.assert_close(ways, margin, equal_nan=True)
    outputs[3] = torch.nan
    assert goal.margin(task, outputs, truth, before)[3].isnan()


@pytest.mark.parametrize("below", [0.137, 0.437, 0.837])
def test_a_dice_is_low_exactly_where_the_flipped_pixels_weigh_enough(below: float) -> None:
    """With M missed and I invented of T, ``(2 - d) M + d I > 2 T (1 - d)``; in any order."""
    outputs, truth, before = draws((7, 6), 3, 4)
    flips = LowerDice(of="b", below=below).flips(segmentation(3), outputs, truth, before)
    inside = (truth == 1).flatten(1)
    generator = torch.Generator().manual_seed(0)
    order = torch.rand(inside.shape, generator=generator).argsort(dim=1)
    there = inside.gather(1, order).double()
    missed, invented = there.cumsum(dim=1), (1 - there).cumsum(dim=1)
    size = inside.sum(dim=1, keepdim=True)
    enough = (2 - below) * missed + below * invented > 2 * size * (1 - below)
    assert bool(enough.any())
    assert not bool(enough.all())
    assert torch.equal(flips.enough(order), enough)
    weights = flips.weight.double().gather(1, order)
    assert torch.equal(weights.cumsum(dim=1) > 2 * size * (1 - below), enough)


def test_the_cheapest_pixels_by_lead_over_weight_decide_the_margin() -> None:
    """Dice below 0.5 of two pixels: one missed and three invented weigh 3 of the 2 asked for.

    Weights are 1.5 inside and 0.5 outside. By lead over weight the order is -3/1.5 (inside),
    -2/0.5 (outside), -9/1.5 (inside), -8/0.5, so that both inside and the first outside are
    needed, and the margin is the root mean square of their leads.
    """
    logits = torch.tensor([[[[3.0, 9.0, -2.0, -8.0]]]])
    truth = torch.tensor([[[1, 1, 0, 0]]])
    task = Segmentation(classes=("b",))
    found = LowerDice(of="b", below=0.5).margin(task, logits, truth, logits)
    assert found.item() == pytest.approx(-math.sqrt((9 + 4 + 81) / 3))
    loss = LowerDice(of="b", below=0.5).loss(task, logits, truth, "ce", logits).item()
    sigmoid = [1 / (1 + math.exp(-lead)) for lead in (-3, -9, -2, -8)]
    expected = 1.5 * (sigmoid[0] + sigmoid[1]) + 0.5 * (sigmoid[2] + sigmoid[3])
    assert loss == pytest.approx(expected / 4)


@pytest.mark.parametrize("kind", ["margin", "ratio"])
@pytest.mark.parametrize("goal", GOALS[::3], ids=lambda goal: goal.name)
def test_losses_follow_margins_and_ratios_do_not_see_the_scale(goal: Goal, kind: LossKind) -> None:
    outputs, truth, before = draws((7, 6), 3, 3)
    noise = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0))
    outputs, task = outputs + 0.1 * noise, segmentation(3)
    defined = ~goal.margin(task, outputs, truth, before).isnan()

    def slope(scale: float) -> tuple[Tensor, Tensor]:
        at = outputs.clone().requires_grad_()
        loss = goal.loss(task, scale * at, truth, kind, scale * before)
        (gradient,) = torch.autograd.grad(loss.sum(), at)
        return loss.detach(), gradient

    loss, gradient = slope(1.0)
    assert bool(gradient.isfinite().all())
    assert bool((gradient.flatten(1) != 0).any(dim=1)[defined].all())
    if kind == "ratio":
        scaled, other = slope(64.0)
        torch.testing.assert_close(loss, scaled, equal_nan=True)
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-6)


class Affine(nn.Module):
    """One logit a pixel: ``weight * x + bias``, with a bias of its own for every pixel."""

    def __init__(self, weight: float, bias: Tensor) -> None:
        super().__init__()
        self.weight = weight
        self.bias = nn.Parameter(bias.double())

    def forward(self, inputs: Tensor) -> Tensor:
        return self.weight * inputs.double() + self.bias


@pytest.mark.parametrize("shape", [(1, 8, 7), (1, 4, 5, 3)])
@pytest.mark.parametrize("keep", [0.0, 0.4, 0.9])
@pytest.mark.parametrize(
    ("attack", "norm", "close"),
    [
        (DeepFool(), "l2", 1.03),
        (FMN(), "l2", 1.2),
        (DeepFool(), "linf", 1.01),
        (FMN(), "linf", 1.01),
    ],
    ids=["deepfool-l2", "fmn-l2", "deepfool-linf", "fmn-linf"],
)
def test_the_nearest_perturbation_that_erases_enough_pixels(
    attack: Attack, norm: Any, close: float, keep: float, shape: tuple[int, ...]
) -> None:
    """Of affine pixels the least firm are flipped, each by as little as it takes.

    FMN steps along one direction at a time, and under L2 stays above the corner where all meet.
    """
    stored = images(shape, 4, dtype="f4", seed=2)
    batch = batch_of(stored)
    bias = -0.4 - 0.8 * torch.rand(shape, generator=torch.Generator().manual_seed(5))
    model = TorchModel(
        Affine(2.0, bias), task=Segmentation(classes=("lesion",)), preprocess=AS_STORED
    )
    lead = model.outputs(batch.images).double().flatten(1)
    goal = Erase(of="lesion", keep=keep)
    delta = attack(model, batch, goal, Threat(norm=norm, radius=1000, unit="percent"), seed=0).delta
    for i in range(len(batch)):
        firm = lead[i][lead[i] > 0].sort().values / 2
        few = firm[: len(firm) - math.floor(keep * len(firm))]
        least = float(few.norm() if norm == "l2" else few.max())
        length = float(delta[i].double().norm() if norm == "l2" else delta[i].abs().max())
        assert least * (1 - 1e-5) <= length <= least * close


@dataclass(frozen=True, slots=True)
class Plain:
    """A goal climbed by cross-entropy summed over all pixels."""

    goal: Goal
    name: str = ""
    looks_back: ClassVar[bool] = True

    def check(self, task: Task) -> None:
        self.goal.check(task)

    def ways(self, *args: Any) -> Tensor:
        return self.goal.ways(*args)

    def margin(self, *args: Any) -> Tensor:
        return self.goal.margin(*args)

    def loss(
        self, task: Task, outputs: Tensor, truth: Tensor, kind: Any, before: Tensor | None = None
    ) -> Tensor:
        return functional.cross_entropy(outputs, truth, reduction="none").flatten(1).sum(1)


class SmallUNet(nn.Module):
    """Two scales and a way across."""

    def __init__(self, width: int, n_outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.deep = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.join = nn.Conv2d(3 * width, width, 3, padding=1)
        self.last = nn.Conv2d(width, n_outputs, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        top = self.first(inputs).relu()
        deep = self.deep(self.down(top).relu()).relu()
        wide = functional.interpolate(deep, top.shape[2:], mode="nearest")
        logits: Tensor = self.last(self.join(torch.cat([top, wide], dim=1)).relu())
        return logits


@pytest.fixture(scope="module")
def heads() -> tuple[TorchModel, Batch]:
    """A network trained on slices of made-up heads to find brain and ventricles; others to test."""
    generator, config = np.random.default_rng(0), BrainConfig(shape=(48, 56, 48), spacing_mm=4.0)
    pixels, labels = [], []
    for _ in range(4):
        scan = brain(generator, draw_head(generator, generator.uniform(50, 90), config), config)
        tissue = np.array([2 if "ventricle" in t else int(TISSUES.index(t) > 5) for t in TISSUES])[
            scan.masks["tissues"]
        ]
        pixels += [np.ascontiguousarray(scan.pixels[..., z]) for z in range(21, 27)]
        labels += [tissue[..., z] for z in range(21, 27)]
    task = Segmentation(classes=("other", "brain", "ventricles"))
    truth = task.labels(labels)
    values = torch.from_numpy(np.stack(pixels).astype(np.float32)) / 1000
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SmallUNet(8, 3)
        optimizer = torch.optim.Adam(network.parameters(), 1e-2)
        for step in range(200):
            index = (torch.arange(6) + 6 * (step % 3)).tolist()
            weight = torch.tensor([1.0, 1.0, 6.0])
            loss = functional.cross_entropy(network(values[index]), truth[index], weight)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    model = TorchModel(network, task=task, preprocess=Preprocess(window=(0.0, 1000.0)))
    batch = replace(batch_of([image(one) for one in pixels[18:]]), truth=truth[18:])
    return model, replace(batch, before=model.outputs(batch.images))


def test_dice_falls_further_than_by_plain_cross_entropy(
    heads: tuple[TorchModel, Batch],
) -> None:
    """With the same attack, from the same start."""
    model, batch = heads
    task: Any = model.task
    assert batch.before is not None

    def overlap(delta: Tensor | float) -> float:
        outputs = model.outputs(batch.images + delta)
        return float(task.dice(task.decide(outputs), batch.truth)[:, 1].mean())

    goal, threat = LowerDice(of="ventricles", below=0.1), Threat(norm="linf", radius=20)
    ours = overlap(PGD(steps=15)(model, batch, goal, threat, seed=0).delta)
    plain = overlap(PGD(steps=15)(model, batch, Plain(goal), threat, seed=0).delta)
    clean = overlap(0.0)
    assert clean > 0.5
    assert ours < plain - 0.05


@pytest.mark.parametrize("shape", [(12, 9), (6, 8, 5)])
def test_logits_come_back_at_the_size_of_the_image(shape: tuple[int, ...]) -> None:
    """A ramp of logits that the network gives at half the size is a ramp again, off the edges."""
    half = tuple(n // 2 for n in shape)

    class Ramp(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            assert tuple(inputs.shape[2:]) == half
            ramp = torch.arange(half[0], dtype=torch.float32) + 0.5
            return ramp.view(-1, *[1] * (len(half) - 1)) + 0 * inputs

    task = Segmentation(classes=("lesion",))
    model = TorchModel(Ramp(), task=task, preprocess=Preprocess(size=half, window=(0.0, 1.0)))
    values = torch.rand(2, 1, *shape).requires_grad_()
    outputs = model.outputs(values)
    assert outputs.shape == values.shape
    ramp = (torch.arange(shape[0]) + 0.5) / 2
    torch.testing.assert_close(
        outputs[0, 0].movedim(0, -1)[0, ..., 1:-1].flatten()[: shape[0] - 2], ramp[1:-1]
    )
    assert torch.autograd.grad(outputs.sum(), values)[0].shape == values.shape
    with pytest.raises(ModelError, match=r"expected \(2, 2, \*, \*"):
        TorchModel(Ramp(), task=segmentation(2), preprocess=model.preprocess).outputs(values)


def test_cases_the_goal_means_nothing_for_are_left_alone() -> None:
    """The second case's truth lacks the class; the attack spends nothing on it but the first."""
    task = segmentation(3)
    model = model_of(PixelWise(3, 3, seed=13), task)
    batch = batch_of(images((3, 6, 5), 2))
    truth = task.decide(model.outputs(batch.images))
    truth[1] = 0
    batch, goal = replace(batch, truth=truth), LowerDice(of="b", below=0.9)
    delta = PGD()(model, batch, goal, Threat(norm="linf", radius=16), seed=0).delta
    assert delta[0].any()
    assert not delta[1].any()


def test_the_judge_measures_dice_with_truth_and_with_before() -> None:
    task = segmentation(3)
    model, stored = model_of(PixelWise(3, 3, seed=13), task), images((3, 6, 5), 2)
    batch = batch_of(stored)
    before = model.outputs(batch.images)
    batch = replace(batch, truth=task.decide(before).roll(1, dims=1), before=before)
    delta = 9 * torch.sign(torch.rand(batch.images.shape) - 0.5)
    for case, verdict in enumerate(
        judge(model, batch, stored, delta, goal=None, threat=None)[LOSSLESS]
    ):
        now = decided(torch.from_numpy(verdict.outputs)[None])[0]
        outline = verdict.outline
        assert outline is not None
        start = decided(before)[case]
        for found, other in ((outline.dice, batch.truth[case]), (outline.agreement, start)):
            expected = [by_hand(now == k, np.asarray(other) == k) for k in (1, 2)]
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(outline.size, [(now == k).sum() for k in (0, 1, 2)])
        centres = [[np.argwhere(mask == k).mean(axis=0) for k in (1, 2)] for mask in (start, now)]
        moved = np.linalg.norm(np.subtract(centres[0], centres[1]), axis=-1)
        np.testing.assert_allclose(outline.moved, moved)
        assert verdict.decision == "|".join(n for k, n in ((1, "b"), (2, "c")) if (now == k).any())
    unknown = judge(model, replace(batch, before=None), stored, delta, goal=None, threat=None)
    assert unknown[LOSSLESS][0].outline is None


def test_what_makes_no_sense_is_refused() -> None:
    task, (outputs, truth, _) = segmentation(3), draws((4, 4), 3, 0)
    for goal in (Erase(of="b"), Spread(of="b", by=1), Drift(of="b", by=1)):
        with pytest.raises(PlanError, match="needs what the model said before"):
            goal.margin(task, outputs, truth)
        with pytest.raises(PlanError, match="needs a segmentation, not multiclass"):
            goal.check(multiclass(3))
    with pytest.raises(PlanError, match="unknown class 'a'"):
        LowerDice(of="a", below=0.5).check(task)
    for wrong in (
        lambda: LowerDice(of="b", below=0.0),
        lambda: Erase(of="b", keep=1.0),
        lambda: Spread(of="b", by=0.0),
        lambda: Spread(of="b", by=1.5, kind="invent"),
        lambda: Drift(of="b", by=-1.0),
        lambda: Segmentation(classes=()),
        lambda: Segmentation(classes=("a", "b"), threshold=0.3),
        lambda: Segmentation(classes=("a",), threshold=1.0),
    ):
        with pytest.raises(PlanError):
            wrong()
    with pytest.raises(DataError, match=r"from 0 to 2 \(b, c\), found 3"):
        task.labels([np.array([[0, 3]])])
    assert task.labels([np.array([[0, 2]], dtype=np.uint8)]).tolist() == [[[0, 2]]]
