"""What a model file is: kind, whether opening it runs code, inputs, outputs, access."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from plexor.core.errors import MissingExtraError, ModelError, PlanError
from plexor.models.card import ModelCard
from plexor.models.features import Feature
from plexor.models.sources.adapter import Adapter
from plexor.models.task import Regression
from plexor.models.weights import read_card, read_weights

Facts = dict[str, str]
_ANY = ModelCard(task=Regression(unit="any"))
"""Stands for the card of a file of which nothing is known yet."""
_NO, _YES = "no", "yes: it is not opened without --allow-code"
_CLASSES = "classes: [..., ...]"
_CHANNELS = (1, 3, 4)
_MOST_PLACES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found out about a file or an address.

    Attributes:
        kind: what it is, in a few words.
        runs_code: whether opening it would run code.
        facts: further names and values, in the order in which they are told.
        line: what to write in a plan; "" where the model must be converted first.
    """

    kind: str
    runs_code: str
    facts: Facts = field(default_factory=dict)
    line: str = ""

    @property
    def key(self) -> str:
        """Key of a plan's ``model`` under which the file is named; "" where ``line`` is."""
        return self.line.removeprefix("model: {").partition(":")[0]


def inspect_model(place: str) -> Inspection:
    """Looks at a model without running code of it.

    Args:
        place: a file, a folder of a MONAI bundle, or an address.

    Raises:
        ModelError: there is no such file, or it is of no known kind, or damaged.

    Example:
        >>> inspect_model("https://models.example/predict").line[:12]
        'model: {url:'
    """
    if "://" in place:
        return Inspection(
            kind="a server; it is not asked anything here",
            runs_code=_NO,
            facts={"access": "scores, or decisions; each image is asked for once"},
            line=f"model: {{url: {place!r}, response: {{path: predictions}}, "
            f"outputs: probabilities, {_CLASSES}}}",
        )
    path = Path(place)
    if not path.exists():
        raise ModelError(f"no model at {path}")
    return _kind_of(path)(path)


def _kind_of(path: Path) -> Callable[[Path], Inspection]:
    """The function that looks into a file, by its ending and its content."""
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            return _tensorflow
        return _bundle
    ending = path.suffix.lower()
    with path.open("rb") as file:
        start = file.read(8)
    if ending in (".h5", ".hdf5", ".pb", ".tflite") or start == b"\x89HDF\r\n\x1a\n":
        return _tensorflow
    known = {".onnx": _onnx, ".keras": _keras, ".safetensors": _weights, ".pt2": _exported}
    if ending in known:
        return known[ending]
    return _torch


def _onnx(path: Path) -> Inspection:
    from plexor.models.sources.onnx import read_onnx
    from plexor.models.sources.onnx_model import open_onnx

    file = read_onnx(path)
    images = [one for one in file.inputs if len(one.shape) in (4, 5)]
    beside = [one for one in file.inputs if one not in images]
    shape = images[0].shape if images else ()
    last = len(shape) > 1 and shape[-1] in _CHANNELS and shape[1] not in _CHANNELS
    layout = ("NHWC" if len(shape) == 4 else "NDHWC") if last else None
    written = ["  ".join([one.name, _shape(one.shape)]) for one in file.inputs]
    facts = {
        "written by": file.producer or "not said",
        "opset": str(file.opset),
        "nodes": f"{len(file.model.graph.node):,}",
        "inputs": "; ".join(written),
        "outputs": ", ".join(file.outputs),
    }
    parts = [f"onnx: {path}"]
    if layout:
        parts.append(f"layout: {layout}")
    if len(file.outputs) > 1:
        parts.append(f"head: {file.outputs[0]}")
    if len(shape) == 5:
        parts.append("spatial_dims: 3")
    card = _ANY
    if len(images) == 1 and len(beside) == 1 and (n := (beside[0].shape or (None,))[-1]):
        card = replace(_ANY, features=tuple(Feature(name=f"number {i}") for i in range(n)))
        parts.append(_features(n))
    try:
        adapter = Adapter(layout=layout or "NCHW", head=file.outputs[0])
        opened = open_onnx(path, card, adapter)
        facts["access"] = f"{opened.access}: {'; '.join(opened.notes)}"
        facts["ends with"] = opened.ends_with or "numbers that are taken as logits"
        if opened.channels not in (None, 3):
            parts.append(f"channels: {opened.channels}")
    except (ModelError, PlanError) as error:
        facts["access"] = f"not tried: {error}"
    return Inspection(
        kind=f"an ONNX file ({path.stat().st_size:,} bytes)",
        runs_code=_NO,
        facts=facts,
        line=f"model: {{{', '.join([*parts, _CLASSES])}}}",
    )


def _features(n: int) -> str:
    """A place for the name of each number that a network takes beside the image."""
    return f"features: [{', '.join(['...'] * min(n, _MOST_PLACES))}]"


def _shape(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if n is None else str(n) for n in shape)})"


def _keras(path: Path) -> Inspection:
    from plexor.models.sources.keras_check import check_keras

    try:
        config = check_keras(path)
    except MissingExtraError as error:
        return Inspection(kind="a Keras file", runs_code=_NO, facts={"layers": str(error)})
    layers = config.get("config", {}).get("layers", [])
    layers = [one for one in layers if isinstance(one, dict)]
    names = [str(one.get("class_name")) for one in layers]
    inputs = [one.get("config", {}) for one in layers if one.get("class_name") == "InputLayer"]
    shapes = [tuple(one.get("batch_shape") or ())[1:] for one in inputs]
    written = [
        f"{one.get('name')}  {_shape((None, *shape))}"
        for one, shape in zip(inputs, shapes, strict=True)
    ]
    images = [shape for shape in shapes if len(shape) in (3, 4)]
    parts = [f"keras: {path}"]
    if len(images) == 1:
        parts += [f"channels: {images[0][-1]}"] if images[0][-1] not in (None, 3) else []
        parts += ["spatial_dims: 3"] if len(images[0]) == 4 else []
    beside = [shape[0] for shape in shapes if len(shape) == 1 and isinstance(shape[0], int)]
    if len(shapes) == 2 and beside:
        parts.append(_features(beside[0]))
    return Inspection(
        kind="a Keras file; its layers are all on the list of those that compute with numbers only",
        runs_code=_NO,
        facts={
            "layers": f"{len(names)}, the last of the kind {names[-1] if names else 'none'}",
            "inputs": "; ".join(written) or "not said",
            "access": "gradients, by Keras on torch",
        },
        line=f"model: {{{', '.join([*parts, _CLASSES])}}}",
    )


def _bundle(path: Path) -> Inspection:
    from plexor.models.sources.bundle import classes_of, metadata_of, open_bundle

    about = metadata_of(path)
    facts = {
        "name": f"{about.get('name', '')} {about.get('version', '')}".strip(),
        "task": str(about.get("task", "not said")),
        "classes": ", ".join(classes_of(about)) or "not said",
    }
    runs = _NO
    try:
        facts["access"] = open_bundle(path, allow_code=False).access
    except PlanError as error:
        facts["network"], runs = str(error), _YES
    return Inspection(
        kind="a MONAI bundle", runs_code=runs, facts=facts, line=f"model: {{bundle: {path}}}"
    )


def _weights(path: Path) -> Inspection:
    card = read_card(path)
    state = read_weights(path)
    facts = {"numbers": f"{sum(one.numel() for one in state.values()):,} in {len(state)} tensors"}
    if card is None:
        known = "its network is named as `architecture`, or made by `python`"
        line = f"model: {{weights: {path}, architecture: ..., {_CLASSES}}}"
        return Inspection(kind=f"weights; {known}", runs_code=_NO, facts=facts, line=line)
    facts["task"] = f"{card.task.kind} of {', '.join(card.task.classes) or 'a number'}"
    facts["preprocessing"] = str(card.preprocess)
    facts["access"] = "gradients"
    return Inspection(
        kind=f"weights of {card.architecture} with a card, by plexor train",
        runs_code=_NO,
        facts=facts,
        line=f"model: {{weights: {path}}}",
    )


def _exported(path: Path) -> Inspection:
    return Inspection(
        kind="a program of torch.export",
        runs_code=_YES,
        facts={"access": "gradients"},
        line=f"model: {{exported: {path}, {_CLASSES}}}",
    )


def _torch(path: Path) -> Inspection:
    """A zip of torch: TorchScript holds code, a checkpoint only a pickle of tensors."""
    names: list[str] = []
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    if any("/code/" in name for name in names):
        return Inspection(
            kind="a TorchScript file",
            runs_code=_YES,
            facts={"access": "gradients"},
            line=f"model: {{torchscript: {path}, {_CLASSES}}}",
        )
    if any(name.endswith("archive_format") for name in names):
        return _exported(path)
    return _weights(path)


def _tensorflow(path: Path) -> Inspection:
    return Inspection(
        kind="a model of TensorFlow or Keras 2, which must be converted to ONNX once",
        runs_code="not opened here",
        facts={
            "to convert": "in an environment of its own: pip install tensorflow tf2onnx; "
            f"python -m tf2onnx.convert --{'saved-model' if path.is_dir() else 'keras'} {path} "
            "--output net.onnx --opset 17"
        },
    )
