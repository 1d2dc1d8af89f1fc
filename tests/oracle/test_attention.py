"""Maps of attention, where closed forms or MONAI say what they must be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from monai.visualize.class_activation_maps import GradCAM as MonaiGradCAM
from tests.helpers.tiny import AS_STORED, Curved, Linear, batch_of, image, images
from torch import Tensor, nn

from plexor.attention import GradCAM, IntegratedGradients, Occlusion, coarsest_layer, penultimate
from plexor.attention.place import at_stored_size
from plexor.models import Multiclass, Preprocess, TorchModel
from plexor.models.architectures import build_network
from plexor.models.batch import Batch, Scaling
from plexor.models.preprocess import placed

SHAPES = [(1, 8, 12), (3, 6, 6), (1, 4, 6, 8)]
TASK = Multiclass(classes=("a", "b", "c"))


def batch(shape: tuple[int, ...], n_cases: int = 3, *, dtype: str = "u1") -> Batch:
    return batch_of(images(shape, n_cases, dtype=dtype))


def linear(shape: tuple[int, ...]) -> tuple[TorchModel, Tensor]:
    weight = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1)) / 100
    return TorchModel(Linear(weight), task=TASK, preprocess=AS_STORED), weight


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("output", [0, 2, None])
def test_integrated_gradients_of_a_linear_model_are_weight_times_distance(
    shape: tuple[int, ...], output: int | None
) -> None:
    model, weight = linear(shape)
    cases = batch(shape)
    found = IntegratedGradients(steps=1)(model, cases, output=output)
    away = cases.images - cases.images.mean(tuple(range(2, cases.images.ndim)), keepdim=True)
    logits = model.outputs(cases.images)
    first, second = logits.topk(2).indices.T
    rows = weight[first] - weight[second] if output is None else weight[output].expand_as(away)
    assert torch.allclose(found, (away * rows).sum(1), atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("baseline", ["mean", "least"])
def test_integrated_gradients_add_up_to_the_change_of_the_score(
    shape: tuple[int, ...], baseline: Any
) -> None:
    resized = tuple(side + 2 for side in shape[1:])
    network = Curved((shape[0], *resized), 3, scale=200.0)
    model = TorchModel(network, task=TASK, preprocess=Preprocess(size=resized, window=(0.0, 1.0)))
    cases = batch(shape)
    method = IntegratedGradients(steps=64, baseline=baseline)
    found = method(model, cases, output=1).flatten(1).sum(1)
    change = model.outputs(cases.images) - model.outputs(method.baseline_of(cases.images))
    assert float(change[:, 1].abs().min()) > 0.01
    assert torch.allclose(found, change[:, 1], atol=2e-4)


class Halves(nn.Module):
    """Keeps what is above and what is below 0 in a channel each, averages, weights 2 and -1."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, inputs: Tensor) -> Tensor:
        means = self.pool(self.layer(torch.cat([inputs, -inputs], dim=1))).flatten(1)
        return torch.stack([2 * means[:, 0] - means[:, 1], means[:, 1] - 3 * means[:, 0]], dim=1)


def test_grad_cam_of_a_tiny_network_by_hand() -> None:
    """Weights are 2/6 and -1/6, the means of the gradients over 6 positions."""
    pixels = np.array([[[1.0, -2.0, 3.0], [0.0, -4.0, 5.0]]], dtype="f4")
    task = Multiclass(classes=("a", "b"))
    model = TorchModel(Halves(), task=task, preprocess=AS_STORED)
    cases = batch_of([image(pixels)])
    above, below = pixels.clip(0), (-pixels).clip(0)
    for output, expected in ((0, 2 * above - below), (1, below - 3 * above)):
        found = GradCAM()(model, cases, output=output)
        assert found.numpy() == pytest.approx((expected / 6).clip(0), abs=1e-6)
    # The margin of the class decided: 2·above - below - (below - 3·above), or its negative.
    decided = 1 if model.outputs(cases.images).argmax() == 1 else 0
    margin = (5 * above - 2 * below) * (1 if decided == 0 else -1)
    assert GradCAM()(model, cases).numpy() == pytest.approx((margin / 6).clip(0), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "shape", "layer"),
    [
        ("small-cnn", (1, 48, 40), "features.11"),
        ("small-cnn", (2, 32, 32, 36), "features.11"),
        ("densenet121", (1, 64, 64), "class_layers.relu"),
        ("efficientnet-lite0", (3, 64, 64), "top.relu"),
    ],
)
def test_grad_cam_is_that_of_monai(name: str, shape: tuple[int, ...], layer: str) -> None:
    torch.manual_seed(0)
    network = build_network(name, spatial_dims=len(shape) - 1, channels=shape[0], n_outputs=3)
    model = TorchModel(network, task=TASK, preprocess=Preprocess(window=(0, 255)))
    cases = batch(shape, 2)
    assert coarsest_layer(model, cases) == layer
    ours = GradCAM()(model, cases, output=1)
    inputs = (cases.images / 255).requires_grad_()
    peer = MonaiGradCAM(network, layer, postprocessing=lambda maps: maps)
    theirs = peer(inputs, class_idx=1).detach()[:, 0]
    assert float(theirs.max()) > 0
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-7 * float(theirs.max()) + 1e-12)


@pytest.mark.parametrize("shape", [(1, 8, 12), (1, 4, 8, 8)])
def test_occlusion_of_a_linear_model_is_the_sum_over_each_window(shape: tuple[int, ...]) -> None:
    model, weight = linear(shape)
    cases = batch(shape, 2)
    axes = tuple(range(2, cases.images.ndim))
    effect = ((cases.images - cases.images.mean(axes, keepdim=True)) * weight[1]).sum(1)
    found = Occlusion(window=0.25, per_window=1)(model, cases, output=1)
    spatial = shape[1:]
    sides = [max(1, round(0.25 * length)) for length in spatial]
    expected = effect.clone()
    for axis, side in enumerate(sides, 1):
        parts = expected.shape[axis] // side
        shaped = (*expected.shape[:axis], parts, side, *expected.shape[axis + 1 :])
        tiled = expected.reshape(shaped)
        expected = tiled.sum(axis + 1, keepdim=True).expand_as(tiled).flatten(axis, axis + 1)
    assert torch.allclose(found, expected, atol=1e-2)


def test_overlapping_windows_are_averaged() -> None:
    """Windows of 2 in a row of 4, half a window apart: the ends are in one, the middle in two."""
    weight = torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])
    model = TorchModel(
        Linear(torch.cat([weight, 0 * weight])),
        task=Multiclass(classes=("a", "b")),
        preprocess=AS_STORED,
    )
    cases = batch_of([image(np.array([[[4.0, 0.0, 0.0, 0.0]]], dtype="f4"))])
    effect = np.array([3 * 1, -1 * 2, -1 * 3, -1 * 4.0])
    windows = [effect[i : i + 2].sum() for i in range(3)]
    expected = [
        windows[0],
        (windows[0] + windows[1]) / 2,
        (windows[1] + windows[2]) / 2,
        windows[2],
    ]
    found = Occlusion(window=0.5, per_window=2)(model, cases, output=0)
    assert found.flatten().tolist() == pytest.approx(expected)


def test_a_map_of_a_volume_lies_where_the_patient_lies() -> None:
    """A map that is linear in the patient's coordinates, on turned, flipped, uneven axes."""
    size, spacing, shape = (12, 12, 12), 2.0, (7, 5, 6)
    axes = torch.tensor([[0.0, -2.5, 0.0], [1.5, 0.0, 0.0], [0.0, 0.0, 1.25]])
    prepare = Preprocess(size=size, spacing_mm=spacing, window=None)
    network = build_network("small-cnn", spatial_dims=3, channels=1, n_outputs=3)
    model = TorchModel(network, task=TASK, preprocess=prepare)
    one = torch.ones(1, 1, 1, 1, 1)
    scaling = Scaling(slope=one, intercept=0 * one, axes=axes[None])
    cases = batch((1, *shape), 1)
    cases = replace(cases, scaling=scaling)
    middle = [(n - 1) / 2 for n in size]
    lines = [spacing * (torch.arange(n) - m) for n, m in zip(size, middle, strict=True)]
    right, front, up = torch.meshgrid(*lines, indexing="ij")
    found = at_stored_size(model, cases, (right + 10 * front + 100 * up)[None])[0]
    index = torch.stack(
        torch.meshgrid(*[torch.arange(n) - (n - 1) / 2 for n in shape], indexing="ij"), -1
    )
    place = index @ axes.T
    assert torch.allclose(found, place @ torch.tensor([1.0, 10.0, 100.0]), atol=1e-2)
    # and what the network would see of this volume is the map again, where the volume reaches
    seen = placed(found[None, None], axes[None], size, spacing)[0, 0]
    inner = (slice(5, 7),) * 3
    grid = right + 10 * front + 100 * up
    assert torch.allclose(seen[inner], grid[inner], atol=1e-2)


def test_the_last_features_give_the_outputs() -> None:
    torch.manual_seed(0)
    for name, last in (("small-cnn", "head"), ("densenet121", "class_layers.out")):
        network = build_network(name, spatial_dims=2, channels=1, n_outputs=3)
        model = TorchModel(network, task=TASK, preprocess=Preprocess(window=(0, 255)))
        cases = batch((1, 32, 32), 2)
        head = network.get_submodule(last)
        assert torch.allclose(
            head(penultimate(model, cases)), model.outputs(cases.images), atol=1e-6
        )
