"""The steps of Auto-PGD: with halved sizes (L∞, L2), or over fewer numbers (L1)."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.threat import Around, Threat
from plexor.models.batch import Batch
from plexor.models.layout import cases_of

_MOMENTUM = 0.25
"""Momentum: 1 - α of Croce & Hein (2020, 3.1)."""
_RISES = 0.75
"""Rho: share of the steps between two checkpoints that must have raised the loss (3.2)."""
_FIRST, _LESS, _LEAST = 22, 3, 6
"""In percent of all steps: the first period between checkpoints, its decrement, and the shortest
period (3.2)."""

_CHECKED = 4
"""Period between checkpoints for L1, in percent of all steps (Croce & Hein, 2021, section 5)."""
_START = 0.2
"""Share of all numbers that the first steps change."""
_FEWER = 1.5
"""Ratio of the numbers changed by the best point to those changed by a step; also the factor by
which steps shrink."""
_SHORTEST = 0.1
"""Shortest step as a share of the radius."""
_SPARSER = 0.95
"""The best point has become sparser if it changes less than this share of the numbers it changed at
the last checkpoint."""


@dataclass(slots=True, kw_only=True)
class Climb:
    """State of a search: its current point and its best point; one row of each tensor a case.

    Attributes:
        delta: current point, not rounded.
        loss: loss at the current point as stored.
        gradient: gradient there.
        top: best point: the one with the greatest loss so far.
        top_loss: loss at the best point.
        top_gradient: gradient there.
        size: length of the next step, (N, 1, ...).
        checkpoints: steps at which step sizes are adapted.
    """

    delta: Tensor
    loss: Tensor
    gradient: Tensor
    top: Tensor
    top_loss: Tensor
    top_gradient: Tensor
    size: Tensor
    checkpoints: tuple[int, ...]

    def see(self, trial: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        """Records loss and gradient at ``trial``, the stored ``delta``.

        Returns:
            Whether ``delta`` is the new best point, (N,) bool.
        """
        self.loss, self.gradient = loss, gradient
        higher = loss > self.top_loss
        self.top = _where(higher, self.delta, self.top)
        self.top_loss = torch.where(higher, loss, self.top_loss)
        self.top_gradient = _where(higher, gradient, self.top_gradient)
        return higher

    def return_to_top(self, chosen: Tensor) -> None:
        """Moves the chosen cases to their best point."""
        self.delta = _where(chosen, self.top, self.delta)
        self.loss = torch.where(chosen, self.top_loss, self.loss)
        self.gradient = _where(chosen, self.top_gradient, self.gradient)

    def select(self, index: Tensor) -> Self:
        """The state of some of the cases."""
        some = copy(self)
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), Tensor):
                setattr(some, field.name, cases_of(value, index))
        return some


@dataclass(slots=True, kw_only=True)
class Halving(Climb):
    """Auto-PGD for L∞ and L2 (Croce & Hein, ICML 2020, algorithm 1).

    Attributes:
        earlier: the previous point.
        rises: number of steps since the last checkpoint that raised the loss.
        halved: whether the step was halved at the last checkpoint.
        checked: greatest loss at the last checkpoint.
    """

    earlier: Tensor
    rises: Tensor
    halved: Tensor
    checked: Tensor

    @classmethod
    def begin(cls, delta: Tensor, batch: Batch, threat: Threat, steps: int) -> Halving:
        """Starts at ``delta``, with steps of twice the radius."""
        nowhere = torch.full((len(delta),), -torch.inf, device=delta.device)
        return cls(
            delta=delta,
            earlier=delta,
            gradient=torch.zeros_like(delta),
            loss=torch.full_like(nowhere, torch.inf),  # the first loss does not count as a rise
            top=delta,
            top_loss=nowhere,
            top_gradient=torch.zeros_like(delta),
            size=2 * threat.radii(batch),
            checkpoints=_halving_checkpoints(steps),
            rises=torch.zeros_like(nowhere),
            halved=torch.ones_like(nowhere, dtype=torch.bool),
            checked=nowhere,
        )

    def see(self, trial: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        """As ``Climb.see``; also counts steps that raised the loss."""
        self.rises += loss > self.loss
        return Climb.see(self, trial, loss, gradient)

    def move(self, step: int, around: Around) -> None:
        """Step number ``step``, from 0."""
        if step in self.checkpoints:
            self._check(step)
        ahead = around.ascend(self.delta, self.gradient, self.size)
        if step > 0:
            kept = _MOMENTUM * (self.delta - self.earlier)
            ahead = self.delta + (1 - _MOMENTUM) * (ahead - self.delta) + kept
            ahead = around.project(ahead)
        self.earlier, self.delta = self.delta, ahead

    def _check(self, step: int) -> None:
        """Halves steps that raised the loss too seldom, or not beyond its last checkpoint value."""
        period = step - max((other for other in self.checkpoints if other < step), default=0)
        seldom = self.rises < _RISES * period
        nowhere = ~self.halved & (self.checked >= self.top_loss)
        self.halved = seldom | nowhere
        self.size = _where(self.halved, self.size / 2, self.size)
        self.return_to_top(self.halved)
        self.checked, self.rises = self.top_loss, torch.zeros_like(self.rises)


@dataclass(slots=True, kw_only=True)
class Sparse(Climb):
    """Auto-PGD for L1 (Croce & Hein, ICML 2021, section 5 and algorithm 1).

    A step changes the ``several`` numbers with the greatest absolute gradient by the same amount.
    Sparsity is measured on the best point as stored.

    Attributes:
        several: count of numbers that a step changes, (N,), not rounded.
        changed: count of numbers that the best point changes.
        before: ``changed`` at the last checkpoint.
    """

    several: Tensor
    changed: Tensor
    before: Tensor

    @classmethod
    def begin(cls, delta: Tensor, batch: Batch, threat: Threat, steps: int) -> Sparse:
        """Starts at ``delta``, with steps of the radius over a fifth of all numbers."""
        nowhere = torch.full((len(delta),), -torch.inf, device=delta.device)
        numbers = torch.full_like(nowhere, float(delta[0].numel()))
        return cls(
            delta=delta,
            gradient=torch.zeros_like(delta),
            loss=nowhere,
            top=delta,
            top_loss=nowhere,
            top_gradient=torch.zeros_like(delta),
            size=threat.radii(batch),
            checkpoints=_sparse_checkpoints(steps),
            several=_START * numbers,
            changed=numbers,
            before=numbers,
        )

    def narrowed(self, batch: Batch, threat: Threat, steps: int) -> Sparse:
        """A new search in a smaller ball, from the projection of the best point onto it."""
        start = threat.project(self.top, batch)
        changed = _changed(threat.store(start, batch))
        begun = Sparse.begin(start, batch, threat, steps)
        return replace(begun, several=changed / _FEWER, changed=changed, before=changed)

    def see(self, trial: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        """As ``Climb.see``; also counts the numbers that the best point changes."""
        higher = Climb.see(self, trial, loss, gradient)
        self.changed = torch.where(higher, _changed(trial), self.changed)
        return higher

    def move(self, step: int, around: Around) -> None:
        """Step number ``step``, from 0."""
        radii = around.radii
        if step in self.checkpoints:
            sparser = self.changed < _SPARSER * self.before
            shorter = torch.maximum(self.size / _FEWER, _SHORTEST * radii)
            self.size = _where(sparser, radii, shorter)
            self.return_to_top(sparser)
            self.several, self.before = self.changed / _FEWER, self.changed
        along = _steepest_few(around.free(self.gradient, self.delta), self.several)
        self.delta = around.project(along.mul_(self.size).add_(self.delta))


def _halving_checkpoints(steps: int) -> tuple[int, ...]:
    """Checkpoints w_j of the paper, from 0."""
    percent, period, found = 0, _FIRST, [0]
    while percent + period <= 100:
        percent += period
        found.append(-(-percent * steps // 100))
        period = max(period - _LESS, _LEAST)
    return tuple(found)


def _sparse_checkpoints(steps: int) -> tuple[int, ...]:
    """Checkpoints at a fixed interval."""
    period = -(-_CHECKED * steps // 100)
    return tuple(range(period, steps, period))


def _steepest_few(gradient: Tensor, several: Tensor) -> Tensor:
    """Signs of the ``several`` greatest absolute entries, ties included, scaled to L1 norm 1."""
    numbers = geometry.numbers_of(gradient)
    heights = numbers.abs()
    rank = several.long().clamp(1, heights.shape[1]) - 1
    few = heights >= geometry.kth_greatest(heights, rank)
    signs = numbers.sign().mul_(few)
    return geometry.as_images(signs / geometry.sums(signs).clamp(min=1), gradient)


def _changed(delta: Tensor) -> Tensor:
    """Count of changed numbers of each case, (N,)."""
    return geometry.changed(delta, apart=True).flatten()


def _where(chosen: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """``one`` for the chosen cases, ``other`` for the rest."""
    rows = torch.nonzero(chosen.flatten()).flatten()
    if len(rows) == len(chosen):
        return one
    if len(rows) == 0:
        return other
    return other.clone().index_copy_(0, rows, cases_of(one, rows))
