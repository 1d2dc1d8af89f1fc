"""A few images of a cohort, from which a starter plan takes sizes and radii."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plexor.cases import Image, read_image
from plexor.core.errors import DataError

_SAMPLE = 8
_LONGEST = {2: 96, 3: 48}
"""Longest side of a network's input, by dimensions: what two processors train in minutes."""
_SHARES = (0.004, 0.008, 0.016)
"""Radii as shares of the range, where a level of 256 is not the measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Images of one number of dimensions.

    Attributes:
        images: at least one.
    """

    images: tuple[Image, ...]

    @classmethod
    def of(cls, files: Sequence[Path]) -> Sample:
        """Some images, evenly spread; of one number of dimensions, as the first has."""
        wanted = [files[i * len(files) // _SAMPLE] for i in range(_SAMPLE)]
        images: list[Image] = []
        reason = ""
        for file in dict.fromkeys(wanted):
            try:
                images.append(read_image(file))
            except DataError as error:
                reason = str(error)
        if not images:
            raise DataError(f"none of {len(set(wanted))} images tried can be read: {reason}")
        alike = [image for image in images if image.pixels.ndim == images[0].pixels.ndim]
        return cls(images=tuple(alike))

    @property
    def first(self) -> Image:
        """The first image."""
        return self.images[0]

    @property
    def spatial(self) -> tuple[int, ...]:
        """Median size along each axis."""
        shapes = [image.pixels.shape[1:] for image in self.images]
        return tuple(int(statistics.median(axis)) for axis in zip(*shapes, strict=True))

    @property
    def is_8_bit(self) -> bool:
        """Whether all are stored in bytes."""
        return all(image.pixels.dtype == np.uint8 for image in self.images)

    @property
    def is_tied(self) -> bool:
        """Whether the images are grey and stored in several equal channels."""
        return all(
            len(image.pixels) > 1 and bool((image.pixels == image.pixels[:1]).all())
            for image in self.images
        )

    @property
    def words(self) -> str:
        """Size, channels and type, for a sentence."""
        n = len(self.first.pixels)
        size = " × ".join(map(str, self.spatial))
        grey = ", all equal (grey)" if self.is_tied else ""
        kind = self.first.pixels.dtype
        return f"{size}, {n} channel{'' if n == 1 else 's'}{grey}, stored as {kind}"

    def size(self) -> list[int]:
        """The network's input: the same shape, smaller where it is large, in steps of 8."""
        longest = _LONGEST[len(self.spatial)]
        shrink = min(1.0, longest / max(self.spatial))
        return [max(8, round(side * shrink / 8) * 8) for side in self.spatial]

    def scaling(self) -> str:
        """The keys of ``preprocess`` that scale values."""
        scalings = {(image.intensity.slope, image.intensity.intercept) for image in self.images}
        if not self.is_8_bit or scalings != {(1.0, 0.0)}:
            return "window: null"  # z-scores
        values = [image.pixels.reshape(len(image.pixels), -1) / 255 for image in self.images]
        n_channels = {len(one) for one in values}
        if len(n_channels) > 1:
            return "window: [0, 255], mean: [0.5], std: [0.25]"
        every = np.concatenate(values, axis=1)
        mean = [round(float(one), 2) for one in every.mean(axis=1)]
        std = [round(max(float(one), 0.01), 2) for one in every.std(axis=1)]
        return f"window: [0, 255], mean: {mean}, std: {std}"

    def radii(self) -> tuple[list[float], str, str]:
        """Radii of a change, its unit as a key of the threat, and a comment."""
        if self.is_8_bit:
            return [1, 2, 4], "", "levels of 256"
        floating = [image.intensity.quantum == 0 for image in self.images]
        if any(floating) and not all(floating):
            return self._radii_in_values()
        if self.first.intensity.quantum == 0:
            percent = [round(100 * share, 1) for share in _SHARES]
            return percent, ", unit: percent", "of the range of each image"
        ends = [np.percentile(image.pixels, (1, 99)) for image in self.images]
        span = statistics.median(float(high - low) for low, high in ends)
        levels = [max(1, round(share * span)) for share in _SHARES]
        comment = f"levels; the middle 98 % of the numbers span {span:.0f}"
        return sorted({float(level) for level in levels}), "", comment

    def _radii_in_values(self) -> tuple[list[float], str, str]:
        """Of images stored as different types, which have only their values in common."""
        ends = [
            np.percentile(image.pixels, (1, 99)) * image.intensity.slope for image in self.images
        ]
        span = statistics.median(abs(float(high - low)) for low, high in ends)
        values = sorted({float(f"{share * span:.2g}") for share in _SHARES if span}) or [1.0]
        comment = f"values, as storage differs; the middle 98 % of them span {span:.4g}"
        return values, ", unit: value", comment
