"""Gradients of normalisation for one image, against finite differences."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from plexor.models import Multiclass, TorchModel
from plexor.models.normalisation import mend_gradients
from plexor.models.sources.onnx import OPERATORS
from plexor.models.sources.onnx.node import Node

SHAPES = {1: (1, 6, 5), 2: (1, 6, 1, 5), 3: (1, 6, 2, 3, 4)}


class Transposed(nn.Module):
    """Places as rows, channels as columns, each with a weight of its own."""

    def __init__(self, layer: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.layer = layer
        self.shape = shape
        self.register_buffer("weight", torch.randn(2, 6 * 24).double())

    def forward(self, given: Tensor) -> Tensor:
        rows = self.layer(given).flatten(2).transpose(1, 2).flatten(1)
        found: Tensor = rows @ self.weight[:, : rows.shape[1]].T  # type: ignore[index]
        return found


def network(kind: Any, spatial_dims: int) -> Transposed:
    torch.manual_seed(0)
    layer = kind(6, affine=True, track_running_stats=True).double().eval()
    layer.running_var.copy_(torch.rand(6) + 0.5)
    layer.weight.data.copy_(torch.rand(6) + 0.5)
    return Transposed(layer, SHAPES[spatial_dims])


@pytest.mark.parametrize(
    ("kind", "spatial_dims"),
    [
        (nn.BatchNorm1d, 1),
        (nn.BatchNorm2d, 2),
        (nn.BatchNorm3d, 3),
        (nn.InstanceNorm2d, 2),
        (nn.InstanceNorm3d, 3),
    ],
)
def test_a_transposed_output_has_the_gradient_of_finite_differences(
    kind: Any, spatial_dims: int
) -> None:
    for n in (1, 3):
        asked = network(kind, spatial_dims)
        mend_gradients(asked)
        mend_gradients(asked)
        given = torch.randn(n, *SHAPES[spatial_dims][1:]).double().requires_grad_()
        assert torch.autograd.gradcheck(asked, given)


def test_a_layer_that_writes_into_the_output_may_follow() -> None:
    layer = network(nn.BatchNorm2d, 2).layer
    asked = nn.Sequential(layer, nn.ReLU(inplace=True), nn.Flatten())
    mend_gradients(asked)
    assert torch.autograd.gradcheck(asked, torch.randn(1, 6, 2, 5).double().requires_grad_())


def test_a_model_mends_its_network_and_answers_as_before() -> None:
    asked = network(nn.BatchNorm2d, 2)
    images = torch.randn(1, *SHAPES[2][1:]).double()
    before = asked(images)
    model = TorchModel(asked, task=Multiclass(classes=("a", "b")))
    assert torch.equal(asked(images), before)
    inputs = images.clone().requires_grad_()
    assert torch.autograd.gradcheck(model.network, inputs)


@pytest.mark.parametrize("op", ["BatchNormalization", "InstanceNormalization"])
def test_nodes_of_an_onnx_graph_have_it_too(op: str) -> None:
    node = Node(op=op, name="", opset=17, n_outputs=1, attributes={})
    weights = [torch.rand(6).double() + 0.5 for _ in range(4 if op[0] == "B" else 2)]

    def asked(given: Tensor) -> Tensor:
        found: Tensor = OPERATORS[op](node, given, *weights)
        rows = found.flatten(2).transpose(1, 2)
        return rows * torch.arange(rows.numel()).view_as(rows)

    given = torch.randn(1, 6, 2, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(asked, given)
