"""Queries about many changes of one case at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import torch
from torch import Tensor

from plexor.attacks.engine import halving
from plexor.attacks.objective import Objective
from plexor.attacks.sparse.layout import Layout


class Candidates:
    """Changes of few numbers of one case, of which the one with the greatest margin is kept.

    Args:
        objective: of that case alone.
        queries: forward passes allowed, including those already spent; None for no limit.
        at_once: images in one forward pass; fewer when memory runs out.

    Attributes:
        batch: the case.
        left: queries left.
        at_once: images in one forward pass, reduced where memory ran out.
        margin: greatest margin so far, of shape (); at first that of the untouched image.
        delta: its perturbation, (C, *spatial); zero for the untouched image.
    """

    def __init__(self, objective: Objective, *, queries: int | None, at_once: int) -> None:
        self.batch = objective.batch
        self.left = sys.maxsize if queries is None else queries - int(objective.spent())
        self.at_once = at_once
        self.margin = objective.untouched()[0]
        self.delta = torch.zeros_like(self.batch.images[0])
        self._objective = self._repeated = objective
        self._start = self.delta.flatten()
        self._trials = self._start.repeat(1, 1)

    @property
    def reached(self) -> bool:
        """Whether the goal is reached."""
        return bool(self.margin > 0)

    def settle(self) -> None:
        """Makes the best perturbation the start of all further candidates."""
        self._start = self.delta.flatten()
        self._trials = self._start.repeat(len(self._trials), 1)

    def ask(self, numbers: Tensor, values: Tensor) -> Tensor:
        """Margins of K candidates, or of as many as queries are left for; at most (K,).

        Args:
            numbers: indices in the flattened image, (K, m, n) int64. The m groups are written in
                order, so that a later group overrides an earlier one.
            values: new numbers, (K, m, n); rounded and clipped to storable ones.
        """
        n_asked = min(len(numbers), self.left)
        self.left -= n_asked
        parts, self.at_once = halving(
            lambda part: self._ask(numbers[part], values[part]), n_asked, self.at_once
        )
        return torch.cat([self.margin.new_empty(0), *parts])

    def _ask(self, numbers: Tensor, values: Tensor) -> Tensor:
        if len(self._trials) != len(numbers):
            rows = torch.zeros(len(numbers), dtype=torch.int64, device=numbers.device)
            self._repeated = self._objective.select(rows)
            self._trials = self._start.repeat(len(rows), 1)
        moved = self._storable(numbers, values)
        for group in range(numbers.shape[1]):
            self._trials.scatter_(1, numbers[:, group], moved[:, group])
        trial = self._trials.view(-1, *self.delta.shape)
        margins = self._repeated.margin(trial)
        greatest, place = margins.max(dim=0)
        self.delta = torch.where(
            greatest > self.margin, trial.index_select(0, place[None])[0], self.delta
        )
        self.margin = torch.maximum(greatest, self.margin)
        # Restored in place: copying whole images would cost as much as a small network.
        everything = numbers.flatten(1)
        self._trials.scatter_(1, everything, self._start[everything])
        return margins

    def _storable(self, numbers: Tensor, values: Tensor) -> Tensor:
        """Changes of the numbers to the nearest storable values."""
        batch = self.batch
        low, high, quantum = (one.flatten()[0] for one in (batch.low, batch.high, batch.quantum))
        image = batch.images.flatten()[numbers]
        moved = values - image
        steps = (moved / quantum).round() * quantum
        return torch.where(quantum > 0, steps, moved).clamp(low - image, high - image)


def open_cases(
    objective: Objective, layout: Layout, *, queries: int | None, at_once: int
) -> Iterator[tuple[int, Candidates]]:
    """Index and candidates of each case that is not at the goal."""
    if layout.radius < 1:
        return
    rows = torch.nonzero(objective.untouched() <= 0).flatten()
    for i, row in enumerate(rows.tolist()):
        case = objective.select(rows[i : i + 1])
        yield row, Candidates(case, queries=queries, at_once=at_once)


def sweep(case: Candidates, layout: Layout, positions: Tensor) -> Tensor:
    """Greatest margin at each of these positions, (n,), over all extreme colours, (n,).

    Positions for which no queries are left are missing from the result.
    """
    colours = layout.corners(case.batch)[0]
    positions = positions[: case.left // len(colours)]
    found = [case.margin.new_empty(0)]
    for some in torch.split(positions, max(1, case.at_once // len(colours))):
        numbers = layout.numbers(some).repeat_interleave(len(colours), dim=0)
        margins = case.ask(numbers[:, None], colours.repeat(len(some), 1)[:, None])
        found.append(margins.view(-1, len(colours)).amax(dim=1))
    return torch.cat(found)
