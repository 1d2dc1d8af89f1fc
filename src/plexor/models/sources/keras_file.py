"""Models from ``.keras`` files, run by Keras 3 on torch, so that gradients are shown."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from plexor.core.errors import ModelError, PlanError, brief, require
from plexor.core.ids import digest_file
from plexor.models.card import ModelCard
from plexor.models.checkpoint_state import check_downloaded
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
        # a model may be built on a list, a dict or one tensor; `input`, which Sequential lacks,
        # has that structure
        built_on = getattr(self.model, "input", self.model.inputs[0])
        given = _keras().tree.pack_sequence_as(built_on, list(inputs))
        return self.model(given, training=False)


def open_keras(path: Path, card: ModelCard, adapter: Adapter | None = None) -> Opened:
    """Opens a ``.keras`` file; its configuration is checked before Keras sees it.

    Args:
        path: the file.
        card: for the features.
        adapter: for the order of the inputs, found from their sizes if not given, and the head
            that counts, of a model with several.

    Raises:
        MissingExtraError: Keras is not installed.
        ModelError: the file is damaged, or holds a layer that is not on the list.
        PlanError: Keras runs on another backend in this process, inputs do not fit, or the model
            has several outputs and none is named.
    """
    require("keras")
    if not path.is_file():
        raise ModelError(f"no model at {path}")
    check_downloaded(path)
    config = check_keras(path)
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
    output, model = _headed(keras, path, model, adapter.head if adapter else None)
    _, *spatial = model.inputs[place_of_image(order)].shape
    first = '"channels_first"' in json.dumps(config)
    channels = spatial.pop(0) if first else spatial.pop()
    fixed = all(isinstance(n, int) for n in spatial) and len(spatial) in (2, 3)
    sha256 = digest_file(path)
    last = _last(keras, output)
    return Opened(
        network=KerasNetwork(model, sha256),
        access="gradients",
        name=f"keras {path.name}",
        size=tuple(spatial) if fixed else None,
        channels=channels,
        inputs=order,
        layout=("NC" if first else "N") + "DHW"[-len(spatial) :] + ("" if first else "C"),
        ends_with=_ends_with(keras, last),
        without_last=lambda: KerasNetwork(_without(keras, model, last), sha256),
    )


def _headed(keras: Any, path: Path, model: Any, head: int | str | None) -> tuple[Any, Any]:
    """The output that counts, and the model that gives it alone."""
    if len(model.outputs) == 1 and head in (None, 0):
        return model.outputs[0], model
    given = dict(zip(model.output_names, model.outputs, strict=True))
    heads = model.output if isinstance(model.output, dict) else given
    names = list(heads)
    name = names[head] if isinstance(head, int) and 0 <= head < len(names) else head
    if name not in heads:
        said = "" if head is None else f", which is {head!r}"
        raise PlanError(
            f"model: {path} has the outputs {', '.join(names)}; name the one that counts as "
            f"`head`{said}"
        )
    return heads[name], keras.Model(model.inputs, heads[name])


def _last(keras: Any, output: Any) -> Any:
    """The layer that makes an output, behind those that only reshape it, in nested models too."""
    known = keras.layers
    passing = known.Dropout | known.Flatten | known.Identity | known.Reshape
    made = output._keras_history.operation
    while True:
        if isinstance(made, keras.Model):
            made = made.outputs[0]._keras_history.operation
        elif isinstance(made, passing) and made.input.shape[-1] == made.output.shape[-1]:
            made = made.input._keras_history.operation
        else:
            return made


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
    name = type(last).__name__.lower() if _is_function(keras, last) else ""
    if name == "softmax" and last.axis not in (-1, len(last.output.shape) - 1):
        return ""
    name = name or getattr(getattr(last, "activation", None), "__name__", "")
    return name if name in ("softmax", "sigmoid") else ""


def _is_function(keras: Any, last: Any) -> bool:
    """Whether it is a softmax or sigmoid itself, as a layer or of ``keras.ops``."""
    named = type(last).__name__ in ("Softmax", "Sigmoid")
    return isinstance(last, keras.layers.Softmax) or (
        named and not isinstance(last, keras.layers.Layer)
    )


def _without(keras: Any, model: Any, last: Any) -> Any:
    """The model with the last function taken off."""
    if _is_function(keras, last):
        last.call = lambda inputs, **_: inputs
    else:
        last.activation = keras.activations.linear
    return model
