"""NIfTI-1 and NIfTI-2 volumes in one file, plain or gzipped."""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass, replace
from typing import Any

import nibabel as nib
import numpy as np

from plexor.cases.formats.limits import Limits, inflate
from plexor.cases.formats.magic import format_of
from plexor.cases.formats.nifti_rewritten import (
    INT16,
    RESAMPLED,
    Int16Codec,
    ResampledCodec,
    channels_last,
    is_resampled,
)
from plexor.cases.formats.voxels import voxel_intensity
from plexor.cases.grid import Grid
from plexor.cases.image import LOSSLESS, Codec, Image, Pixels
from plexor.core.errors import DataError

_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
_HEADER = {nib.Nifti1Header: 352, nib.Nifti2Header: 544}
"""Bytes of the header and its extension flag, before which no voxel can lie."""
_MOST_CHANNELS = 64
_GZIP = 16 + 15
"""zlib's ``wbits`` for a gzip stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NiftiCodec:
    """Writes pixels, (C, X, Y, Z), behind the original's header, byte for byte as it was.

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

    def unpacked(self) -> NiftiCodec:
        """See ``PackingCodec``."""
        return replace(self, gzipped=False)

    def encode(self, pixels: Pixels) -> bytes:
        """A NIfTI file holding these pixels."""
        data = self.header + channels_last(pixels).astype(self.dtype, copy=False).tobytes(order="F")
        return gzip.compress(data, compresslevel=1, mtime=0) if self.gzipped else data

    def decode(self, data: bytes) -> Pixels:
        """The pixels of a NIfTI file."""
        return decode_nifti(data).pixels


def decode_nifti(data: bytes) -> Image:
    """Reads a NIfTI volume: stored numbers, with the header's scaling as slope and intercept.

    Several volumes in one file, on a fourth or fifth axis, are the channels of one image, as the
    Medical Segmentation Decathlon stores modalities.

    The lossless container is the same file with other voxels, so affine, extensions and every
    header field stay. Two more are there where they change anything: ``"int16"`` for voxels in
    floating point, and ``"resampled-1mm"`` for voxels that are not of 1 mm. Integers of more than
    16 bits are accepted where all lie within ±2^24.

    Raises:
        DataError: truncated, longer than its header states, not NIfTI, header and voxels in two
            files, not three-dimensional, of more than 64 channels, complex or colour voxels,
            integers beyond ±2^24, a header at odds with itself, or beyond the limits.
    """
    gzipped = format_of(data) == "gzip"
    limits, file_size = Limits.of_environment(), len(data)
    start = inflate(data, most=_HEADER[nib.Nifti2Header], wbits=_GZIP) if gzipped else data[:545]
    if format_of(start) != "nifti":
        raise DataError("expected a NIfTI volume in this gzip file, found something else")
    if b"ni" in (start[344:346], start[4:6]):
        raise DataError("header and voxels are in two files (.hdr, .img); convert to one .nii")
    header = _header(start)
    shape, dtype, offset = header.get_data_shape(), header.get_data_dtype(), _offset(header)
    n_channels = _channels(shape)
    n_voxels = math.prod(shape)
    size = n_voxels * dtype.itemsize
    limits.check(pixels=n_voxels, size=size, file_size=file_size)
    if gzipped:
        data = inflate(data, most=offset + size, wbits=_GZIP)
    _check_length(len(data) - offset, size)
    flat = np.frombuffer(data, dtype, count=n_voxels, offset=offset)
    stored = flat.reshape(*shape[:3], n_channels, order="F")
    slope, intercept = header.get_slope_inter()
    scaling = (1.0 if slope is None else slope, 0.0 if intercept is None else intercept)
    unit_mm = _MM[header.get_xyzt_units()[0]]
    spacing_mm = _spacing(header, unit_mm)
    return Image(
        pixels=np.ascontiguousarray(np.moveaxis(stored, -1, 0), dtype=dtype.newbyteorder("=")),
        intensity=voxel_intensity(stored, slope=scaling[0], intercept=scaling[1]),
        containers=_containers(
            NiftiCodec(header=data[:offset], dtype=dtype.str, gzipped=gzipped), spacing_mm, scaling
        ),
        spacing_mm=spacing_mm,
        grid=_grid(header, unit_mm),
    )


def _channels(shape: tuple[int, ...]) -> int:
    """How many volumes the file holds.

    Raises:
        DataError: it holds none, or more than are channels of one image.
    """
    if len(shape) < 3 or sum(size > 1 for size in shape[3:]) > 1:
        raise DataError(
            f"expected a volume of three dimensions, or several as channels, found shape {shape}; "
            "export one"
        )
    n_channels = math.prod(shape[3:])
    if n_channels > _MOST_CHANNELS:
        raise DataError(
            f"expected up to {_MOST_CHANNELS} volumes as channels of one image, found "
            f"{n_channels}, as of a series over time; export one"
        )
    return n_channels


def _containers(
    own: NiftiCodec, spacing_mm: tuple[float, ...] | None, scaling: tuple[float, float]
) -> dict[str, Codec]:
    """The file's own format, and what pipelines make of it where that changes a voxel."""
    found: dict[str, Codec] = {LOSSLESS: own}
    if np.dtype(own.dtype).kind == "f" and scaling[0]:
        found[INT16] = Int16Codec(
            header=own.header,
            dtype=own.dtype,
            gzipped=own.gzipped,
            slope=float(scaling[0]),
            intercept=float(scaling[1]),
        )
    if spacing_mm is not None and is_resampled(spacing_mm):
        found[RESAMPLED] = ResampledCodec(inner=own, spacing_mm=spacing_mm)
    return found


def _header(start: bytes) -> Any:
    """The header of a file, checked as nibabel does, and for what it lets pass.

    Raises:
        DataError: sizes below zero, a voxel type at odds with its number of bits, or voxels that
            begin within the header.
    """
    kind: Any = nib.Nifti2Header if start[4:7] == b"n+2" else nib.Nifti1Header
    block = start[: kind.template_dtype.itemsize]
    header = kind(block, check=False)
    n_dimensions = int(header["dim"][0])
    if not 1 <= n_dimensions <= 7 or (header["dim"][1 : n_dimensions + 1] < 0).any():
        raise DataError(f"the NIfTI header gives the size {header['dim'].tolist()}; repair it")
    bits = 8 * header.get_data_dtype().itemsize
    if int(header["bitpix"]) != bits:  # which nibabel's checks would correct in silence
        raise DataError(
            f"the NIfTI header gives {header['bitpix']} bits a voxel and a type of {bits}; "
            "repair it"
        )
    _offset(header)
    return kind(block)


def _offset(header: Any) -> int:
    """Where the voxels begin."""
    offset, least = float(header["vox_offset"]), _HEADER[type(header)]
    if not (offset >= least and offset == int(offset)):
        raise DataError(
            f"the NIfTI header says that voxels begin at byte {offset:g}, expected {least} or "
            "more; repair it"
        )
    return int(offset)


def _check_length(found: int, size: int) -> None:
    if found < size:
        raise DataError(
            f"the NIfTI file is truncated: expected {size:,} bytes of voxels, found "
            f"{max(found, 0):,}; fetch it again"
        )
    if found > size:
        raise DataError(
            f"more follows than the {size:,} bytes of voxels that the NIfTI header states: the "
            "header is damaged, or hides further volumes; repair it"
        )


def _spacing(header: Any, unit_mm: float) -> tuple[float, ...] | None:
    spacing = tuple(float(zoom) * unit_mm for zoom in header.get_zooms()[:3])
    return spacing if all(np.isfinite(zoom) and zoom > 0 for zoom in spacing) else None


def _grid(header: Any, unit_mm: float) -> Grid | None:
    """By the sform, else by the qform, as nibabel chooses; None where the header has neither."""
    if not (int(header["sform_code"]) or int(header["qform_code"])):
        return None
    return Grid.of_affine(header.get_best_affine(), unit_mm=unit_mm)
