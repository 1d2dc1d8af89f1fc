"""Greatest number and mean of windows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from plexor.models.sources.onnx.node import Node, operator
from plexor.models.sources.onnx.operators.convolution import padded, pads_of

_MAX: dict[int, Callable[..., Tensor]] = {
    1: functional.max_pool1d,
    2: functional.max_pool2d,
    3: functional.max_pool3d,
}
_MEAN: dict[int, Callable[..., Tensor]] = {
    1: functional.avg_pool1d,
    2: functional.avg_pool2d,
    3: functional.avg_pool3d,
}

Window = tuple[list[int], list[int], list[int], list[int], list[int], list[int]]
"""Kernel, stride, dilation, pads before, pads after, and more after for a last, partial window."""


def _window(node: Node, x: Tensor) -> Window:
    n_axes = x.ndim - 2
    if n_axes not in _MAX:
        raise node.refuse(f"windows over {n_axes} spatial axes")
    kernel = list(node.get("kernel_shape"))
    stride = list(node.get("strides") or [1] * n_axes)
    wide = list(node.get("dilations") or [1] * n_axes)
    before, after = pads_of(node, x.shape[2:], kernel, stride, wide)
    further = [0] * n_axes
    if node.get("ceil_mode", 0):
        for i, n in enumerate(x.shape[2:]):
            reach = wide[i] * (kernel[i] - 1) + 1
            room = n + before[i] + after[i] - reach
            steps = -(-room // stride[i])
            if steps * stride[i] >= n + before[i]:  # starts in the pads behind: no window
                steps -= 1
            further[i] = max(steps * stride[i] - room, 0)
    return kernel, stride, wide, before, after, further


@operator("MaxPool")
def max_pool(node: Node, x: Tensor) -> Tensor:
    """Greatest number of each window."""
    if node.n_outputs > 1:
        raise node.refuse("the indices of the greatest numbers as an output")
    kernel, stride, wide, before, after, further = _window(node, x)
    simple = before == after and not any(further)
    if simple and all(2 * b <= k for b, k in zip(before, kernel, strict=True)):
        return _MAX[len(kernel)](x, kernel, stride, before, wide)
    behind = [a + f for a, f in zip(after, further, strict=True)]
    lowest = -torch.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    return _MAX[len(kernel)](padded(x, before, behind, lowest), kernel, stride, 0, wide)


@operator("AveragePool")
def average_pool(node: Node, x: Tensor) -> Tensor:
    """Mean of each window, over its pixels alone or over pads as well."""
    kernel, stride, wide, before, after, further = _window(node, x)
    with_pads = bool(node.get("count_include_pad", 0))
    simple = max(wide) == 1 and before == after and not any(further)
    if simple and all(2 * b <= k for b, k in zip(before, kernel, strict=True)):
        return _MEAN[len(kernel)](x, kernel, stride, before, False, with_pads)
    ones = torch.ones_like(x[:1, :1])
    counted = padded(ones, before, after, 1.0 if with_pads else 0.0)
    none = [0] * len(kernel)
    total = _summed(padded(padded(x, before, after), none, further), kernel, stride, wide)
    return total / _summed(padded(counted, none, further), kernel, stride, wide)


def _summed(x: Tensor, kernel: list[int], stride: list[int], wide: list[int]) -> Tensor:
    """Sum of each window, in every channel alone."""
    for i, k in enumerate(kernel):
        axis, span = i + 2, wide[i] * (k - 1) + 1
        x = x.unfold(axis, span, stride[i])[..., :: wide[i]].sum(-1)
    return x


@operator("GlobalAveragePool")
def global_average_pool(node: Node, x: Tensor) -> Tensor:
    """Mean of each channel."""
    return x.mean(tuple(range(2, x.ndim)), keepdim=True)


@operator("GlobalMaxPool")
def global_max_pool(node: Node, x: Tensor) -> Tensor:
    """Greatest number of each channel."""
    return x.amax(tuple(range(2, x.ndim)), keepdim=True)


@operator("GlobalLpPool")
def global_norm(node: Node, x: Tensor) -> Tensor:
    """Norm of each channel, of the order ``p``."""
    order = float(node.get("p", 2))
    total: Tensor = x.abs().pow(order).sum(tuple(range(2, x.ndim)), keepdim=True)
    return total.pow(1 / order)


@operator("LpPool")
def norm_pool(node: Node, x: Tensor) -> Tensor:
    """Norm of each window, of the order ``p``."""
    kernel, stride, wide, before, after, further = _window(node, x)
    order = float(node.get("p", 2))
    behind = [a + f for a, f in zip(after, further, strict=True)]
    total = _summed(padded(x.abs().pow(order), before, behind), kernel, stride, wide)
    return total.pow(1 / order)
