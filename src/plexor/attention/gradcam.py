"""Grad-CAM: the channels of a late layer, weighted by the mean of their gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from plexor.attention.layers import coarsest_layer, find_layer
from plexor.attention.place import at_stored_size
from plexor.attention.target import score_of
from plexor.core.errors import ModelError
from plexor.models.batch import Batch
from plexor.models.foreign_code import backward_pass
from plexor.models.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class GradCAM:
    """Grad-CAM (Selvaraju et al., ICCV 2017, eqs. 1 and 2), as MONAI's ``GradCAM`` computes it.

    MONAI's leaves its hooks in the network and switches ``inplace`` off in it. Here the network
    stays as it is, and only the layers after the chosen one are differentiated, so that a map
    costs one forward pass and a part of a backward pass.

    Attributes:
        layer: name of the layer in ``network.named_modules()``; "" takes the last one with the
            coarsest output that still has several positions.
    """

    title: ClassVar[str] = "Grad-CAM"
    needs_network: ClassVar[bool] = True

    layer: str = ""

    def __call__(self, model: Model, batch: Batch, *, output: int | None = None) -> Tensor:
        """See ``AttentionMethod``; never negative, in no unit.

        Raises:
            PlanError: the model has no network, or no such layer or output.
            ModelError: the layer's output has no positions in space, or is not used.
        """
        layer = find_layer(model, self.layer or coarsest_layer(model, batch))
        score = score_of(model, batch, output)
        kept: list[Tensor] = []

        def cut(_: nn.Module, __: Any, activation: object) -> Tensor | None:
            """Lets the graph begin here; a copy, since later layers may write in place."""
            if not isinstance(activation, Tensor):
                return None
            kept.append(activation.detach().requires_grad_())
            return kept[-1].clone()

        handle = layer.register_forward_hook(cut)
        try:
            with torch.enable_grad():
                total = score(batch.images.detach()).sum()
        finally:
            handle.remove()
        if not kept or kept[-1].ndim != batch.images.ndim:
            raise ModelError(
                f"Grad-CAM: expected a layer whose output has positions in space, found "
                f"{tuple(kept[-1].shape) if kept else 'none'} of {type(layer).__name__}; name "
                "another `layer`"
            )
        with backward_pass():
            (gradient,) = torch.autograd.grad(total, kept[-1])
        axes = tuple(range(2, gradient.ndim))
        weights = gradient.mean(axes, keepdim=True)
        maps = (weights * kept[-1].detach()).sum(1).clamp(min=0)
        return at_stored_size(model, batch, maps.float())
