"""JPEG, 8 bit, grey and RGB: one lossless and three lossy containers."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import JpegImagePlugin

from plexor.cases.formats.codestream import (
    check_scan_length,
    read_frame,
    with_more,
    with_other_tail,
)
from plexor.cases.formats.coefficients import (
    Coefficients,
    read_coefficients,
    write_coefficients,
)
from plexor.cases.formats.limits import Limits
from plexor.cases.formats.png import Chunk, PngCodec
from plexor.cases.formats.raster import channels_first, picture
from plexor.cases.image import LOSSLESS, OWN, Codec, Edited, Image, Pixels
from plexor.cases.intensity import Intensity
from plexor.core.errors import DataError

_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"

Tables = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegCodec:
    """Writes uint8 pixels, (1 or 3, H, W), as baseline JPEG, which is lossy.

    Attributes:
        tables: quantisation tables, one per component or one for luma and one for both chroma;
            empty to derive them from ``quality``.
        quality: 1 to 100, the scale of the Independent JPEG Group; unused where tables are given.
        subsampling: 0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0; -1 for grey.
        rgb: store red, green and blue as they are, not as luma and chroma.
        exif: the EXIF block to carry along.
        icc_profile: the colour profile to carry along.
    """

    tables: Tables = ()
    quality: int = 75
    subsampling: int = -1
    rgb: bool = False
    exif: bytes = b""
    icc_profile: bytes = b""

    @property
    def suffix(self) -> str:
        """The file's ending."""
        return ".jpg"

    def encode(self, pixels: Pixels) -> bytes:
        """A JPEG file approximating these pixels."""
        # Given both, Pillow would scale the tables by the quality.
        options: dict[str, Any] = (
            {"qtables": [list(table) for table in self.tables]}
            if self.tables
            else {"quality": self.quality}
        )
        if self.exif:
            options["exif"] = self.exif
        file = io.BytesIO()
        picture(pixels).save(
            file,
            "JPEG",
            subsampling=self.subsampling,
            keep_rgb=self.rgb,
            icc_profile=self.icc_profile or None,
            **options,
        )
        return file.getvalue()

    def decode(self, data: bytes) -> Pixels:
        """The pixels of a JPEG file."""
        return _pixels(JpegImagePlugin.JpegImageFile(io.BytesIO(data)))


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegFileCodec(JpegCodec):
    """A codec with the tables of one file, which also writes edited coefficients of that file.

    Attributes:
        source: the JPEG file, grey or YCbCr.
    """

    source: bytes

    def encode_edit(self, edit: object, pixels: Pixels) -> Edited | None:
        """The file with other quantised coefficients, as ``EditingCodec`` says.

        Raises:
            DataError: the coefficients are of another file's shape.
            MissingExtraError: jpeglib is not installed.
        """
        if not isinstance(edit, Coefficients):
            return None
        data = write_coefficients(self.source, edit)
        if not np.array_equal(self.decode(data), pixels):
            return None
        before = read_coefficients(self.source)
        return Edited(data=data, n_changed=read_coefficients(data).n_changed(before))


def decode_jpeg(data: bytes) -> Image:
    """Reads a JPEG file, without turning it by its EXIF orientation.

    The lossless container is PNG with the same colour profile and EXIF. The recompressed
    containers keep the file's chroma subsampling; ``recompressed-own`` also keeps its quantisation
    tables. Where the subsampling is not 4:4:4, 4:2:2 or 4:2:0 the encoder cannot repeat it, and
    the lossless container is the only one.

    Raises:
        DataError: truncated, damaged, CMYK, not 8 bit, or beyond the limits.
    """
    file = _open(data)
    if file.mode not in ("L", "RGB"):
        raise DataError(f"expected a grey or RGB JPEG, found {file.mode}; convert it to RGB")
    exif, icc_profile = file.info.get("exif", b""), file.info.get("icc_profile", b"")
    containers: dict[str, Codec] = {LOSSLESS: PngCodec(_png_chunks(exif, icc_profile))}
    subsampling = JpegImagePlugin.get_sampling(file)
    rgb = file.mode == "RGB" and file.info.get("adobe_transform") == 0
    if file.mode == "L" or subsampling >= 0:
        for name, tables, quality in (
            (OWN, _tables(file), 75),
            ("recompressed-q90", (), 90),
            ("recompressed-q75", (), 75),
        ):
            settings: dict[str, Any] = {
                "tables": tables,
                "quality": quality,
                "subsampling": subsampling,
                "rgb": rgb,
                "exif": exif,
                "icc_profile": icc_profile,
            }
            containers[name] = JpegCodec(**settings)
            # jpeglib would write an RGB file in a way that readers take for YCbCr.
            if name == OWN and not rgb:
                containers[name] = JpegFileCodec(**settings, source=data)
    return Image(
        pixels=_pixels(file), intensity=Intensity.of_integers(np.uint8), containers=containers
    )


def check_jpeg(data: bytes, pixels: Pixels) -> None:
    """Refuses a JPEG whose data end before or long after the last pixel.

    libjpeg reports neither to Pillow: it makes up what is missing, and ignores what is left over.
    Both show when bytes that must not matter are added, or bytes that must matter are changed.

    Args:
        data: the file.
        pixels: what it decodes to, (C, H, W).

    Raises:
        DataError: the data do not fit the size that the header states.
    """
    if not np.array_equal(JpegCodec().decode(with_more(data)), pixels):
        raise DataError("the JPEG file's data end before its last pixel; fetch it again")
    other = with_other_tail(data)
    if other is not None and np.array_equal(JpegCodec().decode(other), pixels):
        raise DataError(
            "the JPEG file holds more data than the size in its header takes; fetch it again"
        )


def _open(data: bytes) -> JpegImagePlugin.JpegImageFile:
    """A file whose size has been checked, not yet decoded."""
    # A decoder may fill what is missing with grey. Compressed data never holds these two bytes.
    if data.rfind(_END_OF_IMAGE) < data.rfind(_START_OF_SCAN):
        raise DataError("the JPEG file is truncated: its end is missing; fetch it again")
    frame = read_frame(data)
    n_pixels = frame.rows * frame.columns
    Limits.of_environment().check(
        pixels=n_pixels, size=n_pixels * frame.samples, file_size=len(data)
    )
    check_scan_length(data, frame)
    return JpegImagePlugin.JpegImageFile(io.BytesIO(data))


def _pixels(file: JpegImagePlugin.JpegImageFile) -> Pixels:
    return channels_first(np.asarray(file))


def _tables(file: JpegImagePlugin.JpegImageFile) -> Tables:
    """One table per component, the second and third as one where they are the same."""
    tables = tuple(tuple(file.quantization[component[3]]) for component in file.layer)
    return tables[:2] if len(tables) == 3 and tables[1] == tables[2] else tables


def _png_chunks(exif: bytes, icc_profile: bytes) -> tuple[Chunk, ...]:
    chunks: list[Chunk] = []
    if icc_profile:
        chunks.append((b"iCCP", b"profile\0\0" + zlib.compress(icc_profile)))
    if exif:
        chunks.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
    return tuple(chunks)
