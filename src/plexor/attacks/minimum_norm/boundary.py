"""Where a model's boundary seems to be, seen from a perturbation: the plane of the nearest way."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.objective import Objective
from plexor.attacks.threat import Threat

_NEARLY = 0.999
_OUT_OF_REACH = 1e30


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """The boundary of one way to the goal, as if the way were linear.

    Attributes:
        rise: by how much the way must rise to be taken, (N,); below zero where it is.
        gradient: of the way, (N, C, *spatial).
        step: the smallest change, in range and region, that leads onto the plane, or as near to it
            as there is.
        margin: of the goal, (N,); infinite where it is no number.
    """

    rise: Tensor
    gradient: Tensor
    step: Tensor
    margin: Tensor


def evened(objective: Objective, threat: Threat, most: int) -> Objective:
    """The same cases, whose margin climbs towards the boundary that is nearest at the start.

    Under L0, which knows no slope, nothing is changed. Costs a gradient for each way.

    Args:
        objective: the cases.
        threat: the norm and the region.
        most: look at so many ways only, the nearest to being taken.
    """
    if threat.norm == "l0":
        return objective
    start = torch.zeros_like(objective.batch.images)

    def slope(gradient: Tensor, way: Tensor) -> Tensor:
        change = threat.crossing(gradient, -way, start, objective.batch)
        risen = (change * gradient).flatten(1).sum(1).abs()
        far = threat.norms(change).clamp(min=1 / _OUT_OF_REACH)
        return torch.where(risen >= _NEARLY * way.abs(), way.abs() / far, 0.0)

    return objective.evened(slope, most)


def nearest_plane(objective: Objective, threat: Threat, delta: Tensor, most: int) -> Plane:
    """The plane that the smallest step leads onto from ``delta`` (N, C, *spatial).

    The papers compare distances without a range, the way over its gradient's dual norm. Where many
    numbers are at an end of their range, as a dark background's, another way may be nearer.

    Costs a gradient for each way.

    Args:
        objective: the cases.
        threat: the norm and the region.
        delta: where the ways are taken for linear.
        most: look at so many ways only, the nearest to being taken.
    """
    ways, gradients = objective.ways(delta, most)
    margin = ways.amax(dim=1).nan_to_num(nan=torch.inf)
    best = torch.full_like(margin, torch.inf)
    rise, gradient, step = -ways[:, 0], gradients[:, 0], torch.zeros_like(delta)
    for way, slope in zip(ways.unbind(1), gradients.unbind(1), strict=True):
        change = threat.crossing(slope, -way, delta, objective.batch)
        risen = (change * slope).flatten(1).sum(1).abs()
        far = torch.where(risen >= _NEARLY * way.abs(), threat.norms(change), _OUT_OF_REACH)
        nearer = far < best
        best, rise = torch.where(nearer, far, best), torch.where(nearer, -way, rise)
        each = nearer.view(-1, *[1] * (delta.ndim - 1))
        gradient, step = torch.where(each, slope, gradient), torch.where(each, change, step)
    return Plane(rise=rise, gradient=gradient, step=step, margin=margin)
