"""Layers of a network, found by one forward pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError, PlanError, unknown
from plexor.models.batch import Batch
from plexor.models.model import Model, answer, network_of

_METHOD = "attention"


def find_layer(model: Model, name: str) -> nn.Module:
    """The layer of that name in ``network.named_modules()``.

    Raises:
        PlanError: the network has no such layer, or the model has no network.
    """
    layers: dict[str, nn.Module] = dict(network_of(model, method=_METHOD).named_modules())
    if name not in layers or not name:
        raise PlanError(unknown("layer", name, filter(None, layers)))
    return layers[name]


def coarsest_layer(model: Model, batch: Batch) -> str:
    """Name of the last layer with the coarsest output that still has more than one position.

    In a network that classifies, this is the last layer before the average over space, which
    Grad-CAM is meant for; in an encoder and decoder, the bottleneck. Costs one forward pass of the
    first case.

    Raises:
        ModelError: no layer has an output with as many spatial axes as the image.
    """
    seen: list[tuple[int, str]] = []
    n_axes = batch.images.ndim

    def note(name: str, _: Any, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == n_axes:
            positions = math.prod(output.shape[2:])
            if positions > 1:
                seen.append((positions, name))

    with _listening(model, note), torch.no_grad():
        one = batch.select(torch.zeros(1, dtype=torch.int64, device=batch.images.device))
        answer(model, one, one.images)
    if not seen:
        raise ModelError(
            "Grad-CAM needs a layer whose output has positions in space, and the network has none; "
            "take integrated gradients or occlusion"
        )
    least = min(positions for positions, _ in seen)
    return [name for positions, name in seen if positions == least][-1]


def penultimate(model: Model, batch: Batch) -> Tensor:
    """The features from which the last layer makes the outputs, (N, n_features), float32.

    They are the input of the last layer with weights that gives (N, n_outputs). Costs one forward
    pass.

    Raises:
        ModelError: there is no such layer, as in a segmentation.
        PlanError: the model has no network.
    """
    wanted = (len(batch), model.task.n_outputs)
    found: list[Tensor] = []

    def note(_: str, inputs: tuple[Any, ...], output: object) -> None:
        if isinstance(output, Tensor) and tuple(output.shape) == wanted and inputs:
            found[:] = [inputs[0]]

    with _listening(model, note, weighted=True), torch.no_grad():
        answer(model, batch, batch.images)
    if not found:
        raise ModelError(
            f"the network has no last layer that turns features into {wanted[1]} outputs a case"
        )
    return found[0].detach().flatten(1).float()


@contextmanager
def _listening(
    model: Model, note: Callable[[str, tuple[Any, ...], object], None], *, weighted: bool = False
) -> Iterator[None]:
    """Calls ``note`` with name, inputs and output of each layer without layers of its own."""

    def hook(name: str) -> Callable[[nn.Module, tuple[Any, ...], object], None]:
        return lambda _, inputs, output: note(name, inputs, output)

    handles = [
        layer.register_forward_hook(hook(name))
        for name, layer in network_of(model, method=_METHOD).named_modules()
        if name
        and next(layer.children(), None) is None
        and (not weighted or next(layer.parameters(), None) is not None)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
