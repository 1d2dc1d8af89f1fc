"""Operators of ONNX over drawn shapes, attributes and opsets, against onnxruntime."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.helpers.onnx_node import Array, by_onnxruntime, by_torch, model_of, parsed

FEW = settings(max_examples=20, deadline=None)
OPSETS = st.sampled_from([11, 13, 17, 20])


def numbers(shape: tuple[int, ...], seed: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def agrees(
    op: str,
    inputs: list[Array | None],
    attributes: dict[str, Any],
    *,
    opset: int,
    fixed: tuple[int, ...] = (),
) -> None:
    """The output in torch is onnxruntime's; a node that onnxruntime refuses is not drawn."""
    model = model_of(op, inputs, attributes, opset=opset, fixed=fixed)
    asked = [one for k, one in enumerate(inputs) if one is not None and k not in fixed]
    try:
        expected = by_onnxruntime(model, asked)
    except Exception:  # noqa: BLE001 (onnxruntime's errors are of its own)
        assume(condition=False)
    found = by_torch(parsed(model), asked)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


@FEW
@given(data=st.data(), opset=OPSETS, n_axes=st.integers(1, 3))
def test_convolutions(data: st.DataObject, opset: int, n_axes: int) -> None:
    each = st.lists(st.integers(1, 3), min_size=n_axes, max_size=n_axes)
    kernel, strides, dilations = (data.draw(each) for _ in range(3))
    group, per_group = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    pads = data.draw(st.lists(st.integers(0, 2), min_size=2 * n_axes, max_size=2 * n_axes))
    about: dict[str, Any] = {"strides": strides, "dilations": dilations, "group": group}
    auto = data.draw(st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    about |= {"pads": pads} if auto == "NOTSET" else {"auto_pad": auto}
    if auto.startswith("SAME"):
        about["dilations"] = [1] * n_axes
    x = numbers(
        (
            2,
            group * per_group,
            *data.draw(st.lists(st.integers(5, 8), min_size=n_axes, max_size=n_axes)),
        ),
        0,
    )
    weight = numbers((2 * group, per_group, *kernel), 1)
    bias = numbers((2 * group,), 2) if data.draw(st.booleans()) else None
    agrees("Conv", [x, weight, *([] if bias is None else [bias])], about, opset=opset, fixed=(1, 2))


@FEW
@given(data=st.data(), opset=OPSETS, n_axes=st.integers(1, 3))
def test_transposed_convolutions(data: st.DataObject, opset: int, n_axes: int) -> None:
    each = st.lists(st.integers(1, 3), min_size=n_axes, max_size=n_axes)
    kernel, strides = data.draw(each), data.draw(each)
    pads = data.draw(st.lists(st.integers(0, 1), min_size=2 * n_axes, max_size=2 * n_axes))
    more = [data.draw(st.integers(0, s - 1)) for s in strides]
    group = data.draw(st.integers(1, 2))
    x = numbers((1, 2 * group, *[4] * n_axes), 0)
    weight = numbers((2 * group, 2, *kernel), 1)
    about = {"strides": strides, "pads": pads, "output_padding": more, "group": group}
    agrees("ConvTranspose", [x, weight], about, opset=opset, fixed=(1,))


@FEW
@given(
    data=st.data(),
    opset=OPSETS,
    n_axes=st.integers(1, 3),
    op=st.sampled_from(["MaxPool", "AveragePool"]),
)
def test_pools(data: st.DataObject, opset: int, n_axes: int, op: str) -> None:
    each = st.lists(st.integers(1, 3), min_size=n_axes, max_size=n_axes)
    kernel, strides = data.draw(each), data.draw(each)
    pads = [data.draw(st.integers(0, k - 1)) for k in kernel + kernel]
    about: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    about["ceil_mode"] = data.draw(st.integers(0, 1))
    if op == "AveragePool":
        about["count_include_pad"] = data.draw(st.integers(0, 1))
    else:
        about["dilations"] = data.draw(each)
    sizes = data.draw(st.lists(st.integers(7, 9), min_size=n_axes, max_size=n_axes))
    agrees(op, [numbers((2, 2, *sizes), 0)], about, opset=opset)


@FEW
@given(
    data=st.data(),
    opset=st.sampled_from([13, 17]),
    op=st.sampled_from(["ReduceMean", "ReduceMax", "ReduceL2", "ReduceLogSumExp", "ReduceProd"]),
)
def test_reductions(data: st.DataObject, opset: int, op: str) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    axes = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), max_size=len(shape)))
    assume(len({a % len(shape) for a in axes}) == len(axes))
    about: dict[str, Any] = {"keepdims": data.draw(st.integers(0, 1))}
    agrees(op, [numbers(shape, 0)], about | ({"axes": axes} if axes else {}), opset=opset)


@FEW
@given(data=st.data(), opset=OPSETS)
def test_slices(data: st.DataObject, opset: int) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)))
    axes = data.draw(st.permutations(range(len(shape))))[: data.draw(st.integers(1, len(shape)))]
    any_place = st.one_of(st.integers(-9, 9), st.sampled_from([2**62, -(2**62)]))
    starts, ends = ([data.draw(any_place) for _ in axes] for _ in range(2))
    steps = [data.draw(st.sampled_from([1, 2, 3, -1, -2])) for _ in axes]
    whole = [np.array(one, dtype=np.int64) for one in (starts, ends, axes, steps)]
    agrees("Slice", [numbers(shape, 0), *whole], {}, opset=opset, fixed=(1, 2, 3, 4))


@FEW
@given(
    data=st.data(),
    opset=OPSETS,
    op=st.sampled_from(["Softmax", "LogSoftmax", "Flatten", "Concat", "Gather"]),
)
def test_axes(data: st.DataObject, opset: int, op: str) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x, inputs = numbers(shape, 0), [numbers(shape, 1)]
    if op == "Concat":
        inputs = [x, *inputs]
    if op == "Gather":
        n = shape[axis]
        places = data.draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=4))
        inputs = [x, np.array(places, dtype=np.int64)]
    agrees(op, list(inputs), {"axis": axis}, opset=opset)


@FEW
@given(
    data=st.data(),
    opset=st.sampled_from([13, 17]),
    op=st.sampled_from(["Add", "Mul", "Div", "Pow", "Max", "Where", "PRelu", "Expand"]),
)
def test_broadcasts(data: st.DataObject, opset: int, op: str) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    start = data.draw(st.integers(0, len(shape)))
    other = tuple(n if data.draw(st.booleans()) else 1 for n in shape[start:])
    x, y = np.abs(numbers(shape, 0)) + np.float32(0.5), np.abs(numbers(other, 1)) + np.float32(0.5)
    inputs: list[Array | None] = [x, y]
    if op == "Where":
        inputs = [numbers(other, 2) > 0, x, y]
    if op == "Expand":
        inputs = [y, np.array(shape, dtype=np.int64)]
    agrees(op, inputs, {}, opset=opset, fixed=(1,) if op == "Expand" else ())


@FEW
@given(
    data=st.data(),
    opset=OPSETS,
    mode=st.sampled_from(["nearest", "linear"]),
    where=st.sampled_from(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]),
)
def test_resizes(data: st.DataObject, opset: int, mode: str, where: str) -> None:
    n_axes = data.draw(st.integers(1, 2))
    sizes = data.draw(st.lists(st.integers(2, 6), min_size=n_axes, max_size=n_axes))
    wanted = data.draw(st.lists(st.integers(2, 9), min_size=n_axes, max_size=n_axes))
    about: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": where}
    if mode == "nearest":
        about["nearest_mode"] = data.draw(st.sampled_from(["round_prefer_floor", "floor", "ceil"]))
    none = np.zeros(0, dtype=np.float32)
    target = np.array([1, 2, *wanted], dtype=np.int64)
    x = numbers((1, 2, *sizes), 0)
    agrees("Resize", [x, none, none, target], about, opset=opset, fixed=(1, 2, 3))


@FEW
@given(data=st.data(), opset=OPSETS)
def test_pads_and_shapes(data: st.DataObject, opset: int) -> None:
    shape = tuple(data.draw(st.lists(st.integers(2, 4), min_size=1, max_size=4)))
    mode = data.draw(st.sampled_from(["constant", "reflect", "edge"]))
    most = 1 if mode == "reflect" else 2
    pads = data.draw(
        st.lists(st.integers(0, most), min_size=2 * len(shape), max_size=2 * len(shape))
    )
    given_pads = np.array(pads, dtype=np.int64)
    agrees("Pad", [numbers(shape, 0), given_pads], {"mode": mode}, opset=opset, fixed=(1,))
    order = data.draw(st.permutations(range(len(shape))))
    agrees("Transpose", [numbers(shape, 1)], {"perm": list(order)}, opset=opset)
    target = np.array([-1, shape[0]], dtype=np.int64)
    assert math.prod(shape) % shape[0] == 0
    agrees("Reshape", [numbers(shape, 2), target], {}, opset=opset, fixed=(1,))
