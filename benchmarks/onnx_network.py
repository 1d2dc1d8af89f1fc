"""Networks exported to ONNX and computed in torch, beside the networks they were made of.

One forward and one backward pass, as an attack does them, on one thread, in turn.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from measuring import interleaved, ratios, seconds, write_result
from monai.networks.nets import UNet, resnet18
from torch import Tensor, nn

from plexor.models.architectures import build_network
from plexor.models.sources.onnx import OnnxNetwork, read_onnx

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "DenseNet-121": lambda: build_network("densenet121", spatial_dims=2, channels=3, n_outputs=7),
    "ResNet-18": lambda: resnet18(spatial_dims=2, n_input_channels=3, num_classes=7),
    "3D U-Net": lambda: UNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=2,
        channels=(16, 32, 64, 128),
        strides=(2, 2, 2),
        num_res_units=2,
    ),
}


def read(network: nn.Module, images: Tensor) -> OnnxNetwork:
    """The network as it comes back from a file."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "net.onnx"
        free = {"i": {0: "n"}}
        torch.onnx.export(
            network, (images[:1],), str(path), dynamo=False, input_names=["i"], dynamic_axes=free
        )
        return OnnxNetwork(read_onnx(path)).eval()


def step(network: nn.Module, images: Tensor) -> None:
    """One forward and one backward pass."""
    given = images.clone().requires_grad_()
    torch.autograd.grad(network(given).square().sum(), given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--edge", type=int, default=64, help="of volumes")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = []
    for name, build in NETWORKS.items():
        network = build().eval().requires_grad_(requires_grad=False)
        shape = (1, *[options.edge] * 3) if name.startswith("3D") else (3, *[options.side] * 2)
        images = torch.randn(options.batch, *shape)
        networks = {"torch": network, "onnx": read(network, images)}
        steps = {one: partial(step, networks[one], images) for one in networks}
        for call in steps.values():  # the first call of each chooses its kernels
            call()
        timings = interleaved(steps, options.repeats)
        row = {"network": name, "seconds": seconds(timings["onnx"])}
        rows.append(row | {"over_torch": ratios(timings, "onnx", "torch")})
    write_result("onnx_network", vars(options), rows)


if __name__ == "__main__":
    main()
