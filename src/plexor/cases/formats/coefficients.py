"""A JPEG file's quantised DCT coefficients, read and written without loss.

jpeglib reads and writes files only, so both functions use a temporary folder.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.core.errors import DataError, require

GREATEST = 1023
"""Greatest absolute coefficient in a baseline file of 8 bits a sample (ITU-T T.81, F.1.2)."""
_WRITTEN_ANEW = b"JFIF\0"
"""Start of the marker that jpeglib writes itself, and that must not be copied as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """Quantised DCT coefficients of a JPEG file, and their quantisation tables.

    Attributes:
        planes: one for a grey file, else luma and two of chroma; each int16
            (rows, columns, 8, 8): position of the block, then vertical and horizontal frequency.
        tables: quantisation table of each plane, uint16 (8, 8).
        factors: chroma subsampling: image pixels for each chroma sample, (down, across).
    """

    planes: tuple[NDArray[np.int16], ...]
    tables: tuple[NDArray[np.uint16], ...]
    factors: tuple[int, int] = (1, 1)

    def n_changed(self, original: Coefficients) -> int:
        """Number of JPEG coefficients changed."""
        pairs = zip(self.planes, original.planes, strict=True)
        return sum(int(np.count_nonzero(one != two)) for one, two in pairs)


def read_coefficients(source: bytes) -> Coefficients:
    """The coefficients of a JPEG file, grey or with three planes.

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
    """A file like ``source`` with other coefficients; keeps tables, subsampling, profile and EXIF.

    The result is a baseline file, even where ``source`` is progressive.

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
    """Jpeglib's object for a JPEG file, fully read."""
    require("jpeglib")
    import jpeglib

    path = folder / "source.jpg"
    path.write_bytes(source)
    try:
        file = jpeglib.read_dct(str(path))
        file.load()
    except OSError as error:
        raise DataError(f"the JPEG file's coefficients cannot be read: {error}") from error
    return file
