"""Models of which less than gradients is seen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from plexor.models.batch import Scaling
from plexor.models.features import Features
from plexor.models.model import HasNetwork, Limited, Model, ModelAccess, Remembers, outputs_of
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

    @property
    def n_paid(self) -> int:
        """See ``Remembers``; 0 for a model that is not paid."""
        return sum(part.n_paid for part in self._parts() if isinstance(part, Remembers))

    @property
    def waits(self) -> bool:
        """See ``Waits``: whether a server answers."""
        return any(isinstance(part, Remembers) for part in self._parts())

    @property
    def per_second(self) -> float | None:
        """See ``Limited``; the least of its parts."""
        limits = [part.per_second for part in self._parts() if isinstance(part, Limited)]
        return min((one for one in limits if one is not None), default=None)

    @contextlib.contextmanager
    def asked_anew(self) -> Iterator[None]:
        """See ``Remembers``."""
        with contextlib.ExitStack() as stack:
            for part in self._parts():
                if isinstance(part, Remembers):
                    stack.enter_context(part.asked_anew())
            yield

    def _parts(self) -> Iterator[nn.Module]:
        return self._model.network.modules() if isinstance(self._model, HasNetwork) else iter(())

    def outputs(
        self, images: Tensor, scaling: Scaling | None = None, features: Features | None = None
    ) -> Tensor:
        """See ``Model``; without gradients."""
        with torch.no_grad():
            return outputs_of(self._model, images, scaling, features)
