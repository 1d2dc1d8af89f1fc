"""What every method of attention keeps to, for each task, in 2D and 3D."""

from __future__ import annotations

import pytest
import torch
from tests.helpers.tiny import batch_of, images
from torch import nn

from plexor.attention import METHODS, AttentionMethod, GradCAM, IntegratedGradients, Occlusion
from plexor.core.errors import ModelError, PlanError
from plexor.models import (
    Binary,
    Multiclass,
    Multilabel,
    Preprocess,
    Regression,
    Segmentation,
    Task,
    TorchModel,
)
from plexor.models.architectures import build_network

TASKS: list[Task] = [
    Multiclass(classes=("a", "b", "c")),
    Binary(classes=("a", "b"), threshold=0.3),
    Multilabel(classes=("x", "y")),
    Regression(unit="years"),
    Segmentation(classes=("background", "lesion")),
    Segmentation(classes=("lesion",)),
]
QUICK: dict[str, AttentionMethod] = {
    "grad-cam": GradCAM(),
    "integrated-gradients": IntegratedGradients(steps=2),
    "occlusion": Occlusion(window=0.5, per_window=1),
}


def model_of(task: Task, n_axes: int) -> TorchModel:
    torch.manual_seed(1)
    network: nn.Module
    if isinstance(task, Segmentation):
        convolution = nn.Conv2d if n_axes == 2 else nn.Conv3d
        network = nn.Sequential(
            convolution(1, 4, 3, stride=2, padding=1), nn.ReLU(), convolution(4, task.n_outputs, 1)
        )
    else:
        network = build_network(
            "small-cnn", spatial_dims=n_axes, channels=1, n_outputs=task.n_outputs
        )
    return TorchModel(network, task=task, preprocess=Preprocess(size=(16,) * n_axes))


def hooks_of(model: TorchModel) -> list[list[object]]:
    """What is called beside each layer."""
    return [list(layer._forward_hooks.values()) for layer in model.network.modules()]


def test_every_method_is_under_contract() -> None:
    assert QUICK.keys() == METHODS.keys()


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.kind}-{task.n_outputs}")
@pytest.mark.parametrize("n_axes", [2, 3])
def test_the_contract(name: str, task: Task, n_axes: int) -> None:
    model, method = model_of(task, n_axes), QUICK[name]
    spatial = (14, 18, 16)[:n_axes]
    cases = batch_of(images((1, *spatial), 3))
    identity, hooks = model.identity(), hooks_of(model)
    for output in (None, task.n_outputs - 1):
        maps = method(model, cases, output=output)
        assert maps.shape == (3, *spatial)
        assert maps.dtype == torch.float32
        assert bool(maps.isfinite().all())
        assert not maps.requires_grad
        alone = method(model, cases.select(torch.tensor([1])), output=output)
        assert torch.allclose(maps[1:2], alone, atol=1e-4 * float(maps.abs().max() + 1e-6))
    assert model.identity() == identity
    assert hooks_of(model) == hooks
    assert not any(layer.training for layer in model.network.modules())
    with pytest.raises(PlanError, match="counts the model's outputs"):
        method(model, cases, output=task.n_outputs)


class Decisions:
    """A program that is called, and only decides."""

    def __init__(self, inner: TorchModel) -> None:
        self._inner = inner
        self.task, self.card, self.device = inner.task, inner.card, inner.device
        self.access = "decisions"

    def outputs(self, images: torch.Tensor, scaling: object = None) -> torch.Tensor:
        bright = (images.mean((1, 2, 3)) > 128).long()
        return torch.nn.functional.one_hot(bright, 3).float()


def test_a_model_without_gradients_is_left_to_occlusion() -> None:
    program = Decisions(model_of(TASKS[0], 2))
    cases = batch_of(images((1, 8, 8), 2))
    assert QUICK["occlusion"](program, cases).shape == (2, 8, 8)  # type: ignore[arg-type]
    with pytest.raises(PlanError, match="take occlusion"):
        QUICK["integrated-gradients"](program, cases)  # type: ignore[arg-type]
    with pytest.raises(PlanError, match="no torch network"):
        QUICK["grad-cam"](program, cases)  # type: ignore[arg-type]


def test_options_and_layers_that_do_not_exist_are_refused() -> None:
    model, cases = model_of(TASKS[0], 2), batch_of(images((1, 16, 16), 2))
    with pytest.raises(PlanError, match=r"unknown layer 'features.99'"):
        GradCAM(layer="features.99")(model, cases)
    with pytest.raises(ModelError, match="positions in space"):
        GradCAM(layer="head")(model, cases)
    for method, options in (
        (Occlusion, {"window": 0}),
        (Occlusion, {"per_window": 0}),
        (IntegratedGradients, {"steps": 0}),
        (IntegratedGradients, {"baseline": "none"}),
    ):
        with pytest.raises(PlanError):
            method(**options)
