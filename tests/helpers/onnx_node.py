"""ONNX models of one node, answered by this package, onnxruntime and ONNX's own reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from plexor.models.sources.onnx import OnnxFile, OnnxNetwork
from plexor.models.sources.onnx.file import parse_onnx

Array = NDArray[Any]


def model_of(
    op: str,
    inputs: Sequence[Array | None],
    attributes: Mapping[str, Any],
    *,
    opset: int,
    n_outputs: int = 1,
    fixed: Sequence[int] = (),
) -> onnx.ModelProto:
    """A model of one node; the inputs in ``fixed`` are weights, the others inputs of the graph."""
    names = ["" if one is None else f"i{k}" for k, one in enumerate(inputs)]
    outputs = [f"o{k}" for k in range(n_outputs)]
    node = helper.make_node(op, names, outputs, name="the-node", **attributes)
    given = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(one.dtype), list(one.shape)
        )
        for k, (name, one) in enumerate(zip(names, inputs, strict=True))
        if one is not None and k not in fixed
    ]
    weights = [
        numpy_helper.from_array(one, name)
        for k, (name, one) in enumerate(zip(names, inputs, strict=True))
        if one is not None and k in fixed
    ]
    found = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in outputs]
    graph = helper.make_graph([node], "one", given, found, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    inferred = onnx.shape_inference.infer_shapes(made)
    for value in inferred.graph.output:
        kind = value.type.tensor_type
        if not (
            kind.elem_type and kind.HasField("shape")
        ):  # of a function, whose body is not looked into
            shape = list(inputs[0].shape) if inputs[0] is not None else []
            value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, shape))
    onnx.checker.check_model(inferred)
    return inferred


def parsed(model: onnx.ModelProto) -> OnnxFile:
    """The model as this package reads its file."""
    return parse_onnx(model.SerializeToString(), Path("one.onnx"))


def by_torch(file: OnnxFile, inputs: Sequence[Array], output: str = "o0") -> Array:
    """This package's answer."""
    network = OnnxNetwork(file, output).eval()
    found = network(*(torch.from_numpy(np.array(one)) for one in inputs))
    array: Array = found.detach().numpy()
    return array


def by_onnxruntime(model: onnx.ModelProto, inputs: Sequence[Array], output: str = "o0") -> Array:
    """onnxruntime's answer, computed without optimisation."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [one.name for one in session.get_inputs()]
    (found,) = session.run([output], dict(zip(names, inputs, strict=True)))
    array: Array = np.asarray(found)
    return array


def by_reference(model: onnx.ModelProto, inputs: Sequence[Array], output: str = "o0") -> Array:
    """The answer of ``onnx.reference``."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(model)
    names = [one.name for one in model.graph.input]
    (found,) = evaluator.run([output], dict(zip(names, inputs, strict=True)))
    array: Array = np.asarray(found)
    return array
