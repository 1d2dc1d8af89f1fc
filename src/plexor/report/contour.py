"""Outlines of masks as SVG paths over an image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.core.errors import DataError

Labels = NDArray[np.integer[Any]]


def read_labels(path: Path) -> dict[str, Labels]:
    """An example's label masks: ``truth``, ``before`` and ``after``, (*spatial) each.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in ("truth", "before", "after")}
    except Exception as error:
        raise DataError(f"{path}: not a whole file of label masks: {error}") from error


def contour(labels: Labels) -> str:
    """The path between pixels of different labels (H, W), in pixels; "" if all are 0."""
    padded = np.pad(labels, 1)
    flat = padded[1:, 1:-1] != padded[:-1, 1:-1]
    upright = padded[1:-1, 1:] != padded[1:-1, :-1]
    lines = [f"M{x} {y}h{n}" for y, x, n in _runs(flat)]
    lines += [f"M{x} {y}v{n}" for x, y, n in _runs(upright.T)]
    return "".join(lines)


def _runs(edges: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Row, start and length of every run of True."""
    turns = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(turns == 1)
    _, ends = np.nonzero(turns == -1)
    yield from zip(rows.tolist(), starts.tolist(), (ends - starts).tolist(), strict=True)
