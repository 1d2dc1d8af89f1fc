"""Every operator of the ONNX interpreter beside onnxruntime, and beside ONNX's reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import pytest
from tests.helpers.onnx_node import Array, by_onnxruntime, by_reference, by_torch, model_of, parsed

from plexor.models.sources.onnx import OPERATORS

OPSETS = (11, 12, 13, 17, 18, 20, 21, 23, 25)
_RNG = np.random.default_rng(0)


def floats(*shape: int, low: float = -2, high: float = 2) -> Array:
    return _RNG.uniform(low, high, shape).astype(np.float32)


def ints(*values: int) -> Array:
    return np.array(values, dtype=np.int64)


def whole(value: int) -> Array:
    return np.array(value, dtype=np.int64)


def number(value: float) -> Array:
    return np.array(value, dtype=np.float32)


def bools(*shape: int) -> Array:
    return _RNG.integers(0, 2, shape).astype(bool)


@dataclass(frozen=True)
class One:
    """A node: operator, inputs, attributes; inputs from the second on are weights if ``fixed``."""

    op: str
    inputs: tuple[Array | None, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    opsets: tuple[int, int] = (11, 25)
    n_outputs: int = 1
    fixed: bool = False
    output: int = 0


X = floats(2, 3, 5, 6)
V = floats(2, 3, 4, 5, 4)
L = floats(2, 3, 9)
SMALL = floats(2, 3, low=-0.9, high=0.9)
POSITIVE = floats(2, 3, low=0.1, high=3)


def _elementwise() -> Iterator[One]:
    for op in (  # noqa: SIM905
        "Abs Ceil Erf Exp Floor Identity Neg Round Relu Sigmoid Sign Sin Cos Tan Atan"
        " Sinh Cosh Asinh Tanh Softplus Softsign Elu Selu LeakyRelu HardSigmoid Celu"
        " ThresholdedRelu Shrink"
    ).split():
        yield One(op, (X,), opsets=(12, 25) if op == "Celu" else (11, 23))
    for op in ("Acos", "Asin", "Atanh"):
        yield One(op, (SMALL,))
    for op in ("Log", "Sqrt", "Reciprocal"):
        yield One(op, (POSITIVE,))
    yield One("Acosh", (POSITIVE + 1,))
    yield One("Round", (np.array([-2.5, -0.5, 0.5, 1.5, 2.5], np.float32),))
    yield One("HardSwish", (X,), opsets=(14, 25))
    yield One("Mish", (X,), opsets=(18, 25))
    yield One("Gelu", (X,), opsets=(20, 25))
    yield One("Gelu", (X,), {"approximate": "tanh"}, opsets=(20, 25))
    yield One("IsNaN", (np.array([1, np.nan, np.inf], np.float32),), opsets=(13, 25))
    for one in ({}, {"detect_negative": 0}, {"detect_positive": 0}):
        yield One("IsInf", (np.array([1, np.nan, np.inf, -np.inf], np.float32),), one)
    for op in ("Elu", "LeakyRelu", "ThresholdedRelu"):
        yield One(op, (X,), {"alpha": 0.3})
    yield One("Selu", (X,), {"alpha": 1.2, "gamma": 0.7})
    yield One("HardSigmoid", (X,), {"alpha": 0.3, "beta": 0.4})
    yield One("Shrink", (X,), {"bias": 0.2, "lambd": 0.9})
    for op in ("Add", "Sub", "Mul", "Div"):
        yield One(op, (X, floats(3, 1, 6, low=0.5)))
    yield One("Div", (ints(7, -7, 6), ints(2, 2, -4)))
    yield One("Mod", (ints(7, -7, 6), ints(2, 2, -4)))
    yield One("Mod", (X, floats(6, low=0.5)), {"fmod": 1})
    yield One("Pow", (POSITIVE, floats(2, 3)))
    yield One("Pow", (X, number(2.0)), fixed=True)
    yield One("Pow", (POSITIVE, ints(3)), opsets=(12, 25), fixed=True)
    for op in ("Max", "Min", "Sum", "Mean"):
        yield One(op, (X, floats(6), floats(3, 1, 1)))
    for op in ("And", "Or", "Xor"):
        yield One(op, (bools(2, 3), bools(3)))
    yield One("Not", (bools(2, 3),))
    for op in ("Equal", "Greater", "Less"):
        yield One(op, (np.round(X), np.round(floats(6))))
    for op in ("GreaterOrEqual", "LessOrEqual"):
        yield One(op, (np.round(X), np.round(floats(6))), opsets=(12, 25))
    yield One("Where", (bools(3, 1, 6), X, floats(6)))
    yield One(
        "BitShift", (np.array([1, 6], np.uint8), np.array([2, 1], np.uint8)), {"direction": "LEFT"}
    )
    yield One(
        "BitShift", (np.array([1, 6], np.uint8), np.array([2, 1], np.uint8)), {"direction": "RIGHT"}
    )
    for to in (7, 6, 11, 9):
        yield One("Cast", (X,), {"to": to}, opsets=(13, 25))
    yield One("CastLike", (X, ints(1)), opsets=(15, 25))
    yield One("Clip", (X, number(-0.5), number(1)), fixed=True)
    yield One("Clip", (X, None, number(1)), fixed=True)
    yield One("Clip", (X, number(1), number(-1)), opsets=(13, 25))
    yield One("Clip", (X,))
    yield One("PRelu", (X, floats(3, 1, 1)))
    yield One("Dropout", (X,))
    yield One("Dropout", (X,), n_outputs=2, opsets=(13, 25), output=1)


def _reductions() -> Iterator[One]:
    for op in (  # noqa: SIM905
        "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin"
        " ReduceProd ReduceSum ReduceSumSquare"
    ).split():
        last = 12 if op == "ReduceSum" else 17
        for keep in (0, 1):
            yield One(
                op, (np.abs(X) + 0.1,), {"axes": [-1, 1], "keepdims": keep}, opsets=(11, last)
            )
            yield One(
                op,
                (np.abs(X) + 0.1, ints(-1, 1)),
                {"keepdims": keep},
                opsets=(last + 1, 23),
                fixed=True,
            )
        yield One(op, (np.abs(X) + 0.1,), {"keepdims": 0})
    yield One("ReduceSum", (X,), {"noop_with_empty_axes": 1}, opsets=(13, 25))
    ties = np.array([[1, 3, 3], [2, 2, 0]], np.float32)
    for op in ("ArgMax", "ArgMin"):
        yield One(op, (X,), {"axis": -1, "keepdims": 0})
        yield One(op, (ties,), {"axis": 1})
        yield One(op, (ties,), {"axis": 1, "select_last_index": 1}, opsets=(12, 25))
    for op in ("Softmax", "LogSoftmax"):
        yield One(op, (X,))
        yield One(op, (X,), {"axis": 2})
        yield One(op, (X,), {"axis": -1})
        yield One(op, (floats(2, 5),), {"axis": 1})
    for one in ({}, {"exclusive": 1}, {"reverse": 1}, {"exclusive": 1, "reverse": 1}):
        yield One("CumSum", (X, np.array(2, np.int32)), one, fixed=True)
    for output in (0, 1):
        yield One("TopK", (X, ints(2)), {"axis": 2}, n_outputs=2, fixed=True, output=output)
        yield One("TopK", (X, ints(3)), {"largest": 0}, n_outputs=2, fixed=True, output=output)


def _shapes() -> Iterator[One]:
    yield One("ConstantOfShape", (ints(2, 3),))
    yield One(
        "ConstantOfShape", (ints(2, 3),), {"value": onnx.helper.make_tensor("v", 7, [1], [5])}
    )
    yield One("Shape", (X,))
    yield One("Shape", (X,), {"start": 1, "end": -1}, opsets=(15, 25))
    yield One("Size", (X,))
    yield One("Range", (whole(1), whole(10), whole(3)), fixed=True)
    yield One("Range", (number(5), number(-1), number(-1.5)), fixed=True)
    yield One("EyeLike", (floats(3, 4),), {"k": 1})
    for target in (ints(2, -1), ints(0, 0, 30), ints(0, -1, 2, 3)):
        yield One("Reshape", (X, target), fixed=True)
    yield One("Reshape", (floats(0, 3), ints(3, 0)), {"allowzero": 1}, opsets=(14, 25), fixed=True)
    for axis in (0, 1, 2, -1, 4):
        yield One("Flatten", (X,), {"axis": axis})
    yield One("Transpose", (X,))
    yield One("Transpose", (X,), {"perm": [0, 2, 3, 1]})
    thin = floats(1, 3, 1, 2)
    yield One("Squeeze", (thin,))
    yield One("Squeeze", (thin,), {"axes": [-2]}, opsets=(11, 12))
    yield One("Squeeze", (thin, ints(0, -2)), opsets=(13, 25), fixed=True)
    yield One("Unsqueeze", (X,), {"axes": [0, -1]}, opsets=(11, 12))
    yield One("Unsqueeze", (X, ints(-1, 0)), opsets=(13, 25), fixed=True)
    yield One("Expand", (floats(3, 1), ints(2, 1, 4)), fixed=True)
    yield One("Tile", (floats(2, 3), ints(2, 3)), fixed=True)
    yield One("Concat", (X, floats(2, 1, 5, 6)), {"axis": 1})
    yield One("Concat", (X, floats(2, 3, 5, 1)), {"axis": -1})
    for output in (0, 1):
        yield One(
            "Split", (X,), {"axis": 1, "split": [1, 2]}, opsets=(11, 12), n_outputs=2, output=output
        )
        yield One(
            "Split",
            (X, ints(1, 2)),
            {"axis": 1},
            opsets=(13, 25),
            n_outputs=2,
            fixed=True,
            output=output,
        )
        yield One(
            "Split",
            (X,),
            {"axis": 2, "num_outputs": 2},
            opsets=(18, 25),
            n_outputs=2,
            output=output,
        )
    blocks = floats(2, 8, 3, 4)
    yield One("DepthToSpace", (blocks,), {"blocksize": 2})
    yield One("DepthToSpace", (blocks,), {"blocksize": 2, "mode": "CRD"})
    yield One("SpaceToDepth", (floats(2, 3, 4, 6),), {"blocksize": 2})
    for upper in (0, 1):
        yield One("Trilu", (floats(2, 4, 5),), {"upper": upper}, opsets=(14, 25))
        yield One("Trilu", (floats(4, 5), whole(-1)), {"upper": upper}, opsets=(14, 25), fixed=True)
    pads = ints(0, 0, 1, 2, 0, 1, 0, 3)
    yield One("Pad", (X, pads), fixed=True)
    yield One("Pad", (X, pads, number(2)), fixed=True)
    yield One("Pad", (X, ints(0, 0, -1, 2, 0, 0, 0, -3)), fixed=True)
    for mode in ("reflect", "edge"):
        yield One("Pad", (X, ints(0, 0, 1, 2, 0, 1, 0, 3)), {"mode": mode}, fixed=True)
        yield One("Pad", (L, ints(0, 0, 4, 0, 0, 6)), {"mode": mode}, fixed=True)
    yield One(
        "Pad", (X, ints(0, 0, 1, 2, 0, 1, 0, 3)), {"mode": "wrap"}, opsets=(19, 25), fixed=True
    )
    yield One("Pad", (X, ints(1, 2), None, ints(-1)), opsets=(18, 25), fixed=True)


def _indices() -> Iterator[One]:
    yield One("Slice", (X, ints(1), ints(3)), fixed=True)
    yield One("Slice", (X, ints(0, -2), ints(1 << 40, -1), ints(1, 3), ints(2, 1)), fixed=True)
    yield One("Slice", (X, ints(-1), ints(-(1 << 40)), ints(2), ints(-2)), fixed=True)
    yield One("Slice", (X, ints(5), ints(0), ints(-1), ints(-1)), fixed=True)
    yield One("Slice", (X, ints(3), ints(3), ints(2)), fixed=True)
    yield One("Gather", (X, ints(1, -1, 0)), {"axis": 2})
    yield One("Gather", (X, whole(1)), {"axis": -1}, fixed=True)
    yield One("Gather", (X, np.array([[0, 1], [2, 0]])), {"axis": 1})
    yield One("GatherElements", (X, _RNG.integers(-5, 5, (2, 3, 2, 6))), {"axis": 2})
    yield One("GatherND", (X, np.array([[0, 1], [1, -1]])))
    yield One("GatherND", (X, np.array([[[0, 1, 2, 3]], [[1, 2, 0, 0]]])))
    yield One("ScatterND", (floats(4, 5), np.array([[1], [3]]), floats(2, 5)))
    yield One("ScatterND", (floats(4, 5), np.array([[1, 2], [3, 0]]), floats(2)))
    yield One("ScatterElements", (floats(4, 5), np.array([[1, -2, 3]]), floats(1, 3)), {"axis": 1})
    yield One("NonZero", (np.round(SMALL),))
    yield One("OneHot", (ints(0, 2, -1), whole(4), np.array([0, 1], np.float32)), fixed=True)
    yield One(
        "OneHot", (ints(0, 2), whole(3), np.array([-1, 5], np.float32)), {"axis": 0}, fixed=True
    )


def _convolutions() -> Iterator[One]:
    w, b = floats(4, 3, 3, 3), floats(4)
    for one in (
        {},
        {"pads": [1, 1, 1, 1], "strides": [2, 1]},
        {"pads": [0, 2, 1, 0]},
        {"dilations": [2, 1], "pads": [2, 1, 2, 1]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
        {"auto_pad": "VALID"},
    ):
        yield One("Conv", (X, w, b), one, fixed=True)
    yield One("Conv", (X, floats(6, 1, 3, 3)), {"group": 3}, fixed=True)
    yield One("Conv", (L, floats(2, 3, 4)), {"pads": [1, 2]}, fixed=True)
    yield One(
        "Conv",
        (V, floats(2, 3, 3, 3, 3), floats(2)),
        {"pads": [1] * 6, "strides": [2] * 3},
        fixed=True,
    )
    t = floats(3, 2, 3, 3)
    for one in (
        {},
        {"pads": [1, 1, 1, 1], "strides": [2, 2], "output_padding": [1, 1]},
        {"pads": [0, 1, 1, 0], "strides": [2, 1]},
        {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"strides": [2, 2], "auto_pad": "SAME_LOWER"},
        {"strides": [2, 2], "output_shape": [11, 12]},
        {"dilations": [2, 2], "strides": [3, 3], "output_padding": [2, 1]},
    ):
        yield One("ConvTranspose", (X, t, floats(2)), one, fixed=True)
    yield One("ConvTranspose", (X, floats(3, 2, 3, 3)), {"group": 3}, fixed=True)
    yield One("ConvTranspose", (V, floats(3, 2, 2, 2, 2)), {"strides": [2] * 3}, fixed=True)
    yield One("MatMul", (floats(2, 3, 4), floats(4, 5)))
    yield One("MatMul", (floats(2, 1, 3, 4), floats(5, 4, 2)))
    yield One("Gemm", (floats(2, 4), floats(4, 3), floats(3)))
    yield One(
        "Gemm",
        (floats(4, 2), floats(3, 4), floats(2, 1)),
        {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0},
    )
    yield One("Gemm", (floats(2, 4), floats(4, 3)))
    yield One(
        "Einsum",
        (floats(2, 3, 4), floats(2, 4, 5)),
        {"equation": "bij, bjk -> bik"},
        opsets=(12, 25),
    )
    yield One("Einsum", (floats(3, 3),), {"equation": "ii->i"}, opsets=(12, 25))


def _pools() -> Iterator[One]:
    for op in ("MaxPool", "AveragePool"):
        for one in (
            {"kernel_shape": [2, 2]},
            {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
            {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [0, 1, 2, 0]},
            {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
            {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
            {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1},
            {"kernel_shape": [3, 3], "strides": [3, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
        ):
            yield One(op, (X,), one)
        yield One(op, (L,), {"kernel_shape": [3], "strides": [2]})
        yield One(op, (V,), {"kernel_shape": [2, 2, 2], "strides": [2, 2, 2]})
    yield One("MaxPool", (X,), {"kernel_shape": [2, 2], "dilations": [2, 3]})
    yield One("AveragePool", (X,), {"kernel_shape": [2, 2], "dilations": [2, 3]}, opsets=(19, 25))
    for one in (
        {"pads": [1, 1, 1, 1]},
        {"pads": [0, 1, 1, 0]},
        {"pads": [1, 1, 1, 1], "strides": [2, 2], "ceil_mode": 1},
    ):
        more = {"kernel_shape": [3, 3], "count_include_pad": 1}
        yield One("AveragePool", (X,), {**more, **one})
    for data in (X, V, L):
        yield One("GlobalAveragePool", (data,))
        yield One("GlobalMaxPool", (data,))


def _normalisations() -> Iterator[One]:
    each = (floats(3), floats(3))
    for data in (X, V):
        yield One(
            "BatchNormalization", (data, *each, floats(3), np.abs(floats(3)) + 0.1), fixed=True
        )
        yield One("InstanceNormalization", (data, *each), {"epsilon": 1e-3}, fixed=True)
    yield One(
        "BatchNormalization",
        (X, *each, floats(3), np.abs(floats(3)) + 0.1),
        {"epsilon": 0.1},
        fixed=True,
    )
    yield One("LayerNormalization", (X, floats(6), floats(6)), opsets=(17, 25), fixed=True)
    yield One(
        "LayerNormalization",
        (X, floats(5, 6)),
        {"axis": 2, "epsilon": 0.01},
        opsets=(17, 25),
        fixed=True,
    )
    for output in (0, 1, 2):
        yield One(
            "LayerNormalization",
            (X, floats(6), floats(6)),
            opsets=(17, 25),
            n_outputs=3,
            fixed=True,
            output=output,
        )
    groups = floats(2, 6, 4, 4)
    yield One(
        "GroupNormalization",
        (groups, floats(6), floats(6)),
        {"num_groups": 3},
        opsets=(21, 25),
        fixed=True,
    )
    yield One("RMSNormalization", (X, floats(6)), opsets=(23, 25), fixed=True)
    yield One("MeanVarianceNormalization", (X,), opsets=(13, 25))
    yield One("MeanVarianceNormalization", (X,), {"axes": [1, 2]}, opsets=(13, 25))
    for p in (1, 2):
        yield One("LpNormalization", (X,), {"p": p, "axis": 1})
    one = {"size": 3, "alpha": 0.3, "beta": 0.6, "bias": 1.5}
    yield One("LRN", (floats(2, 7, 3, 3),), one)


def _sampled() -> Iterator[One]:
    grid = _RNG.uniform(-1.3, 1.3, (2, 4, 3, 2)).astype(np.float32)
    for pad in ("zeros", "border", "reflection"):
        for align in (0, 1):
            more = {"padding_mode": pad, "align_corners": align}
            for old, new in (("bilinear", "linear"), ("nearest", "nearest"), ("bicubic", "cubic")):
                yield One("GridSample", (X, grid), {"mode": old, **more}, opsets=(16, 19))
                yield One("GridSample", (X, grid), {"mode": new, **more}, opsets=(20, 25))
    places = _RNG.uniform(-1.3, 1.3, (2, 3, 2, 4, 3)).astype(np.float32)
    yield One("GridSample", (V, places), {"mode": "linear"}, opsets=(20, 25))


def _norms() -> Iterator[One]:
    for p in (1, 2, 3):
        yield One("GlobalLpPool", (X,), {"p": p}, opsets=(11, 21))
        yield One("LpPool", (X,), {"p": p, "kernel_shape": [3, 2], "strides": [2, 1]})
    yield One("LpPool", (X,), {"kernel_shape": [2, 2], "pads": [1, 0, 0, 1]}, opsets=(11, 17))


def _dequantised() -> Iterator[One]:
    stored = _RNG.integers(-128, 128, (2, 3, 5)).astype(np.int8)
    yield One("DequantizeLinear", (stored, number(0.1), np.array(3, np.int8)))
    scales, zeros = floats(3, low=0.1), np.array([1, -2, 3], np.int8)
    yield One("DequantizeLinear", (stored, scales, zeros), {"axis": 1}, opsets=(13, 25))
    yield One("DequantizeLinear", (stored, scales), {"axis": -2}, opsets=(13, 25))


def _resizes() -> Iterator[One]:
    none = np.array([], np.float32)
    up, odd, down = (np.array([1, 1, *s], np.float32) for s in ((2, 2), (1.7, 1.3), (0.5, 0.6)))
    for transform in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
        for mode in ("nearest", "linear", "cubic"):
            for scales in (up, odd, down):
                one = {"mode": mode, "coordinate_transformation_mode": transform}
                yield One("Resize", (X, none, scales), one, fixed=True)
    for nearest in ("round_prefer_ceil", "floor", "ceil"):
        for transform in ("half_pixel", "asymmetric"):
            one = {"nearest_mode": nearest, "coordinate_transformation_mode": transform}
            yield One("Resize", (X, none, odd), one, fixed=True)
    sizes = ints(2, 3, 8, 4)
    for mode in ("nearest", "linear", "cubic"):
        yield One("Resize", (X, none, none, sizes), {"mode": mode}, fixed=True, opsets=(11, 12))
        yield One("Resize", (X, None, None, sizes), {"mode": mode}, fixed=True, opsets=(13, 25))
        yield One(
            "Resize",
            (X, None, None, ints(8, 9)),
            {"mode": mode, "axes": [2, 3]},
            fixed=True,
            opsets=(18, 25),
        )
    for mode in ("linear", "cubic"):
        yield One(
            "Resize", (X, None, down), {"mode": mode, "antialias": 1}, fixed=True, opsets=(18, 25)
        )
    yield One(
        "Resize",
        (X, None, odd),
        {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1},
        fixed=True,
        opsets=(13, 25),
    )
    volume = np.array([1, 1, 2, 2, 2], np.float32)
    for mode in ("nearest", "linear"):
        yield One("Resize", (V, None, volume), {"mode": mode}, fixed=True, opsets=(13, 25))


def _attention() -> Iterator[One]:
    q, k, v = floats(2, 4, 3, 8), floats(2, 4, 5, 8), floats(2, 4, 5, 6)
    yield One("Attention", (q, k, v), opsets=(23, 25))
    yield One("Attention", (q, k, v), {"scale": 0.2, "softcap": 2.0}, opsets=(23, 25))
    yield One("Attention", (q, k, v, floats(3, 5)), opsets=(23, 25))
    yield One("Attention", (q, q, q), {"is_causal": 1}, opsets=(23, 25))
    flat = floats(2, 3, 32)
    yield One(
        "Attention", (flat, flat, flat), {"q_num_heads": 4, "kv_num_heads": 4}, opsets=(23, 25)
    )
    yield One(
        "Attention",
        (flat, flat[..., :16], flat[..., :16]),
        {"q_num_heads": 4, "kv_num_heads": 2},
        opsets=(23, 25),
    )


FAMILIES: tuple[Callable[[], Iterator[One]], ...] = (
    _elementwise,
    _reductions,
    _shapes,
    _indices,
    _convolutions,
    _pools,
    _normalisations,
    _sampled,
    _norms,
    _dequantised,
    _resizes,
    _attention,
)
ALL = [one for family in FAMILIES for one in family()]
NOT_ALONE = {
    "QuantizeLinear": "kept in floating-point numbers, see test_onnx_quantised.py",
    "Constant": "an input of every other node's graph",
    "Swish": "of opset 24",
    "Upsample": "of opset 9",
    "Scatter": "of opset 9",
}
"""Operators that no node of the table stands for, and why."""


def _name(one: One) -> str:
    return one.op


@pytest.mark.parametrize("one", ALL, ids=_name)
def test_an_operator_computes_what_onnxruntime_or_the_reference_computes(
    one: One,
) -> None:
    fixed = range(1, len(one.inputs)) if one.fixed else ()
    given = [a for k, a in enumerate(one.inputs) if a is not None and k not in fixed]
    tried = 0
    for opset in (n for n in OPSETS if one.opsets[0] <= n <= one.opsets[1]):
        model = model_of(
            one.op, one.inputs, one.attributes, opset=opset, n_outputs=one.n_outputs, fixed=fixed
        )
        output = f"o{one.output}"
        expected = _expected(model, given, output)
        found = by_torch(parsed(model), given, output)
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)
        tried += 1
    assert tried


def _expected(model: onnx.ModelProto, given: Sequence[Array], output: str) -> Array:
    """onnxruntime's answer; the reference's where onnxruntime has no such operator."""
    try:
        return by_onnxruntime(model, given, output)
    except Exception as error:
        if not any(word in str(error) for word in ("NOT_IMPLEMENTED", "not implemented", "opset")):
            raise
        return by_reference(model, given, output)


def test_every_operator_is_in_the_table() -> None:
    assert set(OPERATORS) - {one.op for one in ALL} == set(NOT_ALONE)


def test_the_table_has_no_number_that_hides_a_mistake() -> None:
    assert all(
        math.isfinite(float(np.sum(a))) or one.op.startswith("Is")
        for one in ALL
        for a in one.inputs
        if a is not None
    )
