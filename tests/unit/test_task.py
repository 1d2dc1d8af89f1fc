"""Decisions, margins, losses and probabilities of each task, and what tasks refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit, log_softmax, softmax
from tests.helpers.tiny import binary, classes, multiclass

from plexor.core.errors import DataError, ModelError, PlanError
from plexor.models.task import Decides, Task, check_outputs, task_from
from plexor.models.truth import encode, in_words

OUTPUTS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 3.5], [1.0, 1.0, 1.0]])
LABELS = torch.tensor([0, 1, 2])


def test_multiclass_decides_by_the_greatest_logit_and_ties_by_the_first() -> None:
    assert multiclass(3).decide(OUTPUTS).tolist() == [0, 2, 0]


def test_multiclass_margin_is_the_lead_over_the_best_other() -> None:
    assert multiclass(3).margin(OUTPUTS, LABELS).tolist() == [1.5, -0.5, 0.0]


def test_multiclass_loss_and_probabilities_are_scipys() -> None:
    task, outputs = multiclass(3), OUTPUTS.double()
    loss = -log_softmax(outputs.numpy(), axis=1)[[0, 1, 2], LABELS.numpy()]
    np.testing.assert_allclose(task.cross_entropy(outputs, LABELS), loss)
    np.testing.assert_allclose(task.probabilities(outputs), softmax(outputs.numpy(), axis=1))


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8])
def test_binary_at_any_threshold(threshold: float) -> None:
    task = binary(threshold)
    outputs = torch.linspace(-5, 5, 21).double()[:, None]
    positive = expit(outputs[:, 0].numpy())
    np.testing.assert_allclose(task.probabilities(outputs)[:, 1], positive)
    np.testing.assert_array_equal(task.decide(outputs), positive > threshold)
    excess = outputs[:, 0] - math.log(threshold / (1 - threshold))
    for label, sign in ((0, -1), (1, 1)):
        labels = torch.full((21,), label)
        np.testing.assert_allclose(task.margin(outputs, labels), sign * excess)
        loss = -log_expit(sign * outputs[:, 0].numpy())
        np.testing.assert_allclose(task.cross_entropy(outputs, labels), loss)


@pytest.mark.parametrize("task", [binary(0.3), multiclass(2), multiclass(5)])
def test_a_positive_margin_is_the_decision(task: Decides) -> None:
    outputs = torch.randn(200, task.n_outputs, generator=torch.Generator().manual_seed(0))
    decided = task.decide(outputs)
    for label in range(len(task.classes)):
        margins = task.margin(outputs, torch.full((200,), label))
        assert torch.equal(margins > 0, decided == label)
    assert torch.allclose(task.probabilities(outputs).sum(1), torch.ones(200))


@pytest.mark.parametrize("lead", [-80.0, -20.0, 0.0, 10.0, 18.0, 30.0, 80.0])
@pytest.mark.parametrize("label", [0, 1])
def test_loss_keeps_its_gradient_where_the_model_is_sure(label: int, lead: float) -> None:
    """In float32, against the closed form in float64: ``p - 1`` would be 0 beyond 17 logits."""
    labels = torch.tensor([label])
    sign = 1 if label == 1 else -1
    one = torch.tensor([[sign * lead]], requires_grad=True)
    (slope,) = torch.autograd.grad(binary().cross_entropy(one, labels).sum(), one)
    np.testing.assert_allclose(slope[0, 0], -sign * expit(-lead), rtol=1e-5)

    logits = torch.tensor([[0.0, 0.0, -1.0]])
    logits[0, label] = lead
    logits.requires_grad_()
    (slope,) = torch.autograd.grad(multiclass(3).cross_entropy(logits, labels).sum(), logits)
    others = np.delete(logits.detach().double().numpy()[0], label)
    share, behind = softmax(others), lead - np.logaddexp.reduce(others)
    np.testing.assert_allclose(slope[0, label], -expit(-behind), rtol=1e-5)
    np.testing.assert_allclose(
        np.delete(slope[0].numpy(), label), share * expit(-behind), rtol=1e-5
    )


def test_encode_gives_indices_and_names_what_it_does_not_know() -> None:
    labels = encode(multiclass(3), ["c", "a", "b"])
    assert labels.dtype == torch.int64
    assert labels.tolist() == [2, 0, 1]
    with pytest.raises(DataError, match=r"unknown class 'd' \(known: a, b, c\)"):
        encode(multiclass(3), ["a", "d"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: task_from("multi-class", classes(3)), "unknown task 'multi-class'; did you mean"),
        (lambda: multiclass(1), "needs at least 2 classes, got 1"),
        (lambda: task_from("multiclass", ("a", "b", "a")), "class names must differ, got a, b, a"),
        (lambda: task_from("binary", classes(3)), "needs two classes, got 3; use multiclass"),
        (lambda: binary(1.0), "threshold must lie between 0 and 1, got 1.0"),
        (lambda: binary(0.0), "threshold must lie between 0 and 1, got 0.0"),
    ],
)
def test_refusals(make: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        make()


@pytest.mark.parametrize(
    ("names", "numbers"),
    [(("background", "a", "b"), (0, 1, 2)), (("a",), (0, 1)), (("a",), (0, 255))],
)
def test_masks_number_classes_in_their_order(names: tuple[str, ...], numbers: Any) -> None:
    task = task_from("segmentation", names)
    mask = np.array(numbers, dtype=np.uint8)[[[0, -1], [1, 0]]]
    labels = encode(task, [mask, mask.T])
    last = len(numbers) - 1
    assert labels.tolist() == [[[0, last], [1, 0]], [[0, 1], [last, 0]]]
    assert in_words(task, labels)[0] == "|".join(names[-last:])
    assert in_words(task, torch.zeros_like(labels)) == ["", ""]


@pytest.mark.parametrize("names", [("background", "a"), ("a",), ("background", "a", "b")])
def test_a_number_in_a_mask_that_is_no_class_is_told(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"must hold class numbers from 0 to \d .*found 7"):
        encode(task_from("segmentation", names), [np.array([[0, 1], [7, 0]])])


def test_masks_are_the_truth_of_a_segmentation_and_of_nothing_else() -> None:
    with pytest.raises(DataError, match="must be a mask, got a word"):
        encode(task_from("segmentation", ("a",)), ["a"])
    with pytest.raises(DataError, match="the truth of multiclass must not be a mask"):
        encode(multiclass(2), [np.zeros((2, 2))])
    with pytest.raises(PlanError, match=r"names must not contain `\|`"):
        task_from("segmentation", ("background", "a|b"))


@pytest.mark.parametrize(
    ("task", "outputs", "message"),
    [
        (multiclass(3), torch.zeros(4, 2), r"shape \(4, 2\), expected \(4, 3\) for multiclass"),
        (multiclass(3), torch.zeros(3, 3), r"shape \(3, 3\), expected \(4, 3\)"),
        (multiclass(3), torch.zeros(4, 3, 1), r"shape \(4, 3, 1\), expected \(4, 3\)"),
        (binary(), torch.zeros(4), r"shape \(4,\), expected \(4, 1\) for binary with 2 classes"),
        (binary(), torch.zeros(4, 2), r"shape \(4, 2\), expected \(4, 1\)"),
        (binary(), [0.0] * 4, r"returned a list, expected a tensor of shape \(4, 1\)"),
    ],
)
def test_outputs_of_another_shape(task: Task, outputs: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_outputs(task, outputs, 4)
