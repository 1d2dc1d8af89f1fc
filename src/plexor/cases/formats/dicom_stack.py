"""Whether slices make a volume: their order along the normal, and the grid of them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plexor.cases.grid import Grid
from plexor.cases.intensity import Intensity
from plexor.core.errors import DataError

Floats = NDArray[np.float64]

_ALIKE = 1e-3
"""How far the direction cosines of two slices of a volume may differ (DICOM writes six digits)."""
_NEAR = 0.05
"""Of the distance of slices: how far a slice may lie from where equal distances would have it."""
_MOST_TILTED = 45.0
"""Degrees between the step of slices and their normal; gantries tilt by 30 at most."""
_SAME_MM = 1e-3
"""Slices nearer to each other than this lie at the same position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFacts:
    """What the slices of a volume must have in common, and where a slice lies.

    Attributes:
        grid: (rows, columns) in the patient; None where unknown.
        shape: rows and columns.
        n_channels: 1 for grey levels.
        kind: the type of the stored numbers, e.g. "int16".
        intensity: their meaning.
    """

    grid: Grid | None
    shape: tuple[int, int]
    n_channels: int
    kind: str
    intensity: Intensity


def check_alike(slices: Sequence[SliceFacts]) -> None:
    """Refuses slices that one array with one scaling cannot hold.

    Raises:
        DataError: slices of several sizes, types or scalings, or in colour.
    """
    if any(one.n_channels != 1 for one in slices):
        raise DataError("slices are in colour, expected grey levels")
    shapes = {one.shape for one in slices}
    if len(shapes) > 1:
        sizes = " and ".join(f"{h} × {w}" for h, w in sorted(shapes)[:2])
        raise DataError(f"slices have several sizes, {sizes}")
    if len({one.kind for one in slices}) > 1:
        raise DataError("slices are signed and unsigned, or of 8 and 16 bits")
    meanings = {(one.intensity.slope, one.intensity.intercept) for one in slices}
    if len(meanings) > 1:
        raise DataError(
            "slices have different rescales, so that the same stored number means different "
            "values; convert the series to NIfTI in floating point, e.g. with dcm2niix"
        )
    if len({one.intensity for one in slices}) > 1:
        raise DataError("slices store different ranges of numbers or have different units")


def order_of(grids: Sequence[Grid | None]) -> list[int]:
    """The order of slices along their normal, from the first position to the last.

    The normal is the cross product of rows and columns, and points as DICOM's does (PS3.3,
    C.7.6.2.1.1): of axial slices of a patient on the back, to the head.

    Args:
        grids: of the slices, as read from files of one frame.

    Raises:
        DataError: a slice without position, orientation or spacing; slices of several orientations
            or spacings; two slices at one position.
    """
    lost = sum(grid is None for grid in grids)
    if lost:
        raise DataError(
            f"{lost} of {len(grids)} slices do not say where they lie (position, orientation, "
            "pixel spacing)"
        )
    known = [grid for grid in grids if grid is not None]
    first = known[0].axes
    steps = np.linalg.norm(first, axis=0)
    for grid in known[1:]:
        found = np.linalg.norm(grid.axes, axis=0)
        if np.abs(found - steps).max() > _ALIKE * steps.max():
            raise DataError(
                f"slices have several pixel spacings, {known[0].spacing_text} mm and "
                f"{grid.spacing_text} mm"
            )
        if np.abs(grid.axes / found - first / steps).max() > _ALIKE:
            raise DataError("slices have several orientations, as those of a localizer have")
    places = np.array([grid.origin for grid in known]) @ normal(known[0])
    order = np.argsort(places, kind="stable")
    gaps = np.diff(places[order])
    if len(gaps) and gaps.min() < _SAME_MM:
        n_extra = int((gaps < _SAME_MM).sum())
        where = float(places[order][int(gaps.argmin())])
        raise DataError(
            f"{n_extra} of {len(known)} slices share their position with another, e.g. at "
            f"{where:.4g} mm along the normal: several time points, echoes or copies"
        )
    return [int(index) for index in order]


def normal(grid: Grid) -> Floats:
    """The direction of DICOM's slice normal in RAS, of length 1."""
    along_column, along_row = grid.axes.T  # the index of rows runs down a column
    crossed = np.cross(along_row, along_column)  # the same in LPS and RAS, which differ by a turn
    found: Floats = crossed / np.linalg.norm(crossed)
    return found


def stacked(grids: Sequence[Grid | None]) -> Grid:
    """The grid of a volume (columns, rows, slices) of slices that are in order.

    Args:
        grids: of the slices, (rows, columns) each.

    Raises:
        DataError: as for ``order_of``, or one slice, or slices out of order or at unequal
            distances.
    """
    if len(grids) < 2:
        raise DataError("one slice makes no volume")
    order = order_of(grids)
    if order != list(range(len(grids))):
        raise DataError("the slices are not in the order of their positions")
    known = [grid for grid in grids if grid is not None]
    origins = np.array([grid.origin for grid in known])
    step = (origins[-1] - origins[0]) / (len(known) - 1)
    wanted = origins[0] + np.arange(len(known))[:, None] * step
    away = np.linalg.norm(origins - wanted, axis=1)
    if away.max() > _NEAR * np.linalg.norm(step):
        raise DataError(_unequal(origins @ normal(known[0])))
    along_column, along_row = known[0].axes.T
    found = Grid.of_axes(np.stack([along_row, along_column, step], axis=1), origins[0])
    if found is None or tilt_degrees(found) > _MOST_TILTED:
        raise DataError("slices are shifted along themselves by more than they are apart")
    return found


def tilt_degrees(grid: Grid) -> float:
    """How far a volume's slices are sheared: the angle between their step and their normal."""
    step = grid.axes[:, 2] / np.linalg.norm(grid.axes[:, 2])
    across = np.cross(grid.axes[:, 0], grid.axes[:, 1])
    cosine = abs(float(step @ across)) / float(np.linalg.norm(across))
    return float(np.degrees(np.arccos(min(cosine, 1.0))))


def _unequal(places: Floats) -> str:
    gaps = np.diff(places)
    usual = float(np.median(gaps))
    worst = int(np.abs(gaps - usual).argmax())
    missing = round(float(gaps[worst]) / usual) - 1
    hint = f", so that {missing} may be missing" if missing >= 1 else ""
    return (
        f"slices are not at equal distances: slices {worst + 1} and {worst + 2} are "
        f"{gaps[worst]:.4g} mm apart, the others {usual:.4g} mm{hint}"
    )
