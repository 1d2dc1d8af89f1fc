"""A change drawn with its sign: red where it brightens, blue where it darkens, white where none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]
Bytes = NDArray[np.uint8]

# Each colour is white without the channels listed, so that amplifying a picture by a factor about
# white is exact in each channel. White, red and blue are apart in every common colour blindness.
_BRIGHTER = (1, 2)
_DARKER = (0, 1)
_NEITHER = (1,)
_DUST = 1e-9


def signed_change(change: Values, reach: float) -> Bytes:
    """A change in colours, (H, W, 3), the deeper the greater.

    Of colour images each pixel shows the size of its most changed channel, and the sign of the sum
    over channels: red if it became brighter on balance, blue if darker, magenta if neither.

    Args:
        change: perturbed minus original, (H, W, C), in values.
        reach: the change with the deepest colour; 0 where nothing changed.
    """
    shown = np.full((*change.shape[:2], 3), 255, dtype=np.uint8)
    if not reach:
        return shown
    size = np.abs(change).max(axis=-1) / reach
    total = change.sum(axis=-1) / reach
    paler = np.round(255 * (1 - size)).clip(0, 255).astype(np.uint8)
    for chosen, channels in (
        (total > _DUST, _BRIGHTER),
        (total < -_DUST, _DARKER),
        ((np.abs(total) <= _DUST) & (size > 0), _NEITHER),
    ):
        for channel in channels:
            shown[chosen, channel] = paler[chosen]
    return shown
