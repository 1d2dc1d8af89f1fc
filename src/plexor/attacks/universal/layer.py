"""A hidden layer of a network, seen from the stored image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from plexor.core.errors import ModelError, PlanError, unknown
from plexor.models.batch import Batch
from plexor.models.model import Model


def find_layer(model: Model, name: str) -> nn.Module:
    """The layer of that name, as in ``network.named_modules()``; "" is the whole network.

    Raises:
        PlanError: the network has none of that name.
    """
    layers: dict[str, nn.Module] = dict(model.network.named_modules())
    if name not in layers:
        raise PlanError(unknown("layer", name, filter(None, layers)))
    return layers[name]


def quarter_layer(model: Model, batch: Batch) -> str:
    """The first layer whose output is a quarter of the network's input, or less, along every axis.

    There the first patterns are put together and little is pooled away. "", for the outputs
    themselves, where the network has none. Found by one forward pass of the first case.
    """
    sizes: dict[str, torch.Size] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: object) -> None:
            if isinstance(output, Tensor):
                sizes.setdefault(name, output.shape)

        return hook

    def note_input(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        sizes[""] = inputs[0].shape

    leaves = [(name, layer) for name, layer in model.network.named_modules() if _is_leaf(layer)]
    handles = [layer.register_forward_hook(note(name)) for name, layer in leaves if name]
    handles.append(model.network.register_forward_pre_hook(note_input))
    try:
        with torch.no_grad():
            one = batch.select(torch.zeros(1, dtype=torch.int64, device=batch.images.device))
            model.outputs(one.images, one.context)
    finally:
        for handle in handles:
            handle.remove()
    whole = sizes.pop("")[2:]
    for name, size in sizes.items():
        spatial = size[2:]
        if len(spatial) == len(whole) and all(
            now < before / 4 + 1 for now, before in zip(spatial, whole, strict=True)
        ):
            return name
    return ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Response:
    """How a layer responds to moving images along a direction.

    Attributes:
        moved: ``J direction``, shaped like the layer's output, with its Jacobian J in the stored
            numbers.
        output: of the layer, with its graph.
        images: what the graph leads to, (N, C, *spatial).
    """

    moved: Tensor
    output: Tensor
    images: Tensor

    def pull(self, weight: Tensor) -> Tensor:
        """``Jᵀ weight``, (N, C, *spatial); one backward pass, once."""
        (found,) = torch.autograd.grad(self.output, self.images, weight)
        return found


def response(model: Model, layer: nn.Module, batch: Batch, direction: Tensor) -> Response:
    """The layer's response to ``direction`` (N, C, *spatial); one pass, forward differentiated.

    Where a layer is called several times, the first call counts.

    Raises:
        ModelError: the layer is not used, gives no tensor, or lets no derivative through.
    """
    found: list[object] = []

    def keep(_: nn.Module, __: Any, output: object) -> None:
        # A copy, since what follows may write over it.
        found.append(output.clone() if isinstance(output, Tensor) else output)

    handle = layer.register_forward_hook(keep)
    images = batch.images.detach().clone().requires_grad_()
    try:
        with torch.enable_grad(), forward_ad.dual_level():
            moving: Tensor = forward_ad.make_dual(images, direction)  # type: ignore[no-untyped-call]
            model.outputs(moving, batch.context)
            if not found or not isinstance(found[0], Tensor):
                raise ModelError(
                    f"the layer {type(layer).__name__} gave no tensor; choose another `layer`"
                )
            output, moved = forward_ad.unpack_dual(found[0])  # type: ignore[no-untyped-call]
    finally:
        handle.remove()
    if moved is None or not output.requires_grad:
        raise ModelError(
            f"the layer {type(layer).__name__} does not depend on the image in a way that can be "
            "differentiated; choose another `layer`"
        )
    return Response(moved=moved.detach(), output=output, images=images)


def _is_leaf(layer: nn.Module) -> bool:
    return next(layer.children(), None) is None
