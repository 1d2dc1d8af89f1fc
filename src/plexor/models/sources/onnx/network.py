"""An ONNX graph as a torch network: each node is one function of ``operators``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

from plexor.core.errors import ModelError, brief
from plexor.models.device import is_out_of_memory
from plexor.models.sources.onnx import operators
from plexor.models.sources.onnx.file import OnnxFile
from plexor.models.sources.onnx.node import OPERATORS, Node, UnsupportedError

__all__ = ["OnnxNetwork", "operators"]

EARLIEST, LATEST = 7, 25
"""Operator sets that the functions of ``operators`` were tested for."""
_PASSING = ("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators that only move numbers, behind which a softmax or sigmoid at the end is looked for."""
_WHOLE = {
    TensorProto.UINT8: torch.uint8,
    TensorProto.INT8: torch.int8,
    TensorProto.INT16: torch.int16,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int32,
}
"""Whole numbers that an input may be of, and the type whose range they are cut to."""


@dataclass(frozen=True, slots=True)
class Step:
    """A node with the places of its inputs and outputs; -1 is an input that is left out."""

    node: Node
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    done_with: tuple[int, ...] = ()


class OnnxNetwork(nn.Module):
    """A graph that answers, and is differentiable in its inputs.

    Nodes that depend on weights alone are computed once. Weights are parameters; whole numbers,
    which are shapes and indices, stay on the CPU.

    Args:
        file: the file.
        output: name of the output that is given; None gives the first.

    Attributes:
        source_sha256: hash of the file, which is part of the model's identity.

    Raises:
        UnsupportedError: an operator, or a setting of one, is not known; the message names the
            node.
    """

    def __init__(self, file: OnnxFile, output: str | None = None) -> None:
        super().__init__()
        if not EARLIEST <= file.opset <= LATEST:
            raise UnsupportedError(
                f"opset {file.opset} is not known, only {EARLIEST} to {LATEST}; convert the file "
                "with onnx.version_converter"
            )
        self.source_sha256 = file.sha256
        self._places: dict[str, int] = {}
        self._inputs = [self._place(one.name) for one in file.inputs]
        self._dtypes = [one.dtype for one in file.inputs]
        self._constants: dict[int, Tensor] = {}
        for tensor in file.model.graph.initializer:
            self._constants[self._place(tensor.name)] = _tensor(tensor)
        self._steps: list[Step] = []
        with torch.no_grad():
            self._enter(file.model.graph.node, file.opset)
        self._output = self._place(output or file.outputs[0])
        self._names = {place: name for name, place in self._places.items()}
        self.ends_with: Node | None = self._saturating()
        self._settle()

    @property
    def before_last(self) -> str:
        """Name of the tensor that goes into the function named by ``ends_with``; "" if none."""
        step = self._last()
        return "" if self.ends_with is None or step is None else self._names[step.inputs[0]]

    @property
    def rounds(self) -> bool:
        """Whether it rounds numbers that depend on the image to few bits."""
        return any(step.node.op == "QuantizeLinear" for step in self._steps)

    def without_last(self) -> None:
        """Takes off the softmax or sigmoid that the graph ends with, named by ``ends_with``."""
        step = self._last()
        if step is None or self.ends_with is None:
            raise ModelError("the ONNX graph ends with no softmax or sigmoid")
        same = replace(step.node, op="Identity", attributes={})
        taken = replace(step, node=same, inputs=step.inputs[:1])
        self._steps = [taken if one is step else one for one in self._steps]
        self._settle()

    def forward(self, *inputs: Tensor) -> Tensor:
        """The output; a graph of image and features takes both."""
        if len(inputs) != len(self._inputs):
            raise ModelError(
                f"the ONNX graph takes {len(self._inputs)} inputs, got {len(inputs)}: an image"
                + (", and `features` beside it" if len(self._inputs) > 1 else " alone")
            )
        values: list[Tensor | None] = [None] * len(self._places)
        for place, given, number in zip(self._inputs, inputs, self._dtypes, strict=True):
            values[place] = _as_declared(given, number)
        for place, constant in self._whole.items():
            values[place] = constant
        for place, weight in zip(self._weighted, self._parameters.values(), strict=True):
            values[place] = weight
        for step in self._steps:
            self._carry_out(step, values)
        found = values[self._output]
        if found is None:
            raise ModelError("the ONNX graph gives no output")
        return found

    def _carry_out(self, step: Step, values: list[Tensor | None]) -> None:
        given = [None if place < 0 else values[place] for place in step.inputs]
        try:
            found = OPERATORS[step.node.op](step.node, *given)
        except UnsupportedError as error:
            raise ModelError(str(error)) from error
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelError(
                f"node {step.node.name!r} ({step.node.op}): {brief(error, longest=300)}"
            ) from error
        if len(step.outputs) == 1:
            values[step.outputs[0]] = found[0] if isinstance(found, tuple) else found
        else:
            for place, one in zip(step.outputs, found, strict=False):
                values[place] = one
        for place in step.done_with:
            values[place] = None

    def _place(self, name: str) -> int:
        return self._places.setdefault(name, len(self._places)) if name else -1

    def _enter(self, nodes: Iterable[NodeProto], opset: int) -> None:
        """Adds nodes as steps, or computes them at once where they depend on weights alone."""
        for one in nodes:
            inputs = tuple(self._place(name) for name in one.input)
            if one.op_type == "If" and inputs[0] in self._constants:
                self._branch(one, opset, taken=bool(self._constants[inputs[0]]))
                continue
            node = _node(one, opset)
            step = Step(node, inputs, tuple(self._place(name) for name in one.output if name))
            if all(place in self._constants or place < 0 for place in inputs):
                values: dict[int, Tensor | None] = {-1: None, **self._constants}
                found = OPERATORS[node.op](node, *(values[place] for place in inputs))
                several = found if isinstance(found, tuple | list) else (found,)
                self._constants |= dict(zip(step.outputs, several, strict=False))
            else:
                self._steps.append(step)

    def _branch(self, one: NodeProto, opset: int, *, taken: bool) -> None:
        """The branch of an ``If`` whose condition the file holds."""
        name = "then_branch" if taken else "else_branch"
        graph = next(a.g for a in one.attribute if a.name == name)
        for tensor in graph.initializer:
            self._constants[self._place(tensor.name)] = _tensor(tensor)
        self._enter(graph.node, opset)
        for inner, outer in zip(graph.output, one.output, strict=True):
            place = self._place(inner.name)
            if place in self._constants:
                self._constants[self._place(outer)] = self._constants[place]
            else:
                same = Node(op="Identity", name=outer, opset=opset, n_outputs=1, attributes={})
                self._steps.append(Step(same, (place,), (self._place(outer),)))

    def _maker(self, place: int) -> Step | None:
        return next((step for step in self._steps if place in step.outputs), None)

    def _last(self) -> Step | None:
        """The step that makes the output, behind steps that only pass it on."""
        step = self._maker(self._output)
        while step is not None and step.node.op in _PASSING:
            step = self._maker(step.inputs[0])
        return step

    def _saturating(self) -> Node | None:
        step = self._last()
        ends = step is not None and step.node.op in ("Softmax", "Sigmoid")
        return step.node if step is not None and ends else None

    def _settle(self) -> None:
        """Drops what the output does not need, and frees each value after its last use."""
        needed, kept = {self._output}, []
        for step in reversed(self._steps):
            if needed.intersection(step.outputs):
                kept.append(replace(step, done_with=()))
                needed.update(step.inputs)
        used: set[int] = {self._output, *self._constants}
        settled = []
        for step in kept:
            last = {*step.inputs, *step.outputs} - used - {-1}
            used |= last
            settled.append(replace(step, done_with=tuple(last)))
        self._steps = settled[::-1]
        constants = {place: one for place, one in self._constants.items() if place in needed}
        self._whole = {p: one for p, one in constants.items() if not one.is_floating_point()}
        floats = {place: one for place, one in constants.items() if one.is_floating_point()}
        self._weighted = list(floats)
        self._parameters.clear()
        for i, weight in enumerate(floats.values()):
            self.register_parameter(f"w{i}", nn.Parameter(weight, requires_grad=False))
        self._constants = {place: self._constants[place] for place in constants}


def _as_declared(given: Tensor, number: int) -> Tensor:
    """An input in the precision that the file says.

    Whole numbers are kept in floating-point numbers, and gradients pass straight through their
    rounding.
    """
    if number in _WHOLE:
        limits = torch.iinfo(_WHOLE[number])
        whole = given.detach().round().clamp(limits.min, limits.max)
        return given + (whole - given.detach())
    if number == TensorProto.DOUBLE:
        return given.double()
    return given.half() if number == TensorProto.FLOAT16 else given


def _node(one: NodeProto, opset: int) -> Node:
    attributes = {attribute.name: _attribute(attribute) for attribute in one.attribute}
    n_outputs = sum(bool(name) for name in one.output)
    node = Node(
        op=one.op_type, name=one.name, opset=opset, n_outputs=n_outputs, attributes=attributes
    )
    if one.domain not in ("", "ai.onnx"):
        raise node.refuse(f"the operator is of another set, {one.domain!r}")
    if one.op_type not in OPERATORS:
        raise node.refuse("there is no such operator here")
    return node


def _attribute(attribute: AttributeProto) -> Any:
    if attribute.type == AttributeProto.TENSOR:
        return _tensor(attribute.t)
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode()
    return list(value) if attribute.type in (AttributeProto.FLOATS, AttributeProto.INTS) else value


def _tensor(tensor: TensorProto) -> Tensor:
    array = numpy_helper.to_array(tensor)
    try:
        return torch.from_numpy(array.copy())
    except TypeError as error:
        raise UnsupportedError(
            f"the tensor {tensor.name!r} is of the type {array.dtype}, which is not computed with"
        ) from error
