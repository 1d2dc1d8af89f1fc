"""Moves of whole coefficients that leave the decoded image within a threat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from plexor.attacks import geometry
from plexor.attacks.jpeg.decode import Decoder
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch

_STRIDE = 0.25
"""Of an L∞ radius, what one move may change a pixel by, where the tables are that fine."""
_CHROMA = (1.0, 1.77, 1.40)
"""What a sample of each plane weighs at most in red, green or blue (ITU-R BT.601)."""
_REACH = 2
"""Pixels beyond its own that a subsampled block is interpolated over."""
_UNDONE = 2
"""Times that blocks beside an undone one are looked at again."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What coefficients of some files may become.

    Attributes:
        decoder: of these files.
        batch: the cases.
        threat: within what, as decoded; under L∞ or L2.
    """

    decoder: Decoder
    batch: Batch
    threat: Threat

    def delta(self, planes: Sequence[Tensor]) -> Tensor:
        """The change of the decoded image, (N, C, H, W) float64, whole numbers."""
        return self.decoder(planes) - self.batch.images

    def furthest(self, start: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
        """Under L2: ``start`` moved along gradients as far as the radius lets the decoded image.

        Coefficient by coefficient the nearest whole multiple of gradient over squared table, the
        point of a sphere around ``start`` with the greatest scalar product, for a common scale
        that is the greatest found to fit.
        """
        along = [g / t.square() for g, t in zip(gradients, self.decoder.tables, strict=True)]
        peak = torch.stack([a.flatten(1).abs().amax(1) for a in along]).amax(0).clamp(min=1e-30)
        along = [a / peak.view(-1, 1, 1, 1, 1) for a in along]
        bounds = self.threat.bounds(self.batch)

        def scaled(scale: Tensor) -> Tensor:
            steps = scale.view(-1, 1, 1, 1, 1)
            return torch.cat(
                [(s + (steps * a).round()).flatten(1) for s, a in zip(start, along, strict=True)], 1
            )

        def measure(flat: Tensor) -> Tensor:
            delta = self.delta(_unflattened(flat, start))
            outside = ((delta < bounds[0]) | (delta > bounds[1])).flatten(1).any(1)
            length = self.threat.measure(delta)
            return length.where(~outside.view_as(length), torch.inf)

        radii = self.threat.radii(self.batch).double()
        found = geometry.greatest_fitting(scaled, measure, radii, at_most=2.0**12)
        return list(_unflattened(found, start))

    def climbed(
        self,
        start: Sequence[Tensor],
        gradients: Sequence[Tensor],
        *,
        first: int,
        several: int,
        trying: Tensor,
    ) -> list[Tensor]:
        """Under L∞: ``start`` with, in each block, the most rewarding moves that are allowed.

        Of every block one coefficient after another is moved along its gradient, those first that
        rise most for what they may change a pixel by, and moved back where the decoded image then
        leaves the threat.

        Args:
            start: planes, within the threat.
            gradients: of a loss, in coefficients.
            first: rank of the first coefficient that is tried.
            several: how many are.
            trying: (N,) how many of these a case tries.
        """
        planes = list(start)
        samples = [self.decoder.samples(i, plane) for i, plane in enumerate(planes)]
        low, high = self.threat.bounds(self.batch)
        radii = self.threat.radii(self.batch)
        low, high = torch.maximum(low, -radii), torch.minimum(high, radii)
        ranked = [self._ranked(i, gradient) for i, gradient in enumerate(gradients)]
        for number in range(several):
            rank = (first + number) % 64
            for i, (index, step) in enumerate(ranked):
                move = torch.where((number < trying).view(-1, 1, 1), step[..., rank], 0.0)
                trial = _moved(planes[i], index[..., rank], move)
                for _ in range(_UNDONE if i > 0 else 1):
                    bad = self._outside(i, trial, samples, low, high)
                    move = move.where(~self._blocks(i, bad, move), 0.0)
                    trial = _moved(planes[i], index[..., rank], move)
                bad = self._outside(i, trial, samples, low, high)
                whole = bad.flatten(1).any(1).view(-1, 1, 1, 1, 1)
                planes[i] = trial.where(~whole, planes[i])
                samples[i] = self.decoder.samples(i, planes[i])
        return planes

    def _ranked(self, i: int, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Of each block the coefficients by reward, and their moves; 0 where none could fit."""
        weigh = _CHROMA[i] if len(self.decoder.tables) == 3 else 1.0
        tallest = self.decoder.tables[i] * _peaks().to(gradient.device) * weigh
        radii = self.threat.radii(self.batch).double().view(-1, 1, 1, 1, 1)
        stride = (_STRIDE * radii / tallest).floor().clamp(min=1)
        move = torch.where(tallest < radii + 1, gradient.sign() * stride, 0.0).flatten(3)
        reward = torch.where(move != 0, gradient.abs().flatten(3) / tallest.flatten(3), 0.0)
        index = reward.argsort(dim=3, descending=True, stable=True)
        return index, move.gather(3, index)

    def _outside(
        self, i: int, plane: Tensor, samples: Sequence[Tensor], low: Tensor, high: Tensor
    ) -> Tensor:
        """Pixels (N, H, W) that are out of the threat with ``plane`` in the place of one."""
        tried = [*samples[:i], self.decoder.samples(i, plane), *samples[i + 1 :]]
        delta = self.decoder.coloured(tried) - self.batch.images
        return ((delta < low) | (delta > high)).any(dim=1)

    def _blocks(self, i: int, pixels: Tensor, like: Tensor) -> Tensor:
        """Blocks (N, rows, columns) of a plane in which one of the pixels (N, H, W) has a part."""
        down, across = self.decoder.factors if i > 0 else (1, 1)
        seen = pixels.float()[:, None]
        if (down, across) != (1, 1):
            seen = functional.max_pool2d(seen, 2 * _REACH + 1, stride=1, padding=_REACH)
        height, width = (8 * n * by for n, by in zip(like.shape[1:], (down, across), strict=True))
        seen = functional.pad(seen, (0, width - seen.shape[3], 0, height - seen.shape[2]))
        return functional.max_pool2d(seen, (8 * down, 8 * across))[:, 0] > 0


def _moved(plane: Tensor, index: Tensor, move: Tensor) -> Tensor:
    """One coefficient of each block, (N, rows, columns) of 64, moved."""
    flat = plane.flatten(3)
    return flat.scatter_add(3, index[..., None], move[..., None]).view_as(plane)


def _unflattened(flat: Tensor, like: Sequence[Tensor]) -> tuple[Tensor, ...]:
    parts = torch.split(flat, [plane[0].numel() for plane in like], dim=1)
    return tuple(part.view_as(plane) for part, plane in zip(parts, like, strict=True))


def _peaks() -> Tensor:
    """What a coefficient of 1 changes a sample by at most, (8, 8) float64."""
    place, frequency = torch.arange(8.0).double()[:, None], torch.arange(8.0).double()
    waves = torch.cos((2 * place + 1) * frequency * torch.pi / 16) / 2
    waves[:, 0] /= 2**0.5
    tallest = waves.abs().amax(dim=0)
    return tallest[:, None] * tallest
