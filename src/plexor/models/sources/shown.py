"""Models of which less than gradients is seen."""

from __future__ import annotations

import torch
from torch import Tensor

from plexor.models.batch import Scaling
from plexor.models.features import Features
from plexor.models.model import Model, ModelAccess, outputs_of
from plexor.models.wrapped import Wrapped


class Shown(Wrapped):
    """A model that shows its scores or its decisions only.

    Args:
        model: computes the outputs.
        access: what it shows.
    """

    def __init__(self, model: Model, access: ModelAccess) -> None:
        super().__init__(model)
        self._access: ModelAccess = access

    @property
    def access(self) -> ModelAccess:
        """See ``Model``."""
        return self._access

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        """See ``Model``; without gradients."""
        with torch.no_grad():
            return outputs_of(self._model, images, scaling, features)
