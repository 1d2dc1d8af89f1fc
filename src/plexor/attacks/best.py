"""What a search by queries has found so far, and the cases it still has to look at."""

from __future__ import annotations

import torch
from torch import Tensor

from plexor.attacks.objective import Objective
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat


class Best:
    """The perturbation with the greatest margin of each case; cases that are reached leave.

    Cases at the goal from the start, and those with nothing that could be changed, are left alone.

    Args:
        objective: of all cases.
        threat: what may be changed.
        queries: forward passes a case may cost, those already spent included.

    Attributes:
        objective: of the cases still open, M of N.
        left: queries that each of them still has; searches ask about all of them equally often.
    """

    def __init__(self, objective: Objective, threat: Threat, *, queries: int) -> None:
        self._all = objective
        self._delta = torch.zeros_like(objective.batch.images)
        self._margins = objective.untouched()
        low, high = threat.bounds(objective.batch)
        room = (low < high).flatten(1).any(dim=1)
        self._rows = torch.nonzero((self._margins <= 0) & room).flatten()
        self.objective = objective.select(self._rows)
        self.left = queries - max(objective.spent().tolist(), default=0)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def margins(self) -> Tensor:
        """The greatest margin seen of each open case, (M,)."""
        return self._margins[self._rows]

    def probe(self, trial: Tensor) -> Tensor:
        """The margins of perturbations that will not be proposed, (M,); one query a case."""
        self.left -= 1
        return self.objective.margin(trial)

    def ask(self, trial: Tensor) -> Tensor:
        """The margins of storable perturbations within the threat, (M,); one query a case."""
        margin = self.probe(trial)
        better = margin > self.margins
        self._delta[self._rows[better]] = trial[better]
        self._margins[self._rows[better]] = margin[better]
        return margin

    def leave(self, *states: Tensor) -> tuple[Tensor, ...]:
        """Lets go of cases that are reached, and of their rows in ``states`` (M, ...)."""
        stay = torch.nonzero(self.margins <= 0).flatten()
        if len(stay) == len(self._rows):
            return states
        self._rows = self._rows[stay]
        self.objective = self.objective.select(stay)
        return tuple(state[stay] for state in states)

    def proposal(self) -> Proposal:
        """For all cases; nothing for those of which nothing was better than nothing."""
        return self._all.proposal(self._delta)
