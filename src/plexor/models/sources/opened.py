"""What every source gives: a network as it is in its file, and how much of it is seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError
from plexor.models.model import ModelAccess
from plexor.models.sources.input_order import InputOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A network from a file, a server or a function.

    Attributes:
        network: takes images, and features where there are any; its attribute ``source_sha256`` is
            part of the model's identity.
        access: what it shows.
        name: of the model, for reports, e.g. "onnx net.onnx".
        notes: sentences that a user must know, e.g. why gradients are refused.
        size: spatial size that the file fixes; None where it leaves it open.
        channels: that the file fixes; None where it leaves them open.
        inputs: their order, where the file shows it, see ``input_order``; empty elsewhere.
        layout: that the file fixes, see ``Adapter``; None where the plan says it.
        ends_with: "softmax" or "sigmoid" where the network ends with one that ``without_last``
            takes off; "" elsewhere.
        without_last: the network without that function.
    """

    network: nn.Module
    access: ModelAccess
    name: str
    notes: tuple[str, ...] = ()
    size: tuple[int, ...] | None = None
    channels: int | None = None
    inputs: InputOrder = ()
    layout: str | None = None
    ends_with: str = ""
    without_last: Callable[[], nn.Module] | None = None


class FixedBatch(nn.Module):
    """A network that takes only batches of one size, asked in parts of that size.

    The last part is filled up with copies of its last image, whose answers are dropped.

    Args:
        network: the network.
        size: of its batches.

    Attributes:
        source_sha256: of the network.
    """

    def __init__(self, network: nn.Module, size: int) -> None:
        super().__init__()
        self.network = network
        self.size = size
        self.source_sha256 = getattr(network, "source_sha256", "")

    def forward(self, *inputs: Tensor) -> Tensor:
        """The outputs for any number of images."""
        n = len(inputs[0])
        found = []
        for start in range(0, n, self.size):
            part = [one[start : start + self.size] for one in inputs]
            if (missing := self.size - len(part[0])) > 0:
                part = [torch.cat([one, one[-1:].expand(missing, *one.shape[1:])]) for one in part]
            found.append(self.network(*part)[: min(self.size, n - start)])
        return torch.cat(found)


def probe_images(shape: tuple[int, ...]) -> Tensor:
    """The images with which every model of one input shape is tried: the same everywhere.

    Standard normal numbers.
    """
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator)


def differ(found: Tensor, wanted: Tensor) -> float:
    """Greatest difference, as a share of the greatest output or of 1 if that is less.

    Raises:
        ModelError: the shapes differ.
    """
    if found.shape != wanted.shape:
        raise ModelError(f"outputs of shapes {tuple(found.shape)} and {tuple(wanted.shape)}")
    scale = max(1.0, float(wanted.abs().nan_to_num().max()))
    difference = float((found.double() - wanted.double()).abs().max()) / scale
    return float("inf") if math.isnan(difference) else difference
