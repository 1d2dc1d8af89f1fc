"""Volumes with a text header: the voxels behind it, or in a file beside it.

MetaImage and NRRD differ in their headers only. A header says where its voxels are, how they are
laid out and where they lie in space; reading, writing and the checks of both are here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from plexor.cases.formats.nifti_rewritten import RESAMPLED, ResampledCodec, is_resampled
from plexor.cases.formats.voxels import (
    Compression,
    compressed,
    decompressed,
    stored_voxels,
    voxel_intensity,
)
from plexor.cases.grid import Grid
from plexor.cases.image import LOSSLESS, Codec, Image, Pixels
from plexor.core.errors import DataError

Floats = NDArray[np.float64]

LONGEST = 1 << 20
"""Bytes that a header may have."""
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


class Layout(NamedTuple):
    """Sizes of the file's axes, the fastest first, and the voxels' type with its byte order."""

    sizes: list[int]
    dtype: np.dtype[np.generic]

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return math.prod(self.sizes)

    @property
    def n_bytes(self) -> int:
        """Bytes of the voxels, decompressed."""
        return self.n_voxels * self.dtype.itemsize


class Place(NamedTuple):
    """Where the voxels lie, in mm and LPS; None where the header does not say.

    Attributes:
        directions: (3, 3), one column for each axis of the file.
        origin: of the first voxel, (3,).
        spacing_mm: along the axes of the file.
    """

    directions: Floats | None
    origin: Floats | None
    spacing_mm: tuple[float, ...] | None


class VolumeHeader(Protocol):
    """What a format says of its text header."""

    suffix: ClassVar[str]
    """Ending of a file that has header and voxels."""

    @classmethod
    def read(cls, data: bytes) -> tuple[Self, int]:
        """The header at the beginning of a file, and where it ends."""
        ...

    @property
    def voxel_file(self) -> str | None:
        """The file with the voxels; None where they follow the header."""
        ...

    @property
    def compression(self) -> Compression:
        """Of the voxels."""
        ...

    def layout(self) -> Layout:
        """Sizes and type of the voxels."""
        ...

    def place(self) -> Place:
        """Where the voxels lie."""
        ...

    def behind(self, body: bytes) -> bytes:
        """The voxels, as stored, in what follows the header."""
        ...

    def beside(self, body: bytes) -> bytes:
        """The voxels, as stored, in the file beside the header."""
        ...

    def text(self, n_bytes: int, /) -> bytes:
        """The header for ``n_bytes`` of voxels, as stored, that follow it at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderCodec:
    """Writes pixels, (1, X, Y, Z) or (1, H, W), behind the original's header, in one file.

    Attributes:
        header: the original's.
    """

    header: VolumeHeader

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return self.header.suffix

    def encode(self, pixels: Pixels) -> bytes:
        """A file of the header's format holding these pixels."""
        dtype = self.header.layout().dtype
        body = compressed(stored_voxels(pixels, dtype.str), self.header.compression)
        return self.header.text(len(body)) + body

    def decode(self, data: bytes) -> Pixels:
        """The pixels of such a file."""
        return decode_volume(data, type(self.header)).pixels


def attach(header: VolumeHeader, body: bytes) -> bytes:
    """One file of a header and its file of voxels.

    Raises:
        DataError: the header is damaged.
    """
    voxels = header.beside(body)
    return header.text(len(voxels)) + voxels


def decode_volume(data: bytes, kind: type[VolumeHeader]) -> Image:
    """Reads a volume of two or three axes from a file with header and voxels.

    The lossless container is one such file, with the same header.

    Returns:
        Pixels (1, X, Y, Z) for three axes, (1, rows, columns) for two.

    Raises:
        DataError: truncated, damaged, beyond the limits, or of a kind that the format refuses.
    """
    header, at = kind.read(data)
    if header.voxel_file is not None:
        raise DataError(
            f"the voxels are in another file, {header.voxel_file!r}; read the header by its path, "
            f"or save one {header.suffix} file"
        )
    layout = header.layout()
    if any(size < 1 for size in layout.sizes):
        raise DataError(f"the header gives the size {layout.sizes}, expected positive numbers")
    voxels = decompressed(
        header.behind(data[at:]),
        header.compression,
        n_voxels=layout.n_voxels,
        itemsize=layout.dtype.itemsize,
    )
    return _image(np.frombuffer(voxels, layout.dtype), header)


def _image(flat: NDArray[np.generic], header: VolumeHeader) -> Image:
    sizes, dtype = header.layout()
    stored = flat.reshape(tuple(sizes), order="F")
    is_plane = len(sizes) == 2
    pixels = np.ascontiguousarray(stored.T if is_plane else stored, dtype=dtype.newbyteorder("="))[
        None
    ]
    directions, origin, spacing = header.place()
    known = spacing if spacing and all(0 < one < math.inf for one in spacing) else None
    codec = HeaderCodec(header=header)
    containers: dict[str, Codec] = {LOSSLESS: codec}
    if not is_plane and is_resampled(known) and known is not None:
        containers[RESAMPLED] = ResampledCodec(inner=codec, spacing_mm=known)
    grid = None
    if not is_plane and directions is not None and origin is not None:
        grid = Grid.of_axes(_LPS_TO_RAS[:, None] * directions, _LPS_TO_RAS * origin)
    return Image(
        pixels=pixels,
        intensity=voxel_intensity(stored),
        containers=containers,
        spacing_mm=known[::-1] if is_plane and known else known,
        grid=grid,
    )


def whole_number(text: str, name: str) -> int:
    """A field of a header as a whole number, -1 or more.

    Raises:
        DataError: it is something else.
    """
    if not re.fullmatch(r"-1|[0-9]{1,12}", text):
        raise DataError(f"{name} is {text[:60]!r}, expected a whole number; repair the header")
    return int(text)
