"""Lengths, sums and counts of perturbations, and what several norms compute alike.

Everywhere, ``delta`` and ``gradient`` are (N, C, *spatial), one row a case; ``low <= 0 <= high``
bound each number; ``radii`` are (N, 1, ...). The geometry of each norm is in ``norms/``.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

PIECES = 100
"""Greatest number of steps of Newton's method; more than a dozen are rare."""
_PIECE = 1 << 15
_NEARLY = 1e-7
_TINY = 1e-15
"""Length below which squares of a gradient's numbers may underflow."""


def numbers_of(delta: Tensor) -> Tensor:
    """Each case's numbers, (N, P), in the order in which they lie in memory; a view."""
    if delta.is_contiguous() or delta.ndim != 4:
        return delta.flatten(1)
    return delta.permute(0, 2, 3, 1).flatten(1)  # of channels last


def as_images(numbers: Tensor, like: Tensor) -> Tensor:
    """Numbers of each case (N, P), ordered as in ``numbers_of(like)``, in the shape of ``like``."""
    if like.is_contiguous() or like.ndim != 4:
        return numbers.view_as(like)
    channels, *spatial = like.shape[1:]
    return numbers.view(-1, *spatial, channels).permute(0, 3, 1, 2)


def lengths(delta: Tensor) -> Tensor:
    """Euclidean length of each case's perturbation, (N, 1, ...).

    Computed in pieces: a single sum in float32 has a relative error of 1e-5 for a million numbers,
    and of 4e-4 for ten million.
    """
    flat = numbers_of(delta)
    if flat.shape[1] <= _PIECE:
        return as_cases(torch.linalg.vector_norm(flat, dim=1), delta)
    pieces = torch.split(flat, _PIECE, dim=1)
    norms = torch.stack([torch.linalg.vector_norm(piece, dim=1) for piece in pieces], dim=1)
    found: Tensor = torch.linalg.vector_norm(norms, dim=1)
    return as_cases(found, delta)


def greatest(delta: Tensor) -> Tensor:
    """Greatest absolute number of each case, (N,)."""
    flat = numbers_of(delta)
    return torch.maximum(flat.amax(1), -flat.amin(1))


def over_peaks(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Each case's gradient divided by its greatest absolute value, and that value, (N, 1, ...).

    Avoids squares of small gradients that underflow.
    """
    peaks = as_cases(greatest(gradient), gradient)
    return gradient / torch.where(peaks > 0, peaks, 1.0), peaks


def unit(gradient: Tensor) -> Tensor:
    """The gradient divided by its Euclidean length; 0 where it is 0."""
    length = lengths(gradient)
    usual = (length > _TINY) & (length < 1 / _TINY)
    found = gradient / torch.where(usual, length, 1.0)
    if bool(usual.all()):
        return found
    scaled, peaks = over_peaks(gradient)  # for these cases alone: one must not change another
    return torch.where(usual, found, scaled.div_(torch.where(peaks > 0, lengths(scaled), 1.0)))


def sums(delta: Tensor) -> Tensor:
    """Sum of each case's absolute changes, (N, 1, ...)."""
    flat = numbers_of(delta).abs()
    if flat.shape[1] <= _PIECE:
        return as_cases(flat.sum(1), delta)
    pieces = torch.split(flat, _PIECE, dim=1)
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


def kth_greatest(numbers: Tensor, rank: Tensor) -> Tensor:
    """The number of rank ``rank`` in each row, (N, 1); 0 is the greatest.

    Args:
        numbers: (N, P).
        rank: from 0 to P - 1, (N,) int64.
    """
    if numbers.device.type != "cpu":
        return numbers.sort(dim=1, descending=True).values.gather(1, rank[:, None])
    places = (numbers.shape[1] - 1 - rank).tolist()
    rows = zip(numbers.numpy(), places, strict=True)  # a tenth of the time of sorting in torch
    found = np.array([np.partition(row, place)[place] for row, place in rows])
    return torch.from_numpy(found)[:, None]


def as_cases(numbers: Tensor, like: Tensor) -> Tensor:
    """Numbers of cases (N,) as (N, 1, ...), to broadcast over ``like``."""
    return numbers.view(-1, *[1] * (like.ndim - 1))
