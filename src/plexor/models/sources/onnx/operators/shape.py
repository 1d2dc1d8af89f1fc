"""Operators that move numbers, or make them from a shape."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from plexor.models.sources.onnx.node import Node, axis_of, check_size, dtype_of, operator


@operator("Constant")
def constant(node: Node) -> Tensor:
    """A number or tensor that the graph holds."""
    for name, value in node.attributes.items():
        if name == "value" and isinstance(value, Tensor):
            return value
        if name in ("value_float", "value_floats"):
            return torch.tensor(value, dtype=torch.float32)
        if name in ("value_int", "value_ints"):
            return torch.tensor(value, dtype=torch.int64)
    raise node.refuse(f"a constant given as {', '.join(node.attributes) or 'nothing'}")


@operator("ConstantOfShape")
def constant_of_shape(node: Node, shape: Tensor) -> Tensor:
    """One number in every place of a shape."""
    sizes = shape.tolist()
    check_size(node, sizes)
    value = node.get("value")
    return torch.zeros(sizes) if value is None else value.reshape(()).expand(sizes).clone()


@operator("Shape")
def shape_of(node: Node, x: Tensor) -> Tensor:
    """The sizes of the axes, or of some of them, on the CPU."""
    sizes = list(x.shape)[node.get("start", 0) : node.get("end", None)]
    return torch.tensor(sizes, dtype=torch.int64)


@operator("Size")
def size_of(node: Node, x: Tensor) -> Tensor:
    """The number of elements."""
    return torch.tensor(x.numel(), dtype=torch.int64)


@operator("Range")
def arange(node: Node, start: Tensor, stop: Tensor, step: Tensor) -> Tensor:
    """Numbers from ``start`` to before ``stop``."""
    first, last, by = start.item(), stop.item(), step.item()
    if by == 0:
        raise node.refuse("a step of 0")
    check_size(node, [int(max(0, (last - first) / by)) + 1])
    return torch.arange(first, last, by, dtype=start.dtype, device=start.device)


@operator("EyeLike")
def eye_like(node: Node, x: Tensor) -> Tensor:
    """Ones on a diagonal, zeros elsewhere."""
    number = node.get("dtype")
    dtype = x.dtype if number is None else dtype_of(node, number)
    ones = torch.ones(tuple(x.shape), dtype=dtype, device=x.device)
    k = node.get("k", 0)
    return ones.tril(k).triu(k)


@operator("Reshape")
def reshape(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    """The same numbers in another shape; 0 keeps an axis, -1 takes what is left."""
    sizes = [int(n) for n in shape.tolist()]
    if not node.get("allowzero", 0):
        sizes = [x.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return x.reshape(sizes)


@operator("Flatten")
def flatten(node: Node, x: Tensor) -> Tensor:
    """A matrix: the axes before ``axis``, and those from it on."""
    axis = axis_of(node.get("axis", 1), x.ndim)
    rows = 1
    for n in x.shape[:axis]:
        rows *= n
    return x.reshape(rows, -1) if rows else x.reshape(0, x[:1].numel())


@operator("Transpose")
def transpose(node: Node, x: Tensor) -> Tensor:
    """Axes in another order; without ``perm`` reversed."""
    return x.permute(node.get("perm") or list(range(x.ndim))[::-1])


@operator("Squeeze")
def squeeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    """Without axes of size 1."""
    wanted = node.ints("axes", axes)
    return x.squeeze() if wanted is None else x.squeeze(tuple(wanted))


@operator("Unsqueeze")
def unsqueeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    """With further axes of size 1, at places of the result."""
    wanted = node.ints("axes", axes) or []
    for axis in sorted(axis_of(axis, x.ndim + len(wanted)) for axis in wanted):
        x = x.unsqueeze(axis)
    return x


@operator("Expand")
def expand(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    """Repeated along axes of size 1, by the rules of broadcasting."""
    shapes = tuple(x.shape), tuple(shape.tolist())
    sizes = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
    check_size(node, sizes)
    return x.expand(sizes)


@operator("Tile")
def tile(node: Node, x: Tensor, repeats: Tensor) -> Tensor:
    """Repeated as a whole along every axis."""
    times = [int(n) for n in repeats.tolist()]
    check_size(node, [n * size for n, size in zip(times, x.shape, strict=True)])
    return x.repeat(times)


@operator("Concat")
def concat(node: Node, *tensors: Tensor) -> Tensor:
    """Tensors one after the other along an axis."""
    return torch.cat(tensors, dim=node.get("axis", 1))


@operator("Split")
def split(node: Node, x: Tensor, sizes: Tensor | None = None) -> Any:
    """Parts of a tensor along an axis."""
    axis = axis_of(node.get("axis", 0), x.ndim)
    wanted = node.ints("split", sizes)
    if wanted is None:
        n_parts = node.get("num_outputs", node.n_outputs)
        each = -(-x.shape[axis] // n_parts)
        wanted = [each] * (n_parts - 1) + [x.shape[axis] - each * (n_parts - 1)]
    return torch.split(x, wanted, dim=axis)


@operator("DepthToSpace")
def depth_to_space(node: Node, x: Tensor) -> Tensor:
    """Blocks of channels spread over squares of pixels."""
    n, channels, height, width = x.shape
    b = int(node.get("blocksize"))
    if node.get("mode", "DCR") == "CRD":
        return functional.pixel_shuffle(x, b)
    blocks = x.reshape(n, b, b, channels // b**2, height, width).permute(0, 3, 4, 1, 5, 2)
    return blocks.reshape(n, channels // b**2, height * b, width * b)


@operator("SpaceToDepth")
def space_to_depth(node: Node, x: Tensor) -> Tensor:
    """Squares of pixels gathered into channels."""
    n, channels, height, width = x.shape
    b = int(node.get("blocksize"))
    blocks = x.reshape(n, channels, height // b, b, width // b, b).permute(0, 3, 5, 1, 2, 4)
    return blocks.reshape(n, channels * b**2, height // b, width // b)


@operator("Trilu")
def triangle(node: Node, x: Tensor, k: Tensor | None = None) -> Tensor:
    """The upper or lower triangle of matrices."""
    diagonal = 0 if k is None else int(k.item())
    return x.triu(diagonal) if node.get("upper", 1) else x.tril(diagonal)


@operator("Pad")
def pad(
    node: Node,
    x: Tensor,
    pads: Tensor | None = None,
    value: Tensor | None = None,
    axes: Tensor | None = None,
) -> Tensor:
    """More numbers, or fewer, at the ends of axes."""
    by = node.ints("pads", pads) or []
    along = node.ints("", axes) or list(range(x.ndim))
    half = len(along)
    mode = node.get("mode", "constant")
    if mode == "constant":
        fill = node.get("value", 0.0) if value is None else value.item()
        ends = [0] * (2 * x.ndim)
        for i, axis in enumerate(along):
            place = x.ndim - 1 - axis_of(axis, x.ndim)
            ends[2 * place], ends[2 * place + 1] = by[i], by[i + half]
        check_size(node, [n + ends[2 * i] + ends[2 * i + 1] for i, n in enumerate(x.shape[::-1])])
        return functional.pad(x, ends, value=fill)
    for i, axis in enumerate(along):
        x = _mirrored(node, x, axis_of(axis, x.ndim), by[i], by[i + half], mode)
    return x


def _mirrored(node: Node, x: Tensor, axis: int, before: int, after: int, mode: str) -> Tensor:
    """One axis continued from its own numbers."""
    size = x.shape[axis]
    if not before and not after:
        return x
    check_size(node, [size + before + after, x.numel() // max(size, 1)])
    place = torch.arange(-before, size + after, device=x.device)
    if mode == "edge":
        place = place.clamp(0, size - 1)
    elif mode == "wrap":
        place = place % size
    elif mode == "reflect":
        period = max(2 * (size - 1), 1)
        place = place % period
        place = torch.where(place >= size, period - place, place)
    else:
        raise node.refuse(f"padding of the mode {mode!r}")
    return x.index_select(axis, place)
