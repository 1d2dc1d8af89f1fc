"""Operators that reduce axes to one number, and those that scale by such a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from plexor.models.sources.onnx.node import OPERATORS, Node, axis_of, operator


def _keep(function: Callable[[Tensor, list[int]], Tensor], name: str) -> Callable[..., Tensor]:
    def reduce(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
        wanted = node.ints("axes", axes)
        if not wanted:
            if node.get("noop_with_empty_axes", 0):
                return x
            wanted = list(range(x.ndim))
        wanted = sorted(axis_of(axis, x.ndim) for axis in wanted)
        found = function(x, wanted) if wanted else x
        return found if node.get("keepdims", 1) or not wanted else found.squeeze(tuple(wanted))

    reduce.__doc__ = f"ONNX's {name}."
    return reduce


def _product(x: Tensor, axes: list[int]) -> Tensor:
    for axis in axes:
        x = x.prod(axis, keepdim=True)
    return x


_REDUCTIONS: dict[str, Callable[[Tensor, list[int]], Tensor]] = {
    "ReduceL1": lambda x, axes: x.abs().sum(axes, keepdim=True, dtype=x.dtype),
    "ReduceL2": lambda x, axes: x.square().sum(axes, keepdim=True).sqrt(),
    "ReduceLogSum": lambda x, axes: x.sum(axes, keepdim=True).log(),
    "ReduceLogSumExp": lambda x, axes: x.logsumexp(axes, keepdim=True),
    "ReduceMax": lambda x, axes: x.amax(axes, keepdim=True),
    "ReduceMean": lambda x, axes: x.mean(axes, keepdim=True),
    "ReduceMin": lambda x, axes: x.amin(axes, keepdim=True),
    "ReduceProd": _product,
    "ReduceSum": lambda x, axes: x.sum(axes, keepdim=True, dtype=x.dtype),
    "ReduceSumSquare": lambda x, axes: x.square().sum(axes, keepdim=True, dtype=x.dtype),
}
OPERATORS.update({name: _keep(function, name) for name, function in _REDUCTIONS.items()})


@operator("ArgMax", "ArgMin")
def arg_extreme(node: Node, x: Tensor) -> Tensor:
    """Index of the greatest or smallest number along an axis; of equal ones the first or last."""
    axis = axis_of(node.get("axis", 0), x.ndim)
    find = torch.argmax if node.op == "ArgMax" else torch.argmin
    if node.get("select_last_index", 0):
        found = x.shape[axis] - 1 - find(x.flip(axis), dim=axis, keepdim=True)
    else:
        found = find(x, dim=axis, keepdim=True)
    return found if node.get("keepdims", 1) else found.squeeze(axis)


@operator("Softmax", "LogSoftmax")
def softmax(node: Node, x: Tensor) -> Tensor:
    """Softmax along an axis; before opset 13 over all axes from ``axis`` on."""
    function = torch.softmax if node.op == "Softmax" else torch.log_softmax
    if node.opset >= 13:
        return function(x, dim=node.get("axis", -1))
    axis = axis_of(node.get("axis", 1), x.ndim)
    return function(x.flatten(axis), dim=-1).view(x.shape) if axis < x.ndim else x


@operator("CumSum")
def cumulative_sum(node: Node, x: Tensor, axis: Tensor) -> Tensor:
    """Sum of the numbers up to each one along an axis."""
    along = int(axis.item())
    if node.get("reverse", 0):
        x = x.flip(along)
    found = x.cumsum(along, dtype=x.dtype)
    if node.get("exclusive", 0):
        found = found - x
    return found.flip(along) if node.get("reverse", 0) else found


@operator("TopK")
def top_k(node: Node, x: Tensor, k: Tensor) -> Any:
    """The k greatest or smallest numbers along an axis, and their indices."""
    values, indices = torch.topk(
        x,
        int(k.item()),
        dim=node.get("axis", -1),
        largest=bool(node.get("largest", 1)),
        sorted=bool(node.get("sorted", 1)),
    )
    return values, indices
