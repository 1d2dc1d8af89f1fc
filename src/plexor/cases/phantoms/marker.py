"""Letters burnt into a film: a small bitmap font of our own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Each letter is 5 wide and 7 high; a row is a number whose bits are its dots, left to right.
_ROWS: dict[str, tuple[int, ...]] = {
    "A": (0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001),
    "B": (0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110),
    "E": (0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111),
    "J": (0b00111, 0b00010, 0b00010, 0b00010, 0b00010, 0b10010, 0b01100),
    "K": (0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001),
    "L": (0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111),
    "M": (0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001),
    "P": (0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000),
    "R": (0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001),
    "S": (0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110),
    "T": (0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100),
}


def letters(text: str, dot: int) -> NDArray[np.float32]:
    """Text as an image from 0 to 1, each letter ``7 * dot`` pixels high, one dot between letters.

    Raises:
        KeyError: a letter that is not in this font.
    """
    columns = [np.zeros((7, 1), dtype=bool)]
    for letter in text:
        rows = np.array(_ROWS[letter])[:, None]
        columns += [(rows >> np.arange(4, -1, -1)) & 1 == 1, columns[0]]
    bitmap = np.hstack(columns[1:-1]).astype(np.float32)
    if dot == 1:
        return bitmap
    # Large letters are rounded off: blurred by half a dot and cut a little below half height.
    large = np.pad(np.kron(bitmap, np.ones((dot, dot), dtype=np.float32)), dot)
    smooth = ndimage.gaussian_filter(large, 0.5 * dot)[dot:-dot, dot:-dot]
    rounded: NDArray[np.float32] = np.clip((smooth - 0.4) * 2 * dot + 0.5, 0, 1)
    return rounded
