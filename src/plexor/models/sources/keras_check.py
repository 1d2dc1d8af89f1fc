"""Check of a ``.keras`` file before Keras sees it: its layers are on a list, its parts are data.

Keras builds what the file's configuration names. Five flaws in that were published in 2025
(CVE-2025-1550, -8747, -9905, -9906 and -12058): code in Lambda layers and foreign modules, and
paths in layers of vocabulary and in HDF5 links.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plexor.core.errors import ModelError, brief

LAYERS = frozenset(
    """Activation ActivityRegularization Add AlphaDropout Attention Average AveragePooling1D
    AveragePooling2D AveragePooling3D BatchNormalization CenterCrop Concatenate Conv1D
    Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D Cropping2D Cropping3D
    Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU EinsumDense Embedding Flatten
    GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GroupNormalization GroupQueryAttention Identity InputLayer LayerNormalization LayerScale
    LeakyReLU MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention Multiply
    Normalization PReLU Permute RMSNormalization RandomBrightness RandomContrast RandomCrop
    RandomFlip RandomRotation RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape
    Resizing
    SeparableConv1D SeparableConv2D Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D
    SpectralNormalization Subtract UnitNormalization UpSampling1D UpSampling2D UpSampling3D
    ZeroPadding1D ZeroPadding2D ZeroPadding3D""".split()  # noqa: SIM905
)
"""Layers that compute with numbers only: no Lambda, nothing that reads a file or another module."""
OPERATIONS = frozenset(
    """Abs Absolute Add Average BatchNorm BroadcastTo Cast Clip Concatenate Divide Einsum Elu Exp
    ExpandDims Flip Gelu GetItem HardSigmoid HardSilu LeakyRelu Log Log1p LogSoftmax Logsumexp
    Matmul Max Maximum Mean Min Minimum Moveaxis Multiply Negative Normalize Pad Power Reciprocal
    Relu Relu6 Repeat Reshape Roll Rsqrt Selu Sigmoid Silu Softmax Softplus Sqrt Square Squeeze
    Stack Std Subtract Sum Swapaxes Tanh Tile Transpose TrueDivide Var""".split()  # noqa: SIM905
)
"""Functions of ``keras.ops`` between layers, such as x / 127.5 - 1: none takes a function."""
_OPERATION_MODULES = ("keras.ops", "keras.src.ops")
_MODELS = frozenset({"Functional", "Model", "Sequential"})
_DATA_MODULES = (
    "keras.constraints",
    "keras.dtype_policies",
    "keras.initializers",
    "keras.losses",
    "keras.metrics",
    "keras.optimizers",
    "keras.regularizers",
    "keras.src.backend.torch.optimizers",
)
_PARTS = ("config.json", "metadata.json", "model.weights.h5")
_TRAINING = "compile_config"
_MOST_BYTES = 1 << 31
_MARKS = frozenset(
    """__bytes__ __ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__
    __tuple__""".split()  # noqa: SIM905
)
_HDF5 = b"\x89HDF\r\n\x1a\n"


def check_keras(path: Path) -> dict[str, Any]:
    """The configuration of a checked file.

    Raises:
        ModelError: the file is damaged, or names a layer or a part that is not on the list.
    """
    _check_is_whole(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_parts(path, archive)
            config = json.loads(archive.read("config.json"))
            _check_weights(path, archive.read("model.weights.h5"))
    except ModelError:
        raise
    except Exception as error:  # of zip, JSON, HDF5 and of whatever else is in the file
        raise ModelError(f"{path} is not a complete .keras file: {brief(error)}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path} is not a complete .keras file: its configuration is no mapping")
    # how it was trained is not read: the file is opened without compiling
    for module, name in _named({key: one for key, one in config.items() if key != _TRAINING}):
        _check_named(path, module, name)
    return config


def _check_is_whole(path: Path) -> None:
    """Refuses files of HDF5 with the way out: weights alone, or a model of Keras 2."""
    with path.open("rb") as file:
        if file.read(len(_HDF5)) != _HDF5:
            return
    if path.name.endswith(".weights.h5"):
        raise ModelError(
            f"{path} holds weights without a network; build the network in Keras, load these with "
            "`load_weights`, and save it with `model.save('net.keras')`"
        )
    raise ModelError(
        f"{path} is an HDF5 file, as Keras 2 wrote models; convert it once with tf2onnx, and name "
        "the result as `onnx`: `plexor model inspect` prints the command"
    )


def _check_parts(path: Path, archive: zipfile.ZipFile) -> None:
    strange = [one.filename for one in archive.infolist() if one.filename not in _PARTS]
    if strange:
        raise ModelError(
            f"{path} holds {strange[0]!r}, and a .keras file holds {', '.join(_PARTS)}; such a "
            "file is not opened"
        )
    if sum(one.file_size for one in archive.infolist()) > _MOST_BYTES:
        raise ModelError(f"{path} unpacks to more than 2 GiB, which is not read")


def _named(value: Any) -> Iterator[tuple[str, str]]:
    """Module and class of everything that the configuration has Keras build."""
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str):
            yield str(value.get("module") or "keras.layers"), value["class_name"]
        for inner in value.values():
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def _check_named(path: Path, module: str, name: str) -> None:
    known = (
        name in _MARKS
        or (name in LAYERS and module.split(".", maxsplit=1)[0] == "keras")
        or (name in _MODELS and module.split(".", maxsplit=1)[0] == "keras")
        or (name in OPERATIONS and module.startswith(_OPERATION_MODULES))
        or module.startswith(_DATA_MODULES)
        or (module == "keras" and name == "DTypePolicy")
    )
    if not known:
        raise ModelError(
            f"{path} names {module}.{name}, which is not on the list of layers that compute with "
            "numbers only; such a file is not opened: build the network yourself, and name its "
            "factory as `python`"
        )


def _check_weights(path: Path, data: bytes) -> None:
    """Refuses HDF5 parts that lead to other files."""
    import h5py

    def look(group: Any, depth: int = 0) -> None:
        if depth > 64:
            raise ModelError(f"{path} nests its weights more than 64 levels deep")
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise ModelError(f"{path} has weights {name!r} that lie in another place; refused")
            one = group[name]
            if isinstance(one, h5py.Group):
                look(one, depth + 1)
            elif one.external or one.is_virtual:
                raise ModelError(f"{path} has weights {name!r} that lie in another file; refused")

    with h5py.File(io.BytesIO(data), "r") as file:
        look(file)
