"""Goals judged with NumPy from what a run keeps agree with their margins in tensors."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.helpers.tiny import binary, classes, multiclass, multilabel, segmentation
from torch import Tensor

from plexor.attacks import Become, Drift, Erase, Flip, LowerDice, Misclassify, Move, Spread
from plexor.attacks.goals import GOALS, AnyGoal
from plexor.attacks.outlined_area import outlines
from plexor.models import Regression, Segmentation, Task
from plexor.threat_model import GOALS as VALUES
from plexor.threat_model import goal_from

N_CASES = 60
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Outlined:
    dice: Numbers
    agreement: Numbers
    moved: Numbers
    size: Numbers
    size_before: Numbers


@dataclass(frozen=True)
class Kept:
    truth: NDArray[np.str_]
    decision: NDArray[np.str_]
    outputs: Numbers
    outputs_before: Numbers
    outlined: Outlined


TASKS: dict[str, Task] = {
    "multiclass": multiclass(4),
    "binary": binary(0.3),
    "multilabel": multilabel(3),
    "regression": Regression(unit="years"),
    "segmentation": segmentation(3),
    "one class": segmentation(1),
}
ASKED: list[tuple[str, AnyGoal]] = [
    ("multiclass", Misclassify()),
    ("binary", Misclassify()),
    ("multilabel", Misclassify()),
    ("multiclass", Become(target="c")),
    ("binary", Become(target="a")),
    ("multilabel", Flip(label="b", kind="hide")),
    ("multilabel", Flip(label="b", kind="invent")),
    ("regression", Move(by=0.7, kind="raise")),
    ("regression", Move(by=0.7, kind="lower")),
    ("regression", Move(by=0.7, kind="deviate")),
    ("segmentation", LowerDice(of="b", below=0.35)),
    ("segmentation", Erase(of="c")),
    ("segmentation", Erase(of="b", keep=0.5)),
    ("segmentation", Spread(of="b", by=0.5, kind="grow")),
    ("segmentation", Spread(of="c", by=0.125, kind="invent")),
    ("segmentation", Drift(of="b", by=0.5)),
    ("one class", LowerDice(of="a", below=0.5)),
    ("one class", Erase(of="a", keep=0.25)),
    ("one class", Spread(of="a", by=0.25, kind="grow")),
    ("one class", Drift(of="a", by=0.3)),
]


def draws(task: Task) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs before and after, and truth; of a segmentation, 6 pixels with some empty cases."""
    generator = torch.Generator().manual_seed(5)
    spatial = (2, 3) if isinstance(task, Segmentation) else ()
    shape = (N_CASES, task.n_outputs, *spatial)
    before = torch.randn(shape, generator=generator)
    after = before + torch.randn(shape, generator=generator)
    if isinstance(task, Segmentation):
        after[:8, -1] -= 5
        before[8:16, -1] -= 5
    truth = task.decide(torch.randn(shape, generator=generator))
    return before, after, truth


def kept(task: Task, before: Tensor, after: Tensor, truth: Tensor) -> tuple[Kept, list[str]]:
    nothing = np.empty((N_CASES, 0))
    found = Outlined(nothing, nothing, nothing, nothing, nothing)
    if isinstance(task, Segmentation):
        decided, decided_before = task.decide(after), task.decide(before)
        rows = outlines(task, decided, truth=truth, before=decided_before)
        starts = outlines(task, decided_before, truth=truth, before=decided_before)
        found = Outlined(
            dice=np.stack([row.dice for row in rows]),
            agreement=np.stack([row.agreement for row in rows]),
            moved=np.stack([row.moved for row in rows]),
            size=np.stack([row.size for row in rows]).astype(float),
            size_before=np.stack([row.size for row in starts]).astype(float),
        )
        words, outputs = (np.array([""] * N_CASES),) * 2, (nothing, nothing)
        names = list(task.foreground)
    else:
        words = named(task, truth), named(task, task.decide(after))
        outputs, names = (after.double().numpy(), before.double().numpy()), []
    return Kept(words[0], words[1], outputs[0], outputs[1], found), names


def named(task: Task, labels: Tensor) -> NDArray[np.str_]:
    """Labels in words, as findings keep them."""
    if task.kind == "multilabel":
        rows = [[classes(3)[i] for i in torch.nonzero(row).flatten()] for row in labels]
        return np.array(["|".join(row) for row in rows])
    if task.kind == "regression":
        return np.array([f"{float(label)}" for label in labels.flatten()])
    return np.array([task.classes[int(label)] for label in labels])


def test_every_goal_is_asked_here() -> None:
    assert {type(goal).__name__ for _, goal in ASKED} == set(VALUES) == set(GOALS)


@pytest.mark.parametrize(("key", "goal"), ASKED, ids=lambda one: getattr(one, "name", one))
def test_the_stored_outcome_holds_where_the_margin_is_positive(key: str, goal: AnyGoal) -> None:
    task = TASKS[key]
    before, after, truth = draws(task)
    margin = goal.margin(task, after, truth, before).numpy()
    outcomes, names = kept(task, before, after, truth)
    value = goal_from(asdict(goal))
    held = value.holds(outcomes, names)
    asked = ~np.isnan(margin)
    np.testing.assert_array_equal(held[asked], margin[asked] > 0)
    assert 5 <= held[asked].sum() <= asked.sum() - 5  # the draws tell a goal from its opposite


def test_what_was_never_outlined_has_not_grown() -> None:
    task = TASKS["segmentation"]
    before, after, truth = draws(task)
    before[:, -1] -= 50
    after[: N_CASES // 2, -1] -= 50
    outcomes, names = kept(task, before, after, truth)
    held = goal_from(asdict(Spread(of="c", by=0.5, kind="grow"))).holds(outcomes, names)
    assert not held[: N_CASES // 2].any()
    assert held[N_CASES // 2 :].any()


@pytest.mark.parametrize(("key", "goal"), ASKED, ids=lambda one: getattr(one, "name", one))
def test_a_goal_in_tensors_is_its_value(key: str, goal: AnyGoal) -> None:
    value = goal_from(asdict(goal))
    assert type(value) is VALUES[type(goal).__name__]
    assert isinstance(goal, type(value))
    assert (goal.name, goal.short, goal.looks_back) == (value.name, value.short, value.looks_back)
    assert type(goal).read(goal.short) == goal
