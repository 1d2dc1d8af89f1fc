"""Grey images that are stored with equal channels (R = G = B), seen as images of one channel."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from plexor.core.errors import DataError
from plexor.models.batch import Batch, Scaling
from plexor.models.features import Features
from plexor.models.model import HasNetwork, Model, outputs_of
from plexor.models.wrapped import Wrapped, WrappedNetwork


def is_grey(batch: Batch) -> bool:
    """Whether every image has several channels, and all of them are equal."""
    return batch.images.shape[1] > 1 and bool((batch.images == batch.images[:, :1]).all())


def tied_batch(batch: Batch) -> Batch:
    """The images reduced to one channel, which stands for all channels of the file.

    A batch of one channel is returned as it is.

    Raises:
        DataError: an image has channels that differ.
    """
    n_channels = batch.images.shape[1]
    if n_channels == 1:
        return batch
    equal = (batch.images == batch.images[:, :1]).flatten(1).all(dim=1)
    if not bool(equal.all()):
        first = batch.ids[int(torch.nonzero(~equal)[0])]
        raise DataError(
            f"threat: `channels: tied` is for grey images whose channels are equal, and those of "
            f"{first} differ; leave `channels` out for images in colour"
        )
    return replace(batch, images=batch.images[:, :1], copies=n_channels)


class TiedModel(Wrapped):
    """A model of several channels that takes grey images of one channel.

    The channel is repeated, so that the gradient of one number is the sum over its copies.
    Everything else is that of the model.

    Args:
        model: the model.
        n_channels: channels of the images that it takes.
    """

    def __init__(self, model: Model, n_channels: int) -> None:
        super().__init__(model)
        self._n_channels = n_channels

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        """See ``Model``; images of one channel, (N, 1, *spatial)."""
        shape = (-1, self._n_channels, *[-1] * (images.ndim - 2))
        return outputs_of(self._model, images.expand(shape), scaling, features)


class _TiedNetwork(TiedModel, WrappedNetwork):
    """A tied model that has a network."""


def tied_model(model: Model, n_channels: int) -> Model:
    """The model as one of images of one channel; the model itself if it is one already."""
    if n_channels == 1:
        return model
    return (_TiedNetwork if isinstance(model, HasNetwork) else TiedModel)(model, n_channels)
