"""The greatest multiple, of each case, whose length fits the radius."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_CLOSE = 2.0**-12
_FINEST = 2.0**-18
_TRIALS = 200
_STRAIGHT = 3
"""Trials after which a measure that stays short of the radius is no longer taken to be linear."""

_Numbers = npt.NDArray[np.floating]


def greatest_fitting(
    shape: Callable[[Tensor], Tensor],
    measure: Callable[[Tensor], Tensor],
    radii: Tensor,
    *,
    at_most: float,
    close: float = _CLOSE,
    finest: float = _FINEST,
    first: Tensor | None = None,
    select: Callable[[Tensor], Callable[[Tensor], Tensor]] | None = None,
) -> Tensor:
    """``shape(s)`` for about the greatest s, in each case, whose measure fits the radius.

    ``measure(shape(s))`` must not decrease with s, and be zero at s = 0. The search stops when the
    measure is close to the radius, or, where the measure jumps, when s is known closely enough.

    Args:
        shape: a perturbation for a number s of each case, (N, 1, ...).
        measure: its length, (N, 1, ...).
        radii: greatest length, (N, 1, ...).
        at_most: greatest s.
        close: how far below the radius the measure may be, as a share of the radius.
        finest: how closely s is searched, as a share of s.
        first: the s to try first, above 0, (N, 1, ...); None for 1. The nearer to the answer, the
            fewer trials.
        select: ``shape`` of some of the cases, by index, whose results are tensors of their own;
            cases that are found are left out of further trials. None tries all cases until the
            last is found.

    Example:
        >>> ways, radii = torch.tensor([[1.0, 2.0], [8.0, 0.0]]), torch.tensor([[5.0], [4.0]])
        >>> greatest_fitting(
        ...     lambda s: (s * ways).round(),
        ...     lambda trial: trial.sum(dim=1, keepdim=True),
        ...     radii,
        ...     at_most=100.0,
        ... )
        tensor([[2., 3.],
                [4., 0.]])
    """

    def of_cases(numbers: _Numbers) -> Tensor:
        return torch.from_numpy(numbers).to(radii.device).view(-1, *radii.shape[1:])

    known = _Known.nothing(_numbers(radii), at_most=at_most, close=close)
    middle = np.ones_like(known.radii) if first is None else _numbers(first.clamp(max=at_most))
    found, rows, shape_of_some = known.low.copy(), np.arange(len(middle)), shape
    trial = whole = shape(of_cases(middle))
    tried = middle
    for turn in range(_TRIALS):
        known.see(middle, _numbers(measure(trial)))
        wide = known.wide(finest)
        n_left = np.count_nonzero(wide)
        if n_left == 0:
            break
        if select is not None and 2 * n_left <= len(rows):
            found[rows] = known.low
            rows, known, wide = rows[wide], known.select(wide), wide[wide]
            shape_of_some = select(torch.from_numpy(rows).to(radii.device))
        middle = np.where(wide, known.ahead(turn), known.low)
        trial = shape_of_some(of_cases(middle))
        if len(rows) == len(found):
            whole, tried = trial, middle
    found[rows] = known.low
    others = np.flatnonzero(tried != found)
    if len(others) == 0:
        return whole
    if select is None or 2 * len(others) > len(found):
        return shape(of_cases(found))
    index = torch.from_numpy(others).to(radii.device)
    return whole.index_copy_(0, index, select(index)(of_cases(found[others])))


def _numbers(of_cases: Tensor) -> _Numbers:
    """As an array, (N,): a dozen operations on so few numbers take longer in torch."""
    numbers: _Numbers = of_cases.flatten().cpu().numpy()
    return numbers


@dataclass(slots=True)
class _Known:
    """What a search knows of each case, (N,) each.

    Attributes:
        low: greatest s known to fit; 0 where none is.
        short: its length.
        high: smallest s known not to fit, or the greatest allowed.
        over: its length; infinite where none is known.
        radii: greatest length.
        least: length from which on a case is found.
        aim: length to aim at; aiming at the radius itself would exceed it half of the time.
    """

    low: _Numbers
    short: _Numbers
    high: _Numbers
    over: _Numbers
    radii: _Numbers
    least: _Numbers
    aim: _Numbers

    @classmethod
    def nothing(cls, radii: _Numbers, *, at_most: float, close: float) -> _Known:
        """Before the first trial."""
        none = np.zeros_like(radii)
        return cls(
            low=none,
            short=none,
            high=np.full_like(radii, at_most),
            over=np.full_like(radii, np.inf),
            radii=radii,
            least=(1 - close) * radii,
            aim=(1 - close / 2) * radii,
        )

    def see(self, tried: _Numbers, length: _Numbers) -> None:
        """Takes the lengths of a trial."""
        fits = length <= self.radii
        self.low = np.where(fits, tried, self.low)
        self.short = np.where(fits, length, self.short)
        self.high = np.where(fits, self.high, tried)
        self.over = np.where(fits, self.over, length)

    def wide(self, finest: float) -> npt.NDArray[np.bool_]:
        """The cases to search further."""
        return (self.short < self.least) & (self.high - self.low > finest * self.high)

    def select(self, chosen: npt.NDArray[np.bool_]) -> _Known:
        """Some of the cases."""
        return _Known(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def ahead(self, turn: int) -> _Numbers:
        """The s of length ``aim`` if the measure is linear between the nearest that are known.

        These are 0 at 0, where nothing shorter than the radius is known yet, and ``short`` at
        ``low`` alone, where nothing longer is. Some turns halve or double instead, since a measure
        that jumps is not linear.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.clip((self.aim - self.short) / (self.over - self.short), _FINEST, 1 - _FINEST)
            growth = np.clip(self.aim / self.short, 1 + _FINEST, 2.0)
        if turn >= _STRAIGHT:
            growth = np.full_like(growth, 2.0)
        if turn % (_STRAIGHT + 1) == _STRAIGHT:
            part = np.full_like(part, 0.5)
        grown = np.minimum(self.low * growth, self.high)
        between = self.low + part * (self.high - self.low)
        ahead: _Numbers = np.where(np.isinf(self.over), grown, between)
        return ahead
