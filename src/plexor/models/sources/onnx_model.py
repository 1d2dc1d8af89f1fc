"""A model from an ONNX file: with gradients where torch computes what onnxruntime computes."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
_OF_WHOLE = (
    "it takes whole numbers, which `preprocess` has to give (`window: [0, 1]` leaves stored ones "
    "as they are)"
)
_THROUGH = "gradients pass straight through its rounding to whole numbers"
Wrap = Callable[[nn.Module], nn.Module]
"""Gives a network that takes images with channels, in batches of any size."""
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
    image = file.inputs[place_of_image(order)]
    size, channels, batch = _fixed(file, card, adapter, order)
    wrap = functools.partial(
        _wrapped, n_axes=len(image.shape), place=place_of_image(order), batch=batch
    )
    runtime = wrap(Runtime(file, output))
    probe, answer = _first_answer(file, runtime, card, adapter, order)
    network, reason = _in_torch(file, output, wrap, probe, answer)
    whole = image.dtype not in _FLOATS
    notes = [reason, *([_OF_WHOLE] if whole else [])]
    if network is not None and (whole or network.rounds):
        notes.append(_THROUGH)
    return Opened(
        network=runtime if network is None else wrap(network),
        access="scores" if network is None else "gradients",
        name=f"onnx {path.name}",
        notes=tuple(notes),
        size=size,
        channels=channels,
        inputs=order,
        ends_with="" if network is None else _ends_with(network, wrap, probe, answer, adapter),
        without_last=None if network is None else lambda: wrap(_cut(network)),
    )


def _in_torch(
    file: OnnxFile, output: str, wrap: Wrap, probe: tuple[Tensor, ...], answer: Tensor
) -> tuple[OnnxNetwork | None, str]:
    """The network in torch, or None, and a sentence that says how it compares, or why not."""
    only = "gradients are refused, and onnxruntime answers"
    try:
        network = OnnxNetwork(file, output).eval()
        with torch.no_grad():
            found = wrap(network)(*probe)
            difference = max(differ(found, answer), _before_last(file, network, wrap, probe))
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
    file: OnnxFile, network: OnnxNetwork, wrap: Wrap, probe: tuple[Tensor, ...]
) -> float:
    """The difference before a softmax or sigmoid at the end, which hides it where it saturates."""
    if not (name := network.before_last):
        return 0.0
    wider = with_output(file, name)
    wanted = wrap(Runtime(wider, name))(*probe)
    return differ(wrap(OnnxNetwork(wider, name).eval())(*probe), wanted)


def _cut(network: OnnxNetwork) -> OnnxNetwork:
    network.without_last()
    return network


class FewerAxes(nn.Module):
    """A network of images without an axis for channels, or of rows of numbers.

    Args:
        network: the network.
        n_axes: that it takes: 3 for (N, H, W), 2 for rows.
        place: of the image among its inputs, counted from 0.

    Attributes:
        source_sha256: of the network.
    """

    def __init__(self, network: nn.Module, n_axes: int, place: int) -> None:
        super().__init__()
        self.network = network
        self.n_axes = n_axes
        self.place = place
        self.source_sha256 = getattr(network, "source_sha256", "")

    def forward(self, *inputs: Tensor) -> Any:
        """The answer for images (N, C, H, W), of one channel unless they become rows."""
        images = inputs[self.place]
        given = images.flatten(1) if self.n_axes == 2 else images.flatten(1, 2)
        return self.network(*inputs[: self.place], given, *inputs[self.place + 1 :])


def _wrapped(network: nn.Module, n_axes: int, place: int, batch: int | None) -> nn.Module:
    """A network that takes images with channels, in batches of any size."""
    network = FewerAxes(network, n_axes, place) if n_axes < 4 else network
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
    if len(image.shape) not in (2, 3, 4, 5):
        raise PlanError(
            f"model: {file.path} takes inputs of {len(image.shape)} axes, expected 4 for images "
            "(N, C, H, W), 3 for images without channels, 2 for rows of numbers, or 5 for volumes"
        )
    batch, *rest = image.shape
    if len(rest) == 1:  # rows, of images whose size the plan says
        return None, None, batch
    if len(rest) == 2:
        rest = [1, *rest]
    last = adapter.channels_last and len(image.shape) > 3
    channels = rest.pop() if last else rest.pop(0)
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
    image = file.inputs[place_of_image(order)]
    n_axes = max(len(image.shape) - 2, 2)
    known = size or planned
    if known is None and len(image.shape) == 2:
        raise PlanError(
            f"model: {file.path} takes rows of numbers; write the size of the images that become "
            "rows as `preprocess.size`"
        )
    sizes = [known] if known else [(n,) * n_axes for n in _TRIED_SIZES[n_axes]]
    for spatial in sizes:
        images = probe_images((2, channels or card.channels or 1, *spatial))
        if image.dtype not in _FLOATS:
            images = (128 + 64 * images).clamp(0, 255).round()
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


def _ends_with(
    network: OnnxNetwork, wrap: Wrap, probe: tuple[Tensor, ...], answer: Tensor, adapter: Adapter
) -> str:
    """The function at the end, if it works along the classes; "" for another axis, or for none.

    Tried, not read: reshaping may come after it.
    """
    if network.ends_with is None:
        return ""
    if network.ends_with.op == "Sigmoid":
        return "sigmoid"
    axis = answer.ndim - 1 if adapter.channels_last else 1
    if axis >= answer.ndim:
        return ""
    with torch.no_grad():
        logits = wrap(_cut(copy.deepcopy(network)))(*probe)
    # numbers may pass through float16 behind it; along another axis they differ by far more
    same = differ(logits.float().softmax(axis), answer.float()) <= 10 * MOST_DIFFERENCE
    return "softmax" if same else ""
