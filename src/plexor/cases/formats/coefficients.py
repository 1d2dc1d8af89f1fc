"""A JPEG file's quantised DCT coefficients, read and written without loss.

jpeglib knows files only, so both go through a folder of their own that is gone afterwards.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.core.errors import DataError, MissingExtraError

GREATEST = 1023
"""What a coefficient of 8 bits may be, up or down, for a baseline file (ITU-T T.81, F.1.2)."""
_WRITTEN_ANEW = b"JFIF\0"
"""How a marker begins that would be there twice if it were carried along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """What a JPEG file says of its pixels: whole numbers, a table's multiples.

    Attributes:
        planes: for grey one, else luma and two of chroma; each int16
            (rows, columns, 8, 8): a block's place, then vertical and horizontal frequency.
        tables: for each plane its quantisation table, uint16 (8, 8).
        factors: how many pixels of the image a sample of chroma stands for, (down, across).
    """

    planes: tuple[NDArray[np.int16], ...]
    tables: tuple[NDArray[np.uint16], ...]
    factors: tuple[int, int] = (1, 1)

    def moved(self, other: Coefficients) -> int:
        """How many coefficients are others there."""
        pairs = zip(self.planes, other.planes, strict=True)
        return sum(int(np.count_nonzero(one != two)) for one, two in pairs)


def read_coefficients(source: bytes) -> Coefficients:
    """Those of a whole JPEG file, grey or of three planes.

    Raises:
        DataError: it cannot be read as such.
        MissingExtraError: jpeglib is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="plexor-") as folder:
        file = _opened(source, Path(folder))
        sampling = file.samp_factor
        n_planes = len(file.quant_tbl_no)
        planes = (file.Y, file.Cb, file.Cr)[:n_planes]
        return Coefficients(
            planes=tuple(np.array(plane, np.int16) for plane in planes),
            tables=tuple(np.array(file.qt[i], np.uint16) for i in file.quant_tbl_no),
            factors=(1, 1)
            if n_planes == 1
            else (int(sampling[0, 0] // sampling[1, 0]), int(sampling[0, 1] // sampling[1, 1])),
        )


def write_coefficients(source: bytes, coefficients: Coefficients) -> bytes:
    """The same file with other coefficients: its tables, subsampling, profile and EXIF are kept.

    It is a baseline file, even where ``source`` is progressive.

    Raises:
        DataError: ``source`` cannot be read, or its planes are of another shape.
        MissingExtraError: jpeglib is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="plexor-") as folder:
        file, path = _opened(source, Path(folder)), Path(folder) / "written.jpg"
        planes = [file.Y, file.Cb, file.Cr][: len(coefficients.planes)]
        shapes = [plane.shape for plane in planes if plane is not None]
        if shapes != [plane.shape for plane in coefficients.planes]:
            raise DataError(
                f"the file's planes of coefficients are {shapes}, got "
                f"{[plane.shape for plane in coefficients.planes]}; write to the file they are of"
            )
        for name, plane in zip(("Y", "Cb", "Cr"), coefficients.planes, strict=False):
            setattr(file, name, np.ascontiguousarray(plane, np.int16))
        file.markers = [m for m in file.markers if not m.content.startswith(_WRITTEN_ANEW)]
        file.write_dct(str(path))
        return path.read_bytes()


def _opened(source: bytes, folder: Path) -> Any:
    """A file as jpeglib has it, all of it read."""
    try:
        import jpeglib
    except ModuleNotFoundError as error:
        raise MissingExtraError("jpeglib", "jpeg") from error
    path = folder / "source.jpg"
    path.write_bytes(source)
    try:
        file = jpeglib.read_dct(str(path))
        file.load()
    except OSError as error:
        raise DataError(f"the JPEG file's coefficients cannot be read: {error}") from error
    return file
