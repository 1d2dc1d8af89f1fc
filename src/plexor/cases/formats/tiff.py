"""TIFF with one page: 8 and 16 bit grey and RGB, and 32-bit float grey."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import TiffImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from plexor.cases.formats.limits import Limits
from plexor.cases.formats.raster import (
    channels_first,
    channels_last,
    raw_mode,
    replace_raw_mode,
    rgb16,
)
from plexor.cases.formats.tiff_stack import calibration, refuse_stack
from plexor.cases.image import LOSSLESS, Image, Pixels
from plexor.cases.intensity import Intensity
from plexor.core.errors import DataError

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_MODES = ("L", "I;16", "I;16B", "I", "F", "RGB")
_SWAPPED_BY_LIBTIFF = {"I;16BS": "I;16NS", "F;32BF": "F;32NF"}
_WANTED = "expected an 8- or 16-bit grey or RGB TIFF, or 32-bit float grey"
_KEPT_TAGS = (
    TiffImagePlugin.IMAGEDESCRIPTION,
    271,  # make
    272,  # model
    274,  # orientation
    TiffImagePlugin.X_RESOLUTION,
    TiffImagePlugin.Y_RESOLUTION,
    TiffImagePlugin.RESOLUTION_UNIT,
    TiffImagePlugin.SOFTWARE,
    TiffImagePlugin.DATE_TIME,
    TiffImagePlugin.ARTIST,
    TiffImagePlugin.COPYRIGHT,
    TiffImagePlugin.ICCPROFILE,
    TiffImagePlugin.XMP,
)


@dataclass(frozen=True, slots=True)
class TiffCodec:
    """Writes pixels, (1 or 3, H, W), as an uncompressed little-endian TIFF of one strip.

    Attributes:
        photometric: 0 where zero is white, 1 where zero is black, 2 for RGB.
        tags: tag, field type and value of descriptive tags to carry along.
    """

    photometric: int
    tags: tuple[tuple[int, int, Any], ...] = ()

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return ".tif"

    def encode(self, pixels: Pixels) -> bytes:
        """A TIFF file holding these pixels."""
        n_channels, height, width = pixels.shape
        strip = channels_last(pixels).astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
        directory = ImageFileDirectory_v2()
        for tag, kind, value in self.tags:
            directory.tagtype[tag] = kind
            directory[tag] = value
        directory[TiffImagePlugin.IMAGEWIDTH] = width
        directory[TiffImagePlugin.IMAGELENGTH] = height
        directory[TiffImagePlugin.BITSPERSAMPLE] = (8 * pixels.itemsize,) * n_channels
        directory[TiffImagePlugin.SAMPLEFORMAT] = ("uif".index(pixels.dtype.kind) + 1,) * n_channels
        directory[TiffImagePlugin.COMPRESSION] = 1
        directory[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = self.photometric
        directory[TiffImagePlugin.SAMPLESPERPIXEL] = n_channels
        directory[TiffImagePlugin.ROWSPERSTRIP] = height
        directory[TiffImagePlugin.STRIPBYTECOUNTS] = len(strip)
        directory[TiffImagePlugin.STRIPOFFSETS] = 0  # counted from the end of the directory
        file = io.BytesIO()
        directory.save(file)
        return file.getvalue() + strip

    def decode(self, data: bytes) -> Pixels:
        """The pixels of a TIFF file."""
        return decode_tiff(data).pixels


def decode_tiff(data: bytes, *, as_mask: bool = False) -> Image:
    """Reads a TIFF file; its lossless container is an uncompressed TIFF with the same meaning.

    Where zero is white the numbers are kept and the slope is negative. A linear calibration that
    ImageJ wrote is read as slope and intercept. A TIFF that was itself compressed with loss has
    the lossless container only.

    Args:
        data: the file.
        as_mask: keep the slope positive where zero is white, since a mask's numbers are no
            brightness.

    Raises:
        DataError: truncated, several pages or planes, palette, alpha, CMYK, samples that are not
            8 or 16 bit integers or (grey only) 32-bit floats, or beyond the limits.
    """
    try:
        file = TiffImageFile(io.BytesIO(data))
    except SyntaxError as error:
        raise DataError(f"{_WANTED}, found another one ({error}); convert it") from error
    _refuse_unsupported(file)
    bits, sample = _samples(file)
    n_pixels = file.size[0] * file.size[1]
    n_bytes = n_pixels * bits // 8 * int(file.tag_v2.get(TiffImagePlugin.SAMPLESPERPIXEL, 1))
    Limits.of_environment().check(pixels=n_pixels, size=n_bytes, file_size=len(data))
    refuse_stack(file.tag_v2, data, n_bytes)
    photometric = int(file.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, _BLACK_IS_ZERO))
    if file.mode == "RGB" and bits == 16:
        pixels = rgb16(file, TiffImageFile(io.BytesIO(data)))
    else:
        mode = raw_mode(file)
        if mode == "L;I":  # Pillow would invert what is stored
            replace_raw_mode(file, "L")
        elif file.tile[0].codec_name == "libtiff":  # it has swapped the bytes already
            replace_raw_mode(file, _SWAPPED_BY_LIBTIFF.get(mode, mode))
        pixels = channels_first(np.asarray(file))
        pixels = pixels.astype(np.int16) if sample == _SIGNED else pixels
    photometric = _RGB if len(pixels) == 3 else min(photometric, _BLACK_IS_ZERO)
    tags = tuple(
        (tag, file.tag_v2.tagtype[tag], file.tag_v2[tag])
        for tag in _KEPT_TAGS
        if tag in file.tag_v2
    )
    return Image(
        pixels=pixels,
        intensity=_intensity(pixels, file, inverted=photometric == _WHITE_IS_ZERO and not as_mask),
        containers={LOSSLESS: TiffCodec(photometric, tags)},
    )


def _samples(file: TiffImageFile) -> tuple[int, int]:
    bits, *_ = file.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
    sample, *_ = file.tag_v2.get(TiffImagePlugin.SAMPLEFORMAT, (_UNSIGNED,))
    return int(bits), int(sample)


def _refuse_unsupported(file: TiffImageFile) -> None:
    n_pages = file.n_frames
    if n_pages != 1:
        raise DataError(f"expected a TIFF of one page, found {n_pages}; export each page")
    bits, sample = _samples(file)
    allowed = {(8, _UNSIGNED), (16, _UNSIGNED), (16, _SIGNED), (32, _FLOAT)}
    planes = int(file.tag_v2.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1))
    if file.mode not in _MODES or (bits, sample) not in allowed or (bits == 16 and planes == 2):
        kind = {_UNSIGNED: "unsigned", _SIGNED: "signed", _FLOAT: "float"}.get(sample, "complex")
        layout = ", one plane per colour" if planes == 2 else ""
        raise DataError(f"{_WANTED}, found {bits}-bit {kind} {file.mode}{layout}; convert it")


def _intensity(pixels: Pixels, file: TiffImageFile, *, inverted: bool) -> Intensity:
    """The samples' range, and ImageJ's calibration; turned over where zero is white."""
    if pixels.dtype.kind == "f":
        full = Intensity(low=float(pixels.min()), high=float(pixels.max()), quantum=0.0)
    else:
        full = Intensity.of_integers(pixels.dtype)
    slope, intercept, unit = (1.0, 0.0, "level") if len(pixels) == 3 else calibration(file.tag_v2)
    if inverted:
        slope, intercept = -slope, intercept + slope * (full.low + full.high)
    return replace(full, slope=slope, intercept=intercept, unit=unit)
