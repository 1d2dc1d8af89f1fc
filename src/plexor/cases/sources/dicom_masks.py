"""DICOM segmentations as masks on the grid of the image they were drawn on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plexor.cases.grid import Grid
from plexor.core.errors import DataError, brief

if TYPE_CHECKING:
    from pydicom import Dataset

Numbers = NDArray[np.uint16]

_NEAR = 0.05
"""Of a pixel: how far a segmentation's pixels may lie from the image's."""
_NEAR_PLANE_MM = 0.1
"""How far from an image's plane a segmentation's frame may lie that was drawn on it."""
_LPS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """A DICOM segmentation object.

    Attributes:
        path: its file.
        series: UIDs of the series that it says it was drawn on.
        frame_of_reference: UID of its coordinate system.
        labels: number of a segment → its label.
    """

    path: Path
    series: frozenset[str]
    frame_of_reference: str
    labels: Mapping[int, str]

    @classmethod
    def read(cls, path: Path) -> Segmentation:
        """Reads a file up to its pixels.

        Raises:
            DataError: it is damaged, or has no segments.
        """
        from pydicom import dcmread

        try:
            dataset = dcmread(path, stop_before_pixels=True)
            labels = {
                int(one.SegmentNumber): str(one.get("SegmentLabel") or one.SegmentNumber).strip()
                for one in dataset.SegmentSequence
            }
            series = frozenset(
                str(one.SeriesInstanceUID) for one in dataset.get("ReferencedSeriesSequence") or ()
            )
        except Exception as error:  # pydicom raises errors of many kinds
            raise DataError(f"the segmentation cannot be read ({brief(error)})") from error
        return cls(
            path=path,
            series=series,
            frame_of_reference=str(dataset.get("FrameOfReferenceUID") or ""),
            labels=labels,
        )

    def frames(self) -> list[tuple[int, Dataset, NDArray[Any]]]:
        """For each frame its segment (0 for a label map), its header and its pixels.

        A fractional segmentation covers a pixel from half of its greatest value on. In a label map,
        pixels are numbers of segments.

        Raises:
            DataError: the pixels cannot be decoded, or a frame does not name its segment.
        """
        from plexor.cases.formats.dicom_frame import frame_headers
        from plexor.cases.formats.dicom_groups import frame_macro

        dataset, stored = self._planes()
        kind = str(dataset.get("SegmentationType") or "BINARY")
        half = float(dataset.get("MaximumFractionalValue") or 255) / 2
        found = []
        for header, plane in zip(frame_headers(dataset), stored, strict=True):
            if kind == "LABELMAP":
                found.append((0, header, plane))
                continue
            macro = frame_macro(header, "SegmentIdentificationSequence")
            number = macro.get("ReferencedSegmentNumber") if macro is not None else None
            if number not in self.labels:
                raise DataError(f"a frame of the segmentation names the segment {number!r}")
            found.append(
                (int(str(number)), header, plane >= half if kind == "FRACTIONAL" else plane)
            )
        return found

    def _planes(self) -> tuple[Dataset, NDArray[Any]]:
        """The parsed file, and its pixels, (frames, rows, columns)."""
        from pydicom.pixels.utils import pixel_array

        from plexor.cases.formats.dicom_frame import n_frames
        from plexor.cases.formats.dicom_pixels import parse
        from plexor.cases.formats.limits import Limits

        try:
            dataset, _ = parse(self.path.read_bytes())
            shape = (n_frames(dataset), int(dataset.Rows), int(dataset.Columns))
            Limits.of_environment().check(
                pixels=math.prod(shape),
                size=math.prod(shape) * max(int(dataset.BitsAllocated) // 8, 1),
                file_size=len(dataset.PixelData),
            )
            return dataset, pixel_array(dataset).reshape(shape)
        except DataError:
            raise
        except Exception as error:  # pydicom raises errors of many kinds
            raise DataError(f"the segmentation cannot be decoded ({brief(error)})") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The image that a mask is wanted for.

    Attributes:
        grid: of its pixels; None where its files do not say.
        shape: (columns, rows, slices), or (rows, columns).
        instances: SOP Instance UIDs of its files.
    """

    grid: Grid | None
    shape: tuple[int, ...]
    instances: frozenset[str]


def drawn(
    segmentations: Sequence[Segmentation], target: Target, classes: Mapping[str, int]
) -> Numbers:
    """The class of each pixel of an image, (*spatial); 0 where no segment is.

    Frames are placed by their position in the patient, or, on images without one, by the image they
    name as their source. Nothing is interpolated.

    Args:
        segmentations: of this image.
        target: the image.
        classes: label of a segment → number of its class; other segments are left out.

    Raises:
        DataError: a frame lies on another grid than the image, or two classes share a pixel.
    """
    found: Numbers = np.zeros(target.shape, np.uint16)
    for one in segmentations:
        for segment, header, plane in one.frames():
            at = _places(header, plane, target)
            if at is None:
                continue
            where, inside = at
            numbers = plane[inside] if segment == 0 else np.full(len(inside[0]), segment)
            wanted = np.array([classes.get(one.labels.get(int(n), ""), 0) for n in numbers])
            there = found[where]
            if ((there != 0) & (wanted != 0) & (there != wanted)).any():
                raise DataError("segments of two classes overlap, and a mask has one at each pixel")
            found[where] = np.where(wanted != 0, wanted, there)
    return found


Indices = tuple[NDArray[np.intp], ...]


def _places(header: Dataset, plane: NDArray[Any], target: Target) -> tuple[Indices, Indices] | None:
    """Where the covered pixels of a frame lie in the image, and which they are in the frame.

    None for a frame of another image.
    """
    from plexor.cases.formats.dicom_position import grid

    inside: Indices = np.nonzero(plane)
    mine = grid(header)
    if target.grid is None or mine is None:
        return _by_source(header, plane, inside, target)
    axes, flat = target.grid.axes, target.grid.axes.shape[1] == 2
    if flat:
        across = np.cross(axes[:, 0], axes[:, 1])
        axes = np.column_stack([axes, across / np.linalg.norm(across)])
    start = np.linalg.solve(axes, mine.origin - target.grid.origin)
    steps = np.linalg.solve(axes, mine.axes)
    if flat and abs(start[2]) > _NEAR_PLANE_MM:
        return None
    rows, columns = plane.shape
    corners = np.array([[0, 0], [rows - 1, 0], [0, columns - 1], [rows - 1, columns - 1]])
    ends = start + corners @ steps.T
    whole = np.rint(steps)
    off = np.abs((ends - np.rint(ends))[:, : 2 if flat else 3]).max()
    turned = np.abs(steps - whole)[: 2 if flat else 3].max() * max(rows, columns)
    if off > _NEAR or turned > _NEAR or (np.abs(whole).sum(axis=0) != 1).any():
        raise DataError(
            "the segmentation lies on another grid than its image; resample it onto the image"
        )
    at = np.rint(start).astype(int)[:, None] + whole.astype(int) @ np.array(inside)
    at = at[:2] if flat else at
    if ((at < 0) | (at >= np.array(target.shape)[:, None])).any():
        raise DataError("the segmentation reaches beyond its image")
    return tuple(at), inside


def _by_source(
    header: Dataset, plane: NDArray[Any], inside: Indices, target: Target
) -> tuple[Indices, Indices] | None:
    """The same, of an image without a position: by the instance that a frame was drawn on."""
    from plexor.cases.formats.dicom_groups import frame_macro, items

    macro = frame_macro(header, "DerivationImageSequence")
    sources = {
        str(one.get("ReferencedSOPInstanceUID"))
        for one in (items(macro, "SourceImageSequence") if macro is not None else [])
    }
    if not sources & target.instances:
        return None
    if plane.shape != target.shape:
        raise DataError(
            f"the segmentation has {plane.shape} pixels, and its image {target.shape}; draw it on "
            "the image as stored"
        )
    return inside, inside


def mask_file(numbers: Numbers, grid: Grid | None) -> bytes:
    """A mask as an NRRD file that lies where its image lies.

    Args:
        numbers: (columns, rows, slices), or (rows, columns).
        grid: of the image.
    """
    from plexor.cases.formats.voxels import compressed, stored_voxels

    kind, name = ("<u2", "uint16") if numbers.max(initial=0) > 255 else ("u1", "uint8")
    sizes = numbers.shape if numbers.ndim == 3 else numbers.shape[::-1]
    lines = ["NRRD0004", f"type: {name}", f"dimension: {numbers.ndim}"]
    lines += [f"sizes: {' '.join(map(str, sizes))}", "endian: little", "encoding: gzip"]
    if numbers.ndim == 3 and grid is not None:
        axes = [_vector(_LPS * axis) for axis in grid.axes.T]
        lines += ["space: left-posterior-superior", f"space directions: {' '.join(axes)}"]
        lines += [f"space origin: {_vector(_LPS * grid.origin)}"]
    text = "".join(f"{line}\n" for line in (*lines, "")).encode()
    return text + compressed(stored_voxels(numbers[None], kind), "gzip")


def _vector(numbers: NDArray[np.float64]) -> str:
    return "(" + ",".join(repr(float(number)) for number in numbers) + ")"
