"""Numbers rounded to few bits, and back: QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

import torch
from torch import Tensor

from plexor.models.sources.onnx.node import Node, axis_of, operator

_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32)


@operator("QuantizeLinear")
def quantise(node: Node, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    """X / scale + zero, rounded and cut to the range of its type.

    The result is kept in floating-point numbers, so that gradients pass: straight through the
    rounding, and 0 where numbers are cut.
    """
    kind = torch.uint8 if zero is None else zero.dtype
    if kind not in _WHOLE or node.get("block_size", 0) or node.get("output_dtype", 0):
        raise node.refuse("rounding to other than 8, 16 or 32 bits, or by blocks")
    limits = torch.iinfo(kind)
    exact = x / _along(node, scale, x)
    rounded = exact + (exact.round() - exact).detach()
    moved = rounded if zero is None else rounded + _along(node, zero, x).to(x.dtype)
    return moved.clamp(limits.min, limits.max)


@operator("DequantizeLinear")
def dequantise(node: Node, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    """(x - zero) × scale."""
    if node.get("block_size", 0):
        raise node.refuse("numbers that were rounded by blocks")
    moved = x.to(scale.dtype)
    if zero is not None:
        moved = moved - _along(node, zero, x).to(scale.dtype)
    return moved * _along(node, scale, x)


def _along(node: Node, one: Tensor, x: Tensor) -> Tensor:
    """One number, or one for each place along an axis."""
    if one.numel() == 1:
        return one.reshape(()).to(x.device)
    shape = [1] * x.ndim
    shape[axis_of(node.get("axis", 1), x.ndim)] = -1
    return one.reshape(shape).to(x.device)
