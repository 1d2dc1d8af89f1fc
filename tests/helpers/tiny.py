"""Images and models so small that everything about them is known."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from plexor.cases import LOSSLESS, Image, Intensity, Pixels
from plexor.models import (
    Batch,
    Binary,
    Multiclass,
    Multilabel,
    Preprocess,
    Segmentation,
    Task,
    TorchModel,
)

AS_STORED = Preprocess(window=(0.0, 1.0))
"""Gives the network the stored numbers as they are."""


@dataclass(frozen=True, slots=True)
class ArrayCodec:
    """numpy's own file format: a container that loses nothing, for any shape and type."""

    suffix: str = ".npy"

    def encode(self, pixels: Pixels) -> bytes:
        file = io.BytesIO()
        np.save(file, pixels, allow_pickle=False)
        return file.getvalue()

    def decode(self, data: bytes) -> Pixels:
        pixels: Pixels = np.load(io.BytesIO(data), allow_pickle=False)
        return pixels


def image(pixels: NDArray[Any], *, slope: float = 1.0, intercept: float = 0.0) -> Image:
    """A stored image (C, *spatial): the whole range of an integer type, or a float's own range."""
    if pixels.dtype.kind == "f":
        low, high, quantum = float(pixels.min()), float(pixels.max()), 0.0
    else:
        low, high, quantum = float(np.iinfo(pixels.dtype).min), float(np.iinfo(pixels.dtype).max), 1
    intensity = Intensity(low=low, high=high, quantum=quantum, slope=slope, intercept=intercept)
    return Image(pixels=pixels, intensity=intensity, containers={LOSSLESS: ArrayCodec()})


def images(
    shape: tuple[int, ...], n_cases: int, *, seed: int = 0, dtype: str = "u1"
) -> list[Image]:
    """Uniform noise over the type's whole range (for floats: over 0 to 1), of one shape."""
    generator = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return [image(generator.random(shape).astype(dtype)) for _ in range(n_cases)]
    limits = np.iinfo(dtype)
    return [
        image(generator.integers(limits.min, limits.max, shape, dtype, endpoint=True))
        for _ in range(n_cases)
    ]


def batch_of(
    stored: Sequence[Image], truth: Sequence[Any] | None = None, *, ids: Sequence[str] | None = None
) -> Batch:
    """The images as tensors on the CPU; every label 0 and ids "case-0", ... if not given."""
    names = [f"case-{i}" for i in range(len(stored))] if ids is None else ids
    labels = torch.tensor([0] * len(stored) if truth is None else truth)
    return Batch.of(names, stored, labels, torch.device("cpu"))


class Linear(nn.Module):
    """``weight · x + bias`` in float64, summed case by case: a case never feels its neighbours.

    Args:
        weight: (n_outputs, C, *spatial).
        bias: (n_outputs,); zeros if not given.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.double())
        self.bias = nn.Parameter(torch.zeros(len(weight)).double() if bias is None else bias)

    def forward(self, inputs: Tensor) -> Tensor:
        products = inputs.double()[:, None] * self.weight
        return products.flatten(2).sum(2) + self.bias


class Quadratic(nn.Module):
    """``-|x - centre|² / scale²`` for each centre, in float64, case by case.

    Args:
        centres: (n_outputs, C, *spatial).
        scale: distance over which an output falls by 1.
    """

    def __init__(self, centres: Tensor, scale: float = 100.0) -> None:
        super().__init__()
        self.centres = nn.Parameter(centres.double())
        self.scale = scale

    def forward(self, inputs: Tensor) -> Tensor:
        away = (inputs.double()[:, None] - self.centres) / self.scale
        return -away.flatten(2).square().sum(2)


class Curved(nn.Module):
    """One hidden layer of tanh with random weights, in float64: smooth, and not convex.

    Args:
        shape: of one image, (C, *spatial).
        n_outputs: logits.
        seed: of the weights.
        centre: subtracted from the inputs.
        scale: they are then divided by, so that a few levels matter.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        n_outputs: int,
        *,
        seed: int = 0,
        centre: float = 128.0,
        scale: float = 20.0,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        n_inputs, n_hidden = int(np.prod(shape)), 16

        def draw(*size: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*size, generator=generator, dtype=torch.float64))

        self.centre, self.scale = centre, scale
        self.first, self.offset = draw(n_hidden, n_inputs), draw(n_hidden)
        self.second = draw(n_outputs, n_hidden)

    def forward(self, inputs: Tensor) -> Tensor:
        centred = (inputs.double().flatten(1) - self.centre) / self.scale
        hidden = ((centred[:, None] * self.first).sum(2) + self.offset).tanh()
        return (hidden[:, None] * self.second).sum(2)


class PixelWise(nn.Module):
    """Each pixel by itself, as ``Curved`` does an image; float64, and the same for every pixel.

    Args:
        channels: of an image.
        n_outputs: logits a pixel.
        seed: of the weights.
    """

    def __init__(self, channels: int, n_outputs: int, *, seed: int = 0) -> None:
        super().__init__()
        self.inner = Curved((channels,), n_outputs, seed=seed)

    def forward(self, inputs: Tensor) -> Tensor:
        pixels = inputs.movedim(1, -1)
        logits: Tensor = self.inner(pixels.flatten(0, -2))
        return logits.view(*pixels.shape[:-1], -1).movedim(-1, 1)


class Counted(nn.Module):
    """Counts the cases that go through a network, forwards and backwards."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.n_forwards = self.n_backwards = 0
        self.register_full_backward_pre_hook(self._back)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.inner(inputs)
        self.n_forwards += len(inputs)
        return outputs

    def _back(self, _: nn.Module, gradients: Any) -> None:
        self.n_backwards += len(gradients[0])


def classes(n: int) -> tuple[str, ...]:
    """Class names "a", "b", ..."""
    return tuple("abcdefghij"[:n])


def multiclass(n: int) -> Multiclass:
    """A task of n classes."""
    return Multiclass(classes=classes(n))


def binary(threshold: float = 0.5) -> Binary:
    """Absent ("a") or present ("b")."""
    return Binary(classes=classes(2), threshold=threshold)


def multilabel(n: int) -> Multilabel:
    """A task of n findings, each with a threshold of its own."""
    return Multilabel(classes=classes(n), threshold=tuple(0.3 + 0.1 * i for i in range(n)))


def segmentation(n: int) -> Segmentation:
    """A task of n classes, the first of them the background unless it is the only one."""
    return Segmentation(classes=classes(n))


def model_of(network: nn.Module, task: Task) -> TorchModel:
    """A model that sees the stored numbers themselves."""
    return TorchModel(network, task=task, preprocess=AS_STORED)
