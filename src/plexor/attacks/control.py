"""The control of an attack: random noise of the same norm and radius."""

from __future__ import annotations

from torch import Tensor

from plexor.attacks.proposal import normal_noise
from plexor.attacks.threat import Threat
from plexor.attacks.tied import untied
from plexor.models.batch import Batch
from plexor.models.tied import tied_batch


def matched_noise(batch: Batch, threat: Threat, *, seed: int) -> Tensor:
    """A random storable perturbation for each case that uses the whole radius.

    It is the best perturbation against a linear model with random weights. L∞: each number moves by
    plus or minus the radius with equal probability. L2: a uniformly drawn direction, with the
    length of the radius. L1 and L0: numbers or positions drawn at random move to the end of their
    range, as many as the radius allows.

    Returns:
        (N, C, *spatial), in stored numbers.

    Example:
        >>> from plexor.attacks import Threat, matched_noise
        >>> from plexor.attacks.example import tiny_problem
        >>> _, batch = tiny_problem()
        >>> noise = matched_noise(batch, Threat(norm="linf", radius=2), seed=0)
        >>> noise.abs().unique().tolist()
        [2.0]
    """
    if threat.channels == "tied" and batch.images.shape[1] > 1:
        return untied(matched_noise(tied_batch(batch), threat, seed=seed), batch)
    return threat.store(threat.furthest(normal_noise(batch, seed, "noise"), batch), batch)
