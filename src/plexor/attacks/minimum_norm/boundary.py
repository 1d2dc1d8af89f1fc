"""Linear approximation of the decision boundary of the nearest way to a goal."""

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
    """The linearised boundary of one way to the goal.

    Attributes:
        rise: increase of the way that is missing to its boundary, (N,); negative beyond it.
        gradient: of the way, (N, C, *spatial).
        step: smallest change within range and region that leads onto the plane, or as close to it
            as possible.
        margin: of the goal, (N,); infinite where it is NaN.
    """

    rise: Tensor
    gradient: Tensor
    step: Tensor
    margin: Tensor


def nearest_by_slope(objective: Objective, threat: Threat, most: int) -> Objective:
    """The same cases with a "margin" loss towards the boundary nearest to the untouched image.

    See ``Objective.nearest_by_slope``. Returns ``objective`` under L0, where slopes are undefined.
    Costs one gradient for each way.

    Args:
        objective: the cases.
        threat: the norm and the region.
        most: number of ways to compare, those closest to being reached.
    """
    if threat.norm == "l0":
        return objective
    start = torch.zeros_like(objective.batch.images)

    def slope(gradient: Tensor, way: Tensor) -> Tensor:
        change = threat.crossing(gradient, -way, start, objective.batch)
        risen = (change * gradient).flatten(1).sum(1).abs()
        far = threat.norms(change).clamp(min=1 / _OUT_OF_REACH)
        return torch.where(risen >= _NEARLY * way.abs(), way.abs() / far, 0.0)

    return objective.nearest_by_slope(slope, most)


def nearest_plane(objective: Objective, threat: Threat, delta: Tensor, most: int) -> Plane:
    """The plane that is nearest to ``delta`` (N, C, *spatial) within range and region.

    The papers ignore the range and compare the ratios of way and dual norm of its gradient. Where
    many numbers are at an end of their range, as in a dark background, another way may be nearer.

    Costs one gradient for each way.

    Args:
        objective: the cases.
        threat: the norm and the region.
        delta: the perturbation at which ways are linearised.
        most: number of ways to compare, those closest to being reached.
    """
    ways, gradients = objective.ways(delta, most)
    margin = ways.amax(dim=1).nan_to_num(nan=-torch.inf)
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
