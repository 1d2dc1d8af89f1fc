"""How long a pass through a model takes on this machine."""

from __future__ import annotations

import math
import time

import torch

from plexor.models import Batch, Model
from plexor.models.model import answer


def seconds_per_case(model: Model, batch: Batch, *, gradients: bool) -> float:
    """Seconds of a pass, the second of two."""
    seconds = 0.0
    for _ in range(2):
        images = batch.images.clone().requires_grad_(gradients)
        start = time.perf_counter()
        with torch.set_grad_enabled(gradients):
            outputs = answer(model, batch, images)
            if gradients:
                torch.autograd.grad(outputs.float().sum(), images)
        float(outputs.detach().float().sum())  # waits for a graphics card
        seconds = time.perf_counter() - start
    return seconds / len(batch)


def in_words(seconds: float) -> str:
    """A rough time, e.g. "about 12 minutes".

    Example:
        >>> in_words(40), in_words(700), in_words(9000)
        ('less than a minute', 'about 12 minutes', 'about 2.5 hours')
    """
    if seconds < 60:
        return "less than a minute"
    if seconds < 5400:
        return f"about {math.ceil(seconds / 60)} minutes"
    return f"about {seconds / 3600:.1f} hours"
