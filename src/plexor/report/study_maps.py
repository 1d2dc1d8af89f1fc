"""Maps of attention over volumes, in three planes, as pictures of a study's page."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.core.errors import RunDirectoryError
from plexor.findings.study_file import StudyMaps, StudyResult
from plexor.report.overlay import overlaid
from plexor.report.pictures import Pictures, Placed

_TIMES = 3
"""Pixels of the page for each voxel."""
_FULL = 99.9
"""Percentile of the first map that has the full colour, in all maps of a volume."""
_WHITE = 255
_GAP, _MARGIN = 2, 2
_AXIAL_LEFT = "axial, coronal and sagittal slices; the patient's right is on the right"

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPicture:
    """A picture of the page: where it is, its size there, and what it shows."""

    placed: Placed
    width: int
    height: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMaps:
    """The maps of one network over one volume; the first picture is the volume alone."""

    title: str
    text: str
    note: str
    pictures: tuple[MapPicture, ...]


def study_maps(path: Path, result: StudyResult, pictures: Pictures) -> tuple[ShownMaps, ...]:
    """Draws the maps of a study, each network's with one scale of colours.

    Args:
        path: the study's directory.
        result: what it holds.
        pictures: where they are placed.

    Raises:
        RunDirectoryError: a file is missing or damaged.
    """
    return tuple(_drawn(path / maps.file, maps, pictures) for maps in result.maps)


def _drawn(file: Path, maps: StudyMaps, pictures: Pictures) -> ShownMaps:
    arrays = _read(file, ("volume", *maps.shown))
    head = around_head(arrays["volume"])
    arrays = {name: one[head] for name, one in arrays.items()}
    volume = arrays["volume"]
    at = centre(volume)
    high = float(np.percentile(volume, 99.5)) or 1.0
    grey = np.clip(planes(volume, at) / high * _WHITE, 0, _WHITE).astype(np.uint8)[..., None]
    first = next(iter(maps.shown))
    most = float(np.percentile(arrays[first], _FULL)) or float(arrays[first].max())
    shown = {"": np.zeros(grey.shape[:2])} | {
        words: planes(arrays[name], at) for name, words in maps.shown.items()
    }
    return ShownMaps(
        title=maps.title,
        text=maps.text,
        note=f"{maps.note} Shown: {_AXIAL_LEFT}.".strip(),
        pictures=tuple(
            MapPicture(
                placed=pictures.place(overlaid(grey, plane, [], most=most)),
                width=_TIMES * grey.shape[1],
                height=_TIMES * grey.shape[0],
                words=words or "the scan",
            )
            for words, plane in shown.items()
        ),
    )


def _read(file: Path, names: tuple[str, ...]) -> dict[str, Values]:
    try:
        with file.open("rb") as data, np.load(data, allow_pickle=False) as stored:
            found: dict[str, Values] = {
                name: np.asarray(stored[name], dtype=np.float64) for name in names
            }
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise RunDirectoryError(
            f"{file} holds no maps of attention ({error}); run the study again"
        ) from error
    if len({one.shape for one in found.values()}) > 1 or found["volume"].ndim != 3:
        raise RunDirectoryError(f"{file}: its maps are not of one volume; run the study again")
    return found


def around_head(volume: Values) -> tuple[slice, slice, slice]:
    """The part of a volume that holds what is brighter than its mean, and a margin.

    Example:
        >>> volume = np.zeros((9, 9, 9))
        >>> volume[4, 4, 2:7] = 1
        >>> around_head(volume)
        (slice(2, 7, None), slice(2, 7, None), slice(0, 9, None))
    """
    bright = np.argwhere(volume > volume.mean())
    if not len(bright):
        return (slice(None), slice(None), slice(None))
    low, high = bright.min(axis=0), bright.max(axis=0)
    x, y, z = (
        slice(max(0, int(first) - _MARGIN), min(n, int(last) + 1 + _MARGIN))
        for first, last, n in zip(low, high, volume.shape, strict=True)
    )
    return (x, y, z)


def centre(volume: Values) -> tuple[int, int, int]:
    """The voxel in the middle of what is brighter than the volume's mean.

    Example:
        >>> volume = np.zeros((5, 7, 3))
        >>> volume[1:4, 2:5, 1] = 1
        >>> centre(volume)
        (2, 3, 1)
    """
    bright = np.argwhere(volume > volume.mean())
    if not len(bright):
        return (volume.shape[0] // 2, volume.shape[1] // 2, volume.shape[2] // 2)
    x, y, z = (round(float(one)) for one in bright.mean(axis=0))
    return (x, y, z)


def planes(volume: Values, at: tuple[int, int, int]) -> Values:
    """Three slices through a voxel, side by side and upright, (rows, columns).

    Args:
        volume: (X, Y, Z) along right, anterior, superior.
        at: the voxel.
    """
    x, y, z = at
    slices = [volume[:, :, z].T[::-1], volume[:, y, :].T[::-1], volume[x, :, :].T[::-1]]
    rows = max(len(one) for one in slices)
    padded = []
    for one in slices:
        above = (rows - len(one)) // 2
        padded.append(np.pad(one, ((above, rows - len(one) - above), (0, _GAP))))
    return np.concatenate(padded, axis=1)[:, :-_GAP]
