"""A hybrid behind an estimator of its volumes: a model that takes the image only."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from plexor.core.ids import digest
from plexor.models import Features, ModelCard, Scaling, Task, TorchModel
from plexor.models.model import ModelAccess
from plexor.studies.li2020.estimator import Estimator


class Pipeline:
    """A model whose features are estimated from the image, so that it takes the image only.

    Args:
        inner: a model that takes features.
        estimator: estimates the features.
    """

    def __init__(self, inner: TorchModel, estimator: Estimator) -> None:
        self.inner, self.estimator = inner, estimator
        self.card = ModelCard(
            task=inner.task, architecture=f"{inner.card.architecture}, volumes estimated"
        )

    @property
    def task(self) -> Task:
        """See ``Model``."""
        return self.inner.task

    @property
    def access(self) -> ModelAccess:
        """See ``Model``."""
        return "gradients"

    @property
    def device(self) -> torch.device:
        """See ``Model``."""
        return self.inner.device

    def to(self, device: torch.device) -> Self:
        """See ``Model``; moves both networks."""
        self.inner.to(device)
        self.estimator.network.to(device)
        return self

    def identity(self) -> str:
        """SHA-256 of both models."""
        weights = self.estimator.network.state_dict()
        parts = [[name, digest(tensor.flatten().tolist())] for name, tensor in weights.items()]
        return digest([self.inner.identity(), parts])

    def outputs(
        self,
        images: Tensor,
        scaling: Scaling | None = None,
        features: Features | None = None,  # noqa: ARG002 (it takes the image only)
    ) -> Tensor:
        """Outputs of the inner model with estimated features; ``features`` is not used."""
        return self.inner.outputs(images, scaling, self.estimator.estimate(images, scaling))
