"""A small convolutional network, for phantoms and quick tests."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class SmallCNN(nn.Module):
    """Four stages of convolution with stride 2, batch norm and ReLU, then an average.

    Takes images (N, channels, *size) of size 8 or more, returns logits (N, n_outputs). About 0.1
    million parameters in 2D.
    """

    def __init__(self, spatial_dims: int, channels: int, n_outputs: int) -> None:
        super().__init__()
        convolution = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        norm = nn.BatchNorm2d if spatial_dims == 2 else nn.BatchNorm3d
        pool = nn.AdaptiveAvgPool2d if spatial_dims == 2 else nn.AdaptiveAvgPool3d
        widths = [channels, 16, 32, 64, 128]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [
                convolution(before, after, 3, stride=2, padding=1, bias=False),
                norm(after),
                nn.ReLU(),
            ]
        self.features = nn.Sequential(*layers, pool(1), nn.Flatten())
        self.head = nn.Linear(widths[-1], n_outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.head(self.features(images))
        return logits
