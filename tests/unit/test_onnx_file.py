"""ONNX files that are damaged, hostile or unusual: one sentence each, and nothing is run."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch.nn import functional

from plexor.core.errors import ModelError, PlanError
from plexor.models import HasNetwork, ModelSource, Preprocess, open_model
from plexor.models.sources.onnx import OnnxNetwork, UnsupportedError, read_onnx

_RNG = np.random.default_rng(0)
WEIGHT = _RNG.normal(size=(3, 2, 3, 3)).astype(np.float32)
CLASSES = ("a", "b", "c")


def model(
    *nodes: onnx.NodeProto,
    weights: dict[str, Any] | None = None,
    batch: int | str = "n",
    opset: int = 17,
    domains: tuple[str, ...] = (),
    kind: int = TensorProto.FLOAT,
) -> ModelProto:
    """Images (n, 2, 8, 8) to ``out``, by default a convolution and a mean."""
    default = (
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["out"]),
    )
    tensors = {"w": WEIGHT} if weights is None else weights
    graph = helper.make_graph(
        list(nodes or default),
        "g",
        [helper.make_tensor_value_info("x", kind, [batch, 2, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(one, name) for name, one in tensors.items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def saved(folder: Path, made: ModelProto) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(made.SerializeToString())
    return path


def source(path: Path, **more: Any) -> ModelSource:
    return ModelSource(onnx=path, classes=CLASSES, channels=2, **more)


def expected(images: torch.Tensor) -> torch.Tensor:
    return functional.conv2d(images / 255, torch.from_numpy(WEIGHT)).mean((2, 3))


def test_a_file_answers_and_shows_gradients(tmp_path: Path) -> None:
    opened = open_model(source(saved(tmp_path, model())))
    images = torch.rand(3, 2, 8, 8, requires_grad=True)
    found = opened.outputs(images)
    torch.testing.assert_close(found, expected(images))
    assert opened.access == "gradients"
    assert found.requires_grad
    assert isinstance(opened, HasNetwork)


def test_another_file_or_another_layout_is_another_model(tmp_path: Path) -> None:
    one = open_model(source(saved(tmp_path, model()))).identity()
    assert open_model(source(tmp_path / "net.onnx")).identity() == one
    other = model(weights={"w": WEIGHT + 1})
    assert open_model(source(saved(tmp_path, other))).identity() != one
    same = saved(tmp_path, model())
    assert open_model(source(same, outputs="decisions", columns=(2, 1, 0))).identity() != one


def test_a_file_of_one_image_at_a_time_answers_for_many(tmp_path: Path) -> None:
    images = torch.rand(3, 2, 8, 8)
    opened = open_model(source(saved(tmp_path, model(batch=1))))
    torch.testing.assert_close(opened.outputs(images), expected(images))


def test_a_batch_of_two_is_filled_up(tmp_path: Path) -> None:
    images = torch.rand(3, 2, 8, 8)
    opened = open_model(source(saved(tmp_path, model(batch=2))))
    torch.testing.assert_close(opened.outputs(images), expected(images))


def test_a_missing_operator_is_named_and_scores_remain(tmp_path: Path) -> None:
    odd = (
        *model().graph.node[:2],
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Hardmax", ["f"], ["out"], axis=1, name="odd-one"),
    )
    path = saved(tmp_path, model(*odd))
    opened = open_model(source(path))
    assert opened.access == "scores"
    assert not isinstance(opened, HasNetwork)
    assert "'odd-one' (Hardmax, opset 17)" in str(opened.card.source["notes"])
    images = torch.rand(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    greatest = functional.one_hot(expected(images).argmax(1), 3)
    torch.testing.assert_close(opened.outputs(images), greatest.float())


def test_a_network_that_differs_from_onnxruntime_shows_no_gradients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plexor.models.sources.onnx import OPERATORS

    monkeypatch.setitem(OPERATORS, "Flatten", lambda node, x: x.flatten(1) * 1.001)
    opened = open_model(source(saved(tmp_path, model())))
    assert opened.access == "scores"
    assert "differ from onnxruntime's by" in str(opened.card.source["notes"])
    images = torch.rand(1, 2, 8, 8)
    torch.testing.assert_close(opened.outputs(images), expected(images))


def test_a_softmax_at_the_end_is_taken_off_exactly(tmp_path: Path) -> None:
    nodes = (*model().graph.node[:2], helper.make_node("Flatten", ["p"], ["f"]))
    ends = helper.make_node("Softmax", ["f"], ["out"], axis=1)
    opened = open_model(source(saved(tmp_path, model(*nodes, ends))))
    images = torch.rand(3, 2, 8, 8)
    torch.testing.assert_close(opened.outputs(images), expected(images))


def test_a_softmax_is_taken_off_behind_what_only_moves_numbers(tmp_path: Path) -> None:
    ends = (
        *model().graph.node[:2],
        helper.make_node("Softmax", ["p"], ["s"], axis=1),
        helper.make_node("Cast", ["s"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["h"], ["g"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["g"], ["out"]),
    )
    opened = open_model(source(saved(tmp_path, model(*ends))))
    assert opened.card.source["outputs"] == "softmax"
    images = torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(opened.outputs(images), expected(images), rtol=1e-3, atol=1e-3)
    along_pixels = (
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Softmax", ["c"], ["s"], axis=3),
        helper.make_node("GlobalMaxPool", ["s"], ["p"]),
        helper.make_node("Flatten", ["p"], ["out"]),
    )
    assert (
        open_model(source(saved(tmp_path, model(*along_pixels)))).card.source["outputs"] == "logits"
    )


def test_gradients_pass_straight_through_the_rounding_of_whole_numbers(tmp_path: Path) -> None:
    cast = helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT)
    conv = helper.make_node("Conv", ["f", "w"], ["c"])
    made = model(cast, conv, *model().graph.node[1:], kind=TensorProto.UINT8)
    opened = open_model(source(saved(tmp_path, made), preprocess=Preprocess(window=(0, 1))))
    assert opened.access == "gradients"
    assert "it takes whole numbers, which `preprocess` has to give" in str(opened.card.source)
    generator = torch.Generator().manual_seed(0)
    images = (255 * torch.rand(2, 2, 8, 8, generator=generator)).requires_grad_()
    whole = images.detach().round().requires_grad_()
    wanted = functional.conv2d(whole, torch.from_numpy(WEIGHT)).mean((2, 3))
    found = opened.outputs(images)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-3)
    slopes = [
        torch.autograd.grad(one[:, 1].sum(), x)[0] for one, x in ((found, images), (wanted, whole))
    ]
    torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("axes", [2, 3])
def test_images_without_channels_and_rows_are_taken(axes: int, tmp_path: Path) -> None:
    """As converters of scikit-learn's estimators, and of networks of grey images, write them."""
    shape = ["n", 24] if axes == 2 else ["n", 4, 6]
    weight = np.random.default_rng(1).normal(size=(24, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["f"]),
            helper.make_node("MatMul", ["f", "w"], ["out"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(weight, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = saved(tmp_path, made)
    given: dict[str, Any] = {"onnx": path, "classes": CLASSES, "channels": 1}
    opened = open_model(ModelSource(**given, preprocess=Preprocess(size=(4, 6), window=(0, 1))))
    images = torch.rand(2, 1, 4, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(opened.outputs(images), images.flatten(1) @ torch.from_numpy(weight))
    if axes == 2:
        with pytest.raises(PlanError, match="takes rows of numbers; write the size"):
            open_model(ModelSource(**given))


def test_an_output_of_text_is_refused_and_numbers_by_name_are_read(tmp_path: Path) -> None:
    """As skl2onnx writes classifiers: a label, and a mapping from classes to probabilities."""
    ml: dict[str, Any] = {"domain": "ai.onnx.ml"}
    classify = helper.make_node(
        "LinearClassifier",
        ["x"],
        ["label", "p"],
        coefficients=[0.0] * 24 + [1.0] * 24,
        intercepts=[1.0, 0.0],
        classlabels_strings=["a", "b"],
        **ml,
    )
    named = helper.make_node("ZipMap", ["p"], ["named"], classlabels_strings=["a", "b"], **ml)
    number = helper.make_tensor_type_proto(TensorProto.FLOAT, ())
    mapping = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.STRING, number)
    )
    graph = helper.make_graph(
        [classify, named],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 24])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, ["n"]),
            helper.make_value_info("named", mapping),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    path = saved(tmp_path, helper.make_model(graph, opset_imports=opsets, ir_version=8))
    size = Preprocess(size=(4, 6), window=(0, 1))
    given: dict[str, Any] = {"onnx": path, "classes": ("a", "b"), "channels": 1, "preprocess": size}
    with pytest.raises(ModelError, match="its output 'label' holds text, not numbers; name"):
        open_model(ModelSource(**given, head="label"))
    found = open_model(ModelSource(**given, head="named")).outputs(torch.ones(2, 1, 4, 6))
    torch.testing.assert_close(found, torch.tensor([[1.0, 24.0]] * 2))


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _short_weights(path: Path) -> None:
    made = model()
    made.graph.initializer[0].raw_data = made.graph.initializer[0].raw_data[:-4]
    path.write_bytes(made.SerializeToString())


def _huge(path: Path) -> None:
    made = model()
    made.graph.initializer[0].dims[:] = [1 << 20, 1 << 20]
    path.write_bytes(made.SerializeToString())


def _cycle(path: Path) -> None:
    nodes = (
        helper.make_node("Add", ["x", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["out"]),
    )
    path.write_bytes(model(*nodes).SerializeToString())


def _outside(path: Path) -> None:
    (path.parent.parent / "secret").write_bytes(b"0" * 1000)
    _external(path, "../secret")


def _absolute(path: Path) -> None:
    _external(path, "/etc/passwd")


def _link(path: Path) -> None:
    (path.parent / "w.bin").symlink_to("/etc/passwd")
    _external(path, "w.bin")


def _absent(path: Path) -> None:
    _external(path, "w.bin")


def _cut_off(path: Path) -> None:
    (path.parent / "w.bin").write_bytes(b"0" * 7)
    _external(path, "w.bin")


def _external(path: Path, location: str) -> None:
    made = model()
    tensor = made.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    for key, value in (("location", location), ("offset", "0"), ("length", "216")):
        tensor.external_data.add(key=key, value=value)
    path.write_bytes(made.SerializeToString())


class Payload:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("executed"),))


def _pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Payload()))


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Payload()))


def _custom(path: Path) -> None:
    node = helper.make_node("Evil", ["x"], ["out"], domain="com.example")
    path.write_bytes(model(node, domains=("com.example",)).SerializeToString())


def _bomb(path: Path) -> None:
    nodes = (
        helper.make_node("ConstantOfShape", ["s"], ["z"]),
        helper.make_node("ReduceSum", ["z"], ["r"], keepdims=0),
        *model().graph.node[:2],
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Add", ["f", "r"], ["out"]),
    )
    shape = np.array([1 << 20, 1 << 20], dtype=np.int64)
    path.write_bytes(model(*nodes, weights={"w": WEIGHT, "s": shape}).SerializeToString())


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_truncated, "is not a complete ONNX file"),
        (_short_weights, "weights of 'w' are cut off: 212 of 216 bytes"),
        (_huge, "takes .* bytes, over 2 GiB"),
        (_cycle, "is no valid ONNX model.*topologically sorted"),
        (_outside, "said to lie in '../secret', outside of the file's folder"),
        (_absolute, "said to lie in '/etc/passwd', outside|not an absolute"),
        (_link, "outside of the file's folder"),
        (_absent, "cannot be read from w.bin.*keep that file beside the model"),
        (_cut_off, "cut off: w.bin has 7 of 216 bytes"),
        (_pickle, "is not (a complete|an) ONNX file"),
        (_zip, "is a zip archive; unpack it"),
        (_custom, "onnxruntime cannot open it"),
        (_bomb, "onnxruntime"),
    ],
)
def test_a_spoilt_file_is_refused_in_one_sentence(
    spoil: Callable[[Path], None], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "models"
    folder.mkdir()
    path = saved(folder, model())
    spoil(path)
    with pytest.raises(ModelError, match=sentence) as caught:
        open_model(source(path))
    assert "\n" not in str(caught.value)
    assert not Path("executed").exists()


def test_weights_beside_the_file_are_read_and_are_part_of_it(tmp_path: Path) -> None:
    path = saved(tmp_path, model())
    _external(path, "w.bin")
    (tmp_path / "w.bin").write_bytes(WEIGHT.tobytes())
    images = torch.rand(2, 2, 8, 8)
    opened = open_model(source(path))
    torch.testing.assert_close(opened.outputs(images), expected(images))
    (tmp_path / "w.bin").write_bytes((2 * WEIGHT).tobytes())
    assert read_onnx(path).sha256 != opened.card.weights_sha256


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"channels": 3}, "takes 2 channels, and the plan says 3; write `channels: 2`"),
        ({"head": "logit"}, "has the outputs out; name the one that counts as `head`"),
        ({"columns": (0, 1)}, "`columns` names 2 columns, and the task has 3 outputs"),
        ({"layout": "HWCN"}, "unknown layout 'HWCN'"),
        ({"weights": Path("w.pt")}, "onnx and weights are given; name one source"),
    ],
)
def test_a_plan_that_does_not_fit_the_file_is_refused(
    more: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    path = saved(tmp_path, model())
    given: dict[str, Any] = {"onnx": path, "classes": CLASSES, "channels": 2}
    with pytest.raises(PlanError, match=sentence):
        open_model(ModelSource(**given | more))


def test_an_old_operator_set_is_refused_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="opset 6 is not known, only 7 to 25"):
        OnnxNetwork(read_onnx(saved(tmp_path, model(opset=6))))
