"""What a shortcut test does to an image, and what it is measured against."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from plexor.cases import Image
from plexor.core.errors import DataError
from plexor.core.seeds import seed_for

Change = NDArray[np.float64]
"""What is added to an image's pixels, (C, *spatial), in stored numbers, not yet rounded."""

_TILES = 12
"""Along an image's short side."""


class Shortcut(Protocol):
    """Something that means nothing, put into an image. Its fields are its whole configuration."""

    def __call__(self, image: Image, *, rng: np.random.Generator) -> Change:
        """What it changes in this image; where it lies is drawn from ``rng``.

        Raises:
            DataError: it cannot be put into an image of this kind.
        """
        ...


def rng_for(seed: int, name: str, case_id: str) -> np.random.Generator:
    """The random stream for one shortcut in one case, whatever its neighbours."""
    return np.random.default_rng(seed_for(seed, name, case_id))


def shuffled(change: Change, *, rng: np.random.Generator) -> Change:
    """The matched control: the same changes in small square tiles, dealt out anew.

    As many pixels move, by as much, in the same colours and with the same edges, so that every norm
    of the change is the same; what it showed as a whole is gone. A model that gives way to a ruler
    and not to its shuffled tiles reads the ruler.

    Args:
        change: (C, H, W). Tiles are a twelfth of the short side, on a grid that starts anywhere;
            the strip that it leaves over at the end is not cut.
        rng: of the deal.

    Returns:
        (C, H, W). Clipping to what a file can hold may take from either of the two.
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
    """The stored numbers that an image shows darkest and brightest.

    Of an image of 8 bits they are the ends of its range. A file of more bits seldom fills its
    range; there they are the least and the greatest number in the image.
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
        DataError: it is not 2D, or has another number of channels than 1 or 3.
    """
    return check_canvas(image.pixels.shape)


def check_canvas(shape: tuple[int, ...]) -> tuple[int, int]:
    """The same, told from the pixels' shape, (C, *spatial).

    Raises:
        DataError: it is not 2D, or has another number of channels than 1 or 3.
    """
    channels, *size = shape
    if len(size) != 2 or channels not in (1, 3):
        raise DataError(f"artefacts are drawn on 2D images, grey or RGB; got the shape {shape}")
    return size[0], size[1]


def in_channels(rgb: NDArray[np.float64], image: Image) -> NDArray[np.float64]:
    """Red, green and blue (3, ...) as this image has it: itself, or its luma (ITU-R BT.601)."""
    if image.pixels.shape[0] == 3:
        return rgb
    return np.tensordot([0.299, 0.587, 0.114], rgb, axes=1)[None]
