"""What may stand for a layer in the backward pass: the identity, a blur, a network, and others."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from plexor.core.errors import PlanError
from plexor.models.foreign_code import foreign_code

_TAILS = 4
"""Standard deviations after which a Gaussian kernel is cut off."""


class StandIn(Protocol):
    """A differentiable function whose gradient is taken in place of a layer's."""

    def __call__(self, inputs: Tensor, shape: torch.Size) -> Tensor:
        """The function's output, differentiable in ``inputs``.

        Args:
            inputs: of the layer.
            shape: of the layer's output.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The input itself: the straight-through estimator (Bengio et al., arXiv:1308.3432).

    For layers whose output resembles their input: rounding, compression, clipping to a palette.
    """

    name: ClassVar[str] = "identity"

    def __call__(self, inputs: Tensor, shape: torch.Size) -> Tensor:
        """See ``StandIn``."""
        return inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """Linear interpolation to the spatial size of the layer's output.

    For layers that sample, crop to a fixed share, or upscale without a gradient.
    """

    name: ClassVar[str] = "resize"

    def __call__(self, inputs: Tensor, shape: torch.Size) -> Tensor:
        """See ``StandIn``; inputs of other than one to three spatial axes stay as they are."""
        if not 3 <= inputs.ndim == len(shape) <= 5 or inputs.shape == shape:
            return inputs
        mode = ("linear", "bilinear", "trilinear")[inputs.ndim - 3]
        return functional.interpolate(inputs, shape[2:], mode=mode, align_corners=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """A Gaussian filter over the spatial axes, with reflected borders.

    For layers that denoise: median, bilateral and non-local means, total variation.

    Attributes:
        blur: standard deviation in pixels of the layer's input.

    Raises:
        PlanError: it is not positive.
    """

    name: ClassVar[str] = "blur"
    blur: float

    def __post_init__(self) -> None:
        if not 0 < self.blur < math.inf:
            raise PlanError(f"backward: `blur` must be positive, in pixels, got {self.blur}")

    def __call__(self, inputs: Tensor, shape: torch.Size) -> Tensor:
        """See ``StandIn``."""
        for axis in range(2, inputs.ndim):
            inputs = self._along(inputs, axis)
        return inputs

    def _along(self, inputs: Tensor, axis: int) -> Tensor:
        lines = inputs.movedim(axis, -1)
        reach = min(math.ceil(_TAILS * self.blur), lines.shape[-1] - 1)
        at = torch.arange(-reach, reach + 1, device=inputs.device, dtype=inputs.dtype)
        kernel = (-0.5 * (at / self.blur) ** 2).exp()
        flat = lines.reshape(-1, 1, lines.shape[-1])
        padded = functional.pad(flat, (reach, reach), mode="reflect")
        found = functional.conv1d(padded, (kernel / kernel.sum()).view(1, 1, -1))
        return found.view(lines.shape).movedim(-1, axis)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sigmoid:
    """A logistic function, 1 / (1 + exp(-(x - at) / width)), of every number.

    For layers that compare with a threshold and give 0 or 1.

    Attributes:
        at: the threshold, in numbers of the layer's input.
        width: distance over which the function rises; its greatest slope is 1 / (4 width).

    Raises:
        PlanError: the width is not positive.
    """

    name: ClassVar[str] = "sigmoid"
    at: float
    width: float

    def __post_init__(self) -> None:
        if not 0 < self.width < math.inf:
            raise PlanError(f"backward: `width` must be positive, got {self.width}")

    def __call__(self, inputs: Tensor, shape: torch.Size) -> Tensor:
        """See ``StandIn``."""
        return ((inputs - self.at) / self.width).sigmoid()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """A network of your own, e.g. one trained to imitate the layer.

    Attributes:
        network: takes the layer's input. It is put in evaluation mode, its parameters are frozen,
            and it is moved to where the input is.
    """

    name: ClassVar[str] = "network"
    network: nn.Module

    def __post_init__(self) -> None:
        self.network.eval().requires_grad_(requires_grad=False)

    def __call__(self, inputs: Tensor, shape: torch.Size) -> Tensor:
        """See ``StandIn``."""
        with foreign_code("a network in `backward`"):
            found: Tensor = self.network.to(inputs.device)(inputs)
        return found


def written(stand_in: StandIn) -> object:
    """The stand-in as a plan writes it, plain data.

    Example:
        >>> written(Identity()), written(Blur(blur=1.5))
        ('identity', {'blur': 1.5})
    """
    if not isinstance(stand_in, Identity | Resize | Blur | Sigmoid):
        return type(stand_in).__name__
    options = asdict(stand_in)
    if not options or stand_in.name in options:
        return options or stand_in.name
    return {stand_in.name: options}
