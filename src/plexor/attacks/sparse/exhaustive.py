"""Every pixel, in every extreme colour: an exact answer, and a map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks.description import EVERY_TASK, Access
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm
from plexor.attacks.proposal import Proposal, stream
from plexor.attacks.sparse.candidates import Candidates, open_cases, sweep
from plexor.attacks.sparse.layout import Layout
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhaustivePixel:
    """Tries every single pixel or voxel in every extreme colour; leaves out nothing of that set.

    An extreme colour has each channel at one end of the storable range: 2 of them in grey, 8 in
    RGB. Where the threat takes channels apart, a single number goes to either end. The answer is
    exact for this set and for single positions, however many the threat allows: whether one
    of them reaches the goal, how many positions do, and where. ``Proposal.by_position`` is the map.
    Colours between the extremes are not tried; no claim is made for them.

    It costs as many forward passes a case as there are open positions times colours, e.g. 401,408
    for 224 × 224 pixels in RGB, and as much memory as ``at_once`` images. A region, a ``stride``
    or a number of ``queries`` makes volumes feasible, and the answer one for the positions tried.

    Attributes:
        stride: try every so many-th position along each axis, from the first.
        queries: forward passes a case, at most; None for as many as it takes. With fewer, positions
            are drawn at random, so that the share of them that reach the goal estimates that of
            all.
        at_once: images that go through the model together; fewer when memory runs out.
    """

    access: ClassVar[Access] = "scores"
    norms: ClassVar[tuple[str, ...]] = ("l0",)
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = (
        "Plexor's own; its set is that of CornerSearch's first step: Croce & Hein, ICCV 2019, "
        "arXiv:1909.05040"
    )
    summary: ClassVar[str] = (
        "every pixel in every extreme colour, with a map of those that reach the goal"
    )

    stride: int = 1
    queries: int | None = None
    at_once: int = 64

    def __post_init__(self) -> None:
        check_counts(
            "exhaustive-pixel", stride=self.stride, at_once=self.at_once, queries=self.queries
        )

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the change with the greatest margin; nothing where none beats doing nothing."""
        check_norm("exhaustive-pixel", threat, self.norms)
        objective = Objective(model, batch, goal)
        layout = Layout.of(batch, threat)
        delta = torch.zeros_like(batch.images)
        maps = torch.full((len(batch), *batch.images.shape[2:]), torch.nan)
        for row, case in open_cases(objective, layout, queries=self.queries, at_once=self.at_once):
            positions = self._positions(case, layout, threat, seed)
            margins = sweep(case, layout, positions)
            delta[row] = case.delta
            maps[row] = _map(layout, positions[: len(margins)], margins, maps.shape[1:])
        return replace(objective.proposal(delta), by_position=maps)

    def _positions(self, case: Candidates, layout: Layout, threat: Threat, seed: int) -> Tensor:
        """What is tried of a case: all that is open on the grid, or a part drawn at random."""
        n_spatial = case.batch.images.ndim - 2
        steps = [slice(None)] * (len(layout.sizes) - n_spatial)
        steps += [slice(None, None, self.stride)] * n_spatial
        tried = torch.zeros(layout.sizes, dtype=torch.bool, device=case.batch.images.device)
        tried[tuple(steps)] = True
        positions = torch.nonzero(tried.flatten() & layout.open(case.batch, threat)[0]).flatten()
        most = case.left // 2**layout.n_numbers
        if len(positions) <= most:
            return positions
        drawn = torch.randperm(
            len(positions), generator=stream(seed, "positions", case.batch.ids[0])
        )
        return positions[drawn[:most].to(positions.device)]


def _map(layout: Layout, positions: Tensor, margins: Tensor, spatial: torch.Size) -> Tensor:
    """The margins where they belong, of channels apart the greatest; NaN where none is."""
    found = margins.new_full((layout.n_positions,), -torch.inf)
    found[positions] = margins
    greatest = found.view(-1, *spatial).amax(dim=0)
    return greatest.where(greatest > -torch.inf, torch.nan).float().cpu()
