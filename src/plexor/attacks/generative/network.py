"""Networks that output perturbations, and a discriminator of perturbed and untouched images.

All are 2D or 3D, accept any number of channels and any spatial size, and use group normalisation
(Wu & He, ECCV 2018), so that the output for a case does not depend on the rest of its batch.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

Architecture = Literal["residual", "u-net"]

GROUP = 8
"""Channels in a normalisation group; widths are multiples of it."""
_RESIDUAL_BLOCKS = 5
_LEAK = 0.2
_COARSE, _HIDDEN = 6, 32
"""Input size of the blend along each axis after pooling, and its number of hidden units."""
_FAINT = 0.1


class ResidualGenerator(nn.Module):
    """Down to a quarter of the size, five residual blocks, and up again.

    The layout of Johnson et al. (ECCV 2016), as used by Poursaeed et al. (CVPR 2018), with
    convolutions of width 3, nearest-neighbour upsampling, and group instead of batch normalisation.

    Args:
        spatial_dims: 2 or 3.
        channels: of the image, and of the perturbation.
        width: channels at full size; twice and four times as many below.
    """

    stride = 4

    def __init__(self, spatial_dims: int, channels: int, width: int) -> None:
        super().__init__()
        dims, deep = spatial_dims, 4 * width
        self.down = nn.Sequential(
            _layer(dims, channels, width),
            _layer(dims, width, 2 * width, stride=2),
            _layer(dims, 2 * width, deep, stride=2),
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(_layer(dims, deep, deep), _convolution(dims, deep, deep), _norm(deep))
            for _ in range(_RESIDUAL_BLOCKS)
        )
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2),
            _layer(dims, deep, 2 * width),
            nn.Upsample(scale_factor=2),
            _layer(dims, 2 * width, width),
        )
        self.last = _last(dims, width, channels)

    def forward(self, images: Tensor) -> Tensor:
        """(N, channels, *size) → the same shape; sizes are multiples of ``stride``."""
        features: Tensor = self.down(images)
        for block in self.blocks:
            features = features + block(features)
        drawn: Tensor = self.last(self.up(features))
        return drawn


class UNetGenerator(nn.Module):
    """U-Net (Ronneberger et al., MICCAI 2015) with three halvings, padded to keep the size.

    Args:
        spatial_dims: 2 or 3.
        channels: of the image, and of the perturbation.
        width: channels at full size; they double at every halving.
    """

    stride = 8

    def __init__(self, spatial_dims: int, channels: int, width: int) -> None:
        super().__init__()
        dims, widths = spatial_dims, [width * 2**level for level in range(4)]
        self.down = nn.ModuleList(
            nn.Sequential(
                _layer(dims, before, after, stride=2 if level else 1), _layer(dims, after, after)
            )
            for level, (before, after) in enumerate(pairwise([channels, *widths]))
        )
        self.up = nn.ModuleList(
            _layer(dims, below + beside, beside) for beside, below in pairwise(widths)
        )
        self.enlarge = nn.Upsample(scale_factor=2)
        self.last = _last(dims, width, channels)

    def forward(self, images: Tensor) -> Tensor:
        """(N, channels, *size) → the same shape; sizes are multiples of ``stride``."""
        kept: list[Tensor] = []
        features = images
        for down in self.down:
            features = down(features)
            kept.append(features)
        kept.pop()
        for up in reversed(self.up):
            features = up(torch.cat([self.enlarge(features), kept.pop()], dim=1))
        drawn: Tensor = self.last(features)
        return drawn


class InPatches(nn.Module):
    """A generator on squares or cubes of pixels, rearranged as channels of one position.

    The output has every pixel, while features have ``patch ** spatial_dims`` times fewer positions
    (pixel shuffle; Shi et al., CVPR 2016).

    Args:
        network: with ``channels * patch ** spatial_dims`` channels.
        patch: side of a square or cube, in pixels or voxels.
    """

    def __init__(self, network: ResidualGenerator | UNetGenerator, patch: int) -> None:
        super().__init__()
        self.network, self.patch = network, patch
        self.stride = network.stride * patch

    def forward(self, images: Tensor) -> Tensor:
        """(N, channels, *size) → the same shape; sizes are multiples of ``stride``."""
        return from_patches(self.network(to_patches(images, self.patch)), self.patch)


Network = ResidualGenerator | UNetGenerator | InPatches


class Discriminator(nn.Module):
    """Scores patches as untouched (1) or perturbed (0), with four convolutions.

    Args:
        spatial_dims: 2 or 3.
        channels: of the image.
        width: channels of the first layer.
    """

    def __init__(self, spatial_dims: int, channels: int, width: int) -> None:
        super().__init__()
        dims, widths = spatial_dims, [width, 2 * width, 4 * width]
        layers = [_convolution(dims, channels, width, stride=2), nn.LeakyReLU(_LEAK)]
        for before, after in pairwise(widths):
            layers += [_convolution(dims, before, after, stride=2), _norm(after)]
            layers.append(nn.LeakyReLU(_LEAK))
        self.layers = nn.Sequential(*layers, _last(dims, widths[-1], 1))

    def forward(self, images: Tensor) -> Tensor:
        """(N, channels, *size) → (N, 1, *size / 8)."""
        scores: Tensor = self.layers(images)
        return scores


_ARCHITECTURES: dict[Architecture, type[ResidualGenerator | UNetGenerator]] = {
    "residual": ResidualGenerator,
    "u-net": UNetGenerator,
}


class Painter(nn.Module):
    """A generator for images of one size, with outputs from -1 to 1.

    The output is that of the network plus a blend of patterns, clipped. The patterns are learnt
    number by number, since a convolutional network learns position-dependent changes slowly, and
    many effective perturbations depend on position. A small network computes the weights of an
    image's blend from the image pooled to a coarse grid.

    Sizes that are no multiple of the network's stride are padded to the next multiple by
    reflection, and the output is cropped.

    Args:
        network: with the channels and dimensions of ``shape``.
        shape: of the images, (C, *spatial).
        n_patterns: number of patterns of this shape.
    """

    def __init__(self, network: Network, shape: tuple[int, ...], n_patterns: int) -> None:
        super().__init__()
        self.network = network
        self.patterns = nn.Parameter(torch.zeros(n_patterns, *shape))
        dims = len(shape) - 1
        pool = nn.AdaptiveAvgPool2d if dims == 2 else nn.AdaptiveAvgPool3d
        self.blend = nn.Sequential(
            pool(_COARSE),
            nn.Flatten(),
            nn.Linear(shape[0] * _COARSE**dims, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, n_patterns),
            nn.Softmax(dim=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(N, *shape) → the same shape, numbers in [-1, 1]."""
        padded, cut = images, [slice(None), slice(None)]
        for axis, size in enumerate(images.shape[2:], start=2):
            whole = math.ceil(size / self.network.stride) * self.network.stride
            start = (whole - size) // 2
            padded = padded.index_select(axis, _mirrored(size, start, whole).to(images.device))
            cut.append(slice(start, start + size))
        if padded.ndim == 4:
            padded = padded.contiguous(memory_format=torch.channels_last)
        drawn: Tensor = self.network(padded)[tuple(cut)]
        blended = torch.tensordot(self.blend(images), self.patterns, dims=1)
        found: Tensor = _CutOff.apply(drawn + blended)  # type: ignore[no-untyped-call]
        return found

    @torch.no_grad()
    def keep_in_range(self) -> None:
        """Clips the patterns to -1 to 1, so that the gradient of no number vanishes."""
        self.patterns.clamp_(-1, 1)


class _CutOff(torch.autograd.Function):
    """Clips numbers to -1 to 1; outside, only gradients that lead back inside are kept.

    tanh would be flat near its ends, where most numbers of a strong perturbation lie, so that the
    dependence on the image would hardly be learnt.
    """

    @staticmethod
    def forward(ctx: Any, numbers: Tensor) -> Tensor:
        ctx.save_for_backward(numbers)
        return numbers.clamp(-1, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (numbers,) = ctx.saved_tensors
        outwards = ((numbers > 1) & (gradient < 0)) | ((numbers < -1) & (gradient > 0))
        return gradient.masked_fill(outwards, 0)


def empty_generator(
    architecture: Architecture,
    shape: tuple[int, ...],
    *,
    width: int,
    patch: int,
    patterns: int,
) -> Painter:
    """A generator without weights, on the meta device, for images of shape (C, *spatial)."""
    dims = len(shape) - 1
    with torch.device("meta"):
        network = _ARCHITECTURES[architecture](dims, shape[0] * patch**dims, width)
        return Painter(network if patch == 1 else InPatches(network, patch), shape, patterns)


def empty_discriminator(shape: tuple[int, ...], width: int) -> nn.Module:
    """A discriminator without weights, on the meta device."""
    with torch.device("meta"):
        return Discriminator(len(shape) - 1, shape[0], width)


def fill_at_random(network: nn.Module, seed: int) -> None:
    """Initialises an empty network on the CPU, from its own random stream.

    Weights as in He et al. (ICCV 2015); those of a generator's last layer a tenth of that and its
    patterns 0, so that it starts with small changes. Does not use torch's global random state.
    """
    generator = torch.Generator().manual_seed(seed)
    network.to_empty(device="cpu")
    for layer in network.modules():
        if isinstance(layer, nn.GroupNorm):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, Painter):
            nn.init.zeros_(layer.patterns)
    for layer in network.modules():
        if isinstance(layer, ResidualGenerator | UNetGenerator):
            next(layer.last.parameters()).data.mul_(_FAINT)


def to_patches(images: Tensor, patch: int) -> Tensor:
    """(N, C, *size) → (N, C * patch ** dims, *size / patch): pixel unshuffle in 2D or 3D."""
    dims = images.ndim - 2
    split = [part for size in images.shape[2:] for part in (size // patch, patch)]
    places, within = range(2, 2 + 2 * dims, 2), range(3, 3 + 2 * dims, 2)
    apart = images.reshape(*images.shape[:2], *split).permute(0, 1, *within, *places)
    return apart.flatten(1, 1 + dims)


def from_patches(patches: Tensor, patch: int) -> Tensor:
    """(N, C * patch ** dims, *size) → (N, C, *size * patch): the inverse of ``to_patches``."""
    dims = patches.ndim - 2
    n, places = len(patches), patches.shape[2:]
    apart = patches.reshape(n, -1, *[patch] * dims, *places)
    order = [axis for d in range(dims) for axis in (2 + dims + d, 2 + d)]
    sizes = [size * patch for size in places]
    return apart.permute(0, 1, *order).reshape(n, -1, *sizes)


def _mirrored(size: int, start: int, whole: int) -> Tensor:
    """Indices for padding from ``size`` to ``whole`` by reflection, ``start`` of it in front.

    Unlike torch's reflection padding, it may exceed the size, by repeated reflection.
    """
    period = max(2 * (size - 1), 1)
    place = (torch.arange(whole) - start) % period
    return torch.minimum(place, period - place) if size > 1 else torch.zeros_like(place)


def _convolution(dims: int, before: int, after: int, *, stride: int = 1) -> nn.Module:
    kind = nn.Conv2d if dims == 2 else nn.Conv3d
    return kind(before, after, 3, stride=stride, padding=1, bias=False)


def _last(dims: int, before: int, after: int) -> nn.Module:
    kind = nn.Conv2d if dims == 2 else nn.Conv3d
    return kind(before, after, 3, padding=1)


def _norm(width: int) -> nn.Module:
    return nn.GroupNorm(width // GROUP, width)


def _layer(dims: int, before: int, after: int, *, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        _convolution(dims, before, after, stride=stride), _norm(after), nn.ReLU(inplace=True)
    )
