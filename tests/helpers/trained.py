"""A network that has learnt something, within seconds."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from tests.helpers.tiny import batch_of, image, multiclass
from torch import nn

from plexor.models import Batch, Preprocess, TorchModel
from plexor.models.architectures.small_cnn import SmallCNN


@cache
def noisy_patterns() -> tuple[TorchModel, Batch]:
    """A small network that knows five patterns under noise, and sixty of the images it saw."""
    generator = torch.Generator().manual_seed(0)
    patterns = 16 * torch.rand(5, 3, 16, 16, generator=generator) + 100
    truth = torch.arange(200) % 5
    noise = 40 * torch.randn(200, 3, 16, 16, generator=generator)
    pixels = (patterns[truth] + noise).round().clamp(0, 255)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SmallCNN(2, 3, 5)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(40):
        loss = nn.functional.cross_entropy(network(pixels / 255), truth)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    stored = [image(one.numpy().astype(np.uint8)) for one in pixels[:60]]
    model = TorchModel(network, task=multiclass(5), preprocess=Preprocess())
    return model, batch_of(stored, truth[:60].tolist())
