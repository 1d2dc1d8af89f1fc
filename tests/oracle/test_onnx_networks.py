"""MONAI's networks, exported by torch's two exporters: outputs and gradients of the originals."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.networks.nets.densenet import DenseNet121
from monai.networks.nets.segresnet import SegResNet
from monai.networks.nets.unet import UNet
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from plexor.models.sources.onnx import OnnxNetwork, read_onnx

_SIDE = 32


class First(nn.Module):
    """The first of a network's outputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        found = self.network(images)
        first: Tensor = found[0] if isinstance(found, tuple) else found
        return first


NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "densenet121": lambda d: DenseNet121(spatial_dims=d, in_channels=1, out_channels=3),
    "unet": lambda d: UNet(
        spatial_dims=d,
        in_channels=1,
        out_channels=2,
        channels=(4, 8, 16),
        strides=(2, 2),
        num_res_units=1,
    ),
    "segresnet": lambda d: SegResNet(spatial_dims=d, in_channels=1, out_channels=2, init_filters=8),
    "vit": lambda d: First(
        ViT(
            in_channels=1,
            img_size=(_SIDE,) * d,
            patch_size=(16,) * d,
            hidden_size=48,
            mlp_dim=96,
            num_layers=2,
            num_heads=4,
            proj_type="conv",
            classification=True,
            num_classes=3,
            spatial_dims=d,
            post_activation="",
        )
    ),
}
EXPORTS = [("script", 13), ("dynamo", 23)]


def exported(network: nn.Module, images: Tensor, path: Path, exporter: str, opset: int) -> None:
    """Writes the network as ONNX with a free batch size."""
    more: dict[str, Any] = {"dynamo": False, "dynamic_axes": {"images": {0: "n"}}}
    if exporter == "dynamo":
        free = torch.export.Dim("n", min=1, max=64)
        more = {"dynamo": True, "dynamic_shapes": ({0: free},), "external_data": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (images,), str(path), input_names=["images"], opset_version=opset, **more
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize(("exporter", "opset"), EXPORTS)
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_gradients_are_those_of_the_original(
    name: str, exporter: str, opset: int, spatial_dims: int, tmp_path: Path
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = NETWORKS[name](spatial_dims).eval()
        images = torch.randn(3, 1, *[_SIDE] * spatial_dims)
        weights = torch.randn_like(network(images))
    path = tmp_path / "net.onnx"
    exported(network, images[:2], path, exporter, opset)
    read = OnnxNetwork(read_onnx(path)).eval()
    with torch.no_grad():
        assert _differ(read(images), network(images)) < 1e-5
    # in double precision: in single, a ReLU at 1e-8 is open in one network and closed in the other
    images = images.double().requires_grad_()
    (slope,) = torch.autograd.grad((network.double()(images) * weights).sum(), images)
    (read_slope,) = torch.autograd.grad((read.double()(images) * weights).sum(), images)
    assert _differ(read_slope, slope) < 1e-4


def _differ(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())
