"""The one-pixel attack: differential evolution of positions and colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm, check_positive
from plexor.attacks.proposal import Proposal, stream
from plexor.attacks.sparse.candidates import Candidates, open_cases
from plexor.attacks.sparse.layout import Layout
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

_FEWEST = 3
"""Number of members that a child is computed from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePixel:
    """One-pixel attack (Su, Vargas & Sakurai, IEEE Trans. Evol. Comput. 2019).

    A member of the population is a position and a colour for each pixel that the threat allows to
    change; the paper takes 1, 3 and 5. Initial positions are drawn uniformly, initial colours from
    a normal distribution with mean at the middle of the storable range and a standard deviation of
    half the range: the paper's N(128, 127). A child is ``x1 + weight * (x2 - x3)`` of three members
    drawn at random, without crossover, and replaces its parent if its margin is no smaller. The
    search ends once the goal is reached; the paper's ends at a high probability of the target.

    Values are clipped to the range, and a position outside the threat's region is moved to the
    nearest one inside. Positions have one more axis where channels are counted apart, and in
    volumes. Two pixels of a member at one position count once. Every query is about a storable
    image.

    Attributes:
        queries: greatest number of forward passes a case. The default is the paper's 100
            generations after the first population.
        population: number of members.
        weight: of the difference of two members; the paper's F.
        at_once: images in one forward pass; fewer when memory runs out.

    Example:
        >>> from plexor.attacks import Misclassify, OnePixel, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="l0", radius=1)
        >>> attack = OnePixel(queries=40, population=10)
        >>> proposal = attack(model, batch, Misclassify(), threat, seed=0)
        >>> (proposal.delta.count_nonzero((1, 2, 3)) <= 1).tolist()
        [True, True]
    """

    access: ClassVar[Access] = "scores"
    norms: ClassVar[tuple[str, ...]] = ("l0",)
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Su et al., IEEE Trans. Evol. Comput. 2019, arXiv:1710.08864"
    summary: ClassVar[str] = (
        "differential evolution of the positions and colours of one or a few pixels"
    )

    queries: int = 40_400
    population: int = 400
    weight: float = 0.5
    at_once: int = 64

    def __post_init__(self) -> None:
        check_counts("one-pixel", queries=self.queries, at_once=self.at_once)
        check_positive("one-pixel", weight=self.weight)
        if self.population < _FEWEST:
            raise PlanError(
                f"one-pixel: `population` must be at least {_FEWEST}, got {self.population}"
            )

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best member seen; no change where none raises the margin."""
        check_norm("one-pixel", threat, self.norms)
        objective = Objective(model, batch, goal)
        layout = Layout.of(batch, threat)
        delta = torch.zeros_like(batch.images)
        for row, case in open_cases(objective, layout, queries=self.queries, at_once=self.at_once):
            allowed = layout.open(case.batch, threat)[0]
            if bool(allowed.any()):
                draws = stream(seed, "evolution", case.batch.ids[0])
                self._evolve(case, _Genes(layout, case.batch, allowed), draws)
                delta[row] = case.delta
        return objective.proposal(delta)

    def _evolve(self, case: Candidates, genes: _Genes, draws: torch.Generator) -> None:
        """Generations until the goal is reached or no queries are left."""
        members = genes.first(self.population, draws)
        margins = case.ask(*genes.expressed(members))
        while case.left > 0 and not case.reached:
            # Three different members for each child.
            drawn = torch.rand(len(members), len(members), generator=draws).topk(_FEWEST).indices
            one, two, three = (members[parent.to(members.device)] for parent in drawn.unbind(1))
            children = genes.clipped(one + self.weight * (two - three))
            now = case.ask(*genes.expressed(children))
            won = torch.nonzero(now >= margins[: len(now)]).flatten()
            members[won], margins[won] = children[won], now[won]


class _Genes:
    """Members (n, pixels, n_axes + n_numbers): position, then colour of each pixel."""

    def __init__(self, layout: Layout, batch: Batch, allowed: Tensor) -> None:
        self._layout, self._allowed = layout, allowed
        device, low, high = batch.images.device, float(batch.low), float(batch.high)
        ends = [*[(0.0, size - 1.0) for size in layout.sizes], *[(low, high)] * layout.n_numbers]
        self._low, self._high = torch.tensor(ends, device=device).unbind(1)
        self._nearest = None if bool(allowed.all()) else _nearest(allowed, layout)

    def first(self, population: int, draws: torch.Generator) -> Tensor:
        """The first generation."""
        layout, device = self._layout, self._allowed.device
        pixels = (population, layout.radius)
        allowed = torch.nonzero(self._allowed).flatten()
        drawn = torch.randint(len(allowed), pixels, generator=draws).to(device)
        places = layout.coordinates(allowed[drawn])
        normal = torch.randn(*pixels, layout.n_numbers, generator=draws).to(device)
        low, high = self._low[-layout.n_numbers :], self._high[-layout.n_numbers :]
        colours = (low + high) / 2 + (high - low) / 2 * normal
        return self.clipped(torch.cat([places.to(colours.dtype), colours], dim=-1))

    def clipped(self, members: Tensor) -> Tensor:
        """Members clipped to the ranges of positions and colours."""
        return members.clamp(self._low, self._high)

    def expressed(self, members: Tensor) -> tuple[Tensor, Tensor]:
        """Indices and values of the numbers that members change, both (n, pixels, n_numbers)."""
        position = torch.zeros(members.shape[:2], dtype=torch.int64, device=members.device)
        for axis, size in enumerate(self._layout.sizes):
            position = position * size + members[..., axis].round().long()
        if self._nearest is not None:
            position = self._nearest[position]
        return self._layout.numbers(position), members[..., -self._layout.n_numbers :]


def _nearest(allowed: Tensor, layout: Layout) -> Tensor:
    """Nearest allowed position of each position, (positions,) int64."""
    outside = ~allowed.view(layout.sizes).cpu().numpy()
    found = ndimage.distance_transform_edt(outside, return_distances=False, return_indices=True)
    flat = np.ravel_multi_index(tuple(found), layout.sizes).ravel()
    return torch.from_numpy(flat.astype(np.int64)).to(allowed.device)
