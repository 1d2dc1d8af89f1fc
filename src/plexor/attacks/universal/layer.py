"""A hidden layer of a network as a function of the stored image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from plexor.core.errors import ModelError, PlanError, unknown
from plexor.models.batch import Batch
from plexor.models.foreign_code import backward_pass
from plexor.models.model import Model, answer, network_of

_METHOD = "universal-singular"


def find_layer(model: Model, name: str) -> nn.Module:
    """The layer of that name in ``network.named_modules()``; "" is the whole network.

    Raises:
        PlanError: the network has no such layer, or the model has no network.
    """
    layers: dict[str, nn.Module] = dict(network_of(model, method=_METHOD).named_modules())
    if name not in layers:
        raise PlanError(unknown("layer", name, filter(None, layers)))
    return layers[name]


def quarter_layer(model: Model, batch: Batch) -> str:
    """Name of the first layer with an output of at most a quarter of the input along every axis.

    Such a layer combines the first features, with little pooling. "", for the outputs themselves,
    where the network has none. Costs one forward pass of the first case.
    """
    sizes: dict[str, torch.Size] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: object) -> None:
            if isinstance(output, Tensor):
                sizes.setdefault(name, output.shape)

        return hook

    def note_input(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        sizes[""] = inputs[0].shape

    network = network_of(model, method=_METHOD)
    leaves = [(name, layer) for name, layer in network.named_modules() if _is_leaf(layer)]
    handles = [layer.register_forward_hook(note(name)) for name, layer in leaves if name]
    handles.append(network.register_forward_pre_hook(note_input))
    try:
        with torch.no_grad():
            one = batch.select(torch.zeros(1, dtype=torch.int64, device=batch.images.device))
            answer(model, one, one.images)
    finally:
        for handle in handles:
            handle.remove()
    whole = sizes.pop("", batch.images.shape)[2:]  # an ensemble's network is never called itself
    for name, size in sizes.items():
        spatial = size[2:]
        if len(spatial) == len(whole) and all(
            now < before / 4 + 1 for now, before in zip(spatial, whole, strict=True)
        ):
            return name
    return ""


class Response:
    """Products with the Jacobian J of a layer's output in the stored numbers of some images.

    J itself is never computed. Costs one forward pass. Where a layer is called several times, the
    first call is used.

    Args:
        model: the model of the layer.
        layer: the layer.
        batch: N cases.

    Raises:
        ModelError: the layer is not used, or its output is no differentiable tensor.
    """

    def __init__(self, model: Model, layer: nn.Module, batch: Batch) -> None:
        found: list[object] = []

        def keep(_: nn.Module, __: Any, output: object) -> None:
            # A copy, since later layers may overwrite it in place.
            found.append(output.clone() if isinstance(output, Tensor) else output)

        handle = layer.register_forward_hook(keep)
        self._images = batch.images.detach().clone().requires_grad_()
        try:
            with torch.enable_grad():
                answer(model, batch, self._images)
        finally:
            handle.remove()
        output = found[0] if found else None
        if not isinstance(output, Tensor) or not output.requires_grad:
            raise ModelError(
                f"the output of the layer {type(layer).__name__} is no tensor that is "
                "differentiable in the image; choose another `layer`"
            )
        self._output = output

    def moved(self, direction: Tensor) -> Tensor:
        """``J direction`` of a direction (N, C, *spatial), shaped like the output.

        ``Jᵀ w`` is linear in w; its derivative along the direction is the product. Costs two
        backward passes.
        """
        weight = torch.zeros_like(self._output, requires_grad=True)
        with backward_pass():
            (pulled,) = torch.autograd.grad(self._output, self._images, weight, create_graph=True)
            (found,) = torch.autograd.grad(pulled, weight, direction, retain_graph=True)
        return found

    def pull(self, weight: Tensor) -> Tensor:
        """``Jᵀ weight``, (N, C, *spatial); one backward pass, which frees the graph."""
        with backward_pass():
            (found,) = torch.autograd.grad(self._output, self._images, weight)
        return found


def _is_leaf(layer: nn.Module) -> bool:
    return next(layer.children(), None) is None
