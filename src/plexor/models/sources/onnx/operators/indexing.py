"""Operators that take numbers out of tensors, or put them in, by index."""

from __future__ import annotations

import torch
from torch import Tensor

from plexor.models.sources.onnx.node import Node, axis_of, check_size, operator, together

_FAR = 1 << 31
"""Ends of slices at or beyond this mean the end of the axis."""


@operator("Slice")
def take_slice(
    node: Node,
    x: Tensor,
    starts: Tensor | None = None,
    ends: Tensor | None = None,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    """Every ``steps``-th number from ``starts`` to before ``ends``, along axes."""
    first, last = node.ints("starts", starts) or [], node.ints("ends", ends) or []
    along = node.ints("axes", axes) or list(range(len(first)))
    by = node.ints("", steps) or [1] * len(first)
    for start, end, axis, step in zip(first, last, along, by, strict=True):
        x = _along(x, axis_of(axis, x.ndim), start, end, step)
    return x


def _along(x: Tensor, axis: int, start: int, end: int, step: int) -> Tensor:
    size = x.shape[axis]
    places = _places(size, start, end, step)
    if len(places) == size and step == 1:
        return x
    if step > 0:
        where = [slice(None)] * axis + [slice(places.start, places.stop, step)]
        return x[tuple(where)]
    return x.index_select(axis, torch.tensor(list(places), dtype=torch.int64, device=x.device))


def _places(size: int, start: int, end: int, step: int) -> range:
    """Backwards, a start before the axis is its first place; NumPy would take none then."""
    start, end = (n + size if n < 0 else n for n in (start, end))
    if step > 0:
        return range(min(max(start, 0), size), min(max(end, 0), size), step)
    return range(min(max(start, 0), size - 1), min(max(end, -1), size - 1), step)


def _positive(indices: Tensor, size: int) -> Tensor:
    return torch.where(indices < 0, indices + size, indices).long()


@operator("Gather")
def gather(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    """Slices of an axis, by index."""
    axis = axis_of(node.get("axis", 0), x.ndim)
    places = _positive(indices, x.shape[axis]).to(x.device)
    if places.ndim == 0:
        return x.select(axis, int(places))
    found = x.index_select(axis, places.reshape(-1))
    return found.reshape(*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])


@operator("GatherElements")
def gather_elements(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    """One number for each index along an axis."""
    axis = axis_of(node.get("axis", 0), x.ndim)
    return torch.gather(x, axis, _positive(indices, x.shape[axis]).to(x.device))


@operator("GatherND")
def gather_nd(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    """Slices by indices of several axes."""
    if node.get("batch_dims", 0):
        raise node.refuse("`batch_dims` other than 0")
    x, indices = together(x, indices)
    columns = [_positive(indices[..., i], x.shape[i]) for i in range(indices.shape[-1])]
    return x[tuple(columns)]


@operator("ScatterND")
def scatter_nd(node: Node, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """A copy with some slices replaced."""
    if node.get("reduction", "none") != "none":
        raise node.refuse("`reduction` other than none")
    x, indices, updates = together(x, indices, updates)
    columns = [_positive(indices[..., i], x.shape[i]) for i in range(indices.shape[-1])]
    return x.index_put(tuple(columns), updates)


@operator("ScatterElements", "Scatter")
def scatter_elements(node: Node, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """A copy with some numbers replaced, one for each index along an axis."""
    if node.get("reduction", "none") != "none":
        raise node.refuse("`reduction` other than none")
    x, indices, updates = together(x, indices, updates)
    axis = axis_of(node.get("axis", 0), x.ndim)
    return x.scatter(axis, _positive(indices, x.shape[axis]), updates)


@operator("NonZero")
def non_zero(node: Node, x: Tensor) -> Tensor:
    """Indices of the numbers that are not 0, a row for each axis."""
    return torch.nonzero(x).T


@operator("OneHot")
def one_hot(node: Node, indices: Tensor, depth: Tensor, values: Tensor) -> Tensor:
    """One value at each index along a new axis, another elsewhere."""
    size = int(depth.item())
    check_size(node, [size, indices.numel()])
    axis = axis_of(node.get("axis", -1), indices.ndim + 1)
    places = _positive(indices.long(), size).unsqueeze(axis)
    shape = [1] * (indices.ndim + 1)
    shape[axis] = size
    row = torch.arange(size, device=indices.device).view(shape)
    off, on = values.to(indices.device)
    return torch.where(places == row, on, off)
