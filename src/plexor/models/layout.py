"""How images lie in memory: convolutions in 2D compute with channels last."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from plexor.models.batch import Batch
from plexor.models.model import HasNetwork, Model

_LARGE = 2**23
"""Numbers of an image above which no second copy of it is made."""


def as_network_computes(model: Model, batch: Batch) -> Batch:
    """The batch with 2D images in colour laid out channels last, for a search of many passes.

    A torch network computes in this layout, and its gradients come back in it. A search in the same
    layout spares two transpositions of the images at every step. Other batches, and those for
    models without a network in this process, are returned as they are.

    Args:
        model: the model that is searched.
        batch: the cases.

    Example:
        >>> from dataclasses import replace
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> colour = replace(batch, images=batch.images.repeat(1, 3, 1, 1))
        >>> as_network_computes(model, colour).images.stride()
        (48, 1, 12, 3)
    """
    images = batch.images
    if images.ndim != 4 or images[0].numel() > _LARGE or not isinstance(model, HasNetwork):
        return batch
    return replace(batch, images=images.contiguous(memory_format=torch.channels_last))


def layout_of(tensor: Tensor) -> torch.memory_format:
    """Channels last, or else contiguous; contiguous where it is both."""
    if tensor.ndim != 4 or tensor.is_contiguous():
        return torch.contiguous_format
    last = tensor.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def cases_of(tensor: Tensor, rows: Tensor) -> Tensor:
    """Some of the cases, by index, in the layout of all; ``index_select`` would transpose them."""
    if layout_of(tensor) == torch.contiguous_format:
        return tensor.index_select(0, rows)
    return tensor.permute(0, 2, 3, 1).index_select(0, rows).permute(0, 3, 1, 2)
