"""One node of an ONNX graph, and the catalogue of operators that the interpreter knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

MOST_ELEMENTS = 1 << 29
"""Numbers in one tensor that a graph may make from a shape it writes down: 2 GiB of float32."""

Operator = Callable[..., Any]
"""Function of (node, *inputs) that returns a tensor, or a tuple of one for each output."""


class UnsupportedError(Exception):
    """An operator, or a setting of one, that the interpreter does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node, as operators see it.

    Attributes:
        op: name of the operator, e.g. "Conv".
        name: of the node, for messages; may be "".
        opset: version of the operator set.
        n_outputs: outputs that the graph takes from it.
        attributes: name → int, float, str, list or tensor.
    """

    op: str
    name: str
    opset: int
    n_outputs: int
    attributes: Mapping[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute, or the default of its operator."""
        return self.attributes.get(name, default)

    def ints(self, name: str, given: Tensor | None = None) -> list[int] | None:
        """Whole numbers that are an attribute in early opsets, and an input in later ones."""
        if given is not None:
            return [int(one) for one in given.reshape(-1).tolist()]
        value = self.attributes.get(name)
        return None if value is None else [int(one) for one in value]

    def refuse(self, what: str) -> UnsupportedError:
        """The error that says what this node asks for and the interpreter does not have."""
        where = f" {self.name!r}" if self.name else ""
        return UnsupportedError(f"node{where} ({self.op}, opset {self.opset}): {what}")


OPERATORS: dict[str, Operator] = {}
"""Operator's name → its function."""


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Enters a function into the catalogue, under the names of the operators that it computes."""

    def enter(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return enter


def axis_of(axis: int, ndim: int) -> int:
    """An axis counted from the front."""
    return axis + ndim if axis < 0 else axis


def check_size(node: Node, shape: Sequence[int]) -> None:
    """Refuses a tensor that would take the machine's memory.

    Raises:
        UnsupportedError: it has more than ``MOST_ELEMENTS`` numbers.
    """
    count = 1
    for n in shape:
        count *= max(int(n), 0)
    if count > MOST_ELEMENTS:
        raise node.refuse(f"asks for a tensor of {count:,} numbers, more than {MOST_ELEMENTS:,}")


def together(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors on one device: whole numbers made from shapes stay on the CPU until they are used."""
    for one in tensors:
        if one.device.type != "cpu":
            return tuple(other.to(one.device) for other in tensors)
    return tensors


_DTYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    16: torch.bfloat16,
}
"""``TensorProto.DataType`` → dtype of torch."""


def dtype_of(node: Node, number: int) -> torch.dtype:
    """The dtype that a graph names by its number.

    Raises:
        UnsupportedError: torch computes with no such numbers.
    """
    if number not in _DTYPES:
        raise node.refuse(f"numbers of the ONNX type {number} are not computed with")
    return _DTYPES[number]
