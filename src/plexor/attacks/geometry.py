"""Balls cut by boxes: projections, and the points furthest along a direction.

Everywhere, ``delta`` and ``gradient`` are (N, C, *spatial), one row a case; ``low <= 0 <= high``
bound each number; ``radii`` are (N, 1, ...). Results lie in the box and, but for rounding, in the
ball.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_PIECE = 1 << 15
_FAR = 1e30  # times 0 it is 0, as infinity is not
_HALVINGS = 25
_PIECES = 100
_NEARLY = 1e-7
_FULL = 1 - 5e-7  # float32 tells lengths apart to about 1e-7
_CLOSE = 2.0**-12
_FINEST = 2.0**-18


def lengths(delta: Tensor) -> Tensor:
    """Euclidean length of each case's perturbation, (N, 1, ...).

    Taken piece by piece: in one go, float32 loses 1e-5 of the length of a million numbers, and
    4e-4 of that of ten million.
    """
    pieces = torch.split(delta.flatten(1), _PIECE, dim=1)
    norms = torch.stack([torch.linalg.vector_norm(piece, dim=1) for piece in pieces], dim=1)
    found: Tensor = torch.linalg.vector_norm(norms, dim=1)
    return _as_cases(found, delta)


def over_peaks(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Each case's gradient over its greatest absolute number, and that number, (N, 1, ...).

    Where a model is sure, the squares of the gradient itself would vanish.
    """
    peaks = _as_cases(gradient.flatten(1).abs().amax(1), gradient)
    return gradient / torch.where(peaks > 0, peaks, 1.0), peaks


def unit(gradient: Tensor) -> Tensor:
    """The gradient over its Euclidean length; 0 where it is 0."""
    scaled, peaks = over_peaks(gradient)
    return scaled / torch.where(peaks > 0, lengths(scaled), 1.0)


def sums(delta: Tensor) -> Tensor:
    """Sum of each case's absolute changes, (N, 1, ...)."""
    pieces = torch.split(delta.flatten(1).abs(), _PIECE, dim=1)
    return _as_cases(torch.stack([piece.sum(1) for piece in pieces], dim=1).sum(1), delta)


def changed(delta: Tensor, *, apart: bool) -> Tensor:
    """How many positions of each case are changed, (N, 1, ...); ``apart`` counts every channel."""
    moved = delta != 0 if apart else (delta != 0).any(dim=1, keepdim=True)
    return _as_cases(moved.flatten(1).sum(1).to(delta.dtype), delta)


def onto_l2(delta: Tensor, low: Tensor, high: Tensor, radii: Tensor) -> Tensor:
    """The nearest point of ball and box together.

    It is ``clip(s * delta)`` with the greatest ``s <= 1`` that fits (the Lagrangian's stationary
    point).
    """
    inside = delta.clamp(low, high)
    fits = lengths(inside) <= radii
    if bool(fits.all()):
        return inside
    shorter = _l2_multiple(delta, low, high, torch.where(fits, 0.0, radii))
    return torch.where(fits, inside, shorter)


def onto_l1(delta: Tensor, low: Tensor, high: Tensor, radii: Tensor) -> Tensor:
    """The nearest point of ball and box together.

    It is ``clip(sign(delta) * max(|delta| - t, 0))`` with the least ``t >= 0`` that fits: its sum
    falls piecewise linearly in t, so bisection and one step along the last piece find it.
    """

    def shrunk(by: Tensor) -> Tensor:
        return torch.nn.functional.relu(delta.abs() - by).mul_(delta.sign()).clamp_(low, high)

    inside = delta.clamp(low, high)
    if bool((sums(inside) <= radii).all()):
        return inside
    least = torch.zeros_like(radii)
    most = _as_cases(delta.flatten(1).abs().amax(1), delta)
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        fits = sums(shrunk(middle)) <= radii
        least, most = torch.where(fits, least, middle), torch.where(fits, middle, most)
    start = shrunk(least)
    moving = (start != 0) & (start > low) & (start < high)
    slope = _as_cases(moving.flatten(1).sum(1).clamp(min=1).to(delta.dtype), delta)
    over = (sums(start) - radii).clamp(min=0)
    found = shrunk(torch.minimum(least + over / slope, most))
    found = torch.where(sums(inside) <= radii, inside, found)
    return found * (radii / sums(found).clamp(min=1e-30)).clamp(max=1.0)


def onto_l0(delta: Tensor, low: Tensor, high: Tensor, radii: Tensor, *, apart: bool) -> Tensor:
    """The nearest point of box and few positions: those kept whose loss would cost most."""
    inside = delta.clamp(low, high)
    gain = delta.square() - (delta - inside).square()
    return inside * _foremost(gain, radii, apart=apart)


def furthest_linf(gradient: Tensor, low: Tensor, high: Tensor, radii: Tensor) -> Tensor:
    """The point of ball and box with the greatest scalar product with ``gradient``."""
    far = torch.where(gradient > 0, torch.minimum(high, radii), torch.maximum(low, -radii))
    return torch.where(gradient == 0, 0.0, far)


def furthest_l2(gradient: Tensor, low: Tensor, high: Tensor, radii: Tensor) -> Tensor:
    """As ``furthest_linf``: ``clip(s * gradient)`` with the greatest ``s`` that fits."""
    corner = _corner(gradient, low, high)
    fits = lengths(corner) <= radii
    scaled, _ = over_peaks(gradient)
    shorter = _l2_multiple(scaled, low, high, torch.where(fits, 0.0, radii))
    return torch.where(fits, corner, shorter)


def furthest_l1(gradient: Tensor, low: Tensor, high: Tensor, radii: Tensor) -> Tensor:
    """As ``furthest_linf``: the steepest numbers go to their bounds until the radius is spent."""
    corner = _corner(gradient, low, high).flatten(1)
    order = gradient.flatten(1).abs().argsort(dim=1, descending=True, stable=True)
    room = corner.gather(1, order)
    spent = room.abs().cumsum(dim=1) - room.abs()
    left = (radii.flatten(1) - spent).clamp(min=0)
    taken = room.sign() * torch.minimum(room.abs(), left)
    return torch.zeros_like(corner).scatter(1, order, taken).view_as(gradient)


def furthest_l0(
    gradient: Tensor, low: Tensor, high: Tensor, radii: Tensor, *, apart: bool
) -> Tensor:
    """As ``furthest_linf``: the positions where most is to be had go to their bounds."""
    corner = _corner(gradient, low, high)
    return corner * _foremost(gradient * corner, radii, apart=apart)


def crossing_linf(gradient: Tensor, rise: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The point of box and plane nearest to zero; on the plane ``gradient · delta`` is ``rise``.

    Where the box ends before the plane, the box's point nearest to the plane. ``rise >= 0`` is
    (N, 1, ...).
    """
    corner = _corner(gradient, low, high)
    return furthest_linf(gradient, low, high, _when(gradient.abs(), corner.abs(), rise))


def crossing_l2(gradient: Tensor, rise: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """As ``crossing_linf``: ``clip(s * gradient)`` with the ``s`` that reaches the plane."""
    corner = _corner(gradient, low, high)
    scaled, peaks = over_peaks(gradient)
    size = scaled.abs()
    ends = torch.where(size > 0, corner.abs() / size, 0.0)
    s = _when(size.square(), ends, torch.where(peaks > 0, rise / peaks, 0.0))
    return scaled.sign() * torch.minimum(torch.minimum(s, ends) * size, corner.abs())


def crossing_l1(gradient: Tensor, rise: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """As ``crossing_linf``: the steepest numbers go to their bounds until the plane is reached."""
    corner = _corner(gradient, low, high).flatten(1)
    order = gradient.flatten(1).abs().argsort(dim=1, descending=True, stable=True)
    room, steep = corner.gather(1, order), gradient.flatten(1).gather(1, order).abs()
    gain = room.abs() * steep
    left = (rise.flatten(1) - (gain.cumsum(dim=1) - gain)).clamp(min=0)
    moved = torch.where(steep > 0, torch.minimum(room.abs(), left / steep), 0.0)
    return torch.zeros_like(corner).scatter(1, order, room.sign() * moved).view_as(gradient)


def onto_grid(delta: Tensor, quantum: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The nearest point of the box on the grid; ``quantum`` is (N, 1, ...), 0 for no grid."""
    if bool((quantum == 0).all()):
        return delta.clamp(low, high)
    return (delta / quantum).round_().mul_(quantum).clamp_(low, high)


def greatest_fitting(
    shape: Callable[[Tensor], Tensor],
    measure: Callable[[Tensor], Tensor],
    radii: Tensor,
    *,
    at_most: float,
) -> Tensor:
    """``shape(s)`` of each case with about the greatest s for which its measure fits the radius.

    ``measure(shape(s))`` must not fall as s grows, and be zero at s = 0. Where it comes closer to
    the radius than a part in a few thousand, that is taken; where it goes by greater leaps, s is
    narrowed down to a few millionths.
    """
    low, short = torch.zeros_like(radii), torch.zeros_like(radii)
    high = torch.full_like(radii, min(1.0, at_most))
    over = measure(shape(high))
    while bool((room := (over < (1 - _CLOSE) * radii) & (high < at_most)).any()):
        low, short = torch.where(room, high, low), torch.where(room, over, short)
        high = torch.where(room, high * 2, high)
        over = measure(shape(high))
    low, short = torch.where(over <= radii, high, low), torch.where(over <= radii, over, short)
    aim = (1 - _CLOSE / 2) * radii  # half of what aims at the radius itself would go beyond
    for turn in range(2 * _HALVINGS):
        wide = (short < (1 - _CLOSE) * radii) & (high - low > _FINEST * high)
        searched = (over > radii) & wide
        if not bool(searched.any()):
            break
        part = torch.full_like(radii, 0.5)
        if turn % 2 == 0:
            straight = ((aim - short) / (over - short)).clamp(_CLOSE, 1 - _CLOSE)
            part = torch.where(searched, straight, part)
        middle = low + part * (high - low)
        length = measure(shape(middle))
        room, beyond = searched & (length <= radii), searched & (length > radii)
        low, short = torch.where(room, middle, low), torch.where(room, length, short)
        high, over = torch.where(beyond, middle, high), torch.where(beyond, length, over)
    return shape(low)


def _corner(gradient: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The box's corner that ``gradient`` points to; 0 where it is 0."""
    return gradient.sign().mul_(torch.finfo(gradient.dtype).max).clamp_(low, high)


def _l2_multiple(delta: Tensor, low: Tensor, high: Tensor, radii: Tensor) -> Tensor:
    """``clip(s * delta)`` as long as the radius, which some s must make it; or 0.

    Its squared length is concave in s² and piecewise linear: what is not clipped grows as s². So
    Newton's method comes from below, as in ``_when``.
    """
    s = torch.where(radii > 0, radii / lengths(delta), 0.0)
    for _ in range(_PIECES):
        wanted = s * delta
        found = wanted.clamp(low, high)
        length = lengths(found)
        short = length < _FULL * radii
        if not bool(short.any()):
            break
        left = (radii - length) * (radii + length)
        growing = lengths(found * (found == wanted)).square().clamp(min=1e-20)
        s = torch.where(short, s * (1 + left / growing).sqrt(), s).clamp(max=_FAR)
    return found


def _when(rate: Tensor, ends: Tensor, wanted: Tensor) -> Tensor:
    """The time t, (N, 1, ...), at which ``sum(rate * min(t, ends))`` is ``wanted``.

    Infinite where it never is. The sum is concave in t and piecewise linear, so that Newton's
    method comes from below and is there after a few pieces; more than a dozen are rare.
    """
    time = torch.zeros_like(wanted)
    left = wanted
    for _ in range(_PIECES):
        short = left > _NEARLY * wanted
        if not bool(short.any()):
            break
        slope = sums(torch.where(ends > time, rate, 0.0))
        time = torch.where(short, time + left / slope, time)
        left = wanted - sums(rate * torch.minimum(ends, time))
        left = torch.where(time.isinf(), 0.0, left)
    return time


def _foremost(gain: Tensor, radii: Tensor, *, apart: bool) -> Tensor:
    """1 at the positions with the greatest gain, as many as the radius allows, and 0 elsewhere."""
    total = gain if apart else gain.sum(dim=1, keepdim=True)
    order = total.flatten(1).argsort(dim=1, descending=True, stable=True)
    among = torch.arange(order.shape[1], device=gain.device) < torch.floor(radii.flatten(1) + 1e-6)
    kept = torch.zeros_like(total.flatten(1)).scatter(1, order, among.to(gain.dtype))
    return kept.view_as(total)


def _as_cases(numbers: Tensor, like: Tensor) -> Tensor:
    return numbers.view(-1, *[1] * (like.ndim - 1))
