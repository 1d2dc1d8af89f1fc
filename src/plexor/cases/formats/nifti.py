"""NIfTI-1 and NIfTI-2 volumes in one file, plain or gzipped."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np

from plexor.cases.formats.magic import format_of
from plexor.cases.image import LOSSLESS, Image, Pixels
from plexor.cases.intensity import Intensity
from plexor.core.errors import DataError

_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
_EXACT = 2**24
"""Up to here float32, in which images are perturbed, holds every integer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NiftiCodec:
    """Writes pixels, (1, X, Y, Z), behind the original's header, byte for byte as it was.

    Attributes:
        header: everything before the voxels: header, affine, extensions.
        dtype: the voxels' type in the file, with its byte order, e.g. ``"<i2"``.
        gzipped: compress, as the original was.
    """

    header: bytes
    dtype: str
    gzipped: bool

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return ".nii.gz" if self.gzipped else ".nii"

    def encode(self, pixels: Pixels) -> bytes:
        """A NIfTI file holding these pixels."""
        data = self.header + pixels[0].astype(self.dtype, copy=False).tobytes(order="F")
        return gzip.compress(data, compresslevel=1, mtime=0) if self.gzipped else data

    def decode(self, data: bytes) -> Pixels:
        """The pixels of a NIfTI file."""
        return decode_nifti(data).pixels


def decode_nifti(data: bytes) -> Image:
    """Reads a NIfTI volume: stored numbers, with the header's scaling as slope and intercept.

    Its lossless container is the same file with other voxels, so affine, extensions and every
    header field stay. Integers of more than 16 bits are taken where all lie within ±2^24.

    Raises:
        DataError: truncated, not NIfTI, header and voxels in two files, not three-dimensional,
            complex or colour voxels, or integers beyond ±2^24.
    """
    gzipped = format_of(data) == "gzip"
    if gzipped:
        data = gzip.decompress(data)
    if format_of(data) != "nifti":
        raise DataError("expected a NIfTI volume in this gzip file, found something else")
    if b"ni" in (data[344:346], data[4:6]):
        raise DataError("header and voxels are in two files (.hdr, .img); convert to one .nii")
    kind = nib.Nifti2Image if data[4:7] == b"n+2" else nib.Nifti1Image
    volume = kind.from_bytes(data)
    shape = volume.shape
    if len(shape) < 3 or any(size != 1 for size in shape[3:]):
        raise DataError(f"expected a volume of three dimensions, found shape {shape}; export one")
    voxels: Any = volume.dataobj
    stored = np.asarray(voxels.get_unscaled())
    intensity = _intensity(stored, slope=voxels.slope, intercept=voxels.inter)
    return Image(
        pixels=np.ascontiguousarray(
            stored.reshape(1, *shape[:3]), dtype=stored.dtype.newbyteorder("=")
        ),
        intensity=intensity,
        containers={
            LOSSLESS: NiftiCodec(
                header=data[: voxels.offset], dtype=stored.dtype.str, gzipped=gzipped
            )
        },
        spacing_mm=_spacing(volume.header),
    )


def _intensity(stored: Pixels, *, slope: float, intercept: float) -> Intensity:
    kind, size = stored.dtype.kind, stored.dtype.itemsize
    if kind not in "iuf" or size > 8:
        raise DataError(f"expected integer or float voxels, found {stored.dtype}; convert them")
    low, high = (float(stored.min()), float(stored.max())) if stored.size else (0.0, 0.0)
    if kind != "f":
        if max(-low, high) > _EXACT:
            raise DataError(f"voxels from {low:.0f} to {high:.0f} are beyond ±2^24; rescale them")
        limits = np.iinfo(stored.dtype)
        low, high = float(max(limits.min, -_EXACT)), float(min(limits.max, _EXACT))
    return Intensity(
        low=low,
        high=high,
        quantum=0.0 if kind == "f" else 1.0,
        slope=float(slope),
        intercept=float(intercept),
        unit="a.u.",
    )


def _spacing(header: Any) -> tuple[float, ...] | None:
    factor = _MM[header.get_xyzt_units()[0]]
    spacing = tuple(float(zoom) * factor for zoom in header.get_zooms()[:3])
    return spacing if all(np.isfinite(zoom) and zoom > 0 for zoom in spacing) else None
