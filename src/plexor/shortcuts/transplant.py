"""An artefact cut from one photograph and added to another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from plexor.cases import Image, read_image
from plexor.core.errors import DataError, PlanError
from plexor.shortcuts.shortcut import Change, black_and_white, canvas, in_channels

_WHITE = 255.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """The optical effect of a piece of a photograph.

    Attributes:
        added: (3, h, w), light added, as a share of the range from black to white.
        passed: (3, h, w), share of light transmitted.
    """

    added: NDArray[np.float64]
    passed: NDArray[np.float64]

    @classmethod
    def of_pair(cls, with_it: Path, without_it: Path) -> Template:
        """From the same piece of a photograph with the artefact, and with it removed.

        The difference of the two is added to other images, as in Katsch et al., Dermatology
        Practical & Conceptual 2022.

        Raises:
            DataError: a file cannot be read, is not RGB of 8 bits, or the two differ in size.
        """
        one, other = _rgb(with_it), _rgb(without_it)
        if one.shape != other.shape:
            raise DataError(
                f"{with_it} is {_size(one)} and {without_it} is {_size(other)}; the two must show "
                "the same piece of one photograph"
            )
        return cls(added=(one - other) / _WHITE, passed=np.ones_like(one))

    @classmethod
    def of_stamp(cls, on_white: Path) -> Template:
        """From the artefact alone on a white ground; it is treated as absorbing light.

        Raises:
            DataError: the file cannot be read, or is not RGB of 8 bits.
        """
        stamp = _rgb(on_white)
        return cls(added=np.zeros_like(stamp), passed=stamp / _WHITE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transplant:
    """Adds a template to an image, at a position drawn for each case.

    Attributes:
        template: the artefact.
        source_width: width in pixels of the photograph that the template was cut from; in an image
            of half that width the template has half its size.
    """

    template: Template
    source_width: int = 600

    def __post_init__(self) -> None:
        if self.source_width < 1:
            raise PlanError(f"transplant: source_width is at least 1, got {self.source_width}")

    def __call__(self, image: Image, *, rng: np.random.Generator) -> Change:
        """The change to this image, with the template anywhere it fits.

        Raises:
            DataError: the image is not a 2D image in grey or RGB, or is smaller than the template.
        """
        height, width = canvas(image)
        scale = width / self.source_width
        size = tuple(max(1, round(side * scale)) for side in self.template.passed.shape[1:])
        if size[0] > height or size[1] > width:
            raise DataError(
                f"transplant: the template takes {size[1]}×{size[0]} pixels, and the image has "
                f"{width}×{height}; give the photograph's width as `source_width`"
            )
        top, left = (int(rng.integers(0, free + 1)) for free in (height - size[0], width - size[1]))
        place = (slice(None), slice(top, top + size[0]), slice(left, left + size[1]))
        black, white = black_and_white(image)
        below = image.pixels[place].astype(np.float64)
        added, passed = (
            in_channels(_resized(part, size), image)
            for part in (self.template.added, self.template.passed)
        )
        change = np.zeros(image.pixels.shape)
        change[place] = (below - black) * (passed - 1) + added * (white - black)
        return change


def _rgb(path: Path) -> NDArray[np.float64]:
    image = read_image(path)
    if image.pixels.dtype != np.uint8 or image.pixels.shape[0] != 3:
        raise DataError(
            f"{path}: expected RGB of 8 bits, got {image.pixels.shape[0]} channels of "
            f"{image.pixels.dtype}"
        )
    return image.pixels.astype(np.float64)


def _resized(part: NDArray[np.float64], size: tuple[int, ...]) -> NDArray[np.float64]:
    """Resizes (3, h, w) to (3, *size), with averaging where it shrinks."""
    tensor = torch.from_numpy(part)[None]
    resized = functional.interpolate(tensor, size=size, mode="bilinear", antialias=True)
    return np.asarray(resized[0])


def _size(pixels: NDArray[np.float64]) -> str:
    return f"{pixels.shape[2]}×{pixels.shape[1]}"
