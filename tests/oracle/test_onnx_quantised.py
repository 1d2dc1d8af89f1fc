"""Quantised ONNX graphs beside onnxruntime: its rounding, with gradients straight through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from tests.helpers.onnx_node import Array, by_onnxruntime, by_torch, parsed

from plexor.models import ModelSource, open_model
from plexor.models.sources.onnx import OnnxNetwork


def rounded(scale: Array, zero: Array, axis: int) -> ModelProto:
    """Numbers (n, 3, 5) rounded to few bits, and back."""
    graph = helper.make_graph(
        [
            helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], axis=axis),
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["o0"], axis=axis),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 5])],
        [helper.make_tensor_value_info("o0", TensorProto.FLOAT, ["n", 3, 5])],
        [numpy_helper.from_array(scale, "s"), numpy_helper.from_array(zero, "z")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("kind", ["uint8", "int8"])
@pytest.mark.parametrize("each", [False, True])
def test_rounding_is_onnxruntimes(kind: str, each: bool) -> None:
    generator = np.random.default_rng(0)
    scale = np.array([0.1, 0.2, 0.5] if each else 0.1, np.float32)
    zero = np.array([3, 0, 7] if each else 3, kind)
    made = rounded(scale, zero, axis=1)
    x = generator.normal(scale=20, size=(2, 3, 5)).astype(np.float32)
    x[0, 0, :2] = 0.25, 0.35  # halves, up to rounding in float32
    np.testing.assert_array_equal(by_torch(parsed(made), [x]), by_onnxruntime(made, [x]))


def test_gradients_are_those_of_the_identity_where_nothing_is_cut() -> None:
    made = rounded(np.array(0.1, np.float32), np.array(0, np.int8), axis=1)
    x = torch.full((1, 3, 5), 1.23)
    x[0, 0, 0] = 99.0  # beyond 12.7
    x.requires_grad_()
    (slope,) = torch.autograd.grad(OnnxNetwork(parsed(made))(x).sum(), x)
    wanted = torch.ones(1, 3, 5)
    wanted[0, 0, 0] = 0
    torch.testing.assert_close(slope, wanted)


def test_a_network_that_onnxruntime_quantised_shows_gradients(tmp_path: Path) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    generator = np.random.default_rng(0)
    weights = {"w": generator.normal(size=(4, 2, 3, 3)), "v": generator.normal(size=(3, 4))}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("GlobalAveragePool", ["r"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Gemm", ["f", "v"], ["out"], transB=1),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(one.astype(np.float32), k) for k, one in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "full.onnx").write_bytes(made.SerializeToString())

    class Images(CalibrationDataReader):  # type: ignore[misc]
        left = 4

        def get_next(self) -> dict[str, Array] | None:
            self.left -= 1
            given = generator.normal(size=(2, 2, 8, 8)).astype(np.float32)
            return {"x": given} if self.left >= 0 else None

    source, target = str(tmp_path / "full.onnx"), tmp_path / "few.onnx"
    quantize_static(source, str(target), Images(), quant_format=QuantFormat.QDQ)
    model = open_model(ModelSource(onnx=target, classes=("a", "b", "c"), channels=2))
    assert model.access == "gradients"
    assert "straight through its rounding" in str(model.card.source["notes"])
    full = open_model(ModelSource(onnx=Path(source), classes=("a", "b", "c"), channels=2))
    images = torch.rand(2, 2, 8, 8, generator=torch.Generator().manual_seed(0)) * 255
    slopes = []
    for one in (model, full):
        given = images.clone().requires_grad_()
        slopes.append(torch.autograd.grad(one.outputs(given)[:, 1].sum(), given)[0].flatten())
    alike = torch.nn.functional.cosine_similarity(slopes[0], slopes[1], dim=0)
    assert alike > 0.95
