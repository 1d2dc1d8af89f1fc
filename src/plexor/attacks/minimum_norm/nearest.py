"""The nearest perturbation that reaches a goal: as a search sees it, and as a file holds it."""

from __future__ import annotations

import torch
from torch import Tensor

from plexor.attacks.objective import Objective
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch

_TRIALS = 24
_CLOSE = 2.0**-10


class Nearest:
    """For each case, the shortest perturbation seen so far that reaches the goal.

    Where none has reached it, the one with the greatest margin.

    Args:
        objective: the cases, and what is wanted of them.
        threat: whose norm is meant; its radius does not matter.

    Attributes:
        delta: (N, C, *spatial), those perturbations.
        norms: (N,), infinite where the goal was not reached.
        margins: (N,).
    """

    def __init__(self, objective: Objective, threat: Threat) -> None:
        self.threat = threat
        self.delta = torch.zeros_like(objective.batch.images)
        self.margins = objective.untouched()
        self.norms = torch.where(self.margins > 0, 0.0, torch.inf)
        self._everyone = torch.arange(len(objective), device=self.delta.device)

    @property
    def found(self) -> Tensor:
        """Whether the goal was reached, (N,) bool."""
        return self.norms.isfinite()

    def see(self, delta: Tensor, margin: Tensor, rows: Tensor | None = None) -> None:
        """Keeps what is better than what is held.

        Args:
            delta: perturbations, (M, C, *spatial).
            margin: theirs, (M,).
            rows: which cases they are of, (M,); None for all, in order.
        """
        rows = self._everyone if rows is None else rows
        norms = torch.where(margin > 0, self.threat.norms(delta), torch.inf)
        held = self.norms[rows]
        better = (norms < held) | (held.isinf() & (margin > self.margins[rows]))
        kept = rows[better]
        self.delta[kept], self.norms[kept] = delta[better], norms[better]
        self.margins[kept] = margin[better]


def shortest_stored(objective: Objective, threat: Threat, delta: Tensor) -> Tensor:
    """The shortest storable multiple of ``delta`` that reaches the goal, within the threat.

    Rounded to the grid, a perturbation may be short of the goal, or nothing at all; and what a
    search found may be longer than it need be. So multiples are rounded and tried: twice as long
    until the goal is reached, then halfway between the longest that is short of it and the
    shortest that is not. For a linear model the shortest storable perturbation of all is such a
    rounding (L2: of a multiple of the gradient; the Lagrangian's minimum, number by number).

    L0 does not measure how far numbers move: there, less than one is that share of the positions.

    Where none within the radius is seen to reach the goal, ``delta`` as the threat stores it if
    that is nearer to the goal than the untouched image, else zero.

    Costs at most 25 forward passes a case.
    """
    found = torch.zeros_like(delta)
    peaks = delta.flatten(1).abs().amax(1)
    radii = threat.radii(objective.batch).flatten() * (1 + 1e-6)
    quantum = objective.batch.quantum.flatten()
    smallest = torch.ones_like(quantum) if threat.norm == "l0" else quantum
    first = (0.5001 * quantum / peaks).clamp(min=1.0)  # what is shorter moves nothing
    low, high = torch.zeros_like(first), torch.full_like(first, torch.inf)
    norms = high.clone()
    rows = torch.nonzero(peaks > 0).flatten()
    for _ in range(_TRIALS):
        if len(rows) == 0:
            break
        some = objective.select(rows)
        scale = torch.where(high.isinf(), torch.maximum(2 * low, first), (low + high) / 2)[rows]
        trial = _multiple(threat, delta[rows], scale, some.batch)
        length = threat.norms(trial)
        fits = length <= radii[rows]
        reached = _reached(some, trial, fits)
        shorter = reached & (length < norms[rows])
        found[rows[shorter]], norms[rows[shorter]] = trial[shorter], length[shorter]
        enough = reached | ~fits
        high[rows] = torch.where(enough, scale, high[rows])
        low[rows] = torch.where(enough, low[rows], scale)
        done = (high / low <= 1 + _CLOSE) | (norms <= smallest)
        rows = rows[~done[rows]]
    _fall_back(objective, threat, delta, found, missing=norms.isinf() & (peaks > 0))
    return found


def _multiple(threat: Threat, delta: Tensor, scale: Tensor, batch: Batch) -> Tensor:
    """``scale * delta`` rounded; for L0 that share of its positions, or all of them, further."""
    each = scale.view(-1, *[1] * (delta.ndim - 1))
    if threat.norm == "l0":
        count = (each.clamp(max=1.0) * threat.measure(delta)).ceil()
        delta, each = threat.project(delta, batch, radii=count), each.clamp(min=1.0)
    return threat.rounded(each * delta, batch)


def _reached(objective: Objective, trial: Tensor, asked: Tensor) -> Tensor:
    """Which of the cases ``asked`` (N,) bool are at the goal; the others are not asked."""
    reached = torch.zeros_like(asked)
    chosen = torch.nonzero(asked).flatten()
    if len(chosen) > 0:
        reached[chosen] = objective.select(chosen).margin(trial[chosen]) > 0
    return reached


def _fall_back(
    objective: Objective, threat: Threat, delta: Tensor, found: Tensor, *, missing: Tensor
) -> None:
    """Writes to ``found`` what brings cases nearer to the goal that was not reached."""
    rows = torch.nonzero(missing).flatten()
    if len(rows) == 0:
        return
    some = objective.select(rows)
    trial = threat.store(delta[rows], some.batch)
    better = some.margin(trial) > some.untouched()
    found[rows[better]] = trial[better]
