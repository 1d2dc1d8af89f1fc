"""Shared by PNG, JPEG and TIFF: conversion between Pillow's pictures and stored pixels."""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFile

from plexor.cases.image import Pixels

_OTHER_BYTE_ORDER = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B" if sys.byteorder == "little" else "RGB;16L",
}


def channels_first(array: Pixels) -> Pixels:
    """(H, W) or (H, W, C) as Pillow has it → (C, H, W), contiguous, in native byte order."""
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    native = array.dtype.newbyteorder("=")
    return np.ascontiguousarray(array, dtype=native)


def channels_last(pixels: Pixels) -> Pixels:
    """(C, H, W) → (H, W) for one channel, else (H, W, C), contiguous."""
    if len(pixels) == 1:
        return np.ascontiguousarray(pixels[0])
    found = np.empty((*pixels.shape[1:], len(pixels)), pixels.dtype)
    for i, channel in enumerate(pixels):  # a transposed copy would take several times as long
        found[..., i] = channel
    return found


def picture(pixels: Pixels) -> Pillow.Image:
    """A Pillow picture of uint8 pixels, (1, H, W) or (3, H, W)."""
    return Pillow.fromarray(channels_last(pixels))


def replace_raw_mode(file: ImageFile.ImageFile, mode: str) -> None:
    """Makes Pillow unpack a file that is not yet loaded in another raw mode than it chose."""
    file.tile = [
        tile._replace(args=mode if isinstance(tile.args, str) else (mode, *(tile.args or ())[1:]))
        for tile in file.tile
    ]


def raw_mode(file: ImageFile.ImageFile) -> str:
    """The raw mode in which Pillow will unpack a file that is not yet loaded, e.g. "RGB;16B"."""
    args = file.tile[0].args
    return str(args if isinstance(args, str) else (args or ("",))[0])


def rgb16(first: ImageFile.ImageFile, second: ImageFile.ImageFile) -> Pixels:
    """Pixels of a 16-bit RGB file, opened twice, as uint16 (3, H, W).

    Pillow has no 16-bit colour: it keeps the high byte of each sample. Told that the byte order
    is the other one, it keeps the low byte; together they are the sample.
    """
    replace_raw_mode(second, _OTHER_BYTE_ORDER[raw_mode(second)])
    high, low = (np.asarray(file).astype(np.uint16) for file in (first, second))
    return channels_first(high << 8 | low)
