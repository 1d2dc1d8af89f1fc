"""The greatest rise of a linear function within a threat, in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from plexor.attacks import Threat
from plexor.models import Batch

_BISECTIONS = 120


def greatest_rise(direction: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """The greatest ``direction · delta`` within radius and range, (N,), in float64.

    L∞: every number moves by the radius or to the end of its range. L2: ``clip(s * direction)``,
    with the s that uses the radius up (Lagrange), by bisection. L1: the steepest numbers go to the
    ends of their ranges until the radius is used up. L0: the positions with the most to gain.

    Args:
        direction: (C, *spatial).
        batch: the cases; the radius is taken in stored numbers.
        threat: the ball.
    """
    low, high = (batch.low - batch.images).double(), (batch.high - batch.images).double()
    along, radius = direction.double().expand_as(low), threat.radius
    if threat.norm == "linf":
        return ((along.sign() * radius).clamp(low, high) * along).flatten(1).sum(1)
    if threat.norm == "l2":
        return _within_length(along, low, high, radius)
    gains = torch.maximum(along * low, along * high)
    if threat.norm == "l0":
        each = gains if threat.channels == "apart" else gains.sum(dim=1)
        return each.flatten(1).topk(int(radius), dim=1).values.sum(1)
    steep, order = along.flatten(1).abs().sort(dim=1, descending=True)
    room = torch.where(along > 0, high, -low).flatten(1).gather(1, order)
    taken = torch.minimum(room, (radius - (room.cumsum(1) - room)).clamp(min=0))
    return (taken * steep).sum(1)


def _within_length(along: Tensor, low: Tensor, high: Tensor, radius: float) -> Tensor:
    least = torch.zeros(len(low), *[1] * (low.ndim - 1), dtype=torch.float64)
    most = torch.full_like(least, 1e12)
    for _ in range(_BISECTIONS):
        middle = (least + most) / 2
        lengths = (middle * along).clamp(low, high).flatten(1).norm(dim=1)
        fits = (lengths <= radius).view_as(middle)
        least, most = torch.where(fits, middle, least), torch.where(fits, most, middle)
    return ((least * along).clamp(low, high) * along).flatten(1).sum(1)
