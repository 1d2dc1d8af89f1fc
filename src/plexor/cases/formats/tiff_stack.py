"""Planes that a TIFF file holds behind one directory, and ImageJ's calibration of values."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Literal

from PIL import TiffImagePlugin

from plexor.core.errors import DataError

_IMAGE_DEPTH, _TILE_DEPTH = 32997, 32998
_METAMORPH_PLANES = 33629
_IMAGEJ_AXES = ("images", "frames", "slices", "channels")
_PADDING = 16
"""Bytes: what aligns the next structure to a word is shorter."""
_TYPE_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Of the field types that take more than one byte (TIFF 6.0, section 2; BigTIFF)."""
_DIRECTORIES = (330, 34665, 34853)
"""Tags that point to further directories: reduced images, EXIF, GPS."""
_NUMBER = r"[-+]?[\d.]+(?:[eE][-+]?\d+)?"


def refuse_stack(tags: Any, file: bytes, plane_bytes: int) -> None:
    """Refuses a directory that stands for several planes.

    Told by ImageJ's and tifffile's descriptions, by tags of volumes (SGI) and stacks (MetaMorph),
    and by uncompressed data that go on after the first plane.

    Args:
        tags: the only directory's.
        file: the whole file.
        plane_bytes: size of one plane, uncompressed.

    Raises:
        DataError: there is more than one plane.
    """
    found = max(_described(tags), _tagged(tags), _stored(tags, file, plane_bytes))
    if found > 1:
        raise DataError(
            f"expected a TIFF of one plane, found {found} planes behind one directory; export each"
        )


def calibration(tags: Any) -> tuple[float, float, str]:
    r"""Slope, intercept and unit of values, as ImageJ writes them; 1, 0 and "level" without.

    ImageJ stores signed 16-bit images as unsigned ones with an intercept of -32768.

    Raises:
        DataError: a calibration that is no straight line.

    Example:
        >>> calibration({270: "ImageJ=1.53t\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=HU\n"})
        (1.0, -32768.0, 'HU')
    """
    text = _description(tags)
    if not text.startswith("ImageJ=") or (function := _entry(text, "cf", r"-?\d+")) is None:
        return 1.0, 0.0, "level"
    intercept, slope = _entry(text, "c0", _NUMBER), _entry(text, "c1", _NUMBER)
    if function != "0" or intercept is None or slope is None or _entry(text, "c2", _NUMBER):
        raise DataError(
            "values come from an ImageJ calibration that is no straight line; export the "
            "calibrated image in 32 bits"
        )
    if not math.isfinite(float(slope)) or float(slope) == 0:
        raise DataError(f"the ImageJ calibration has slope {slope}, expected another number")
    unit = (_entry(text, "vunit", r"[^\n]*") or "a.u.").strip()
    return float(slope), float(intercept), "a.u." if unit == "Gray Value" else unit


def _description(tags: Any) -> str:
    text = tags.get(TiffImagePlugin.IMAGEDESCRIPTION) or ""
    return text if isinstance(text, str) else ""


def _entry(text: str, key: str, value: str) -> str | None:
    found = re.search(rf"^{key}=({value})\s*$", text, re.MULTILINE)
    return found[1] if found else None


def _described(tags: Any) -> int:
    """Planes by the description; 1 where it says nothing."""
    text = _description(tags)
    if text.startswith("ImageJ="):
        counts = [_entry(text, key, r"\d+") for key in _IMAGEJ_AXES]
        return max(int(count) for count in (*counts, "1") if count is not None)
    if text.startswith(("{", "shape=")):
        return _shaped(text, tags)
    return 1


def _shaped(text: str, tags: Any) -> int:
    """Planes of tifffile's own description, ``{"shape": [5, 30, 40]}``."""
    listed = re.search(r"shape\"?\s*[:=]\s*([\[(][\d,\s]*[\])])", text)
    if listed is None:
        return 1
    shape: list[int] = json.loads("[" + listed[1][1:-1].rstrip(", ") + "]")
    samples = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
    plane = int(tags[TiffImagePlugin.IMAGELENGTH] * tags[TiffImagePlugin.IMAGEWIDTH] * samples)
    return max(math.prod(shape) // max(plane, 1), 1)


def _tagged(tags: Any) -> int:
    """Planes by tags of their own."""
    depths = [tags.get(tag, 1) for tag in (_IMAGE_DEPTH, _TILE_DEPTH)]
    planes: list[int] = [depth if isinstance(depth, int) else max(depth) for depth in depths]
    stack = tags.get(_METAMORPH_PLANES)
    if stack is not None and hasattr(stack, "__len__"):
        planes.append(len(stack) if not isinstance(stack, bytes) else 1)
    return max(planes)


def _stored(tags: Any, file: bytes, plane_bytes: int) -> int:
    """Planes whose uncompressed bytes follow those of the first at once; 1 where none do."""
    offsets = tags.get(TiffImagePlugin.STRIPOFFSETS)
    if tags.get(TiffImagePlugin.COMPRESSION, 1) != 1 or not offsets or plane_bytes < 1:
        return 1
    end = min(offsets) + plane_bytes
    gap = min((at for at in _structures(file) if at >= end), default=len(file)) - end
    return 1 + gap // plane_bytes if gap >= _PADDING else 1


def _structures(file: bytes) -> list[int]:
    """Where the first directory lies, and each value that it keeps elsewhere in the file."""
    order: Literal["little", "big"] = "little" if file[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(file[at : at + size], order)

    big = number(2, 2) == 43
    width, entry = (8, 20) if big else (4, 12)
    start = number(width, width)
    n_entries = number(start, 8 if big else 2)
    found = [start]
    first = start + (8 if big else 2)
    for at in range(first, min(first + entry * n_entries, len(file)), entry):
        tag, kind, count = number(at, 2), number(at + 2, 2), number(at + 4, width)
        value = number(at + entry - width, width)
        if count * _TYPE_BYTES.get(kind, 1) > width or tag in _DIRECTORIES:
            found.append(value)
    return found
