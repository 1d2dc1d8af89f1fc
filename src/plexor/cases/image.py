"""An image as its file stores it, and the containers that it can be written to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from plexor.cases.bands import bands
from plexor.cases.grid import Grid
from plexor.cases.intensity import Intensity

Pixels = NDArray[Any]
"""Stored numbers, (channels, *spatial), in the type the file uses."""

LOSSLESS = "lossless"
"""The container that every image has; pixels written to it are read back unchanged."""

OWN = "recompressed-own"
"""The container of a JPEG with its own tables; also written by searches over coefficients."""


class Codec(Protocol):
    """One way to turn an image's pixels into a file's bytes and back, in memory."""

    @property
    def suffix(self) -> str:
        """The file's ending, with its dot."""
        ...

    def encode(self, pixels: Pixels) -> bytes:
        """A complete file holding these pixels (same shape and type as the image's own)."""
        ...

    def decode(self, data: bytes) -> Pixels:
        """The pixels such a file holds, (channels, *spatial)."""
        ...


class PackingCodec(Codec, Protocol):
    """A codec that compresses what it writes, without loss."""

    def unpacked(self) -> Codec:
        """The codec that writes the same file without compression, which takes less time."""
        ...


def unpacked(codec: Codec) -> Codec:
    """The codec for files that nobody keeps: they hold the same pixels, uncompressed if possible.

    Args:
        codec: any; one that is no ``PackingCodec`` is given back.
    """
    return codec.unpacked() if _packs(codec) else codec


def _packs(codec: Codec) -> TypeGuard[PackingCodec]:
    """As ``isinstance`` of a protocol, which takes as long as writing a small image."""
    return hasattr(codec, "unpacked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """A file written from an edit of the original file, not from pixels.

    Attributes:
        data: the file.
        n_changed: entries of the file's representation that differ from the original; for a JPEG
            file, quantised coefficients.
    """

    data: bytes
    n_changed: int


@runtime_checkable
class EditingCodec(Codec, Protocol):
    """A codec that can also write an edit of the file an image was read from.

    An edit is what a search changed in the file's own representation, such as a JPEG's quantised
    coefficients. Its type is the business of the search and of the codec.
    """

    @property
    def source(self) -> bytes:
        """The file that the image was read from."""
        ...

    def encode_edit(self, edit: object, pixels: Pixels) -> Edited | None:
        """The original file with the edit applied.

        None where the edit is not one of this codec's, or where the file written would not decode
        to exactly ``pixels``.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A stored image.

    Attributes:
        pixels: (channels, *spatial), the file's own numbers and type; not to be written to.
        intensity: their range, grid and meaning.
        containers: name → codec. Always has ``"lossless"``, first. An image from a JPEG file, or
            from a DICOM file in JPEG Baseline, also has ``"recompressed-own"`` (the file's own
            tables), ``"recompressed-q90"`` and ``"recompressed-q75"``, unless its chroma
            subsampling cannot be repeated. One from a NIfTI file may have ``"int16"`` and
            ``"resampled-1mm"``. For a grey or YCbCr JPEG file, ``recompressed-own`` is
            an ``EditingCodec``.
        spacing_mm: distance of pixels along each spatial axis, where the file says it.
        grid: where the pixels lie in the patient, where the file says it.
        padding: pixels that are no part of the image though the file stores a number for them
            (DICOM's Pixel Padding Value), (*spatial) bool; None where there are none. They must
            not be changed.
        masks: name → part of the image, (*spatial) bool, where the case has any.
        truth_mask: for a segmentation, the number of each pixel's true class, (*spatial).
    """

    pixels: Pixels
    intensity: Intensity
    containers: Mapping[str, Codec]
    spacing_mm: tuple[float, ...] | None = None
    grid: Grid | None = None
    padding: NDArray[np.bool_] | None = None
    masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    truth_mask: Pixels | None = None

    def storable(self, pixels: NDArray[np.floating[Any]]) -> Pixels:
        """The nearest pixels that the file can hold: rounded to the quantum, clipped, cast."""
        span = self.intensity
        grid: NDArray[np.floating[Any]] = pixels
        if span.quantum == 1:  # most images
            grid = np.rint(pixels)
        elif span.quantum:
            grid = np.round(pixels / span.quantum) * span.quantum
        found: Pixels = np.clip(grid, span.low, span.high).astype(self.pixels.dtype)
        return found

    def changed(self, change: NDArray[np.floating[Any]]) -> Pixels:
        """The nearest pixels that the file can hold to these pixels plus a change.

        Args:
            change: (channels, *spatial), in stored numbers; added in float64, band by band, so that
                a large image takes little memory.
        """
        found = np.empty_like(self.pixels)
        for band in bands(self.pixels.shape):
            pixels = change[:, band].astype(np.float64)
            pixels += self.pixels[:, band]
            found[:, band] = self.storable(pixels)
        return found
