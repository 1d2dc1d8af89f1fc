"""What every fitted attack promises: fitted on some cases, applied to cases it never saw."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from tests.helpers.tiny import (
    Counted,
    Curved,
    PixelWise,
    batch_of,
    binary,
    image,
    images,
    model_of,
    multiclass,
    multilabel,
    segmentation,
)
from torch import Tensor

from plexor.attacks import (
    FITTED,
    Become,
    Border,
    Flip,
    Goal,
    LowerDice,
    Masked,
    Misclassify,
    Move,
    Spread,
    Threat,
    judge,
    load_fitted,
    matched_noise,
)
from plexor.attacks.catalogue import CATALOGUE, SEARCHES, find_fitted
from plexor.attacks.fitted import FittedAttack, read_card, save_fitted
from plexor.attacks.threat import Norm
from plexor.attacks.universal import (
    UniversalDeepFool,
    UniversalPerturbation,
    UniversalSGD,
    UniversalSingular,
)
from plexor.cases import LOSSLESS, Image
from plexor.core.errors import DataError, PlanError
from plexor.models import (
    Batch,
    Model,
    ModelCard,
    Preprocess,
    Regression,
    Segmentation,
    Task,
    TorchModel,
)
from plexor.threat_model import Access

QUICK: dict[str, dict[str, Any]] = {
    "universal-sgd": {"steps": 12},
    "universal-deepfool": {"epochs": 1, "deepfool_steps": 4, "rivals": 2},
    "universal-singular": {"iterations": 2},
    "generator": {"steps": 12, "width": 8},
    "universal-generator": {"steps": 12, "width": 8},
}
"""Settings that make the slower ones quick; all others are fitted as they are by default."""
METHODS: dict[str, FittedAttack] = {
    name: attack(**QUICK.get(name, {})) for name, attack in FITTED.items()
}
LONGER: dict[str, dict[str, Any]] = {
    "universal-sgd": {"steps": 30},
    "universal-deepfool": {"epochs": 3, "deepfool_steps": 10, "rivals": 3},
    "generator": {"steps": 80, "width": 8},
    "universal-generator": {"steps": 80, "width": 8},
}
"""Settings with which they find enough to be compared with noise."""
GOALLESS = ("universal-singular",)
"""They look for no goal, so that they need not beat noise at one."""
CONTENT = ("universal-deepfool", "generator", "universal-generator")
"""They leave cases alone, or stop, once these are at the goal, however near."""
NAMES_AND_NORMS = [(name, norm) for name, attack in FITTED.items() for norm in attack.norms]
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
    "segmentation": [LowerDice(of="b", below=0.9), Spread(of="c", by=0.1)],
}
NAMES_TASKS_AND_GOALS = [
    (name, task, goal)
    for name, attack in FITTED.items()
    for task in attack.tasks
    for goal in GOALS[task]
]


@dataclass(frozen=True, slots=True)
class Storage:
    """A way images are stored, with a threat's unit and radii that suit it."""

    dtype: str
    unit: Any
    radius: dict[str, float]

    def threat(self, norm: Any) -> Threat:
        unit: Any = "count" if norm == "l0" and self.unit != "percent" else self.unit
        return Threat(norm=norm, radius=self.radius[norm], unit=unit)

    def images(self, shape: tuple[int, ...], n_cases: int, seed: int) -> list[Image]:
        """Noise; the first two at the ends of what can be stored; 16 bits: rescales differ."""
        stored = images(shape, n_cases, dtype=self.dtype, seed=seed)
        if self.dtype == "i2":
            slopes = (-0.5, 0.5, 2.0)
            return [
                image((one.pixels // 256).astype("i2"), slope=slopes[i % 3])
                for i, one in enumerate(stored)
            ]
        if self.dtype == "u1":
            stored[0].pixels[:], stored[1].pixels[:] = 0, 255
        return stored


STORED = {
    "8 bit": Storage("u1", "level", {"linf": 2.0, "l2": 9.0, "l1": 60.0, "l0": 3.0}),
    "16 bit, rescaled": Storage("i2", "value", {"linf": 6.0, "l2": 40.0, "l1": 180.0, "l0": 3.0}),
    "floating": Storage("f4", "percent", {"linf": 1.0, "l2": 8.0, "l1": 40.0, "l0": 10.0}),
}


def model_for(shape: tuple[int, ...], task: Task, dtype: str = "u1") -> TorchModel:
    if isinstance(task, Segmentation):
        return model_of(PixelWise(shape[0], task.n_outputs, seed=13), task)
    centred = {"centre": 0.5, "scale": 0.1} if dtype == "f4" else {}
    return model_of(Curved(shape, task.n_outputs, seed=1, **centred), task)


def decided(model: Model, stored: list[Image], prefix: str = "case") -> Batch:
    """The cases with what the model says now as their truth."""
    names = [f"{prefix}-{i}" for i in range(len(stored))]
    batch = batch_of(stored, ids=names)
    labels = model.task.decide(model.outputs(batch.images, batch.scaling))
    return batch_of(stored, labels.tolist(), ids=names)


def parts(batch: Batch, size: int = 4) -> list[Batch]:
    order = torch.arange(len(batch), device=batch.images.device)
    return [batch.select(index) for index in torch.split(order, size)]


@pytest.mark.parametrize("storage", STORED)
@pytest.mark.parametrize("dimensions", SHAPES)
@pytest.mark.parametrize(("name", "norm"), NAMES_AND_NORMS)
def test_what_is_proposed_for_cases_never_seen_is_storable_and_within_the_threat(
    name: str, norm: Any, dimensions: str, storage: str
) -> None:
    how, shape, task = STORED[storage], SHAPES[dimensions], TASKS["multiclass"]
    model = model_for(shape, task, how.dtype)
    seen = decided(model, how.images(shape, 6, seed=3))
    threat, goal = how.threat(norm), Misclassify()
    fitted = METHODS[name].fit(model, parts(seen), goal, threat, seed=0)
    stored = how.images(shape, 6, seed=4)
    batch = decided(model, stored, prefix="new")
    proposal = fitted(model, batch, goal, threat, seed=0)
    assert proposal.delta.shape == batch.images.shape
    assert proposal.delta.dtype == torch.float32
    assert float(proposal.delta.flatten(1).any(1).float().mean()) > 0.5
    verdicts = judge(model, batch, stored, proposal.delta, goal=goal, threat=threat)[LOSSLESS]
    assert all(verdict.within_threat for verdict in verdicts)
    if how.dtype != "f4":
        assert torch.equal(proposal.delta, proposal.delta.round())
    assert not proposal.n_gradients.any()
    assert not proposal.n_forwards.any()


@pytest.mark.parametrize(("name", "task", "goal"), NAMES_TASKS_AND_GOALS)
def test_every_task_and_goal_is_searched(name: str, task: str, goal: Goal) -> None:
    """Cases that resemble each other: on those not seen, better than every one of eight noises."""
    shape, named = SHAPES["2D"], TASKS[task]
    model = model_for(shape, named)
    stored = images(shape, 12, seed=5)
    for one in stored[1:]:
        one.pixels[:] = (0.9 * stored[0].pixels + 0.1 * one.pixels).astype("u1")
    whole = decided(model, stored)
    threat = Threat(norm="linf", radius=6)
    method = FITTED[name](**LONGER.get(name, QUICK.get(name, {})))
    fitted = method.fit(model, parts(whole.select(torch.arange(8))), goal, threat, seed=0)
    new = whole.select(torch.arange(8, 12))

    def margins(delta: Tensor | float) -> Tensor:
        before = model.outputs(new.images)
        outputs = model.outputs(new.images + delta)
        return goal.margin(named, outputs, new.truth, before).detach()

    found = margins(fitted(model, new, goal, threat, seed=0).delta)
    noises = [margins(matched_noise(new, threat, seed=i)).mean() for i in range(8)]
    assert torch.isfinite(found).all()
    there = name in CONTENT and bool((found > 0).all())
    assert there or name in GOALLESS or found.mean() > max(noises)


@pytest.mark.parametrize("name", METHODS)
def test_a_proposal_depends_on_the_case_alone_and_a_fit_on_its_seed(name: str) -> None:
    shape, task, how = SHAPES["2D"], TASKS["multiclass"], STORED["16 bit, rescaled"]
    model = model_for(shape, task)
    batches = parts(decided(model, how.images(shape, 6, seed=3)))
    new = decided(model, how.images(shape, 5, seed=4))
    threat = how.threat("l2")
    fitted = METHODS[name].fit(model, batches, Misclassify(), threat, seed=3)
    random_state = torch.get_rng_state()
    torch.rand(3)
    again = METHODS[name].fit(model, batches, Misclassify(), threat, seed=3)
    torch.set_rng_state(random_state)
    whole = fitted(model, new, Misclassify(), threat, seed=0).delta
    assert torch.equal(again(model, new, Misclassify(), threat, seed=1).delta, whole)
    other = model_of(Curved(shape, 4, seed=9), task)
    for index in ([0], [3, 1], [4, 2, 0]):
        some = new.select(torch.tensor(index))
        delta = fitted(other, some, Become(target="b"), threat, seed=5).delta
        assert torch.equal(delta, whole[index])


@pytest.mark.parametrize("name", ["universal-sgd", "universal-deepfool"])
@pytest.mark.parametrize("known", [False, True], ids=["asked", "known before"])
def test_the_cost_on_the_card_is_what_the_model_was_asked(name: str, known: bool) -> None:
    """One forward pass is part of each gradient; DeepFool's ways share theirs."""
    shape, task = SHAPES["2D"], TASKS["binary"]
    counted = Counted(Curved(shape, 1, seed=1))
    model = model_of(counted, task)
    batch = decided(model, images(shape, 6))
    if known:
        batch = replace(batch, before=model.outputs(batch.images).detach())
    counted.n_forwards = counted.n_backwards = 0
    fitted = METHODS[name].fit(
        model, parts(batch), Misclassify(), Threat(norm="linf", radius=2), seed=0
    )
    assert fitted.card.n_gradients == counted.n_backwards > 0
    assert fitted.card.n_gradients + fitted.card.n_forwards == counted.n_forwards


@pytest.mark.parametrize("name", METHODS)
def test_a_fit_changes_neither_model_nor_batch_nor_the_random_state(name: str) -> None:
    shape, task = SHAPES["2D"], TASKS["multiclass"]
    model = model_for(shape, task)
    batch = decided(model, images(shape, 3))
    weights = {key: tensor.clone() for key, tensor in model.network.state_dict().items()}
    pixels, random_state = batch.images.clone(), torch.get_rng_state()
    METHODS[name].fit(model, [batch], Misclassify(), Threat(norm="l2", radius=9), seed=0)
    assert torch.equal(batch.images, pixels)
    assert torch.equal(torch.get_rng_state(), random_state)
    for key, tensor in model.network.state_dict().items():
        assert torch.equal(tensor, weights[key])
    assert all(parameter.grad is None for parameter in model.network.parameters())
    assert not any(layer._forward_hooks for layer in model.network.modules())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("name", METHODS)
def test_a_fit_on_a_gpu_finds_what_it_finds_on_the_cpu(name: str) -> None:
    shape, task = SHAPES["2D"], TASKS["multiclass"]
    threat, stored, patterns = Threat(norm="linf", radius=2), images(shape, 6), []
    for device in (torch.device("cpu"), torch.device("cuda")):
        model = model_for(shape, task)
        model.network.to(device)
        ids = [f"case-{i}" for i in range(6)]
        batch = Batch.of(ids, stored, torch.zeros(6, dtype=torch.int64), device)
        fitted: Any = METHODS[name].fit(model, parts(batch), Misclassify(), threat, seed=0)
        assert fitted(model, batch, Misclassify(), threat, seed=0).delta.device.type == device.type
        patterns.append(fitted(model, batch, Misclassify(), threat, seed=0).delta.cpu())
    assert float((patterns[0] == patterns[1]).float().mean()) > 0.95


@dataclass
class Living:
    """A stream that makes each batch anew, and counts how many of them are alive at once."""

    model: Model
    n_batches: int
    alive: list[weakref.ref[Tensor]] = field(default_factory=list)
    most: int = 0

    def __iter__(self) -> Iterator[Batch]:
        for i in range(self.n_batches):
            batch = decided(self.model, images(SHAPES["2D"], 2, seed=i), prefix=f"batch-{i}")
            self.alive.append(weakref.ref(batch.images))
            self.most = max(self.most, sum(one() is not None for one in self.alive))
            yield batch
            del batch


@pytest.mark.parametrize("name", METHODS)
def test_as_many_batches_are_held_at_once_however_many_there_are(name: str) -> None:
    model = model_for(SHAPES["2D"], TASKS["multiclass"])
    most = []
    for n_batches in (3, 9):
        stream = Living(model, n_batches)
        METHODS[name].fit(model, stream, Misclassify(), Threat(norm="linf", radius=2), seed=0)
        assert len(stream.alive) >= n_batches
        most.append(stream.most)
    assert most[0] == most[1] <= 3


@pytest.mark.parametrize("region", [None, Border(width=1), Masked(mask="lesion", outside=True)])
@pytest.mark.parametrize("name", METHODS)
def test_what_was_saved_is_the_same_when_read(
    name: str, region: Border | Masked | None, tmp_path: Path
) -> None:
    shape, task = SHAPES["2D"], TASKS["multiclass"]
    model = model_for(shape, task)
    model.card = ModelCard(task=task, preprocess=Preprocess(), weights_sha256="ab" * 32)
    mask = torch.zeros(6, 1, 6, 5, dtype=torch.bool)
    mask[:, :, 2:4] = True
    batch = replace(
        decided(model, images(shape, 6)), masks={"lesion": mask}, groups=tuple("AABBCC")
    )
    threat = Threat(norm="l2", radius=20, region=region)
    fitted: Any = METHODS[name].fit(model, parts(batch), Become(target="c"), threat, seed=4)
    fitted.save(tmp_path / "found" / "pattern.safetensors")
    read: Any = load_fitted(tmp_path / "found" / "pattern.safetensors")
    proposed = [each(model, batch, Misclassify(), threat, seed=0).delta for each in (read, fitted)]
    assert torch.equal(*proposed)
    card = read.card
    assert card == fitted.card
    assert card.method == name
    assert card.threat == threat
    assert card.goal == {"target": "c", "kind": "become"}
    assert (card.seed, card.shape, card.model_sha256) == (4, shape, "ab" * 32)
    assert all(card.saw(case_id) for case_id in batch.ids)
    assert not card.saw("another")
    assert [group for group in "ABCD" if card.saw_group(group)] == ["A", "B", "C"]
    delta = read(model, batch, Misclassify(), threat, seed=0).delta
    if region is not None:
        assert not (delta * ~region.allowed(batch)).any()
    with pytest.raises(FrozenInstanceError):
        read.card = fitted.card


def test_images_and_threats_it_was_not_fitted_for_are_refused() -> None:
    model = model_for(SHAPES["2D"], TASKS["multiclass"])
    batch = decided(model, images(SHAPES["2D"], 3))
    threat = Threat(norm="linf", radius=2)
    fitted = UniversalSGD(steps=2).fit(model, [batch], Misclassify(), threat, seed=0)
    for shape in ((1, 6, 5), (3, 5, 6), (3, 6, 5, 4)):
        with pytest.raises(DataError, match=r"fitted on images of shape \(3, 6, 5\), got \("):
            fitted(model, batch_of(images(shape, 1)), Misclassify(), threat, seed=0)
    wider = Threat(norm="linf", radius=4)
    with pytest.raises(PlanError, match="fitted within linf-2, got a threat of linf-4"):
        fitted(model, batch, Misclassify(), wider, seed=0)


@pytest.mark.parametrize("name", METHODS)
def test_streams_that_cannot_be_fitted_on_are_refused(name: str) -> None:
    model, threat = model_for(SHAPES["2D"], TASKS["multiclass"]), Threat(norm="linf", radius=2)
    batch = decided(model, images(SHAPES["2D"], 3))

    def fit(batches: Any) -> None:
        METHODS[name].fit(model, batches, Misclassify(), threat, seed=0)

    with pytest.raises(PlanError, match="this generator can be iterated only once"):
        fit(batch for _ in range(3))
    with pytest.raises(DataError, match="there is no case to fit on"):
        fit([])
    mixed = [batch, batch_of(images((3, 5, 6), 3))]
    with pytest.raises(DataError, match=r"images of one shape, got \(3, 6, 5\) and \(3, 5, 6\)"):
        fit(mixed)
    with pytest.raises(PlanError, match="needs a regression"):
        METHODS[name].fit(model, [batch], Move(by=1), threat, seed=0)
    with pytest.raises(PlanError, match="have no level"):
        METHODS[name].fit(
            model, [batch_of(images(SHAPES["2D"], 3, dtype="f4"))], Misclassify(), threat, seed=0
        )


@pytest.mark.parametrize(
    ("attack", "options"),
    [
        (UniversalSGD, {"steps": 0}),
        (UniversalSGD, {"step_size": -1.0}),
        (UniversalSGD, {"clip": 0.0}),
        (UniversalDeepFool, {"epochs": 0}),
        (UniversalDeepFool, {"deepfool_steps": 0}),
        (UniversalDeepFool, {"rivals": 0}),
        (UniversalDeepFool, {"desired": 0.0}),
        (UniversalDeepFool, {"overshoot": -0.1}),
        (UniversalSingular, {"q": 0.5}),
        (UniversalSingular, {"iterations": 0}),
    ],
)
def test_options_that_make_no_sense_are_refused(attack: Any, options: dict[str, Any]) -> None:
    (name,) = options
    assert name in {each.name for each in fields(attack)}
    with pytest.raises(PlanError, match=f"`{name}` must"):
        attack(**options)


@dataclass
class Repeated:
    """Counts the batches that are taken of it."""

    batches: list[Batch]
    taken: int = 0

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.batches:
            self.taken += 1
            yield batch


@pytest.mark.parametrize("name", METHODS)
def test_no_more_batches_are_taken_than_was_said(name: str) -> None:
    model, threat = model_for(SHAPES["2D"], TASKS["multiclass"]), Threat(norm="linf", radius=2)
    stream = Repeated(parts(decided(model, images(SHAPES["2D"], 9)), size=3))
    METHODS[name].fit(model, stream, Become(target="d"), threat, seed=0)
    assert 0 < stream.taken <= METHODS[name].n_batches(3)


@pytest.mark.parametrize("name", FITTED)
def test_a_fitted_attack_describes_itself_and_is_read_again(name: str, tmp_path: Path) -> None:
    attack, shape = FITTED[name], SHAPES["2D"]
    for access in (attack.access, attack.applied):
        assert access in get_args(Access)
    assert set(attack.tasks) <= set(TASKS)
    assert set(attack.norms) <= set(get_args(Norm))
    assert attack.reference
    assert attack.summary
    assert find_fitted(name) is CATALOGUE[name] is attack
    assert name not in SEARCHES
    assert attack() == attack()
    model = model_for(shape, TASKS["multiclass"])
    batch = decided(model, images(shape, 4))
    threat = Threat(norm="linf", radius=2)
    fitted = METHODS[name].fit(model, [batch], Misclassify(), threat, seed=0)
    fitted.save(tmp_path / "found.safetensors")
    read = load_fitted(tmp_path / "found.safetensors")
    assert type(read) is attack.fitted
    assert read.card == read_card(tmp_path / "found.safetensors") == fitted.card
    assert read.card.method == name
    deltas = [each(model, batch, Misclassify(), threat, seed=0).delta for each in (read, fitted)]
    assert torch.equal(*deltas)


def test_an_unknown_method_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="'universal-sdg'; did you mean 'universal-sgd'"):
        find_fitted("universal-sdg")
    model, threat = model_for(SHAPES["2D"], TASKS["multiclass"]), Threat(norm="linf", radius=2)
    batch = decided(model, images(SHAPES["2D"], 2))
    fitted = UniversalSGD(steps=1).fit(model, [batch], Misclassify(), threat, seed=0)
    path = tmp_path / "found.safetensors"
    save_fitted(path, {"pattern": fitted.pattern}, replace(fitted.card, method="of-tomorrow"))
    with pytest.raises(DataError, match="unknown fitted attack 'of-tomorrow'"):
        load_fitted(path)


def test_files_that_hold_no_pattern_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pattern.safetensors"
    with pytest.raises(DataError, match="no fitted attack at"):
        UniversalPerturbation.load(path)
    path.write_bytes(b"not at all")
    with pytest.raises(DataError, match="not a whole safetensors file"):
        UniversalPerturbation.load(path)
