"""Models whose answer to one image varies: whether, how many draws to average, and judgement."""

from __future__ import annotations

import torch
from torch import Tensor

from plexor.attacks.objective import Objective

JUDGED = 15
"""Draws by which a perturbation of a random model is judged; odd, so that one half is more."""
_ROUNDING = 1e-4
"""Share of a case's greatest output by which two answers differ from rounding alone."""
_SETTLED = 0.7
"""Cosine between two independent averages of the gradient from which on they count as settled."""
_MOST_SAMPLES = 32


def varies(first: Tensor, second: Tensor) -> bool:
    """Whether two answers to the same images differ by more than rounding.

    Args:
        first: outputs, (N, ...).
        second: outputs for the same images, (N, ...).
    """
    one, other = first.flatten(1).nan_to_num(), second.flatten(1).nan_to_num()
    scale = torch.maximum(one.abs(), other.abs()).amax(dim=1)
    return bool(((one - other).abs().amax(dim=1) > _ROUNDING * scale).any())


def settled_samples(objective: Objective) -> int:
    """Number of gradients to average, doubled from 1 until the average settles, at most 32.

    Two independent averages at the untouched images are compared: they count as settled where the
    median over the cases of the cosine between them is at least 0.7. Costs twice the gradients of
    each number tried.

    Args:
        objective: cases of a model with random outputs.

    Raises:
        ModelError: the model is not differentiable.
    """
    here = torch.zeros_like(objective.batch.images)

    def average(samples: int) -> Tensor:
        return torch.stack([objective.gradient(here, "margin")[2] for _ in range(samples)]).mean(0)

    one, other, samples = average(1), average(1), 1
    while samples < _MOST_SAMPLES:
        cosine = torch.cosine_similarity(one.flatten(1), other.flatten(1), dim=1)
        if float(cosine.median()) >= _SETTLED:
            break
        one, other = (one + other) / 2, average(2 * samples)
        samples *= 2
    return samples


def fresh_margins(objective: Objective, delta: Tensor, draws: int = JUDGED) -> Tensor:
    """Margins of new draws of the model's outputs, (draws, N); ``draws`` forward passes a case."""
    return torch.stack([objective.margin(delta) for _ in range(draws)])
