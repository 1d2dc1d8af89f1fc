"""Models that ask another model, and are that model in all but their outputs."""

from __future__ import annotations

from typing import Self

import torch
from torch import nn

from plexor.models.card import ModelCard
from plexor.models.model import Model, ModelAccess, network_of
from plexor.models.task import Task


class Wrapped:
    """A model without ``outputs``, which subclasses define; everything else is the inner model's.

    Args:
        model: the inner model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def card(self) -> ModelCard:
        """See ``Model``."""
        return self._model.card

    @property
    def task(self) -> Task:
        """See ``Model``."""
        return self._model.task

    @property
    def access(self) -> ModelAccess:
        """See ``Model``."""
        return self._model.access

    @property
    def device(self) -> torch.device:
        """See ``Model``."""
        return self._model.device

    def identity(self) -> str:
        """See ``Model``."""
        return self._model.identity()

    def to(self, device: torch.device) -> Self:
        """See ``Model``."""
        self._model.to(device)
        return self


class WrappedNetwork(Wrapped):
    """The same for an inner model with a network, see ``HasNetwork``."""

    @property
    def network(self) -> nn.Module:
        """See ``HasNetwork``."""
        return network_of(self._model, method="a wrapped network")

    @property
    def was_training(self) -> bool:
        """See ``HasNetwork``."""
        return bool(getattr(self._model, "was_training", False))
