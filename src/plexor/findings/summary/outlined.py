"""What a segmentation outlined on each case of a probe, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlined:
    """n cases, k classes beside the background; of n = 0 or of another task, of no columns.

    Attributes:
        dice: with the truth, as probed, (n, k); NaN where neither has the class.
        dice_unprobed: with the truth, untouched in the same container, (n, k).
        agreement: Dice of what was outlined as probed with what was on the untouched file, (n, k).
        moved: from centre to centre of the two, in pixels, (n, k).
        size: pixels of each label, the background first, as probed, (n, 1 + k).
        size_before: on the untouched image as its own file stores it, (n, 1 + k).
        size_unprobed: untouched in the same container, (n, 1 + k).
        size_truth: in the truth, (n, 1 + k).
    """

    dice: Numbers
    dice_unprobed: Numbers
    agreement: Numbers
    moved: Numbers
    size: Numbers
    size_before: Numbers
    size_unprobed: Numbers
    size_truth: Numbers

    @classmethod
    def of(cls, done: pd.DataFrame, known: pd.DataFrame, there: NDArray[np.bool_]) -> Outlined:
        """Reads rows.

        Args:
            done: a probe's that were judged, n of them.
            known: the untouched images' in the same container, in the same order.
            there: of which of them there is one, (n,).
        """
        before, size_before = _matrix(done, "dice_before"), _matrix(done, "size_before")
        dice_unprobed, size_unprobed = before.copy(), size_before.copy()
        if there.any():
            dice_unprobed[there] = _matrix(known[there], "dice_after")
            size_unprobed[there] = _matrix(known[there], "size_after")
        return cls(
            dice=_matrix(done, "dice_after"),
            dice_unprobed=dice_unprobed,
            agreement=_matrix(done, "agreement"),
            moved=_matrix(done, "moved"),
            size=_matrix(done, "size_after"),
            size_before=size_before,
            size_unprobed=size_unprobed,
            size_truth=_matrix(done, "size_truth"),
        )


def _matrix(rows: pd.DataFrame, name: str) -> Numbers:
    numbers = [np.asarray(row, dtype=np.float64) for row in rows[name]]
    return np.stack(numbers) if numbers else np.empty((0, 0))
