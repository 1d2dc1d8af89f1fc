"""Moves of the coefficients of blocks whose samples have bounds, each block by itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.jpeg.decode import inverse_dct, wave
from plexor.cases.formats.coefficients import GREATEST

STRIDE = 0.25
"""Of a radius, what one move may change a sample by, where the table is that fine."""
_HALF = 0.5 + 1e-6
"""What rounding takes, and a little, so that what lies between two numbers is always tried."""
_TOGETHER = 1 << 11
"""Blocks looked at at once, which bounds the memory: 64 KiB each."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of samples that must stay between bounds; all float64, one block a row.

    Attributes:
        table: (B, 64), by which coefficients are multiplied.
        low: (B, 64) least samples; minus infinity where there is none.
        high: (B, 64) greatest.
        radius: (B, 1), what a sample may be changed by at most.
    """

    table: Tensor
    low: Tensor
    high: Tensor
    radius: Tensor

    def filled(self, blocks: Tensor, gradient: Tensor, *, several: int) -> Tensor:
        """Blocks (B, 64) with the most rewarding moves that leave their samples within bounds.

        One move after another: of all that fit beside those before, the one whose gradient is
        greatest for what it changes a sample by at most. What fits is foreseen by the transform
        without its roundings, and then seen by the transform itself.

        Args:
            blocks: coefficients, whose samples are within the bounds.
            gradient: of what is climbed, in coefficients, (B, 64).
            several: moves of a block, at most.
        """
        rows = torch.split(torch.arange(len(blocks), device=blocks.device), _TOGETHER)
        some = (
            Blocks(self.table[row], self.low[row], self.high[row], self.radius[row]) for row in rows
        )
        return torch.cat(
            [
                part._filled(blocks[row], gradient[row], several)
                for part, row in zip(some, rows, strict=True)
            ]
        )

    def _filled(self, blocks: Tensor, gradient: Tensor, several: int) -> Tensor:
        waves, table = _waves().to(blocks.device), self.table
        tallest = table * waves.abs().amax(dim=1)
        step = gradient.sign() * (STRIDE * self.radius / tallest).floor().clamp(min=1)
        reward = torch.where(tallest < 2 * self.radius + 1, gradient.abs() / tallest, 0.0)
        usable = torch.nonzero(reward.any(dim=0)).flatten()
        left = torch.nonzero(reward.any(dim=1)).flatten()
        blocks = blocks.clone()
        for _ in range(several):
            if len(left) == 0:
                break
            here = (blocks[left] * table[left]) @ waves + 128
            change = (step[left] * table[left])[:, usable, None] * waves[usable]
            below, above = self.low[left] - _HALF - here, self.high[left] + _HALF - here
            fits = ((change > below[:, None]) & (change < above[:, None])).all(dim=2)
            best = (reward[left][:, usable] * fits).max(dim=1)
            found = best.values > 0
            left, which = left[found], usable[best.indices[found]][:, None]
            trial = blocks[left].scatter_add(1, which, step[left].gather(1, which))
            seen = inverse_dct((trial * table[left]).view(-1, 8, 8)).flatten(1)
            right = ((seen >= self.low[left]) & (seen <= self.high[left])).all(dim=1)
            right &= trial.gather(1, which)[:, 0].abs() <= GREATEST
            blocks[left[right]] = trial[right]
            reward[left[~right], which[~right, 0]] = 0.0
        return blocks


def peaks() -> Tensor:
    """What a coefficient of 1 changes a sample by at most, (8, 8) float64."""
    tallest = wave().abs().amax(dim=0)
    return tallest[:, None] * tallest


def _waves() -> Tensor:
    """What a coefficient of 1 adds to each sample, (64 coefficients, 64 samples) float64."""
    return torch.einsum("xu,yv->uvxy", wave(), wave()).reshape(64, 64)
