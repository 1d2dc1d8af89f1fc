"""Networks as other libraries want them: images from 0 to 1, in an object of theirs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from plexor.models import Batch, Model

GREATEST = 255.0


class UnitNetwork(nn.Module):
    """The model for those who want images from 0 to 1; counts the images it is asked about."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = model.network
        self.model = model
        self.n_asked = 0

    def forward(self, images: Tensor) -> Tensor:
        self.n_asked += len(images)
        return self.model.outputs(images.float() * GREATEST)


def foolbox_model(network: UnitNetwork) -> Any:
    """The network for Foolbox."""
    from foolbox import PyTorchModel

    return PyTorchModel(network.eval(), bounds=(0, 1))


def art_classifier(network: UnitNetwork, batch: Batch, seed: int) -> Any:
    """The network for ART, with everything seeded that it draws from."""
    import random

    import numpy as np
    from art.estimators.classification import PyTorchClassifier

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the only way to seed this library
    torch.manual_seed(seed)
    return PyTorchClassifier(
        network.eval(),
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(batch.images.shape[1:]),
        nb_classes=network.model.task.n_outputs,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )
