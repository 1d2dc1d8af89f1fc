"""The best of what was tried, and of several searches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from plexor.attacks.objective import Objective
from plexor.attacks.proposal import Proposal

Search = Callable[[Objective, int], tuple[Tensor, Tensor]]
"""Of the cases it is given, and its number from 0: perturbations (N, C, *spatial), margins (N,)."""


class Best:
    """The storable perturbation of each case with the greatest margin so far.

    Args:
        margins: what is to be beaten, (N,).
        like: shaped as perturbations are, (N, C, *spatial).

    Attributes:
        delta: (N, C, *spatial), zero where nothing was better.
        margins: (N,).
    """

    def __init__(self, margins: Tensor, like: Tensor) -> None:
        self.delta = torch.zeros_like(like)
        self.margins = margins.clone()
        self._rows = torch.arange(len(like), device=like.device)

    def keep(self, trial: Tensor, margin: Tensor) -> None:
        """Takes what is better, of the M cases that have not left."""
        better = margin > self.margins[self._rows]
        rows = self._rows[better]
        self.delta[rows], self.margins[rows] = trial[better], margin[better]

    def leave(self) -> Tensor:
        """Lets go of cases that are reached; says which of the M stay, int64."""
        stay = torch.nonzero(self.margins[self._rows] <= 0).flatten()
        self._rows = self._rows[stay]
        return stay


def best_of(objective: Objective, n_searches: int, search: Search) -> Proposal:
    """What has the greatest margin of all searches; nothing where none beats doing nothing.

    The first search is for every case, each later one for those not yet reached.
    """
    best, some = Best(objective.untouched(), objective.batch.images), objective
    for number in range(n_searches):
        best.keep(*search(some, number))
        stay = best.leave()
        if len(stay) == 0:
            break
        if len(stay) < len(some):
            some = some.select(stay)
    return objective.proposal(best.delta)
