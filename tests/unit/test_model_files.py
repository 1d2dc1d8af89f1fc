"""Keras files, MONAI bundles, TorchScript, exported programs: opened, or refused and why."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from plexor.core.errors import ModelError, PlanError
from plexor.models import ModelSource, open_model
from plexor.models.sources.keras_check import LAYERS, check_keras

CLASSES = ("a", "b", "c")
IMAGES = torch.arange(2 * 2 * 8 * 8.0).view(2, 2, 8, 8) % 256


class Payload:
    """Touches a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("executed"),))


@pytest.fixture(autouse=True)
def _nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    yield
    assert not Path("executed").exists()


class Small(nn.Module):
    """A convolution and a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.conv(images)
        return found.mean((2, 3))


def small() -> Small:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Small().eval()


def source(**more: Any) -> ModelSource:
    given: dict[str, Any] = {"classes": CLASSES, "channels": 2}
    return ModelSource(**given | more)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["torchscript", "exported"])
def test_files_of_torch_need_leave_to_run_code(kind: str, tmp_path: Path) -> None:
    path, network = tmp_path / "net.pt2", small()
    if kind == "torchscript":
        torch.jit.save(torch.jit.trace(network, IMAGES), path)  # type: ignore[no-untyped-call]
    else:
        free = {0: torch.export.Dim("n", min=1, max=64)}
        torch.export.save(torch.export.export(network, (IMAGES,), dynamic_shapes=(free,)), path)
    with pytest.raises(PlanError, match=r"net.pt2 is not opened, because .*; if you trust it, add"):
        open_model(source(**{kind: path}))
    model = open_model(source(**{kind: path}), allow_code=True)
    images = torch.cat([IMAGES, IMAGES]).requires_grad_()
    found = model.outputs(images)
    torch.testing.assert_close(found, network(images / 255), rtol=1e-5, atol=1e-6)
    assert found.requires_grad
    path.write_bytes(b"PK\x03\x04 not whole")
    with pytest.raises(ModelError, match=r"net.pt2 is not a complete file of torch\."):
        open_model(source(**{kind: path}), allow_code=True)


def test_a_function_and_an_estimator_answer() -> None:
    Path("own_predictor.py").write_text(
        "import numpy as np\n"
        "def predict(images):\n"
        "    m = images.mean(axis=(2, 3))\n"
        "    return np.concatenate([m, 1 - m.sum(1, keepdims=True)], 1).clip(0, 1)\n"
        "class Estimator:\n"
        "    def predict_proba(self, rows):\n"
        "        assert rows.ndim == 2\n"
        "        return np.tile([0.2, 0.5, 0.3], (len(rows), 1))\n"
        "def make():\n"
        "    return Estimator()\n"
    )
    asked = source(predict="own_predictor:predict", outputs="probabilities")
    with pytest.raises(PlanError, match="would import own_predictor"):
        open_model(asked)
    model = open_model(asked, allow_code=True)
    assert model.access == "scores"
    means = (IMAGES / 255 / 4).mean((2, 3))
    torch.testing.assert_close(model.outputs(IMAGES / 4)[:, :2].exp(), means, rtol=1e-5, atol=1e-6)
    made = open_model(
        source(predict="own_predictor:make", outputs="probabilities"), allow_code=True
    )
    torch.testing.assert_close(made.outputs(IMAGES)[0].exp(), torch.tensor([0.2, 0.5, 0.3]))


# MONAI bundles ------------------------------------------------------------------------------------


def bundle(folder: Path, **changes: Any) -> Path:
    """A bundle of a small U-Net for the background and one organ."""
    from monai.networks.nets.unet import UNet

    shape: dict[str, Any] = {
        "spatial_dims": 2,
        "in_channels": 2,
        "out_channels": 2,
        "channels": [4, 8],
    }
    network = {"_target_": "UNet", **shape, "strides": [2], "in_channels": "@n_channels"}
    content: dict[str, Any] = {
        "metadata": {
            "name": "spleen",
            "version": "0.1.0",
            "task": "Spleen segmentation",
            "network_data_format": {
                "inputs": {"image": {"num_channels": 2, "spatial_shape": [96, 96]}},
                "outputs": {"pred": {"channel_def": {"0": "background", "1": "spleen"}}},
            },
        },
        "inference": {"n_channels": 2, "network_def": network},
    }
    (folder / "configs").mkdir(parents=True, exist_ok=True)
    (folder / "models").mkdir(exist_ok=True)
    for name, document in content.items():
        whole = document | changes.get(name, {})
        (folder / "configs" / f"{name}.json").write_text(json.dumps(whole))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = UNet(**shape, strides=(2,))
    torch.save(made.state_dict(), folder / "models" / "model.pt")
    return folder


def test_a_bundle_is_read_as_data(tmp_path: Path) -> None:
    from monai.networks.nets.unet import UNet

    folder = bundle(tmp_path / "spleen")
    model = open_model(ModelSource(bundle=folder))
    network = UNet(2, 2, 2, (4, 8), (2,)).eval()
    network.load_state_dict(torch.load(folder / "models" / "model.pt", weights_only=True))
    torch.testing.assert_close(model.outputs(IMAGES), network(IMAGES / 255))
    assert model.task.kind == "segmentation"
    assert model.task.classes == ("background", "spleen")
    assert model.card.architecture == "MONAI bundle spleen 0.1.0"


@pytest.mark.parametrize(
    ("definition", "error", "sentence"),
    [
        (
            "$__import__('pathlib').Path('executed').touch()",
            PlanError,
            "expression .* add allow_code=True",
        ),
        ({"_target_": "os.system", "command": "touch executed"}, PlanError, "is os.system, which"),
        ({"_target_": "UNet", "spatial_dims": "$2"}, PlanError, r"the expression '\$2'"),
        ({"_target_": "UNett"}, ModelError, "did you mean 'UNet'"),
        ({"_target_": "UNet", "spatial_dims": 7}, ModelError, "UNet cannot be built"),
        ({"_target_": "UNet", "channels": "@nowhere"}, ModelError, "refers to @nowhere"),
        ("@network_def", ModelError, "refers to itself"),
        ({"_target_": "UNet", "norm": {"_target_": "os.system"}}, PlanError, "other objects"),
        ("%other.json", PlanError, "another file"),
    ],
)
def test_what_would_run_code_in_a_bundle_is_refused(
    definition: Any, error: type[Exception], sentence: str, tmp_path: Path
) -> None:
    folder = bundle(tmp_path / "spleen", inference={"network_def": definition})
    with pytest.raises(error, match=sentence):
        open_model(ModelSource(bundle=folder))


def test_a_pickle_in_a_bundle_is_not_run(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "spleen")
    torch.save({"w": Payload()}, folder / "models" / "model.pt")
    with pytest.raises(ModelError, match="would execute code when loaded"):
        open_model(ModelSource(bundle=folder))


def test_leave_to_run_code_builds_a_definition_of_expressions(tmp_path: Path) -> None:
    expression = {"_target_": "UNet", "spatial_dims": "$1 + 1", "in_channels": 2}
    expression |= {"out_channels": 2, "channels": [4, 8], "strides": [2]}
    folder = bundle(tmp_path / "spleen", inference={"network_def": expression})
    model = open_model(ModelSource(bundle=folder), allow_code=True)
    assert "expressions in inference.json were run" in str(model.card.source["notes"])


# Keras --------------------------------------------------------------------------------------------


def layer(name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def keras_file(path: Path, *layers: dict[str, Any], **parts: bytes) -> Path:
    """A file with the parts of a ``.keras`` file, its weights empty."""
    import h5py

    weights = io.BytesIO()
    h5py.File(weights, "w").close()
    config = layer("Functional", "keras.src.models.functional", layers=list(layers))
    content = {
        "config.json": json.dumps(config).encode(),
        "metadata.json": b"{}",
        "model.weights.h5": weights.getvalue(),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (content | parts).items():
            archive.writestr(name, data)
    return path


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras, with NumPy 2
def test_a_keras_file_gives_the_network_without_its_softmax(tmp_path: Path) -> None:
    from plexor.models.sources.keras_file import _keras

    keras = _keras()
    given = keras.Input((8, 8, 2))
    conv = keras.layers.Conv2D(4, 3, activation="relu")(given)
    pooled = keras.layers.GlobalAveragePooling2D()(conv)
    made = keras.Model(given, keras.layers.Dense(3, activation="softmax")(pooled))
    made.save(tmp_path / "net.keras")
    model = open_model(source(keras=tmp_path / "net.keras"))
    kernel, bias, dense, offset = (torch.from_numpy(np.array(w)) for w in made.get_weights())
    images = IMAGES.clone().requires_grad_()
    hidden = functional.conv2d(images / 255, kernel.permute(3, 2, 0, 1), bias).relu().mean((2, 3))
    expected = hidden @ dense + offset
    found = model.outputs(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    slopes = [torch.autograd.grad(one[:, 1].sum(), images)[0] for one in (expected, found)]
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-4, atol=1e-7)
    assert model.card.preprocess is not None
    assert model.card.preprocess.size == (8, 8)


@pytest.mark.parametrize(
    "strange",
    [
        layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEA"}}),
        layer("TFSMLayer", filepath="evil"),
        layer("StringLookup", vocabulary="/etc/passwd"),
        layer("TorchModuleWrapper", module="gASV"),
        layer("Dense", activation={"module": "os", "class_name": "function", "config": "system"}),
        layer("Popen", "subprocess"),
        layer("Dense", "evil.keras"),
        layer("function", "builtins", config="eval"),
    ],
)
def test_a_layer_that_is_not_on_the_list_is_refused_before_keras_sees_it(
    strange: dict[str, Any], tmp_path: Path
) -> None:
    path = keras_file(tmp_path / "net.keras", layer("InputLayer"), strange)
    with pytest.raises(ModelError, match="not on the list of layers that compute with numbers"):
        check_keras(path)


def test_layers_that_open_other_things_are_not_on_the_list() -> None:
    assert not LAYERS & {"Lambda", "TFSMLayer", "StringLookup", "TextVectorization", "JaxLayer"}


def _linked(path: Path) -> None:
    import h5py

    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["w"] = h5py.ExternalLink("/etc/passwd", "/")
    keras_file(path, **{"model.weights.h5": weights.getvalue()})


def _outside(path: Path) -> None:
    import h5py

    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file.create_dataset("w", (4,), "u1", external=[("/etc/passwd", 0, 4)])
    keras_file(path, **{"model.weights.h5": weights.getvalue()})


def _zip_in_zip(path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Payload()))
    keras_file(path, **{"assets/more.zip": inner.getvalue()})


def _pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(Payload()))


def _half(path: Path) -> None:
    path.write_bytes(keras_file(path).read_bytes()[:200])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_linked, "lie in another place; refused"),
        (_outside, "lie in another file; refused"),
        (_zip_in_zip, "holds 'assets/more.zip', and a .keras file holds"),
        (_pickled, "is not a complete .keras file"),
        (_half, "is not a complete .keras file"),
    ],
)
def test_a_spoilt_keras_file_is_refused(
    spoil: Callable[[Path], None], sentence: str, tmp_path: Path
) -> None:
    spoil(tmp_path / "net.keras")
    with pytest.raises(ModelError, match=sentence):
        open_model(source(keras=tmp_path / "net.keras"))
