"""A small classification problem, for examples in docstrings."""

from __future__ import annotations

import torch
from torch import nn

from plexor.models.batch import Batch, Scaling
from plexor.models.classification import Multiclass
from plexor.models.preprocess import Preprocess
from plexor.models.torch_model import TorchModel


def tiny_problem() -> tuple[TorchModel, Batch]:
    """A linear model of two classes, and two images that it classifies correctly.

    The images are grey, 8 bit, 4 × 4 pixels, of values 126 ("dark") and 130 ("bright"). A case is
    classified as "bright" where the mean of its pixels is above 128.

    Example:
        >>> model, batch = tiny_problem()
        >>> model.task.decide(model.outputs(batch.images, batch.scaling)).tolist()
        [0, 1]
    """
    linear = nn.Linear(16, 2)
    linear.weight.data = torch.stack([torch.full((16,), -1 / 16), torch.full((16,), 1 / 16)])
    linear.bias.data = torch.tensor([128.0, -128.0])
    model = TorchModel(
        nn.Sequential(nn.Flatten(), linear),
        task=Multiclass(classes=("dark", "bright")),
        preprocess=Preprocess(window=(0.0, 1.0)),
    )
    ones = torch.ones(2, 1, 1, 1)
    batch = Batch(
        ids=("dark", "bright"),
        images=torch.tensor([126.0, 130.0]).view(2, 1, 1, 1).expand(2, 1, 4, 4).clone(),
        truth=torch.tensor([0, 1]),
        low=0 * ones,
        high=255 * ones,
        quantum=ones,
        scaling=Scaling(slope=ones, intercept=0 * ones),
    )
    return model, batch
