"""Which DICOM files make which images: single ones, frames, and volumes of slices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from plexor.cases.formats.dicom_stack import (
    SliceFacts,
    check_alike,
    order_of,
    stacked,
    tilt_degrees,
)
from plexor.cases.grid import Grid
from plexor.cases.sources.dicom_header import Header
from plexor.core.errors import DataError
from plexor.core.wording import counted

OF_SLICES = ("CT", "MR", "PT")
"""Modalities whose files of one frame are slices of a volume."""
_TILTED = 0.1
"""Degrees from which on a volume is called sheared; rounded positions come to less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An image of the export.

    Attributes:
        name: for messages.
        files: header and frame of each slice in order; frame 0 stands for the whole file.
        grid: of a volume, or of a single image that says where it lies.
        shape: (columns, rows, slices), or (rows, columns).
    """

    name: str
    files: tuple[tuple[Header, int], ...]
    grid: Grid | None
    shape: tuple[int, ...]

    @property
    def header(self) -> Header:
        """Of its first file."""
        return self.files[0][0]

    @property
    def own_file(self) -> Path | None:
        """Its file, where one whole file is the image; else a list of slices is needed."""
        ((header, frame), *others) = self.files
        return header.path if not others and frame == 0 else None

    @property
    def is_tilted(self) -> bool:
        """Whether its slices are shifted along themselves, as by a tilted gantry."""
        volume = self.grid is not None and len(self.shape) == 3
        return volume and self.grid is not None and tilt_degrees(self.grid) > _TILTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """The images of an export, and why anything is none: reason → names."""

    images: list[Found]
    left_out: dict[str, list[str]]

    @property
    def n_tilted(self) -> int:
        """Volumes of a tilted gantry."""
        return sum(one.is_tilted for one in self.images)


def sort_out(headers: Iterable[Header], *, root: Path, volumes: bool) -> Sorted:
    """Images and volumes from the headers of an export.

    Args:
        headers: without segmentations and without copies.
        root: the export's folder, which names in messages start from.
        volumes: make volumes of series of slices and of frames at known positions; if not, each
            slice and each frame is an image.
    """
    found = Sorted(images=[], left_out=defaultdict(list))
    series: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        name = header.path.relative_to(root).as_posix()
        if header.n_frames == 0:
            found.left_out[f"no image (modality {header.modality})"].append(name)
        elif header.problem:
            found.left_out[header.problem].append(name)
        elif header.n_frames > 1:
            _several_frames(header, name, found, volumes=volumes)
        elif volumes and header.modality in OF_SLICES:
            series[header.ids["SeriesInstanceUID"]].append(header)
        else:
            found.images.append(_single(header, name))
    for uid, slices in series.items():
        where = slices[0].path.relative_to(root).parent.as_posix()
        files = counted(len(slices), "file")
        name = f"series {uid or 'without UID'} ({slices[0].modality}, {files} in {where})"
        try:
            found.images.append(_volume(name, [(one, 0) for one in slices], uid))
        except DataError as error:
            found.left_out[str(error)].append(name)
    return found


def _single(header: Header, name: str) -> Found:
    facts = header.facts[0]
    return Found(name=name, files=((header, 0),), grid=facts.grid, shape=facts.shape)


def _several_frames(header: Header, name: str, found: Sorted, *, volumes: bool) -> None:
    placed = all(facts.grid is not None for facts in header.facts)
    if volumes and placed:
        title = f"{name} ({header.modality}, {header.n_frames} frames)"
        try:
            grid, _ = _arranged(header.facts)
        except DataError as error:
            found.left_out[str(error)].append(title)
            return
        rows, columns = header.facts[0].shape
        shape = (columns, rows, header.n_frames)
        found.images.append(Found(name=title, files=((header, 0),), grid=grid, shape=shape))
        return
    for number, facts in enumerate(header.facts, 1):
        found.images.append(
            Found(
                name=f"{name}, frame {number}",
                files=((header, number),),
                grid=facts.grid,
                shape=facts.shape,
            )
        )


def _volume(name: str, slices: Sequence[tuple[Header, int]], uid: str) -> Found:
    if not uid:
        raise DataError("no Series Instance UID, so that slices of a series cannot be told")
    if len(slices) == 1:
        raise DataError("one slice, which makes no volume (-o series=slices takes it as an image)")
    grid, order = _arranged([header.facts[0] for header, _ in slices])
    rows, columns = slices[0][0].facts[0].shape
    return Found(
        name=name,
        files=tuple(slices[number] for number in order),
        grid=grid,
        shape=(columns, rows, len(slices)),
    )


def _arranged(slices: Sequence[SliceFacts]) -> tuple[Grid, list[int]]:
    """The grid of a volume of slices, and their order.

    Raises:
        DataError: they make none.
    """
    check_alike(slices)
    grids = [one.grid for one in slices]
    order = order_of(grids)
    return stacked([grids[number] for number in order]), order
