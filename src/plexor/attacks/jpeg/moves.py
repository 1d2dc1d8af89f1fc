"""Whole changes of coefficients that keep the decoded image within a threat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from plexor.attacks.fitting import greatest_fitting
from plexor.attacks.jpeg.blocks import STRIDE, Blocks, peaks
from plexor.attacks.jpeg.decode import Decoder
from plexor.attacks.threat import Threat
from plexor.cases.formats.coefficients import GREATEST
from plexor.models.batch import Batch

_AIMS = 6
"""Iterations that adapt the predicted length so that the decoded length is the radius."""
_SHORT = 0.998
"""Factor on the length aimed at, to approach the radius from below."""
_CHROMA = (1.77, 1.40)
"""Largest weight of a sample of each chroma plane in red, green or blue (ITU-R BT.601)."""
_REACH = 2
"""Pixels beyond its own area that interpolation spreads a subsampled block over."""
_UNDONE = 2
"""Times that the neighbours of a block with an undone change are checked again."""


@dataclass(frozen=True, slots=True)
class Moves:
    """Allowed changes of the coefficients of some files.

    Attributes:
        decoder: of these files.
        batch: the cases.
        threat: in L∞ or L2; holds for the decoded image.
    """

    decoder: Decoder
    batch: Batch
    threat: Threat

    def delta(self, planes: Sequence[Tensor]) -> Tensor:
        """The change of the decoded image, (N, C, H, W) float64, in integers."""
        return self.decoder(planes) - self.batch.images

    def furthest(self, start: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
        """Under L2: ``start`` moved along gradients until the decoded change has the radius.

        If the changes of an image by its coefficients were orthogonal, the best moves would be
        multiples of gradient over squared length, with one factor, rounded to integers. These are
        taken; the factor is found from predicted lengths and corrected by the decoded length.
        """
        closed = self._closed()
        along, squares = [], []
        for i, gradient in enumerate(gradients):
            square = self.decoder.squares(i)
            free = gradient.where(~self._blocks(i, closed, gradient)[..., None, None], 0.0)
            along.append((free / square).flatten(1))
            squares.append(square.expand_as(gradient).flatten(1))
        way, square = torch.cat(along, dim=1), torch.cat(squares, dim=1)
        way = way / way.abs().amax(dim=1, keepdim=True).clamp(min=1e-30)
        flat = torch.cat([plane.flatten(1) for plane in start], dim=1)
        radii = self.threat.radii(self.batch).double().view(-1, 1)
        aim, found, longest = radii, flat, torch.zeros_like(radii)
        down, up = (-GREATEST - flat).clamp(max=0), (GREATEST - flat).clamp(min=0)

        def foreseen(moves: Tensor) -> Tensor:
            return (moves.square() * square).sum(dim=1, keepdim=True).sqrt()

        for _ in range(_AIMS):
            moves = greatest_fitting(
                lambda scale: (scale * way).round().clamp(down, up),
                foreseen,
                aim,
                at_most=2.0**12,
            )
            length = self.threat.measure(self.delta(_unflattened(flat + moves, start))).view(-1, 1)
            better = (length <= radii) & (length > longest)
            found, longest = (flat + moves).where(better, found), length.where(better, longest)
            had = foreseen(moves).square()
            left = had + radii.square() - length.square()
            aim = torch.maximum(left, had / 4).sqrt() * _SHORT
        return list(_unflattened(found, start))

    def filled(
        self, start: Sequence[Tensor], gradients: Sequence[Tensor], *, several: int
    ) -> list[Tensor]:
        """Under L∞: ``start`` with the allowed changes of greatest gain in each block.

        Blocks of luma are independent. Blocks of chroma overlap after upsampling and affect every
        channel; they try one coefficient at a time, and undo it where the decoded image leaves the
        threat. Luma comes first since it changes all channels equally: after chroma, little of the
        radius would be left for it.

        Args:
            start: planes within the threat.
            gradients: of the loss in the coefficients.
            several: greatest number of changes in a block.
        """
        planes = list(start)
        samples = [self.decoder.samples(i, plane) for i, plane in enumerate(planes)]
        found = self._luma(planes[0], samples).filled(
            planes[0].view(-1, 64), gradients[0].reshape(-1, 64), several=several
        )
        planes[0] = found.view_as(planes[0])
        samples[0] = self.decoder.samples(0, planes[0])
        for i in range(1, len(planes)):
            planes[i] = self._tried(i, planes[i], gradients[i], samples, several)
            samples[i] = self.decoder.samples(i, planes[i])
        return planes

    def _tried(
        self, i: int, plane: Tensor, gradient: Tensor, samples: Sequence[Tensor], several: int
    ) -> Tensor:
        """A chroma plane with all changes that fit, tried one at a time in each block."""
        index, step = self._ranked(i, gradient)
        usable = int((step != 0).sum(dim=3).max())
        for rank in range(min(several, usable)):
            move = step[..., rank]
            trial = _moved(plane, index[..., rank], move)
            for _ in range(_UNDONE):
                bad = self._outside(i, trial, samples)
                move = move.where(~self._blocks(i, bad, move), 0.0)
                trial = _moved(plane, index[..., rank], move)
            whole = self._outside(i, trial, samples).flatten(1).any(1).view(-1, 1, 1, 1, 1)
            plane = trial.where(~whole, plane)
        return plane

    def _ranked(self, i: int, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients of each block by gain, and their changes; 0 where none can fit."""
        tallest = self.decoder.tables[i] * peaks().to(gradient.device) * _CHROMA[i - 1]
        radii = self.threat.radii(self.batch).double().view(-1, 1, 1, 1, 1)
        stride = (STRIDE * radii / tallest).floor().clamp(min=1)
        move = torch.where(tallest < radii + 1, gradient.sign() * stride, 0.0).flatten(3)
        reward = torch.where(move != 0, gradient.abs().flatten(3) / tallest.flatten(3), 0.0)
        index = reward.argsort(dim=3, descending=True, stable=True)
        return index, move.gather(3, index)

    def _outside(self, i: int, plane: Tensor, samples: Sequence[Tensor]) -> Tensor:
        """Pixels (N, H, W) outside the threat if ``plane`` replaces plane ``i``."""
        tried = [*samples[:i], self.decoder.samples(i, plane), *samples[i + 1 :]]
        low, high = self._bounds()
        pixels = self.decoder.coloured(tried)
        return ((pixels < low) | (pixels > high)).any(dim=1)

    def _bounds(self) -> tuple[Tensor, Tensor]:
        """Least and greatest pixels that L∞ allows, (N, C, H, W)."""
        low, high = self.threat.bounds(self.batch)
        radii, images = self.threat.radii(self.batch), self.batch.images
        return images + torch.maximum(low, -radii), images + torch.minimum(high, radii)

    def _luma(self, plane: Tensor, samples: Sequence[Tensor]) -> Blocks:
        """Bounds of luma samples, given the other planes.

        Where a pixel may be 0, there is no lower bound, since the decoder clips; likewise for 255.
        """
        low, high = self._bounds()
        hues = self.decoder.hues(samples)
        least = torch.where(low <= 0, -torch.inf, low - hues).amax(dim=1)
        greatest = torch.where(high >= 255, torch.inf, high - hues).amin(dim=1)
        n, rows, columns = plane.shape[:3]
        radius = self.threat.radii(self.batch).double().view(-1, 1, 1)
        return Blocks(
            table=self.decoder.tables[0].expand_as(plane).reshape(-1, 64),
            low=_as_blocks(least, rows, columns, -torch.inf),
            high=_as_blocks(greatest, rows, columns, torch.inf),
            radius=radius.expand(n, rows, columns).reshape(-1, 1),
        )

    def _closed(self) -> Tensor:
        """Pixels (N, H, W) that may not change."""
        low, high = self.threat.bounds(self.batch)
        return (low == high).any(dim=1).expand(-1, *self.batch.images.shape[2:])

    def _blocks(self, i: int, pixels: Tensor, like: Tensor) -> Tensor:
        """Blocks (N, rows, columns) of a plane that contribute to one of the pixels (N, H, W)."""
        down, across = self.decoder.factors if i > 0 else (1, 1)
        seen = pixels.float()[:, None]
        if (down, across) != (1, 1):
            seen = functional.max_pool2d(seen, 2 * _REACH + 1, stride=1, padding=_REACH)
        height, width = 8 * like.shape[1] * down, 8 * like.shape[2] * across
        seen = functional.pad(seen, (0, width - seen.shape[3], 0, height - seen.shape[2]))
        return functional.max_pool2d(seen, (8 * down, 8 * across))[:, 0] > 0


def _moved(plane: Tensor, index: Tensor, move: Tensor) -> Tensor:
    """Adds to one coefficient, of 64, of each block, unless the sum exceeds the file's range."""
    flat = plane.flatten(3)
    moved = flat.scatter_add(3, index[..., None], move[..., None])
    return moved.where(moved.abs() <= GREATEST, flat).view_as(plane)


def _unflattened(flat: Tensor, like: Sequence[Tensor]) -> tuple[Tensor, ...]:
    parts = torch.split(flat, [plane[0].numel() for plane in like], dim=1)
    return tuple(part.view_as(plane) for part, plane in zip(parts, like, strict=True))


def _as_blocks(samples: Tensor, rows: int, columns: int, beyond: float) -> Tensor:
    """Samples (N, H, W) as one row for each block, (N * rows * columns, 64)."""
    height, width = samples.shape[1:]
    whole = (0, 8 * columns - width, 0, 8 * rows - height)
    padded = functional.pad(samples, whole, value=beyond)
    return padded.view(-1, rows, 8, columns, 8).transpose(2, 3).reshape(-1, 64)
