"""Exhaustive search over all single pixels in all extreme colours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm
from plexor.attacks.proposal import Proposal, stream
from plexor.attacks.sparse.candidates import Candidates, open_cases, sweep
from plexor.attacks.sparse.layout import Layout
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhaustivePixel:
    """Tries every single pixel or voxel in every extreme colour.

    An extreme colour has each channel at one end of the storable range: 2 colours in grey, 8 in
    RGB. Where the threat counts channels apart, each single number is set to either end. The result
    is exact for single positions and this set of colours, whatever the radius: whether any of them
    reaches the goal, how many positions do, and where (``Proposal.by_position``). It says nothing
    about colours between the extremes.

    Costs one forward pass for each allowed position and colour, e.g. 401,408 a case for 224 × 224
    pixels in RGB, and the memory of ``at_once`` images. For volumes, a region, a ``stride`` or
    ``queries`` limits the search; the result then holds for the positions tried.

    Attributes:
        stride: interval between the positions to try along each axis, from the first.
        queries: greatest number of forward passes a case; None for no limit. With fewer than
            needed, positions are drawn at random, so that the share that reaches the goal estimates
            that of all positions.
        at_once: images in one forward pass; fewer when memory runs out.

    Example:
        >>> from plexor.attacks import ExhaustivePixel, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="l0", radius=1)
        >>> proposal = ExhaustivePixel()(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [129.0, 130.0]
        >>> proposal.by_position.shape
        torch.Size([2, 4, 4])
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
        """Proposes the change with the greatest margin; no change where none raises the margin."""
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
        """The positions to try: all allowed ones on the grid, or a random sample of them."""
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
    """Map of the margins, (*spatial), the greatest over channels; NaN where none was measured."""
    found = margins.new_full((layout.n_positions,), -torch.inf)
    found[positions] = margins
    greatest = found.view(-1, *spatial).amax(dim=0)
    return greatest.where(greatest > -torch.inf, torch.nan).float().cpu()
