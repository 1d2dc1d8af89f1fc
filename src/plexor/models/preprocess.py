"""Preprocessing from values to a network's input: declared, differentiable, part of the model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from plexor.core.errors import ModelError, PlanError


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """Resize, then scale, then normalise.

    Attributes:
        size: spatial size of the network's input, e.g. (72, 96); None keeps the size of the image.
            2D images are resized bilinearly with antialiasing, volumes by area when they shrink and
            trilinearly otherwise. The aspect ratio is not kept.
        window: values mapped to 0 and 1, e.g. (0, 255); values outside are not clipped. None
            computes z-scores with the mean and standard deviation of each image instead.
        mean: subtracted after scaling; one number per channel, or one for all channels.
        std: divisor after that, likewise.

    Raises:
        PlanError: a size, window or standard deviation that has no meaning.

    Example:
        >>> import torch
        >>> prepare = Preprocess(size=(1, 2), window=(0, 200), mean=(0.5,), std=(0.25,))
        >>> prepare(torch.tensor([[[[0.0, 200.0], [100.0, 100.0]]]]))
        tensor([[[[-1.,  1.]]]])
    """

    size: tuple[int, ...] | None = None
    window: tuple[float, float] | None = (0.0, 255.0)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.size is not None and (len(self.size) not in (2, 3) or min(self.size) < 1):
            raise PlanError(f"preprocess: `size` must be 2 or 3 positive numbers, got {self.size}")
        if self.window is not None and self.window[0] >= self.window[1]:
            raise PlanError(
                f"preprocess: `window` must be (low, high) with low < high, got {self.window}"
            )
        if not self.mean or not self.std or min(self.std) <= 0:
            raise PlanError(
                "preprocess: `mean` and `std` need one number or one per channel, and `std` must "
                f"be positive, got {self.mean} and {self.std}"
            )

    def __call__(self, values: Tensor) -> Tensor:
        """The network's input for values (N, C, *spatial); same device and dtype.

        Raises:
            ModelError: the images have another dimension than ``size``, or ``mean`` or ``std`` have
                neither one number nor one per channel.
        """
        return self.normalise(self.scale(self.resize(values)))

    def resize(self, values: Tensor) -> Tensor:
        """The resize alone."""
        spatial = tuple(values.shape[2:])
        if self.size is None or spatial == self.size:
            return values
        if len(spatial) != len(self.size):
            raise ModelError(
                f"preprocess: the model takes {len(self.size)}D images of size {self.size}, "
                f"got images of size {spatial}"
            )
        return resampled(values, self.size)

    def scale(self, values: Tensor) -> Tensor:
        """The scaling alone: the ends of the window become 0 and 1; without window, z-scores."""
        if self.window is not None:
            low, high = self.window
            return (values - low) / (high - low)
        axes = tuple(range(1, values.ndim))
        centred = values - values.mean(axes, keepdim=True)
        return centred / centred.square().mean(axes, keepdim=True).add(1e-12).sqrt()

    def normalise(self, scaled: Tensor) -> Tensor:
        """The normalisation alone: subtracts ``mean``, divides by ``std``."""
        mean, std = _per_channel("mean", self.mean, scaled), _per_channel("std", self.std, scaled)
        return (scaled - mean) / std


def resampled(values: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resizes values (N, C, *spatial); differentiable, same device and dtype.

    Images are resized bilinearly with antialiasing, volumes by area when they shrink and
    trilinearly otherwise.
    """
    spatial = tuple(values.shape[2:])
    if spatial == size:
        return values
    if len(spatial) == 2:
        return functional.interpolate(values, size, mode="bilinear", antialias=True)
    if all(new <= old for new, old in zip(size, spatial, strict=True)):
        return functional.interpolate(values, size, mode="area")
    return functional.interpolate(values, size, mode="trilinear")


def _per_channel(name: str, numbers: tuple[float, ...], like: Tensor) -> Tensor:
    channels = like.shape[1]
    if len(numbers) not in (1, channels):
        raise ModelError(
            f"preprocess: `{name}` has {len(numbers)} numbers, expected 1 or one for each of the "
            f"image's {channels} channels"
        )
    return torch.tensor(numbers, dtype=like.dtype, device=like.device).view(
        1, -1, *[1] * (like.ndim - 2)
    )
