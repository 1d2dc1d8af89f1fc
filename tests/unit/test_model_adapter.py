"""What networks take and give, as tasks expect it: layout, heads, columns, logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError, PlanError
from plexor.models import Binary, Multiclass, Multilabel, Regression, Segmentation, Task
from plexor.models.sources.adapter import Adapted, Adapter

THREE = Multiclass(classes=("a", "b", "c"))
IMAGES = torch.zeros(2, 1, 4, 4)
LOGITS = torch.tensor([[0.5, -1.0, 2.0], [3.0, 0.0, -2.0]])


class Gives(nn.Module):
    """A network that gives one answer, whatever it is asked, and keeps what it was given."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer
        self.given: Tensor | None = None

    def forward(self, images: Tensor) -> Any:
        self.given = images
        return self.answer


def adapted(answer: Any, task: Task = THREE, **adapter: Any) -> Tensor:
    found: Tensor = Adapted(Gives(answer), Adapter(**adapter), task)(IMAGES)
    return found


def test_logits_pass_unchanged() -> None:
    assert torch.equal(adapted(LOGITS), LOGITS)


def test_channels_last_moves_the_image_and_outputs_for_pixels() -> None:
    network = Gives(torch.arange(2 * 4 * 4 * 3.0).view(2, 4, 4, 3))
    task = Segmentation(classes=("background", "a", "b"))
    found = Adapted(network, Adapter(layout="NHWC"), task)(IMAGES)
    assert network.given is not None
    assert network.given.shape == (2, 4, 4, 1)
    assert torch.equal(found, network.answer.permute(0, 3, 1, 2))


def test_probabilities_become_logits_with_the_same_probabilities() -> None:
    found = adapted(LOGITS.softmax(1), outputs="probabilities")
    torch.testing.assert_close(found.softmax(1), LOGITS.softmax(1))
    labels = Multilabel(classes=("a", "b", "c"))
    found = adapted(LOGITS.sigmoid(), labels, outputs="probabilities")
    torch.testing.assert_close(found, LOGITS)


def test_certain_probabilities_stay_finite() -> None:
    certain = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert adapted(certain, outputs="probabilities").isfinite().all()
    found = adapted(certain, Multilabel(classes=("a", "b", "c")), outputs="probabilities")
    assert found.isfinite().all()


def test_two_columns_are_one_logit_of_a_binary_task() -> None:
    task, two = Binary(classes=("no", "yes")), LOGITS[:, :2]
    torch.testing.assert_close(adapted(two, task).sigmoid()[:, 0], two.softmax(1)[:, 1])
    found = adapted(two.softmax(1), task, outputs="probabilities")
    torch.testing.assert_close(found, two[:, 1:] - two[:, :1])


def test_one_column_of_several_is_chosen() -> None:
    assert torch.equal(adapted(LOGITS, columns=(2, 0, 1)), LOGITS[:, [2, 0, 1]])
    assert torch.equal(adapted(LOGITS, Regression(unit="years"), columns=(1,)), LOGITS[:, 1:2])


@pytest.mark.parametrize(
    ("answer", "head"),
    [
        ((LOGITS, LOGITS + 1), 0),
        ({"class": LOGITS, "age": LOGITS[:, :1]}, "class"),
        ([LOGITS], None),
    ],
)
def test_one_of_several_heads_is_chosen(answer: Any, head: int | str | None) -> None:
    assert torch.equal(adapted(answer, head=head), LOGITS)


def test_several_heads_must_be_chosen_from() -> None:
    with pytest.raises(ModelError, match=r"2 outputs \(0 \(2, 3\), 1 \(2, 3\)\); name the one"):
        adapted((LOGITS, LOGITS))
    with pytest.raises(ModelError, match=r"'class' .*, which is 'klass'"):
        adapted({"class": LOGITS}, head="klass")


@pytest.mark.parametrize(
    ("answer", "task", "decided"),
    [
        (torch.tensor([2, 0]), THREE, [2, 0]),
        (torch.tensor([[0, 0, 1], [1, 0, 0]]), THREE, [2, 0]),
        (torch.tensor([1, 0]), Binary(classes=("no", "yes")), [1, 0]),
        (torch.tensor([[1], [0]]), Binary(classes=("no", "yes")), [1, 0]),
        (torch.tensor([[1, 0], [0, 1]]), Multilabel(classes=("a", "b")), [[1, 0], [0, 1]]),
    ],
)
def test_decisions_are_decided_again(answer: Tensor, task: Task, decided: list[Any]) -> None:
    found = adapted(answer, task, outputs="decisions")
    assert task.decide(found).tolist() == decided


def test_a_label_map_is_decided_again() -> None:
    labels = torch.randint(0, 3, (2, 4, 4), generator=torch.Generator().manual_seed(0))
    task = Segmentation(classes=("background", "a", "b"))
    assert torch.equal(task.decide(adapted(labels, task, outputs="decisions")), labels)


def test_trailing_axes_of_one_are_dropped() -> None:
    assert torch.equal(adapted(LOGITS[:, :, None, None]), LOGITS)
    assert adapted(torch.zeros(2), Regression(unit="years")).shape == (2, 1)


@pytest.mark.parametrize(
    ("answer", "task", "adapter", "error", "sentence"),
    [
        (LOGITS, THREE, {"outputs": "probabilities"}, ModelError, "answers -2 to 3"),
        (torch.tensor([3, 0]), THREE, {"outputs": "decisions"}, ModelError, "class 3, and there"),
        (LOGITS, THREE, {"columns": (0, 1, 7)}, ModelError, "names column 7"),
        (LOGITS, THREE, {"columns": (0,)}, PlanError, "1 columns, and the task has 3 outputs"),
        (
            LOGITS,
            Regression(unit="years"),
            {"outputs": "decisions"},
            PlanError,
            "no meaning for a regression",
        ),
        (
            LOGITS,
            Binary(classes=("no", "yes"), threshold=0.2),
            {"outputs": "decisions"},
            PlanError,
            "made with its own",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    answer: Any, task: Task, adapter: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        adapted(answer, task, **adapter)
