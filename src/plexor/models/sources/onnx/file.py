"""ONNX files read as data: their parts are checked before anything is computed from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx
from onnx import GraphProto, ModelProto, TensorProto, helper
from onnx.external_data_helper import ExternalDataInfo

from plexor.core.errors import ModelError, brief
from plexor.core.ids import digest_bytes
from plexor.models.checkpoint_state import check_downloaded

MOST_BYTES = (1 << 31) - 1
"""Size of a model with its weights: protobuf's own limit."""
_ZIP = b"PK\x03\x04"
_OWN_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input of a graph.

    Attributes:
        name: of the input.
        shape: size of each axis; None where the file leaves it open.
        dtype: ``TensorProto.DataType`` of its numbers.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxFile:
    """A checked ONNX model.

    Attributes:
        path: the file, for messages.
        model: the graph with all weights in it.
        sha256: of the file and of the files of weights that it names.
        inputs: the graph's inputs that are no weights.
        outputs: names of its outputs.
        opset: version of the operator set.
        domains: further operator sets, beside ONNX's own.
        producer: program that wrote the file, e.g. "pytorch 2.13.0"; may be "".
    """

    path: Path
    model: ModelProto
    sha256: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    opset: int
    domains: tuple[str, ...]
    producer: str


def read_onnx(path: Path) -> OnnxFile:
    """Reads and checks an ONNX file. No code of the file is run: it holds none.

    Raises:
        ModelError: the file is missing, damaged or larger than 2 GiB, its graph is not sorted or
            has a cycle, or it names a file of weights outside of its own folder.
    """
    return parse_onnx(_bytes(path), path)


def parse_onnx(data: bytes, path: Path) -> OnnxFile:
    """The same for the bytes of a file, which names ``path`` in messages and for its weights."""
    if data.startswith(_ZIP):
        raise ModelError(f"{path} is a zip archive; unpack it, and name the .onnx file in it")
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # protobuf has errors of its own
        raise ModelError(f"{path} is not a complete ONNX file: {brief(error)}") from error
    if not model.graph.node:
        raise ModelError(f"{path} is not an ONNX file, or its graph is empty")
    parts = [digest_bytes(data), *_take_in(path, model)]
    for tensor in _tensors(model.graph):
        _check_tensor(path, tensor)
    try:
        onnx.checker.check_model(model)
        model = onnx.inliner.inline_local_functions(model) if model.functions else model
    except Exception as error:  # the checker's and the inliner's errors are of many types
        raise ModelError(f"{path} is no valid ONNX model: {brief(error, longest=300)}") from error
    weights = {tensor.name for tensor in model.graph.initializer}
    opsets = {one.domain: one.version for one in model.opset_import}
    return OnnxFile(
        path=path,
        model=model,
        sha256=parts[0] if len(parts) == 1 else digest_bytes("".join(parts).encode()),
        inputs=tuple(_input(one) for one in model.graph.input if one.name not in weights),
        outputs=tuple(one.name for one in model.graph.output),
        opset=max((opsets[name] for name in _OWN_DOMAINS if name in opsets), default=0),
        domains=tuple(sorted({node.domain for node in model.graph.node} - {*_OWN_DOMAINS})),
        producer=f"{model.producer_name} {model.producer_version}".strip(),
    )


def with_output(file: OnnxFile, name: str) -> OnnxFile:
    """The same model with one of its inner tensors as an output."""
    model = ModelProto()
    model.CopyFrom(file.model)
    model.graph.output.append(onnx.ValueInfoProto(name=name))
    return replace(file, model=model, outputs=(*file.outputs, name))


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise ModelError(f"{path} is a folder; name the .onnx file in it")
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ModelError(f"{path} has {size:,} bytes; ONNX files end at 2 GiB")
        check_downloaded(path)
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from error


def _take_in(path: Path, model: ModelProto) -> Iterator[str]:
    """Puts weights that lie in other files into the model; the hash of each."""
    folder = path.resolve().parent
    total = 0
    for tensor in _tensors(model.graph):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        try:
            info = ExternalDataInfo(tensor)
            place = (folder / info.location).resolve()
        except (ValueError, OSError) as error:
            raise ModelError(f"{path}: weights of {tensor.name!r}: {brief(error)}") from error
        if not place.is_relative_to(folder) or Path(info.location).is_absolute():
            raise ModelError(
                f"{path}: the weights of {tensor.name!r} are said to lie in {info.location!r}, "
                "outside of the file's folder; such a file is not opened"
            )
        start, length = int(info.offset or 0), int(info.length or 0)
        total += length
        if total > MOST_BYTES:
            raise ModelError(f"{path}: its weights take more than 2 GiB, which is not read")
        raw = _part(path, tensor.name, place, start, length)
        tensor.raw_data = raw
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]
        yield digest_bytes(raw)


def _part(path: Path, name: str, place: Path, start: int, length: int) -> bytes:
    try:
        if place.stat().st_size > MOST_BYTES:
            raise ModelError(f"{path}: {place.name} has more than 2 GiB, which is not read")
        with place.open("rb") as file:
            file.seek(start)
            raw = file.read(length or -1)
    except (OSError, ValueError, OverflowError) as error:
        raise ModelError(
            f"{path}: the weights of {name!r} cannot be read from {place.name}: {brief(error)}; "
            "keep that file beside the model"
        ) from error
    if length and len(raw) != length:
        raise ModelError(
            f"{path}: the weights of {name!r} are cut off: {place.name} has {len(raw):,} of "
            f"{length:,} bytes"
        )
    return raw


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Every tensor of a graph: its weights, and those in its nodes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)


def _check_tensor(path: Path, tensor: TensorProto) -> None:
    """Refuses a tensor that has other numbers than its shape says."""
    if tensor.data_type == TensorProto.STRING:
        return
    if any(n < 0 for n in tensor.dims):
        raise ModelError(f"{path}: the tensor {tensor.name!r} has a negative size")
    try:
        each = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"{path}: the tensor {tensor.name!r} is of the unknown type {tensor.data_type}"
        ) from error
    wanted = math.prod(tensor.dims) * each
    if wanted > MOST_BYTES:
        raise ModelError(f"{path}: the tensor {tensor.name!r} takes {wanted:,} bytes, over 2 GiB")
    if tensor.HasField("raw_data") and len(tensor.raw_data) != wanted and each > 1:
        raise ModelError(
            f"{path}: the weights of {tensor.name!r} are cut off: {len(tensor.raw_data):,} of "
            f"{wanted:,} bytes"
        )


def _input(value: Any) -> Input:
    kind = value.type.tensor_type
    shape = tuple(
        one.dim_value if one.HasField("dim_value") and one.dim_value > 0 else None
        for one in kind.shape.dim
    )
    return Input(name=value.name, shape=shape, dtype=kind.elem_type)
