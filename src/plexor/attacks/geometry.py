"""Lengths, sums and counts of perturbations, and what several norms compute alike.

Everywhere, ``delta`` and ``gradient`` are (N, C, *spatial), one row a case; ``low <= 0 <= high``
bound each number; ``radii`` are (N, 1, ...). The geometry of each norm is in ``norms/``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

HALVINGS = 25
"""Bisections after which an interval is about as small as float32 can represent."""
PIECES = 100
"""Greatest number of steps of Newton's method; more than a dozen are rare."""
_PIECE = 1 << 15
_NEARLY = 1e-7
_CLOSE = 2.0**-12
_FINEST = 2.0**-18


def lengths(delta: Tensor) -> Tensor:
    """Euclidean length of each case's perturbation, (N, 1, ...).

    Computed in pieces: a single sum in float32 has a relative error of 1e-5 for a million numbers,
    and of 4e-4 for ten million.
    """
    pieces = torch.split(delta.flatten(1), _PIECE, dim=1)
    if len(pieces) == 1:
        return as_cases(torch.linalg.vector_norm(pieces[0], dim=1), delta)
    norms = torch.stack([torch.linalg.vector_norm(piece, dim=1) for piece in pieces], dim=1)
    found: Tensor = torch.linalg.vector_norm(norms, dim=1)
    return as_cases(found, delta)


def greatest(delta: Tensor) -> Tensor:
    """Greatest absolute number of each case, (N,)."""
    flat = delta.flatten(1)
    return torch.maximum(flat.amax(1), -flat.amin(1))


def over_peaks(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Each case's gradient divided by its greatest absolute value, and that value, (N, 1, ...).

    Avoids squares of small gradients that underflow.
    """
    peaks = as_cases(greatest(gradient), gradient)
    return gradient / torch.where(peaks > 0, peaks, 1.0), peaks


def unit(gradient: Tensor) -> Tensor:
    """The gradient divided by its Euclidean length; 0 where it is 0."""
    scaled, peaks = over_peaks(gradient)
    return scaled.div_(torch.where(peaks > 0, lengths(scaled), 1.0))


def sums(delta: Tensor) -> Tensor:
    """Sum of each case's absolute changes, (N, 1, ...)."""
    pieces = torch.split(delta.flatten(1).abs(), _PIECE, dim=1)
    return as_cases(torch.stack([piece.sum(1) for piece in pieces], dim=1).sum(1), delta)


def changed(delta: Tensor, *, apart: bool) -> Tensor:
    """Count of changed positions, (N, 1, ...); ``apart`` counts every channel separately."""
    moved = delta != 0 if apart else (delta != 0).any(dim=1, keepdim=True)
    return as_cases(moved.flatten(1).sum(1).to(delta.dtype), delta)


def onto_grid_(delta: Tensor, quantum: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The nearest point of the box on the grid; ``quantum`` is (N, 1, ...), 0 for no grid.

    Overwrites ``delta``.
    """
    if bool((quantum == 1).all()):  # most images: nothing to divide by
        return delta.round_().clamp_(low, high)
    if bool((quantum == 0).all()):
        return delta.clamp_(low, high)
    return delta.div_(quantum).round_().mul_(quantum).clamp_(low, high)


def greatest_fitting(
    shape: Callable[[Tensor], Tensor],
    measure: Callable[[Tensor], Tensor],
    radii: Tensor,
    *,
    at_most: float,
    select: Callable[[Tensor], Callable[[Tensor], Tensor]] | None = None,
) -> Tensor:
    """``shape(s)`` for about the greatest s, in each case, whose measure fits the radius.

    ``measure(shape(s))`` must not decrease with s, and be zero at s = 0. The search stops within
    1/4096 of the radius, or where the measure jumps, within a few millionths of s.

    Args:
        shape: a perturbation for a number s of each case, (N, 1, ...).
        measure: its length, (N, 1, ...).
        radii: greatest length, (N, 1, ...).
        at_most: greatest s.
        select: ``shape`` of some of the cases, by index; cases that are found are left out of
            further trials. None tries all cases until the last is found.
    """
    low, short = torch.zeros_like(radii), torch.zeros_like(radii)
    high = torch.full_like(radii, min(1.0, at_most))
    over = measure(shape(high))
    while bool((room := (over < (1 - _CLOSE) * radii) & (high < at_most)).any()):
        low, short = torch.where(room, high, low), torch.where(room, over, short)
        high = torch.where(room, high * 2, high)
        over = measure(shape(high))
    low, short = torch.where(over <= radii, high, low), torch.where(over <= radii, over, short)
    rows, shape_of_some = torch.arange(len(radii), device=radii.device), shape
    aim = (1 - _CLOSE / 2) * radii  # aiming at the radius itself would exceed it half of the time
    for turn in range(2 * HALVINGS):
        wide = (short < (1 - _CLOSE) * radii) & (high - low > _FINEST * high)
        searched = (over > radii) & wide
        left = torch.nonzero(searched.flatten()).flatten()
        if len(left) == 0:
            break
        if select is not None and 2 * len(left) <= len(rows):
            rows, shape_of_some = left, select(left)
        part = torch.full_like(radii, 0.5)
        if turn % 2 == 0:
            straight = ((aim - short) / (over - short)).clamp(_CLOSE, 1 - _CLOSE)
            part = torch.where(searched, straight, part)
        middle = low + part * (high - low)
        length = over.index_copy(0, rows, measure(shape_of_some(middle[rows])))
        room, beyond = searched & (length <= radii), searched & (length > radii)
        low, short = torch.where(room, middle, low), torch.where(room, length, short)
        high, over = torch.where(beyond, middle, high), torch.where(beyond, length, over)
    return shape(low)


def time_of(rate: Tensor, ends: Tensor, wanted: Tensor) -> Tensor:
    """The time t, (N, 1, ...), at which ``sum(rate * min(t, ends))`` is ``wanted``.

    Infinite where there is none. The sum is concave and piecewise linear in t, so that Newton's
    method converges from below in a few steps.
    """
    time = torch.zeros_like(wanted)
    left = wanted
    for _ in range(PIECES):
        short = left > _NEARLY * wanted
        if not bool(short.any()):
            break
        slope = sums(torch.where(ends > time, rate, 0.0))
        time = torch.where(short, time + left / slope, time)
        left = wanted - sums(rate * torch.minimum(ends, time))
        left = torch.where(time.isinf(), 0.0, left)
    return time


def as_cases(numbers: Tensor, like: Tensor) -> Tensor:
    """Numbers of cases (N,) as (N, 1, ...), to broadcast over ``like``."""
    return numbers.view(-1, *[1] * (like.ndim - 1))
