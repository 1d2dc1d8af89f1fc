"""How Auto-PGD moves: by steps that are halved, or over ever fewer numbers."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch

_MOMENTUM = 0.25
"""What a step repeats of the one before: 1 - α (Croce & Hein, 2020, 3.1)."""
_RISES = 0.75
"""Rho: of the steps between two checkpoints, the share that must have raised the loss (3.2)."""
_FIRST, _LESS, _LEAST = 22, 3, 6
"""Percent of all steps: the first period between checkpoints, how much shorter the next one is,
and the shortest (3.2)."""

_CHECKED = 4
"""Percent of all steps between checkpoints for L1 (Croce & Hein, 2021, section 5)."""
_START = 0.2
"""Of all numbers, those that a step moves first."""
_FEWER = 1.5
"""A step moves so many times fewer numbers than the best point; steps shrink by it, too."""
_SHORTEST = 0.1
"""Of the radius, the shortest step."""
_SPARSER = 0.95
"""Of the numbers it changed at the last checkpoint, the best point is sparser with less."""


@dataclass(slots=True, kw_only=True)
class Climb:
    """Where a climb is, and the best point it has seen; a row in each tensor for each case.

    Attributes:
        delta: here, not rounded.
        loss: here, as stored.
        gradient: here, as stored.
        top: where the loss was greatest so far; ``top_loss`` and ``top_gradient`` there.
        size: of the next step, (N, 1, ...).
        checkpoints: steps after which sizes are looked at.
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
        """Takes in what was found at ``trial``, ``delta`` as stored; says where it is the top."""
        self.loss, self.gradient = loss, gradient
        higher = loss > self.top_loss
        self.top = _where(higher, self.delta, self.top)
        self.top_loss = torch.where(higher, loss, self.top_loss)
        self.top_gradient = _where(higher, gradient, self.top_gradient)
        return higher

    def return_to_top(self, chosen: Tensor) -> None:
        """Some cases go on from their best point."""
        self.delta = _where(chosen, self.top, self.delta)
        self.loss = torch.where(chosen, self.top_loss, self.loss)
        self.gradient = _where(chosen, self.top_gradient, self.gradient)

    def select(self, index: Tensor) -> Self:
        """The climbs of some of the cases."""
        some = copy(self)
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), Tensor):
                setattr(some, field.name, value[index])
        return some


@dataclass(slots=True, kw_only=True)
class Halving(Climb):
    """Auto-PGD for L∞ and L2 (Croce & Hein, ICML 2020, algorithm 1).

    Attributes:
        earlier: the point before ``delta``.
        rises: steps since the last checkpoint that raised the loss.
        halved: whether the step was halved there.
        checked: the greatest loss there.
    """

    earlier: Tensor
    rises: Tensor
    halved: Tensor
    checked: Tensor

    @classmethod
    def begin(cls, delta: Tensor, batch: Batch, threat: Threat, steps: int) -> Halving:
        """At ``delta``, with steps of twice the radius."""
        nowhere = torch.full((len(delta),), -torch.inf, device=delta.device)
        return cls(
            delta=delta,
            earlier=delta,
            gradient=torch.zeros_like(delta),
            loss=torch.full_like(nowhere, torch.inf),  # so that the first loss is no rise
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
        """Counts the rises."""
        self.rises += loss > self.loss
        return Climb.see(self, trial, loss, gradient)

    def move(self, step: int, batch: Batch, threat: Threat) -> None:
        """The step after ``step`` others."""
        if step in self.checkpoints:
            self._check(step)
        ahead = threat.ascend(self.delta, self.gradient, self.size, batch)
        if step > 0:
            kept = _MOMENTUM * (self.delta - self.earlier)
            ahead = self.delta + (1 - _MOMENTUM) * (ahead - self.delta) + kept
            ahead = threat.project(ahead, batch)
        self.earlier, self.delta = self.delta, ahead

    def _check(self, step: int) -> None:
        """Halves steps that rose too seldom, or led nowhere higher since the last checkpoint."""
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

    A step moves the steepest ``several`` numbers by the same amount. Sparsity is that of the best
    point as stored.

    Attributes:
        several: how many numbers a step moves, (N,), not rounded.
        changed: how many numbers of the best point are changed as stored.
        before: the same at the last checkpoint.
    """

    several: Tensor
    changed: Tensor
    before: Tensor

    @classmethod
    def begin(cls, delta: Tensor, batch: Batch, threat: Threat, steps: int) -> Sparse:
        """At ``delta``, with steps of the radius over a fifth of all numbers."""
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
        """A new climb in a smaller ball, from the top as far as it is inside."""
        start = threat.project(self.top, batch)
        changed = _changed(threat.store(start, batch))
        begun = Sparse.begin(start, batch, threat, steps)
        return replace(begun, several=changed / _FEWER, changed=changed, before=changed)

    def see(self, trial: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        """Counts what is changed at the top."""
        higher = Climb.see(self, trial, loss, gradient)
        self.changed = torch.where(higher, _changed(trial), self.changed)
        return higher

    def move(self, step: int, batch: Batch, threat: Threat) -> None:
        """The step after ``step`` others."""
        radii = threat.radii(batch)
        if step in self.checkpoints:
            sparser = self.changed < _SPARSER * self.before
            shorter = torch.maximum(self.size / _FEWER, _SHORTEST * radii)
            self.size = _where(sparser, radii, shorter)
            self.return_to_top(sparser)
            self.several, self.before = self.changed / _FEWER, self.changed
        along = _steepest_few(threat.free(self.gradient, self.delta, batch), self.several)
        self.delta = threat.project(self.delta + self.size * along, batch)


def _halving_checkpoints(steps: int) -> tuple[int, ...]:
    """The paper's w_j, from 0."""
    percent, period, found = 0, _FIRST, [0]
    while percent + period <= 100:
        percent += period
        found.append(-(-percent * steps // 100))
        period = max(period - _LESS, _LEAST)
    return tuple(found)


def _sparse_checkpoints(steps: int) -> tuple[int, ...]:
    """Every so many steps."""
    period = -(-_CHECKED * steps // 100)
    return tuple(range(period, steps, period))


def _steepest_few(gradient: Tensor, several: Tensor) -> Tensor:
    """The signs of the steepest ``several`` numbers and of those as steep, of L1 norm 1."""
    heights = gradient.flatten(1).abs()
    rank = several.long().clamp(1, heights.shape[1]) - 1
    least = heights.sort(dim=1, descending=True).values.gather(1, rank[:, None])
    signs = gradient.flatten(1).sign() * (heights >= least)
    return (signs / signs.abs().sum(dim=1, keepdim=True).clamp(min=1)).view_as(gradient)


def _changed(delta: Tensor) -> Tensor:
    """How many numbers of each case are changed, (N,)."""
    return geometry.changed(delta, apart=True).flatten()


def _where(chosen: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Of each case one or the other."""
    return torch.where(chosen.view(-1, *[1] * (one.ndim - 1)), one, other)
