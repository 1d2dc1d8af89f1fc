"""What every attack is measured against: noise of the same norm and radius."""

from __future__ import annotations

from torch import Tensor

from plexor.attacks.proposal import normal_noise
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch


def matched_noise(batch: Batch, threat: Threat, *, seed: int) -> Tensor:
    """A storable perturbation for each case that uses the whole radius and knows no model.

    It is what would be best against a linear model of random weights. L∞: each number moves by
    plus or minus the radius, by a fair coin, so that the noise is as long as an L∞ attack can be.
    L2: a direction drawn uniformly, of the radius's length. L1 and L0: numbers or positions drawn
    at random move to the end of their range, as many as the radius allows.

    Returns:
        (N, C, *spatial), in stored numbers.
    """
    noise = normal_noise(batch, seed, "noise")
    return threat.store(threat.furthest(noise, batch), batch)
