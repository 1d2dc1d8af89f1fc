"""Sigma-zero: descent on a smooth approximation of L0, with a threshold on small changes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.minimum_norm.boundary import nearest_way
from plexor.attacks.minimum_norm.nearest import Nearest, shortest_stored
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm, check_positive
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

_LAST_STEP = 0.1
_WIDEST = 1.0
"""Greatest threshold, as a fraction of the storable range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigmaZero:
    """Sigma-zero (Cinà et al., ICLR 2025), for the fewest changed positions.

    Maximises the margin until the goal is reached, minus ``x / (x + sigma)`` averaged over all
    positions, where x is the square of a change as a fraction of the storable range: a smooth count
    of the changed positions. The gradient is divided by its greatest absolute entry. After each
    step, positions that changed by less than a threshold are restored; the threshold rises while
    the goal is reached and falls while it is not. Step and threshold increment decrease along a
    cosine. The result is stored as ``shortest_stored`` describes.

    The paper counts every number. Here x is the sum over the channels of a position, and a position
    is restored with all its channels, unless the threat counts channels apart. Of several ways to
    the goal the paper follows the one with the greatest margin; here it is the one whose boundary
    ``nearest_way`` estimates to be the nearest.

    Attributes:
        steps: gradients, in addition to three at the start for each way. The paper uses 1000, and
            100 for a quick search.
        step_size: greatest change of a number in the first step, as a fraction of the storable
            range; a tenth of it in the last.
        sigma: smoothness of the count.
        threshold: the first threshold, as a fraction of the storable range.
        gamma: change of the threshold in the first step; a tenth of it in the last.
        ways: number of ways to compare at the start, those closest to being reached; 1 is the
            paper's method.

    Example:
        >>> from plexor.attacks import Misclassify, SigmaZero, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="l0", radius=3)
        >>> proposal = SigmaZero()(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.count_nonzero((1, 2, 3)).tolist()
        [1, 1]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("l0",)
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Cinà et al., ICLR 2025, arXiv:2402.01879"
    summary: ClassVar[str] = "fewest changed positions, by a smooth count and a threshold"

    steps: int = 200
    step_size: float = 1.0
    sigma: float = 0.001
    threshold: float = 0.3
    gamma: float = 0.01
    ways: int = 10

    def __post_init__(self) -> None:
        check_counts("sigma-zero", steps=self.steps, ways=self.ways)
        check_positive("sigma-zero", step_size=self.step_size, sigma=self.sigma, gamma=self.gamma)
        if not 0 <= self.threshold <= _WIDEST:
            raise PlanError(
                f"sigma-zero: `threshold` is a fraction of the storable range from 0 to "
                f"{_WIDEST:g}, got {self.threshold}"
            )

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the storable perturbation with the fewest positions that reaches the goal.

        Where none within the radius does, proposes the perturbation cut to the radius, or no change
        if that does not raise the margin.

        Raises:
            PlanError: the threat is not one of L0.
        """
        check_norm("sigma-zero", threat, self.norms)
        objective = Objective(model, batch, goal)
        nearest = Nearest(objective, threat)
        near = nearest_way(nearest, objective, self.ways)
        low, high = threat.bounds(batch)
        whole = batch.high - batch.low
        share = torch.zeros_like(batch.images)  # the perturbation as a fraction of the range
        threshold = torch.full_like(batch.low, self.threshold)
        for step in range(self.steps):
            fade = _LAST_STEP + (1 - _LAST_STEP) * (1 + math.cos(math.pi * step / self.steps)) / 2
            delta = (share * whole).clamp(low, high)
            margin, _, gradient = near.gradient(delta, "margin")
            nearest.see(delta, margin)
            reached = (margin > 0).view_as(whole)
            rise = torch.where(reached, 0.0, whole * gradient) - self._count_slope(share, threat)
            way, _ = geometry.over_peaks(threat.free(rise, delta, batch))
            share = (share + self.step_size * fade * way).clamp(low / whole, high / whole)
            share = share * (_size(share, threat).sqrt() >= threshold)
            change = torch.where(reached, self.gamma, -self.gamma) * fade
            threshold = (threshold + change).clamp(0.0, _WIDEST)
        return objective.proposal(shortest_stored(objective, threat, nearest.delta))

    def _count_slope(self, share: Tensor, threat: Threat) -> Tensor:
        """The gradient of the smooth count, averaged over all positions."""
        size = _size(share, threat)
        return 2 * self.sigma * share / (size + self.sigma).square() / size[0].numel()


def _size(share: Tensor, threat: Threat) -> Tensor:
    """Squared change of each position, (N, 1, *spatial), or of each number if counted apart."""
    square = share.square()
    return square if threat.channels == "apart" else square.sum(dim=1, keepdim=True)
