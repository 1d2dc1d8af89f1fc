"""Models from ``.keras`` files, run by Keras 3 on torch, so that gradients are shown."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from plexor.core.errors import ModelError, PlanError, brief, require
from plexor.core.ids import digest_file
from plexor.models.card import ModelCard
from plexor.models.sources.adapter import Adapter
from plexor.models.sources.input_order import order_of_file, place_of_image
from plexor.models.sources.keras_check import check_keras
from plexor.models.sources.opened import Opened

_HOME: list[tempfile.TemporaryDirectory[str]] = []
"""The folder that Keras writes its settings into on import, kept until the process ends."""


class KerasNetwork(nn.Module):
    """A Keras model, in inference mode.

    Args:
        model: the Keras model.
        sha256: of its file.

    Attributes:
        source_sha256: of the file, which is part of the model's identity.
    """

    def __init__(self, model: Any, sha256: str) -> None:
        super().__init__()
        self.model = model
        self.source_sha256 = sha256

    def forward(self, *inputs: Tensor) -> Any:
        """The model's answer for its inputs, in the order of ``model.inputs``."""
        # a model may be built on a list, a dict or one tensor; `input` has that structure
        given = _keras().tree.pack_sequence_as(self.model.input, list(inputs))
        return self.model(given, training=False)


def open_keras(path: Path, card: ModelCard, adapter: Adapter | None = None) -> Opened:
    """Opens a ``.keras`` file; its configuration is checked before Keras sees it.

    Args:
        path: the file.
        card: for the features.
        adapter: for the order of the inputs; found from their sizes if not given.

    Raises:
        MissingExtraError: Keras is not installed.
        ModelError: the file is damaged, or holds a layer that is not on the list.
        PlanError: Keras runs on another backend in this process, or inputs do not fit.
    """
    require("keras")
    if not path.is_file():
        raise ModelError(f"no model at {path}")
    check_keras(path)
    keras = _keras()
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises errors of many types
        raise ModelError(f"Keras cannot open {path}: {brief(error, longest=300)}") from error
    order = order_of_file(
        str(path),
        [(one.name, one.shape) for one in model.inputs],
        [feature.name for feature in card.features],
        adapter.inputs if adapter else (),
    )
    _, *spatial, channels = model.inputs[place_of_image(order)].shape
    fixed = all(isinstance(n, int) for n in spatial) and len(spatial) in (2, 3)
    sha256 = digest_file(path)
    last = model.layers[-1]
    ends = _ends_with(keras, last)
    return Opened(
        network=KerasNetwork(model, sha256),
        access="gradients",
        name=f"keras {path.name}",
        size=tuple(spatial) if fixed else None,
        channels=channels,
        inputs=order,
        layout="NHWC" if len(spatial) == 2 else "NDHWC",
        ends_with=ends,
        without_last=lambda: KerasNetwork(_without(keras, model), sha256),
    )


def _keras() -> Any:
    """Keras on torch. Its import writes a settings file, which goes into a temporary folder."""
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "torch"
        if "KERAS_HOME" not in os.environ:
            _HOME.append(tempfile.TemporaryDirectory(prefix="plexor-keras-"))
            os.environ["KERAS_HOME"] = _HOME[0].name
    import keras

    if keras.config.backend() != "torch":
        raise PlanError(
            f"model: Keras runs on {keras.config.backend()} in this process, and gradients need "
            "torch; start Python with KERAS_BACKEND=torch"
        )
    return keras


def _ends_with(keras: Any, last: Any) -> str:
    """The softmax or sigmoid that the last layer is, or ends with."""
    if isinstance(last, keras.layers.Softmax):
        return "softmax" if last.axis in (-1, len(last.output.shape) - 1) else ""
    name = getattr(getattr(last, "activation", None), "__name__", "")
    return name if name in ("softmax", "sigmoid") else ""


def _without(keras: Any, model: Any) -> Any:
    """The model with the last function taken off."""
    last = model.layers[-1]
    if isinstance(last, keras.layers.Softmax | keras.layers.Activation):
        return keras.Model(model.inputs, last.input)
    last.activation = keras.activations.linear
    return model
