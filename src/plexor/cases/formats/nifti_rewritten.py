"""Volumes rewritten as pipelines do before a model reads them: as int16, or by way of 1 mm."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from plexor.cases.image import Pixels, unpacked

INT16, RESAMPLED = "int16", "resampled-1mm"
_MM = 1.0
_NEAR = 0.01
"""Of a millimetre: spacings this near to 1 mm are not resampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Int16Codec:
    """Writes floating-point voxels as 16-bit integers with a scaling, as many converters do.

    The numbers of each volume are spread evenly over the 65,536 integers, so that a change smaller
    than half a step is lost.

    Attributes:
        header: everything before the voxels in the original file.
        dtype: the voxels' type in the original file.
        gzipped: compress, as the original was.
        slope: of the original's scaling.
        intercept: likewise.
    """

    header: bytes
    dtype: str
    gzipped: bool
    slope: float
    intercept: float

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return ".nii.gz" if self.gzipped else ".nii"

    def unpacked(self) -> Int16Codec:
        """See ``PackingCodec``."""
        return replace(self, gzipped=False)

    def encode(self, pixels: Pixels) -> bytes:
        """A NIfTI file of int16 voxels whose scaling gives nearly these pixels' values."""
        values = channels_last(pixels).astype(np.float64) * self.slope + self.intercept
        low, high = float(values.min()), float(values.max())
        header = self._header(self.header)
        header.set_data_dtype(np.int16)
        header.set_slope_inter((high - low) / 65535 or 1.0, (low + high) / 2)
        step, middle = header.get_slope_inter()  # as the header rounds them
        codes = np.round((values - middle) / step).clip(-32768, 32767)
        start = header.binaryblock + self.header[len(header.binaryblock) :]
        data: bytes = start + codes.astype(header.get_data_dtype()).tobytes(order="F")
        return gzip.compress(data, compresslevel=1, mtime=0) if self.gzipped else data

    def decode(self, data: bytes) -> Pixels:
        """The pixels of such a file, in the original's stored numbers and type."""
        data = gzip.decompress(data) if self.gzipped else data
        header = self._header(data)
        codes = np.frombuffer(data, header.get_data_dtype(), offset=len(self.header))
        step, middle = header.get_slope_inter()
        stored = (codes.astype(np.float64) * step + middle - self.intercept) / self.slope
        shape = header.get_data_shape()[:3]
        native = np.dtype(self.dtype).newbyteorder("=")
        volumes = np.moveaxis(stored.reshape(*shape, -1, order="F"), -1, 0)
        return np.ascontiguousarray(volumes, dtype=native)

    @staticmethod
    def _header(data: bytes) -> Any:
        kind: Any = nib.Nifti2Header if data[4:7] == b"n+2" else nib.Nifti1Header
        return kind(data[: kind.template_dtype.itemsize], check=False)


def channels_last(pixels: Pixels) -> Pixels:
    """Pixels (C, X, Y, Z) as NIfTI orders them: whole volumes, one after the other."""
    return np.moveaxis(pixels, 0, -1)


class _Inner(Protocol):
    @property
    def suffix(self) -> str: ...

    def encode(self, pixels: Pixels) -> bytes: ...

    def decode(self, data: bytes) -> Pixels: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ResampledCodec:
    """Brings a volume to voxels of about 1 mm and back before writing it, as a pipeline may.

    Both ways by linear interpolation between the centres of voxels, over the same field of view,
    with the outermost values beyond the outermost centres. The volume of 1 mm is kept in floating
    point; the result is rounded to what the original file can hold.

    Attributes:
        inner: the original's codec.
        spacing_mm: of the original's voxels.
    """

    inner: _Inner
    spacing_mm: tuple[float, ...]

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return self.inner.suffix

    def unpacked(self) -> ResampledCodec:
        """See ``PackingCodec``."""
        return replace(self, inner=unpacked(self.inner))

    def encode(self, pixels: Pixels) -> bytes:
        """The file of the resampled pixels."""
        return self.inner.encode(resampled(pixels, self.spacing_mm))

    def decode(self, data: bytes) -> Pixels:
        """The pixels of such a file."""
        return self.inner.decode(data)


def resampled(pixels: Pixels, spacing_mm: tuple[float, ...]) -> Pixels:
    """Pixels (C, X, Y, Z) after resampling to about 1 mm and back, in their own type."""
    found = pixels.astype(np.float64)
    for axis, spacing in enumerate(spacing_mm, 1):
        moved = np.moveaxis(found, axis, 0)
        flat = _there_and_back(len(moved), spacing) @ moved.reshape(len(moved), -1)
        found = np.moveaxis(flat.reshape(moved.shape), 0, axis)
    if pixels.dtype.kind != "f":
        limits = np.iinfo(pixels.dtype)
        found = np.round(found).clip(limits.min, limits.max)
    return np.ascontiguousarray(found, dtype=pixels.dtype)


def is_resampled(spacing_mm: tuple[float, ...] | None) -> bool:
    """Whether a volume of these voxels changes by resampling to 1 mm."""
    return spacing_mm is not None and any(abs(one - _MM) > _NEAR for one in spacing_mm)


@lru_cache(maxsize=16)
def _there_and_back(n: int, spacing: float) -> sparse.csr_array:
    """The linear map of a line of n voxels onto itself by way of voxels of about 1 mm."""
    n_fine = max(1, round(n * spacing / _MM))
    return sparse.csr_array(_between(n_fine, n) @ _between(n, n_fine))


def _between(n: int, n_new: int) -> sparse.csr_array:
    """Linear interpolation of n values at the centres of n_new voxels over the same length."""
    at: NDArray[np.float64] = ((np.arange(n_new) + 0.5) * n / n_new - 0.5).clip(0, n - 1)
    below = np.minimum(at.astype(int), max(n - 2, 0))
    share = at - below
    rows = np.arange(n_new)
    entries = (
        np.concatenate([1 - share, share]),
        (np.tile(rows, 2), np.concatenate([below, np.minimum(below + 1, n - 1)])),
    )
    return sparse.csr_array(entries, shape=(n_new, n))
