"""A model from an ONNX file: with gradients where torch computes what onnxruntime computes."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from onnx import TensorProto
from torch import Tensor, nn

from plexor.core.errors import ModelError, PlanError
from plexor.models.card import ModelCard
from plexor.models.sources.adapter import Adapter
from plexor.models.sources.input_order import (
    InputOrder,
    arranged,
    order_of_file,
    place_of_image,
)
from plexor.models.sources.onnx import OnnxFile, OnnxNetwork, Runtime, UnsupportedError, read_onnx
from plexor.models.sources.onnx.file import with_output
from plexor.models.sources.opened import FixedBatch, Opened, differ, probe_images

MOST_DIFFERENCE = 1e-4
"""Of the outputs from onnxruntime's, as a share of the greatest; beyond, gradients are refused."""
_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
_TRIED_SIZES = {2: (224, 64, 256, 512, 32), 3: (32, 64, 96, 128)}
"""Spatial sizes tried for the comparison, where neither the file nor the plan says one."""


def open_onnx(path: Path, card: ModelCard, adapter: Adapter) -> Opened:
    """Opens an ONNX file, and compares the network in torch with onnxruntime on one input.

    Args:
        path: the file.
        card: of the model, for the sizes and features that the plan gives.
        adapter: for layout and head.

    Raises:
        ModelError: the file is damaged or hostile, or onnxruntime cannot run it.
        PlanError: it has several outputs and none is named, or other inputs than the plan says.
    """
    file = read_onnx(path)
    output = _output(file, adapter.head)
    order = order_of_file(
        str(path),
        [(one.name, one.shape) for one in file.inputs],
        [feature.name for feature in card.features],
        adapter.inputs,
    )
    size, channels, batch = _fixed(file, card, adapter, order)
    runtime = _batched(Runtime(file, output), batch)
    probe, answer = _first_answer(file, runtime, card, adapter, order)
    what = f"onnx {path.name}"
    network, reason = _in_torch(file, output, batch, probe, answer)
    if network is None:
        return Opened(
            network=runtime,
            access="scores",
            name=what,
            notes=(reason,),
            size=size,
            channels=channels,
            inputs=order,
        )
    ends = network.ends_with
    return Opened(
        network=_batched(network, batch),
        access="gradients",
        name=what,
        notes=(reason,),
        size=size,
        channels=channels,
        inputs=order,
        ends_with=_along_classes(ends.op.lower(), ends.get("axis"), ends.opset, answer, adapter)
        if ends
        else "",
        without_last=lambda: _batched(_cut(network), batch),
    )


def _in_torch(
    file: OnnxFile, output: str, batch: int | None, probe: tuple[Tensor, ...], answer: Tensor
) -> tuple[OnnxNetwork | None, str]:
    """The network in torch, or None, and a sentence that says how it compares, or why not."""
    only = "gradients are refused, and onnxruntime answers"
    if any(one.dtype not in _FLOATS for one in file.inputs):
        return None, f"the file takes whole numbers; {only}"
    try:
        network = OnnxNetwork(file, output).eval()
        with torch.no_grad():
            found = _batched(network, batch)(*probe)
            difference = max(differ(found, answer), _before_last(file, network, batch, probe))
    except (UnsupportedError, ModelError) as error:
        return None, f"{error}; {only}"
    except RuntimeError as error:  # of a node that is computed at once
        return None, f"{' '.join(str(error).split())[:200]}; {only}"
    if difference > MOST_DIFFERENCE:
        return None, (
            f"outputs in torch differ from onnxruntime's by {difference:.1e}, more than "
            f"{MOST_DIFFERENCE:.0e}; {only}"
        )
    return network, f"outputs in torch differ from onnxruntime's by {difference:.1e}"


def _before_last(
    file: OnnxFile, network: OnnxNetwork, batch: int | None, probe: tuple[Tensor, ...]
) -> float:
    """The difference before a softmax or sigmoid at the end, which hides it where it saturates."""
    if not (name := network.before_last):
        return 0.0
    wanted = _batched(Runtime(with_output(file, name), name), batch)(*probe)
    cut = copy.deepcopy(network)
    cut.without_last()
    return differ(_batched(cut, batch)(*probe), wanted)


def _cut(network: OnnxNetwork) -> OnnxNetwork:
    network.without_last()
    return network


def _batched(network: nn.Module, batch: int | None) -> nn.Module:
    return network if batch is None else FixedBatch(network, batch)


def _output(file: OnnxFile, head: int | str | None) -> str:
    names = file.outputs
    if head is None and len(names) == 1:
        return names[0]
    if isinstance(head, int) and 0 <= head < len(names):
        return names[head]
    if isinstance(head, str) and head in names:
        return head
    said = "" if head is None else f", which is {head!r}"
    raise PlanError(
        f"model: {file.path} has the outputs {', '.join(names)}; name the one that counts as "
        f"`head`{said}"
    )


def _fixed(
    file: OnnxFile, card: ModelCard, adapter: Adapter, order: InputOrder
) -> tuple[tuple[int, ...] | None, int | None, int | None]:
    """Spatial size, channels and batch size that the file fixes, each or None."""
    image = file.inputs[place_of_image(order)]
    if len(image.shape) not in (4, 5):
        raise PlanError(
            f"model: {file.path} takes inputs of {len(image.shape)} axes, expected 4 for images "
            "(N, C, H, W) or 5 for volumes"
        )
    batch, *rest = image.shape
    channels = rest.pop() if adapter.channels_last else rest.pop(0)
    spatial = tuple(n for n in rest if n is not None)
    if channels is not None and card.channels is not None and channels != card.channels:
        other = "NCHW" if adapter.channels_last else "NHWC"
        hint = f", or `layout: {other}`" if card.channels in rest else ""
        raise PlanError(
            f"model: {file.path} takes {channels} channels, and the plan says {card.channels}; "
            f"write `channels: {channels}`{hint}"
        )
    return (spatial if len(spatial) == len(rest) else None), channels, batch


def _first_answer(
    file: OnnxFile,
    runtime: nn.Module,
    card: ModelCard,
    adapter: Adapter,
    order: InputOrder,
) -> tuple[tuple[Tensor, ...], Tensor]:
    """The images of the comparison, and onnxruntime's answer."""
    size, channels, _ = _fixed(file, card, adapter, order)
    planned = card.preprocess.size if card.preprocess else None
    n_axes = len(file.inputs[place_of_image(order)].shape) - 2
    known = size or planned
    sizes = [known] if known else [(n,) * n_axes for n in _TRIED_SIZES[n_axes]]
    for spatial in sizes:
        images = probe_images((2, channels or card.channels or 1, *spatial))
        images = images.movedim(1, -1) if adapter.channels_last else images
        names = [feature.name for feature in card.features]
        inputs = arranged(order, names, images, probe_images((2, len(names))))
        try:
            return inputs, runtime(*inputs)
        except ModelError as error:
            last = error
    raise ModelError(
        f"{last}; tried on images of {' and '.join('×'.join(map(str, one)) for one in sizes)}, "
        "write the size that it takes as `preprocess.size`"
    ) from last


def _along_classes(
    ends: str, axis: int | None, opset: int, answer: Tensor, adapter: Adapter
) -> str:
    """The function, if it works along the classes; "" for a softmax along another axis."""
    if ends == "sigmoid":
        return ends
    default = -1 if opset >= 13 else 1
    along = default if axis is None else axis
    along = along + answer.ndim if along < 0 else along
    classes = answer.ndim - 1 if adapter.channels_last else 1
    if opset < 13 and answer.ndim > 2 and along < answer.ndim - 1:  # over all axes from that one
        return ""
    return ends if along == classes else ""
