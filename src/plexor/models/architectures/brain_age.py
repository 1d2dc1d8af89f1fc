"""Networks that predict a number, such as age, from a volume, from features, or from both.

The convolutional network is of the family of Cole et al. (NeuroImage 2017;163:115): blocks of
convolution, batch norm, ReLU and max pooling, with twice the channels after each. The hybrid joins
features to the image's before the last layers, as Bermudez et al. do with regional volumes (Magn
Reson Imaging 2019;62:70); widths and pooling are ours.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

_WIDTHS = (8, 16, 32, 64, 128)
_EMBEDDED = 64


class BrainAgeCNN(nn.Module):
    """Five blocks of two convolutions each, an average over space, and two linear layers.

    Takes (N, channels, *size), of any size of at least 16 along each axis; gives (N, n_outputs).
    """

    def __init__(self, spatial_dims: int, channels: int, n_outputs: int) -> None:
        super().__init__()
        self.trunk = _trunk(spatial_dims, channels)
        self.head = nn.Sequential(
            nn.Linear(_WIDTHS[-1], _EMBEDDED), nn.ReLU(), nn.Linear(_EMBEDDED, n_outputs)
        )

    def forward(self, images: Tensor) -> Tensor:
        """One number for each output."""
        found: Tensor = self.head(self.trunk(images))
        return found


class BrainAgeHybrid(nn.Module):
    """The same blocks; features pass a linear layer of their own and join before the last layers.

    Takes images (N, channels, *size) and features (N, n_features); gives (N, n_outputs).
    """

    def __init__(self, spatial_dims: int, channels: int, n_outputs: int, n_features: int) -> None:
        super().__init__()
        self.trunk = _trunk(spatial_dims, channels)
        self.embedding = nn.Sequential(nn.Linear(n_features, _EMBEDDED), nn.ReLU())
        self.head = nn.Sequential(
            nn.Linear(_WIDTHS[-1] + _EMBEDDED, _EMBEDDED),
            nn.ReLU(),
            nn.Linear(_EMBEDDED, n_outputs),
        )

    def forward(self, images: Tensor, features: Tensor) -> Tensor:
        """One number for each output."""
        joined = torch.cat([self.trunk(images), self.embedding(features)], dim=1)
        found: Tensor = self.head(joined)
        return found


class FeaturesOnly(nn.Module):
    """A network of three linear layers that looks at features and not at the image.

    It is the floor of every comparison with a hybrid: no change of the image moves its answer.
    """

    def __init__(self, spatial_dims: int, channels: int, n_outputs: int, n_features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, _EMBEDDED),
            nn.ReLU(),
            nn.Linear(_EMBEDDED, _EMBEDDED),
            nn.ReLU(),
            nn.Linear(_EMBEDDED, n_outputs),
        )

    def forward(self, images: Tensor, features: Tensor) -> Tensor:
        """One number for each output; the gradient with respect to the images is 0."""
        found: Tensor = self.layers(features)
        return found + 0 * images.flatten(1).sum(dim=1, keepdim=True)


def _trunk(spatial_dims: int, channels: int) -> nn.Sequential:
    """(N, channels, *size) → (N, 128)."""
    convolution = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
    norm = nn.BatchNorm2d if spatial_dims == 2 else nn.BatchNorm3d
    pool = nn.MaxPool2d if spatial_dims == 2 else nn.MaxPool3d
    layers: list[nn.Module] = []
    for before, after in pairwise((channels, *_WIDTHS)):
        layers += [
            convolution(before, after, 3, padding=1),
            nn.ReLU(),
            convolution(after, after, 3, padding=1, bias=False),
            norm(after),
            nn.ReLU(),
            pool(2, ceil_mode=True),
        ]
    return nn.Sequential(*layers, _SpatialMean())


class _SpatialMean(nn.Module):
    """The mean over all axes behind the channels; unlike adaptive pooling, deterministic on CUDA."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.flatten(2).mean(dim=2)
