"""Shortcut tests: the change to an image, and its control."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from plexor.cases import Image
from plexor.core.errors import DataError
from plexor.core.seeds import seed_for

Change = NDArray[np.float64]
"""The change to an image's pixels, (C, *spatial), in stored numbers, not yet rounded."""

_TILES = 12
"""Number of tiles along an image's short side."""


class Shortcut(Protocol):
    """An artefact without clinical meaning. Its fields are its whole configuration."""

    def __call__(self, image: Image, *, rng: np.random.Generator) -> Change:
        """The change to this image; the position is drawn from ``rng``.

        Raises:
            DataError: the artefact cannot be added to an image of this kind.
        """
        ...


def rng_for(seed: int, name: str, case_id: str) -> np.random.Generator:
    """The random stream of one shortcut in one case, independent of other cases."""
    return np.random.default_rng(seed_for(seed, name, case_id))


def shuffled(change: Change, *, rng: np.random.Generator) -> Change:
    """The matched control: the same change, cut into small square tiles that are permuted.

    The same number of pixels changes by the same amounts, in the same colours, with the same local
    edges: every norm of the change is the same, and its overall form is lost. A model that changes
    its decision for a ruler and not for the shuffled tiles responds to the ruler.

    Args:
        change: (C, H, W). Tiles are a twelfth of the short side, on a grid with a random origin;
            the strip that remains at the end is not cut.
        rng: of the permutation.

    Returns:
        (C, H, W). Clipping to the storable range may reduce the change or its control.

    Example:
        >>> change = np.zeros((1, 24, 24))
        >>> change[0, 3, :] = 5
        >>> float(shuffled(change, rng=np.random.default_rng(0)).sum())
        120.0
    """
    channels, *size = change.shape
    tile = max(1, min(size) // _TILES)
    rows, columns = (side // tile for side in size)
    dealt = np.roll(change, rng.integers(0, size), axis=(1, 2))
    whole = dealt[:, : rows * tile, : columns * tile]
    tiles = whole.reshape(channels, rows, tile, columns, tile).transpose(1, 3, 0, 2, 4)
    tiles = rng.permutation(tiles.reshape(rows * columns, channels, tile, tile))
    tiles = tiles.reshape(rows, columns, channels, tile, tile).transpose(2, 0, 3, 1, 4)
    whole[:] = tiles.reshape(whole.shape)
    return dealt


def black_and_white(image: Image) -> tuple[float, float]:
    """The stored numbers of an image's black and white.

    For 8 bits they are the ends of the range. A file of more bits seldom uses its whole range;
    there they are the smallest and greatest number in the image.
    """
    of_bytes = image.intensity.quantum > 0 and image.intensity.span <= np.iinfo(np.uint8).max
    ends = (
        (image.intensity.low, image.intensity.high)
        if of_bytes
        else (float(image.pixels.min()), float(image.pixels.max()))
    )
    return ends if image.intensity.slope > 0 else (ends[1], ends[0])


def canvas(image: Image) -> tuple[int, int]:
    """Height and width of an image that can be drawn on.

    Raises:
        DataError: the image is not 2D, or has not 1 or 3 channels.
    """
    return check_canvas(image.pixels.shape)


def check_canvas(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width from the pixels' shape, (C, *spatial).

    Raises:
        DataError: the image is not 2D, or has not 1 or 3 channels.

    Example:
        >>> check_canvas((3, 40, 50))
        (40, 50)
    """
    channels, *size = shape
    if len(size) != 2 or channels not in (1, 3):
        raise DataError(f"artefacts are drawn on 2D images, grey or RGB; got the shape {shape}")
    return size[0], size[1]


def in_channels(rgb: NDArray[np.float64], image: Image) -> NDArray[np.float64]:
    """Red, green and blue (3, ...) in the image's channels: as they are, or as luma (BT.601)."""
    if image.pixels.shape[0] == 3:
        return rgb
    return np.tensordot([0.299, 0.587, 0.114], rgb, axes=1)[None]
