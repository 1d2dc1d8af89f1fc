"""Windows of Square Attack (squares, cubes) and the bumps inside them.

Sizes, sides and origins have one number for each spatial axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor


def sides(share: float, sizes: Sequence[int], *, odd: bool) -> list[int]:
    """Sides of a square or cube that covers this share of an image, at most the image's size.

    ``odd`` makes sides odd and at least 3.
    """
    side = max(round((share * math.prod(sizes)) ** (1 / len(sizes))), 3 if odd else 1)
    side += odd and side % 2 == 0
    return [min(side, size) for size in sizes]


def origins(uniform: Tensor, window: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """First corners of windows that lie within the image, (N, n_axes) int64.

    Args:
        uniform: uniform draws from 0 to 1, (N, n_axes).
        window: sides of the window.
        sizes: of the image.
    """
    room = torch.tensor([size - side for side, size in zip(window, sizes, strict=True)])
    room = room.to(uniform.device)
    return torch.minimum((uniform * (room + 1)).long(), room)


def positions(corner: Tensor, window: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """Flat indices of the positions in each case's window, row by row, (N, n) int64."""
    found = torch.zeros(len(corner), *[1] * len(sizes), dtype=torch.int64, device=corner.device)
    for axis, (side, size) in enumerate(zip(window, sizes, strict=True)):
        shape = [1 if other != axis else side for other in range(len(sizes))]
        along = torch.arange(side, device=corner.device).view(1, *shape)
        found = found * size + corner[:, axis].view(-1, *[1] * len(sizes)) + along
    return found.flatten(1)


@lru_cache(maxsize=1)  # thousands of successive steps use the same window
def bumps(window: tuple[int, ...], *, power: int) -> Tensor:
    """Pairs of pyramids, one positive and one negative, side by side along each axis.

    A pyramid is a sum of concentric squares k = 0, 1, ..., 2k + 1 wide and ``(k + 1) ** -power``
    high (Andriushchenko et al. 2020, Section 3.4, with power 2; Croce & Hein 2021 with 4 for L1).

    Returns:
        (n_axes, *window); each pair has Euclidean length 1, or for power 4 absolute sum 1, shared
        equally by its two pyramids.
    """
    found = []
    for axis, side in enumerate(window):
        first, second = list(window), list(window)
        first[axis], second[axis] = side // 2, side - side // 2
        both = [_pyramid(first, power), -_pyramid(second, power)]
        found.append(_unit(torch.cat(both, dim=axis), power))
    return torch.stack(found)


def _pyramid(box: Sequence[int], power: int) -> Tensor:
    """Heights by Chebyshev distance from the centre, ``size // 2``."""
    away = torch.zeros([1] * len(box), dtype=torch.int64)
    for axis, size in enumerate(box):
        shape = [-1 if other == axis else 1 for other in range(len(box))]
        away = torch.maximum(away, (torch.arange(size) - size // 2).abs().view(shape))
    heights = (torch.arange(max(box) // 2 + 1) + 1.0) ** -power
    piled = heights.flip(0).cumsum(0).flip(0)
    return _unit(piled[away], power)


def _unit(pattern: Tensor, power: int) -> Tensor:
    length = pattern.norm() if power == 2 else pattern.abs().sum()
    return pattern / length.clamp(min=1e-12)
