"""What every attack in the catalogue promises, whatever it searches and however.

Bit-equality is asked for with networks that compute each case by itself, in float64. In float32 a
matrix product of one row is not that of eight: there, a case's proposal does not depend on *what*
its neighbours are, while their number may move an output by a rounding error.
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass, replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from tests.helpers.attacks import ANY_FILE, ATTACKS, NAMES_AND_NORMS
from tests.helpers.tiny import (
    Counted,
    Curved,
    Linear,
    PixelWise,
    Quadratic,
    batch_of,
    binary,
    image,
    images,
    model_of,
    multiclass,
    multilabel,
    segmentation,
)
from torch import Tensor, nn

from plexor.attacks import (
    Attack,
    Become,
    Drift,
    Erase,
    Flip,
    Goal,
    LowerDice,
    Misclassify,
    Move,
    Proposal,
    Spread,
    Threat,
    cascade,
    judge,
    matched_noise,
)
from plexor.attacks.catalogue import SEARCHES, find
from plexor.attacks.engine import propose
from plexor.attacks.stages import STAGES
from plexor.attacks.threat import Norm
from plexor.cases import LOSSLESS, Image
from plexor.core.errors import PlanError
from plexor.models import Batch, Model, Preprocess, Regression, Segmentation, Task, TorchModel
from plexor.models.architectures.small_cnn import SmallCNN
from plexor.threat_model import Access

SHAPES = {"2D": (3, 6, 5), "3D": (1, 4, 5, 3)}
TASKS: dict[str, Task] = {
    "multiclass": multiclass(4),
    "binary": binary(0.4),
    "multilabel": multilabel(3),
    "regression": Regression(unit="years"),
    "segmentation": segmentation(3),
}
GOALS: dict[str, list[Goal]] = {
    "multiclass": [Misclassify(), Become(target="b")],
    "binary": [Misclassify(), Become(target="b")],
    "multilabel": [Misclassify(), Flip(label="b", kind="hide"), Flip(label="c", kind="invent")],
    "regression": [Move(by=0.5, kind=kind) for kind in ("raise", "lower", "deviate")],
    "segmentation": [
        LowerDice(of="b", below=0.9),
        Erase(of="b", keep=0.85),
        Spread(of="c", by=0.1),
        Spread(of="b", by=0.05, kind="invent"),
        Drift(of="b", by=0.1),
    ],
}
ONE_PIXEL: list[Goal] = [
    LowerDice(of="b", below=0.999),
    Erase(of="b", keep=0.99),
    Spread(of="c", by=0.01),
    Spread(of="b", by=0.01, kind="invent"),
    Drift(of="b", by=0.02),
]
"""What a single pixel is enough for in an outline, where each pixel is decided by itself."""


def goals_of(name: str, task: str) -> list[Goal]:
    one = name == "exhaustive-pixel" and task == "segmentation"
    return ONE_PIXEL if one else GOALS[task]


NAMES_TASKS_AND_GOALS = [
    (name, task, goal, "2D")
    for name, attack in ANY_FILE.items()
    for task in attack.tasks
    for goal in goals_of(name, task)
] + [
    (name, "segmentation", goal, "3D")
    for name, attack in ANY_FILE.items()
    if "segmentation" in attack.tasks
    for goal in goals_of(name, "segmentation")
]


QUICK: dict[str, dict[str, Any]] = {
    "lattice": {"steps": 15},
    "apgd": {"steps": 12},
    "apgd-t": {"steps": 8},
    "square": {"queries": 24},
    "nes": {"queries": 100, "samples": 20},
    "simba": {"queries": 30},
    "fmn": {"steps": 20},
    "sigma-zero": {"steps": 40},
    "ddn": {"steps": 20},
    "fab": {"steps": 10},
    "carlini-wagner": {"steps": 50, "constants": 3, "step_size": 0.1},
    "hop-skip-jump": {"queries": 150, "samples": 10},
    "rays": {"queries": 120},
    "one-pixel": {"queries": 90, "population": 15},
    "greedy-pixel": {"shortlist": 5},
    "sparse-rs": {"queries": 40},
}
"""Settings that make the slower attacks quick; all others run as they are by default."""


@pytest.fixture(autouse=True)
def _few_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cascade of its first stage and those by scores; all others are tested by themselves."""
    by_scores = [
        replace(stage, attack=quick(stage.name))
        for stage in STAGES
        if stage.name in ("square", "sparse-rs")
    ]
    monkeypatch.setattr(cascade, "STAGES", (STAGES[0], *by_scores))


def quick(name: str, **options: Any) -> Attack:
    return ATTACKS[name](**{**QUICK.get(name, {}), **options})


def within(name: str, shape: tuple[int, ...], radius: float) -> Threat:
    """So many levels a number: under L∞ where the attack searches it, else as long under L2.

    For an attack under L0 alone, a tenth of all positions, rounded up.
    """
    if "linf" in ATTACKS[name].norms:
        return Threat(norm="linf", radius=radius)
    if "l2" in ATTACKS[name].norms:
        return Threat(norm="l2", radius=radius * float(np.prod(shape)) ** 0.5)
    return Threat(norm="l0", radius=-(-int(np.prod(shape[1:])) // 10))


@dataclass(frozen=True, slots=True)
class Storage:
    """A way images are stored, with a threat's unit and radii that suit it."""

    dtype: str
    slope: float
    unit: Any
    radius: dict[str, float]

    def threat(self, norm: Any, *, times: float = 1.0) -> Threat:
        unit: Any = "count" if norm == "l0" and self.unit != "percent" else self.unit
        return Threat(norm=norm, radius=times * self.radius[norm], unit=unit)


STORED = {
    "8 bit": Storage("u1", 1.0, "level", {"linf": 2.0, "l2": 9.0, "l1": 60.0, "l0": 3.0}),
    "16 bit, turned over": Storage(
        "i2", -0.5, "value", {"linf": 3.0, "l2": 20.0, "l1": 90.0, "l0": 3.0}
    ),
    "floating": Storage("f4", 1.0, "percent", {"linf": 1.0, "l2": 8.0, "l1": 40.0, "l0": 10.0}),
}


def small_images(shape: tuple[int, ...], dtype: str, *, slope: float = 1.0) -> list[Image]:
    """Six cases: noise, and the first two at the ends of what can be stored."""
    stored = images(shape, 6, dtype=dtype, seed=3)
    if dtype == "i2":
        stored = [image((one.pixels // 256).astype("i2"), slope=slope) for one in stored]
    if dtype == "u1":
        stored[0].pixels[:] = 0
        stored[1].pixels[:] = 255
    return stored


def network(shape: tuple[int, ...], task: Task, dtype: str = "u1") -> nn.Module:
    if isinstance(task, Segmentation):
        return PixelWise(shape[0], task.n_outputs, seed=13)
    if dtype == "f4":
        return Curved(shape, task.n_outputs, seed=1, centre=0.5, scale=0.1)
    return Curved(shape, task.n_outputs, seed=1)


def decided(model: Model, stored: list[Image]) -> Batch:
    """The cases with what the model says now as their truth: none is at the goal of being wrong."""
    batch = batch_of(stored)
    labels = model.task.decide(model.outputs(batch.images, batch.scaling))
    return batch_of(stored, labels.tolist())


def margins(model: Model, batch: Batch, goal: Goal, delta: Tensor | float) -> Tensor:
    before = model.outputs(batch.images, batch.scaling)
    outputs = model.outputs(batch.images + delta, batch.scaling)
    return goal.margin(model.task, outputs, batch.truth, before).detach()


def assert_equal(one: Proposal, other: Proposal) -> None:
    assert torch.equal(one.delta, other.delta)
    assert torch.equal(one.n_gradients, other.n_gradients)
    assert torch.equal(one.n_forwards, other.n_forwards)


@pytest.mark.parametrize("storage", STORED)
@pytest.mark.parametrize("dimensions", SHAPES)
@pytest.mark.parametrize(("name", "norm"), NAMES_AND_NORMS)
def test_proposals_are_storable_within_the_threat_and_no_worse_than_nothing(
    name: str, norm: Any, dimensions: str, storage: str
) -> None:
    how, shape, task = STORED[storage], SHAPES[dimensions], TASKS["multiclass"]
    stored = small_images(shape, how.dtype, slope=how.slope)
    model = model_of(network(shape, task, how.dtype), task)
    batch, goal = decided(model, stored), Misclassify()
    # Decisions tell nothing of coming nearer: the goal must be within reach.
    threat = how.threat(norm, times=20.0 if ATTACKS[name].access == "decisions" else 1.0)
    proposal = quick(name)(model, batch, goal, threat, seed=0)

    assert proposal.delta.shape == batch.images.shape
    assert proposal.delta.dtype == torch.float32
    assert not proposal.delta.requires_grad
    verdicts = judge(model, batch, stored, proposal.delta, goal=goal, threat=threat)[LOSSLESS]
    assert all(verdict.within_threat for verdict in verdicts)
    if how.dtype != "f4":
        assert torch.equal(proposal.delta, proposal.delta.round())
        lengths = [getattr(verdict.distances, norm) for verdict in verdicts]
        proposed = threat.norms(proposal.delta.double())
        np.testing.assert_allclose(lengths, proposed, rtol=1e-6)
    before = margins(model, batch, goal, 0.0)
    after = torch.tensor([verdict.margin for verdict in verdicts])
    slack = 0.0 if how.dtype != "f4" else 1e-3  # the judge's image is rounded once more
    assert bool((after >= before - slack).all())
    assert bool((after > before + 0.01).any()), "found nothing for any case"


@pytest.mark.parametrize(("name", "norm"), NAMES_AND_NORMS)
def test_padding_is_left_alone(name: str, norm: Any) -> None:
    """A quarter of one image is padding, and none of the other; noise keeps to it, too."""
    shape, task = SHAPES["2D"], TASKS["multiclass"]
    stored = images(shape, 2, seed=5)
    padding = np.zeros(shape[1:], dtype=bool)
    padding[: shape[1] // 2, : shape[2] // 2] = True
    stored[0] = replace(stored[0], padding=padding)
    model = model_of(network(shape, task), task)
    batch, goal = decided(model, stored), Misclassify()
    threat = STORED["8 bit"].threat(norm, times=20.0)
    proposal = quick(name)(model, batch, goal, threat, seed=0)
    assert not proposal.delta[0][:, torch.from_numpy(padding)].any()
    noise = matched_noise(batch, threat, seed=0)
    assert not noise[0][:, torch.from_numpy(padding)].any()
    assert noise[0].any()
    verdicts = judge(model, batch, stored, proposal.delta, goal=goal, threat=threat)[LOSSLESS]
    assert all(verdict.within_threat for verdict in verdicts)


def test_a_change_in_padding_is_not_within_the_threat() -> None:
    stored = images(SHAPES["2D"], 2, seed=5)
    padding = np.zeros(SHAPES["2D"][1:], dtype=bool)
    padding[0, 0] = True
    stored = [replace(one, padding=padding) for one in stored]
    model = model_of(network(SHAPES["2D"], TASKS["multiclass"]), TASKS["multiclass"])
    batch, threat = batch_of(stored), Threat(norm="linf", radius=300)
    delta = torch.zeros_like(batch.images)
    delta[0, :, 0, 0] = 1 - 2 * (batch.images[0, :, 0, 0] > 9).float()
    delta[1, :, 0, 1] = 1 - 2 * (batch.images[1, :, 0, 1] > 9).float()
    verdicts = judge(model, batch, stored, delta, goal=None, threat=threat)[LOSSLESS]
    assert [verdict.within_threat for verdict in verdicts] == [False, True]


def _tells_more(task: str, goal: Goal, dimensions: str) -> bool:
    """Of outlines in 3D, a goal that counts pixels and one that asks where they are."""
    return dimensions == "2D" or isinstance(goal, LowerDice | Drift)


@pytest.mark.parametrize(
    ("name", "task", "goal", "dimensions"),
    [each for each in NAMES_TASKS_AND_GOALS if _tells_more(*each[1:])],
)
def test_every_declared_task_and_goal_is_searched(
    name: str, task: str, goal: Goal, dimensions: str
) -> None:
    """A loose threat on a smooth model: most cases come nearer the goal, and some get there."""
    shape, named = SHAPES[dimensions], TASKS[task]
    model = model_of(network(shape, named), named)
    batch = decided(model, images(shape, 24, seed=5))
    open_ = margins(model, batch, goal, 0.0) <= 0
    assert bool(open_.any())
    threat = within(name, shape, 40 if ATTACKS[name].access == "decisions" else 16)
    proposal = quick(name)(model, batch, goal, threat, seed=0)
    before, after = (margins(model, batch, goal, d)[open_] for d in (0.0, proposal.delta))
    assert float((after > before).float().mean()) > 0.5
    assert bool((after > 0).any())


_FIRST_NORM = dict(reversed(NAMES_AND_NORMS))


@pytest.mark.parametrize(
    ("name", "norm", "kind"),
    [
        (name, norm, kind)
        for name, norm in NAMES_AND_NORMS
        for kind in (Curved, Linear, Quadratic)
        if kind is Curved or norm == _FIRST_NORM[name]
    ],
)
def test_a_proposal_depends_on_case_model_and_seed_alone(
    name: str, norm: Any, kind: type[nn.Module]
) -> None:
    """Not on the batch's size, its order, its other members, or what was drawn before."""
    shape, task = SHAPES["2D"], TASKS["multiclass"]
    drawn = torch.randn(4, *shape, generator=torch.Generator().manual_seed(0)).double()
    nets: dict[type[nn.Module], nn.Module] = {
        Curved: network(shape, task),
        Linear: Linear(drawn / 100),
        Quadratic: Quadratic(drawn * 20 + 128),
    }
    model = model_of(nets[kind], task)
    batch = decided(model, images(shape, 6))
    attack, goal = quick(name), Misclassify()
    threat = STORED["8 bit"].threat(norm)

    def search(index: list[int]) -> Proposal:
        return attack(model, batch.select(torch.tensor(index)), goal, threat, seed=7)

    def part(index: list[int]) -> Proposal:
        return Proposal(
            delta=whole.delta[index],
            n_gradients=whole.n_gradients[index],
            n_forwards=whole.n_forwards[index],
        )

    everyone = list(range(6))
    whole = search(everyone)
    torch.rand(3)
    np.random.default_rng().random()
    assert_equal(search(everyone), whole)
    for index in ([0], [3], [5, 2], [4, 0, 1], everyone[::-1]):
        assert_equal(search(index), part(index))


@pytest.mark.parametrize("name", ANY_FILE)
@pytest.mark.parametrize("dimensions", SHAPES)
def test_a_float32_network_does_not_let_neighbours_be_felt(name: str, dimensions: str) -> None:
    """With as many neighbours as before, but others, and in another order."""
    shape = (3, 20, 17) if dimensions == "2D" else (1, 9, 10, 11)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = SmallCNN(len(shape) - 1, shape[0], 4)
    task = TASKS["multiclass"]
    model = TorchModel(net, task=task, preprocess=Preprocess())
    stored = images(shape, 6)
    batch = decided(model, stored)
    attack, goal, threat = quick(name), Misclassify(), within(name, shape, 2)
    before = attack(model, batch, goal, threat, seed=0)
    others = [*stored[:2], *images(shape, 4, seed=9)]
    ids = [*batch.ids[:2], "w", "x", "y", "z"]
    labels = [*batch.truth[:2].tolist(), 0, 1, 2, 3]
    after = attack(model, batch_of(others, labels, ids=ids), goal, threat, seed=0)
    assert torch.equal(before.delta[:2], after.delta[:2])
    assert torch.equal(before.n_gradients[:2], after.n_gradients[:2])


@pytest.mark.parametrize(("name", "norm"), NAMES_AND_NORMS)
def test_the_cost_is_what_the_model_was_asked(name: str, norm: Any) -> None:
    shape, task = SHAPES["2D"], TASKS["multiclass"]
    counted = Counted(network(shape, task))
    model = model_of(counted, task)
    batch = decided(model, images(shape, 6))
    threat = STORED["8 bit"].threat(norm)
    several = {"restarts": 3} if "restarts" in attack_options(ATTACKS[name]) else {}
    for attack in (quick(name), quick(name, **several)):
        counted.n_forwards = counted.n_backwards = 0
        proposal = attack(model, batch, Misclassify(), threat, seed=0)
        assert proposal.n_gradients.dtype == proposal.n_forwards.dtype == torch.int64
        assert counted.n_backwards == int(proposal.n_gradients.sum())
        assert counted.n_forwards <= int((proposal.n_gradients + proposal.n_forwards).sum())


QUERIES = [name for name, entry in ANY_FILE.items() if entry.access in ("scores", "decisions")]


@pytest.mark.parametrize("known", [True, False], ids=["before known", "before asked for"])
@pytest.mark.parametrize("queries", [1, 2, 3, 17, 45])
@pytest.mark.parametrize("name", QUERIES)
def test_a_budget_of_queries_is_never_exceeded(name: str, queries: int, known: bool) -> None:
    """Every image of a case that the model sees is a query, whoever asks for it."""
    shape, task = SHAPES["2D"], TASKS["multiclass"]
    counted = Counted(network(shape, task))
    model = model_of(counted, task)
    batch = decided(model, images(shape, 6))
    if known:
        batch = replace(batch, before=model.outputs(batch.images, batch.scaling))
    attack = quick(name, queries=queries)
    for norm in ATTACKS[name].norms:
        threat = STORED["8 bit"].threat(norm)
        counted.n_forwards = counted.n_backwards = 0
        proposal = attack(model, batch, Misclassify(), threat, seed=0)
        assert counted.n_backwards == 0
        assert counted.n_forwards == int(proposal.n_forwards.sum())
        assert int(proposal.n_forwards.max()) <= queries
        before, after = (margins(model, batch, Misclassify(), d) for d in (0.0, proposal.delta))
        assert bool((after >= before).all())
        assert queries > 1 or known or not proposal.delta.any()


def attack_options(attack: Any) -> list[str]:
    assert is_dataclass(attack)
    return [option.name for option in fields(attack)]


@pytest.mark.parametrize("name", ANY_FILE)
def test_cases_at_the_goal_are_left_alone_and_cost_nothing(name: str) -> None:
    shape, task = SHAPES["2D"], TASKS["multiclass"]
    counted = Counted(network(shape, task))
    model = model_of(counted, task)
    batch = decided(model, images(shape, 6))
    attack, goal, threat = quick(name), Misclassify(), within(name, shape, 2)
    attempted = torch.tensor([True, False, True, False, False, True])
    found = propose(model, batch, attack, goal, threat, attempted=attempted, seed=0)
    alone = attack(model, batch.select(torch.tensor([0, 2, 5])), goal, threat, seed=0)
    assert not found.delta[~attempted].any()
    assert not found.n_gradients[~attempted].any()
    assert not found.n_forwards[~attempted].any()
    assert torch.equal(found.delta[attempted], alone.delta)
    assert torch.equal(found.n_gradients[attempted], alone.n_gradients)
    counted.n_forwards = 0
    nobody = propose(
        model, batch, attack, goal, threat, attempted=torch.zeros(6, dtype=torch.bool), seed=0
    )
    assert counted.n_forwards == 0
    assert_equal(nobody, Proposal.nothing(batch))


@pytest.mark.parametrize("name", ANY_FILE)
def test_an_attack_changes_neither_model_nor_batch(name: str) -> None:
    shape, task = SHAPES["2D"], TASKS["multiclass"]
    model = model_of(network(shape, task), task)
    batch = decided(model, images(shape, 3))
    weights = {key: tensor.clone() for key, tensor in model.network.state_dict().items()}
    pixels, random_state = batch.images.clone(), torch.get_rng_state()
    quick(name)(model, batch, Misclassify(), within(name, shape, 2), seed=0)
    assert torch.equal(batch.images, pixels)
    assert not batch.images.requires_grad
    assert torch.equal(torch.get_rng_state(), random_state)
    for key, tensor in model.network.state_dict().items():
        assert torch.equal(tensor, weights[key])
    assert all(parameter.grad is None for parameter in model.network.parameters())
    assert not model.network.training


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_describes_itself(name: str) -> None:
    kind = ATTACKS[name]
    assert kind.access in get_args(Access)
    assert set(kind.tasks) <= set(TASKS)
    assert set(kind.norms) <= set(get_args(Norm))
    assert kind.reference
    assert kind.summary
    attack: Any = kind()
    assert attack == kind()
    for option in attack_options(kind):
        with pytest.raises(FrozenInstanceError):
            setattr(attack, option, None)


def test_an_unknown_attack_is_answered_with_the_nearest() -> None:
    assert find("pgd") is SEARCHES["pgd"]
    with pytest.raises(PlanError, match="unknown attack 'pdg'; did you mean 'pgd'"):
        find("pdg")
