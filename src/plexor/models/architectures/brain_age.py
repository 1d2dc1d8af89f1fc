"""Networks that predict a number from a volume, from features, or from both.

The trunk is of the family of Cole et al. (NeuroImage 2017;163:115): blocks of two 3 × 3 × 3
convolutions with batch norm and ReLU, each followed by max pooling, with twice the channels in each
block. Cole et al. flatten the last block; here it is averaged over space, so that the number of
parameters does not depend on the size of the input. The hybrid joins features before the last
layers, as the network of Bermudez et al. (Magn Reson Imaging 2019;62:70) joins regional volumes;
the layers of that network are not reproduced.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError

_WIDTHS = (8, 16, 32, 64)
_HIDDEN = 32
_SMALLEST = 2
"""Size along an axis below which it is not pooled any more."""


class ConventionalCNN(nn.Module):
    """A small CNN for volumes, as for brain age; 0.2 million parameters in 3D.

    Maps images (N, channels, *size) to outputs (N, n_outputs). Four blocks of two
    convolutions; an axis is halved after each block until it has 2 elements.
    """

    def __init__(self, spatial_dims: int, channels: int, n_outputs: int) -> None:
        super().__init__()
        self.trunk = Trunk(spatial_dims, channels)
        self.head = _head(_WIDTHS[-1], n_outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Outputs."""
        outputs: Tensor = self.head(self.trunk(images))
        return outputs


class HybridCNN(nn.Module):
    """``brain-age`` with standardised features (N, n_features) joined before its last layers.

    The features pass a layer of their own first, so that a few features and the trunk's many
    averages have about the same number of inputs to the last layers.
    """

    def __init__(self, spatial_dims: int, channels: int, n_features: int, n_outputs: int) -> None:
        super().__init__()
        self.trunk = Trunk(spatial_dims, channels)
        self.beside = _embedding(n_features)
        self.head = _head(2 * _WIDTHS[-1], n_outputs)

    def forward(self, images: Tensor, features: Tensor) -> Tensor:
        """Outputs."""
        joined = torch.cat([self.trunk(images), self.beside(features)], dim=1)
        outputs: Tensor = self.head(joined)
        return outputs


class FeaturesOnly(nn.Module):
    """The features' branch of ``brain-age-hybrid`` with its last layers, without the image.

    The image is an input that is not used: its gradient is zero.
    """

    def __init__(self, _spatial_dims: int, _channels: int, n_features: int, n_outputs: int) -> None:
        super().__init__()
        self.beside = _embedding(n_features)
        self.head = _head(_WIDTHS[-1], n_outputs)

    def forward(self, images: Tensor, features: Tensor) -> Tensor:
        """Outputs."""
        outputs: Tensor = self.head(self.beside(features))
        return outputs + 0 * images.flatten(1)[:, :1]


class Trunk(nn.Module):
    """Averages over space (N, 64) of the last block's channels.

    Raises:
        ModelError: an axis of the images has fewer than 8 elements.
    """

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        pool: Any = nn.functional.max_pool2d if spatial_dims == 2 else nn.functional.max_pool3d
        self.pool = pool
        self.blocks = nn.ModuleList(
            _block(spatial_dims, before, after) for before, after in pairwise((channels, *_WIDTHS))
        )
        # on CPUs 1.6 to 2.5 times as fast with so few channels; results differ by rounding only
        last: Any = torch.channels_last if spatial_dims == 2 else torch.channels_last_3d
        self.to(memory_format=last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """The averages."""
        if min(images.shape[2:]) < 2 * 2 * _SMALLEST:
            raise ModelError(
                f"the brain-age networks need 8 elements or more along each axis, got images of "
                f"size {tuple(images.shape[2:])}; take a smaller spacing or a larger `size`"
            )
        features = images
        for block in self.blocks:
            features = block(features)
            steps = [2 if size >= 2 * _SMALLEST else 1 for size in features.shape[2:]]
            features = self.pool(features, steps, steps)
        return features.flatten(2).mean(2)


def _block(spatial_dims: int, before: int, after: int) -> nn.Sequential:
    convolution: Any = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
    norm: Any = nn.BatchNorm2d if spatial_dims == 2 else nn.BatchNorm3d
    layers: list[nn.Module] = []
    for inputs in (before, after):
        layers += [convolution(inputs, after, 3, padding=1, bias=False), norm(after), nn.ReLU()]
    return nn.Sequential(*layers)


def _embedding(n_features: int) -> nn.Sequential:
    if n_features < 1:
        raise ModelError(
            "this network takes features beside the image, and none are named; write "
            "`cohort.features`"
        )
    return nn.Sequential(nn.Linear(n_features, _WIDTHS[-1]), nn.ReLU())


def _head(n_inputs: int, n_outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_inputs, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, n_outputs))
