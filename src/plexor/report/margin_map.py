"""The map of an attack that changes positions one by one: its margin at each position."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.core import wording
from plexor.core.errors import DataError
from plexor.report import rounding
from plexor.report.picture import Frame, flat, uri

Margins = NDArray[np.floating[Any]]

# Blue to yellow is told apart in every common colour blindness, and lightness rises all the way:
# L* 0, 20 to 60, and 92, so that the order is the same in grey.
UNTRIED = (0, 0, 0)
FARTHEST = (25, 50, 95)
NEAREST = (105, 150, 190)
BREAKING = (255, 231, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginMap:
    """The map as PNG, a data URI, in a case's frame; what it shows; and its legend."""

    picture: str
    alt: str
    legend: str


def read_margins(path: Path) -> Margins:
    """The greatest margin reached by a change of each position alone, (*spatial); NaN if not tried.

    Raises:
        DataError: the file is damaged.
    """
    try:
        margins: Margins = np.load(path, allow_pickle=False)
    except Exception as error:
        raise DataError(f"{path}: not a whole map of margins: {error}") from error
    return margins


def show_margins(margins: Margins, seen: Frame) -> MarginMap | None:
    """The map in colours, from the least to the greatest margin below the goal.

    Args:
        margins: (*spatial); above 0 if the position alone reaches the goal, NaN if not tried.
        seen: what is shown of the case.

    Returns:
        None if no position was tried.
    """
    tried, breaking = ~np.isnan(margins), margins > 0
    if not tried.any():
        return None
    held = margins[tried & ~breaking]
    low, high = (float(held.min()), float(held.max())) if held.size else (0.0, 0.0)
    shown = np.full((*margins.shape, 3), UNTRIED, dtype=np.uint8)
    near = (held - low) / (high - low) if high > low else np.zeros_like(held)
    ends = np.array(FARTHEST), np.array(NEAREST)
    shown[tried & ~breaking] = np.round(ends[0] + near[:, None] * (ends[1] - ends[0]))
    shown[breaking] = BREAKING
    counts = f"{wording.count(int(breaking.sum()))} of {wording.count(int(tried.sum()))}"
    return MarginMap(
        picture=uri(flat(np.moveaxis(shown, -1, 0), seen.upright)[seen.rows, seen.columns]),
        alt=f"Map of single positions, {counts} tried break the case",
        legend=_legend(counts, low, high, held.size, whole=bool(tried.all())),
    )


def _legend(counts: str, low: float, high: float, n_held: int, *, whole: bool) -> str:
    parts = [f"yellow, where this position alone reaches the goal: {counts} tried"]
    if n_held and high > low:
        parts.append(
            f"blue, where it does not: dark, where the margin came to {rounding.measure(low)}, "
            f"light, where it came to {rounding.measure(high)}, nearest to the goal, which is "
            "above 0"
        )
    elif n_held:
        parts.append(
            f"blue, where it does not: the margin came to {rounding.measure(low)} everywhere"
        )
    if not whole:
        parts.append("black, not tried")
    return f"Single positions: {'; '.join(parts)}."
