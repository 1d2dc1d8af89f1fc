"""Time of an ONNX file computed in torch, forward and backward, beside the network it was made of.

python benchmarks/onnx_network.py [--side 224] [--batch 8] [--repeats 5]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from plexor.models.architectures import build_network
from plexor.models.sources.onnx import OnnxNetwork, read_onnx


def seconds(network: nn.Module, images: Tensor) -> float:
    """Of one forward and one backward pass."""
    given = images.clone().requires_grad_()
    start = time.perf_counter()
    torch.autograd.grad(network(given).square().sum(), given)
    return time.perf_counter() - start


def beside(first: Callable[[], float], second: Callable[[], float], repeats: int) -> float:
    """Median of the second's time over the first's, measured in turn after one run of each."""
    first(), second()
    return statistics.median(second() / first() for _ in range(repeats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    network = build_network("densenet121", spatial_dims=2, channels=3, n_outputs=7).eval()
    network.requires_grad_(requires_grad=False)
    images = torch.randn(options.batch, 3, options.side, options.side)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "net.onnx"
        free = {"i": {0: "n"}}
        torch.onnx.export(
            network, (images[:2],), str(path), dynamo=False, input_names=["i"], dynamic_axes=free
        )
        read = OnnxNetwork(read_onnx(path)).eval()
    ratio = beside(lambda: seconds(network, images), lambda: seconds(read, images), options.repeats)
    print(f"DenseNet-121, {options.batch} images of {options.side}: {ratio:.2f} × the original")


if __name__ == "__main__":
    main()
