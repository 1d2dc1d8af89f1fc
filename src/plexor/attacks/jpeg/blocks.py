"""Changes of coefficients in single blocks within bounds on their samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.attacks.jpeg.decode import inverse_dct, wave
from plexor.cases.formats.coefficients import GREATEST

STRIDE = 0.25
"""Greatest change of a sample by one step, as a share of the radius, where the table allows it."""
_HALF = 0.5 + 1e-6
"""Rounding error, plus a margin so that exact halves are tried."""
_TOGETHER = 1 << 11
"""Blocks processed at once, to bound memory: 64 KiB each."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks with bounds on their samples; all float64, one row for each of B blocks.

    Attributes:
        table: quantisation factors, (B, 64).
        low: least samples, (B, 64); minus infinity where there is no bound.
        high: greatest samples, (B, 64).
        radius: greatest change of a sample, (B, 1).
    """

    table: Tensor
    low: Tensor
    high: Tensor
    radius: Tensor

    def filled(self, blocks: Tensor, gradient: Tensor, *, several: int) -> Tensor:
        """Blocks (B, 64) after the changes of greatest gain that keep their samples within bounds.

        Makes one change at a time: among those that fit in addition to the previous ones, the one
        with the greatest ratio of gradient and largest sample change. Candidates are selected by
        the transform without rounding, and checked by the exact transform.

        Args:
            blocks: coefficients, whose samples are within the bounds.
            gradient: of the loss in the coefficients, (B, 64).
            several: greatest number of changes in a block.
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
    """Largest change of a sample by a coefficient of 1, (8, 8) float64."""
    tallest = wave().abs().amax(dim=0)
    return tallest[:, None] * tallest


def _waves() -> Tensor:
    """Change of each sample by a coefficient of 1, (64 coefficients, 64 samples) float64."""
    return torch.einsum("xu,yv->uvxy", wave(), wave()).reshape(64, 64)
