"""Convolutions, their windows and pads, and products of matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from plexor.models.sources.onnx.node import Node, operator

_CONVOLUTIONS: dict[int, Callable[..., Tensor]] = {
    1: functional.conv1d,
    2: functional.conv2d,
    3: functional.conv3d,
}
_TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}


def pads_of(
    node: Node, size: Sequence[int], kernel: Sequence[int], stride: Sequence[int], wide: list[int]
) -> tuple[list[int], list[int]]:
    """Numbers added before and after each spatial axis, from ``pads`` or ``auto_pad``.

    Args:
        node: the node.
        size: of the spatial axes.
        kernel: of the window.
        stride: of the window.
        wide: its dilations.
    """
    auto = node.get("auto_pad", "NOTSET")
    if auto in ("NOTSET", ""):
        pads = list(node.get("pads") or [0] * (2 * len(kernel)))
        return pads[: len(kernel)], pads[len(kernel) :]
    before, after = [], []
    for n, k, s, d in zip(size, kernel, stride, wide, strict=True):
        total = 0 if auto == "VALID" else max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        small = total // 2
        before.append(small if auto != "SAME_LOWER" else total - small)
        after.append(total - before[-1])
    return before, after


def padded(x: Tensor, before: Sequence[int], after: Sequence[int], value: float = 0.0) -> Tensor:
    """Spatial axes with a value added at their ends."""
    ends: list[int] = []
    for b, a in zip(reversed(before), reversed(after), strict=True):
        ends += [b, a]
    return functional.pad(x, ends, value=value) if any(ends) else x


def _dimensions(node: Node, x: Tensor, table: dict[int, Callable[..., Tensor]]) -> int:
    n_axes = x.ndim - 2
    if n_axes not in table:
        raise node.refuse(f"a convolution over {n_axes} spatial axes")
    return n_axes


@operator("Conv")
def convolve(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolution over one to three axes."""
    n_axes = _dimensions(node, x, _CONVOLUTIONS)
    stride = node.get("strides") or [1] * n_axes
    wide = node.get("dilations") or [1] * n_axes
    before, after = pads_of(node, x.shape[2:], weight.shape[2:], stride, wide)
    if before != after or min(before) < 0:
        x, before = padded(x, before, after), [0] * n_axes
    return _CONVOLUTIONS[n_axes](x, weight, bias, stride, before, wide, node.get("group", 1))


@operator("ConvTranspose")
def convolve_transposed(
    node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Transposed convolution over one to three axes."""
    n_axes = _dimensions(node, x, _TRANSPOSED)
    stride = node.get("strides") or [1] * n_axes
    wide = node.get("dilations") or [1] * n_axes
    more = node.get("output_padding") or [0] * n_axes
    before, after = _cropped(node, x, weight, stride, wide, more)
    group = node.get("group", 1)
    convolution = _TRANSPOSED[n_axes]
    simple = before == after and min(before) >= 0
    if simple and all(m < max(s, d) for m, s, d in zip(more, stride, wide, strict=True)):
        return convolution(x, weight, bias, stride, before, more, group, wide)
    whole = convolution(x, weight, bias, stride, 0, 0, group, wide)
    ends = [m - a for m, a in zip(more, after, strict=True)]
    if max(ends) > 0 and bias is not None:  # where no window reaches, there is the bias alone
        whole = whole - bias.view(-1, *[1] * n_axes)
        return padded(whole, [-b for b in before], ends) + bias.view(-1, *[1] * n_axes)
    return padded(whole, [-b for b in before], ends)


def _cropped(
    node: Node,
    x: Tensor,
    weight: Tensor,
    stride: list[int],
    wide: list[int],
    more: list[int],
) -> tuple[list[int], list[int]]:
    """What is cut off before and after each axis."""
    kernel, shape = weight.shape[2:], node.get("output_shape")
    auto = node.get("auto_pad", "NOTSET")
    if shape is None and auto in ("NOTSET", "", "VALID"):
        return pads_of(node, x.shape[2:], kernel, stride, wide)
    before, after = [], []
    for i, n in enumerate(x.shape[2:]):
        wanted = n * stride[i] if shape is None else shape[-len(kernel) :][i]
        total = stride[i] * (n - 1) + more[i] + (kernel[i] - 1) * wide[i] + 1 - wanted
        small = total // 2
        before.append(small if auto == "SAME_UPPER" else total - small)
        after.append(total - before[-1])
    return before, after


@operator("MatMul")
def matrix_product(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """Product of matrices, or of stacks of them."""
    return torch.matmul(a, b)


@operator("Gemm")
def general_product(node: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    """``alpha`` a b + ``beta`` c."""
    a = a.T if node.get("transA", 0) else a
    b = b.T if node.get("transB", 0) else b
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    if c is not None and alpha == beta == 1 and c.ndim == 1:
        return torch.addmm(c, a, b)
    product = a @ b
    product = product if alpha == 1 else alpha * product
    return product if c is None else product + (c if beta == 1 else beta * c)


@operator("Einsum")
def einsum(node: Node, *tensors: Tensor) -> Tensor:
    """Sum of products, in Einstein's notation."""
    return torch.einsum(node.get("equation").replace(" ", ""), *tensors)
