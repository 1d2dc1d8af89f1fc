"""Differentiable decoding of JPEG coefficients to pixels, bit-exact with libjpeg-turbo.

Implements libjpeg-turbo's default methods (jidctint.c, jdsample.c, jdcolor.c): the accurate
integer transform of Loeffler, Ligtenberg & Moschytz (ICASSP 1989), triangular upsampling, and
ITU-R BT.601 colour. All intermediate numbers are integers below 2^53, which float64 represents
exactly on any device. Gradients ignore rounding (straight-through).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from plexor.cases.formats.coefficients import Coefficients

_BITS = 13
_ROTATIONS = tuple(
    round(number * 2**_BITS)
    for number in (
        0.298631336, 0.390180644, 0.541196100, 0.765366865, 0.899976223, 1.175875602,
        1.501321110, 1.847759065, 1.961570560, 2.053119869, 2.562915447, 3.072711026,
    )
)  # fmt: skip
"""The transform's constants, in 2^13ths (jidctint.c)."""

_RED, _BLUE, _GREEN_BLUE, _GREEN_RED = (
    round(number * 2**16) for number in (1.40200, 1.77200, 0.34414, 0.71414)
)
"""Colour conversion constants, in 2^16ths (jdcolor.c)."""

_NARROW = 2
"""Planes of at most this width are upsampled by repetition, not interpolation (jdsample.c)."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decoder for N files of one size and subsampling, each with its own tables.

    Attributes:
        tables: for each plane, (N, 1, 1, 8, 8) float64.
        size: (H, W) of the image.
        factors: image pixels for each chroma sample, (down, across).
    """

    tables: tuple[Tensor, ...]
    size: tuple[int, int]
    factors: tuple[int, int]

    @classmethod
    def of(
        cls, files: Sequence[Coefficients], size: tuple[int, int], device: torch.device
    ) -> Decoder:
        """The decoder for files that differ only in tables and coefficients."""
        tables = [
            torch.tensor([file.tables[i].tolist() for file in files], dtype=torch.float64)
            for i in range(len(files[0].planes))
        ]
        return cls(
            tables=tuple(table[:, None, None].to(device) for table in tables),
            size=size,
            factors=files[0].factors,
        )

    def __call__(self, planes: Sequence[Tensor]) -> Tensor:
        """Pixels (N, C, H, W), 0 to 255, float64, of planes (N, rows, columns, 8, 8) float64."""
        return self.coloured([self.samples(i, plane) for i, plane in enumerate(planes)])

    def samples(self, i: int, plane: Tensor) -> Tensor:
        """Samples of one plane at every pixel, (N, H, W), 0 to 255."""
        down, across = self.factors if i > 0 else (1, 1)
        height, width = -(-self.size[0] // down), -(-self.size[1] // across)
        blocks = inverse_dct(plane * self.tables[i])
        n, rows, columns = blocks.shape[:3]
        found = blocks.transpose(2, 3).reshape(n, 8 * rows, 8 * columns)[:, :height, :width]
        if (down, across) == (1, 1):
            return found
        return _upsampled(found, down)[:, : self.size[0], : self.size[1]]

    def squares(self, i: int) -> Tensor:
        """Squared length, over all pixels and channels, of the change by a coefficient of 1.

        Without rounding, and away from the borders of an image wider than ``_NARROW``.

        Returns:
            (N, 1, 1, 8, 8).
        """
        squared = self.tables[i].square()
        if len(self.tables) == 1:
            return squared
        upsampled = 1.25 + 0.75 * (wave()[1:] * wave()[:-1]).sum(dim=0)
        down, across = (
            upsampled if i > 0 and factor == 2 else torch.ones_like(upsampled)
            for factor in self.factors
        )
        weight = (3.0, 1.772**2 + 0.34414**2, 1.402**2 + 0.71414**2)[i]
        shape: Tensor = weight * down[:, None] * across
        return squared * shape.to(squared.device)

    def coloured(self, samples: Sequence[Tensor]) -> Tensor:
        """Samples of all planes → pixels (N, C, H, W)."""
        return (samples[0][:, None] + self.hues(samples)).clamp(0, 255)

    def hues(self, samples: Sequence[Tensor]) -> Tensor:
        """Contribution of chroma to each channel, (N, C, H, W); 0 for grey."""
        if len(samples) == 1:
            return torch.zeros_like(samples[0][:, None])
        blue, red = samples[1] - 128, samples[2] - 128
        half = 2.0**15
        added = [
            _floored(_RED * red, half, 2**16),
            _floored(-_GREEN_BLUE * blue - _GREEN_RED * red, half, 2**16),
            _floored(_BLUE * blue, half, 2**16),
        ]
        return torch.stack(added, dim=1)


def wave() -> Tensor:
    """The one-dimensional transform without rounding, (sample, frequency) float64, orthonormal."""
    return _transform() / (2.0**_BITS * 8**0.5)


def inverse_dct(blocks: Tensor) -> Tensor:
    """Dequantised blocks (..., 8, 8) → samples of the same shape, 0 to 255, both float64."""
    turn = _transform().to(blocks.device)
    columns = _floored(turn @ blocks, 2.0**10, 2**11)
    return (_floored(columns @ turn.T, 2.0**17, 2**18) + 128).clamp(0, 255)


def _transform() -> Tensor:
    """The one-dimensional transform as a matrix of integers, (sample, frequency)."""
    a, b, c, d, e, f, g, h, i, j, k, m = _ROTATIONS
    x = torch.eye(8, dtype=torch.float64)  # one frequency a row; the transform is linear
    low, high = (x[0] + x[4]) * 2**_BITS, (x[0] - x[4]) * 2**_BITS
    both = (x[2] + x[6]) * c
    first, second = both + x[2] * d, both - x[6] * h
    even = (low + first, high + second, high - second, low - first)
    all_four = (x[7] + x[3] + x[5] + x[1]) * f
    near, far = (x[7] + x[1]) * -e, (x[5] + x[3]) * -k
    left, right = (x[7] + x[3]) * -i + all_four, (x[5] + x[1]) * -b + all_four
    odd = (
        x[1] * g + near + right,
        x[3] * m + far + left,
        x[5] * j + far + right,
        x[7] * a + near + left,
    )
    sums = [one + other for one, other in zip(even, odd, strict=True)]
    differences = [one - other for one, other in zip(even, odd, strict=True)]
    return torch.stack([*sums, *differences[::-1]])


def _floored(number: Tensor, half: float, by: int) -> Tensor:
    """``(number + half) / by`` rounded down; the gradient is that without rounding."""
    exact = (number + half) / by
    return exact + (exact.floor() - exact).detach()


def _upsampled(samples: Tensor, down: int) -> Tensor:
    """Triangular upsampling by 2 across, and by ``down`` (1 or 2) down."""
    if samples.shape[2] <= _NARROW:
        return samples.repeat_interleave(2, dim=2).repeat_interleave(down, dim=1)
    if down == 1:
        before, after = _beside(samples, 2)
        pair = (_floored(3 * samples + before, 1, 4), _floored(3 * samples + after, 2, 4))
        return torch.stack(pair, dim=3).flatten(2)
    above, below = _beside(samples, 1)
    rows = torch.stack((3 * samples + above, 3 * samples + below), dim=2).flatten(1, 2)
    before, after = _beside(rows, 2)
    pair = (_floored(3 * rows + before, 8, 16), _floored(3 * rows + after, 7, 16))
    return torch.stack(pair, dim=3).flatten(2)


def _beside(samples: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The neighbours before and after each sample; at an edge the sample itself."""
    n = samples.shape[dim]
    before = torch.cat([samples.narrow(dim, 0, 1), samples.narrow(dim, 0, n - 1)], dim)
    return before, torch.cat([samples.narrow(dim, 1, n - 1), samples.narrow(dim, n - 1, 1)], dim)
