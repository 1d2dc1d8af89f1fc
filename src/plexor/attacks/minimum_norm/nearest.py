"""The shortest perturbation that reaches a goal, during a search and as stored."""

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

    Where none has reached it, the perturbation with the greatest margin.

    Args:
        objective: the cases.
        threat: defines the norm; its radius is not used.

    Attributes:
        delta: the perturbations, (N, C, *spatial).
        norms: their norms, (N,); infinite where the goal was not reached.
        margins: their margins, (N,).
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
        """Keeps perturbations that are better than those kept so far.

        Args:
            delta: perturbations, (M, C, *spatial).
            margin: their margins, (M,).
            rows: indices of their cases, (M,); None for all cases in order.
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

    A perturbation rounded to the grid may no longer reach the goal, or be zero, and the search may
    have found one that is longer than necessary. So rounded multiples are tried: twice as long
    until the goal is reached, then by bisection between the longest multiple that misses the goal
    and the shortest that reaches it. For a linear model the shortest storable perturbation is such
    a rounding (L2: of a multiple of the gradient, which minimises the Lagrangian in each number).

    Under L0, whose norm does not depend on how far numbers move, a multiple below 1 keeps that
    share of the positions.

    Where no multiple within the radius reaches the goal, returns ``delta`` as the threat stores it
    if that raises the margin, else zero.

    Costs at most 25 forward passes a case.
    """
    found = torch.zeros_like(delta)
    peaks = delta.flatten(1).abs().amax(1)
    radii = threat.radii(objective.batch).flatten() * (1 + 1e-6)
    quantum = objective.batch.quantum.flatten()
    smallest = torch.ones_like(quantum) if threat.norm == "l0" else quantum
    first = (0.5001 * quantum / peaks).clamp(min=1.0)  # shorter multiples round to zero
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
    """``scale * delta`` rounded; for L0, a scale below 1 keeps that share of the positions."""
    each = scale.view(-1, *[1] * (delta.ndim - 1))
    if threat.norm == "l0":
        count = (each.clamp(max=1.0) * threat.measure(delta)).ceil()
        delta, each = threat.project(delta, batch, radii=count), each.clamp(min=1.0)
    return threat.rounded(each * delta, batch)


def _reached(objective: Objective, trial: Tensor, asked: Tensor) -> Tensor:
    """Whether the goal is reached, (N,) bool; queries only the cases ``asked`` (N,) bool."""
    reached = torch.zeros_like(asked)
    chosen = torch.nonzero(asked).flatten()
    if len(chosen) > 0:
        reached[chosen] = objective.select(chosen).margin(trial[chosen]) > 0
    return reached


def _fall_back(
    objective: Objective, threat: Threat, delta: Tensor, found: Tensor, *, missing: Tensor
) -> None:
    """Writes stored perturbations that raise the margin to ``found``, for the ``missing`` cases."""
    rows = torch.nonzero(missing).flatten()
    if len(rows) == 0:
        return
    some = objective.select(rows)
    trial = threat.store(delta[rows], some.batch)
    better = some.margin(trial) > some.untouched()
    found[rows[better]] = trial[better]
