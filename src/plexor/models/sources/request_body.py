"""Bodies of requests: images in the form that a server takes."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plexor.core.errors import ModelError
from plexor.models.sources.endpoint_settings import MARKS, Request

_BOUNDARY = "plexor-7d3f0c9a51"


def body_of(
    request: Request, pixels: NDArray[Any], beside: NDArray[np.float32] | None
) -> tuple[bytes, str]:
    """The body that asks for images, and its content type.

    Args:
        request: how the server is asked.
        pixels: the images, (N, C, *spatial) or with the channels last; one image as levels of 8
            bits where it is sent as PNG.
        beside: the numbers beside each image, (N, F); None where there are none.

    Raises:
        ModelError: there are numbers beside the image, and the form has no place for them.
    """
    if request.form == "json":
        document: Any = {request.key: pixels.tolist()}
        if request.document is not None:
            document = _filled(request.document, pixels, beside)
        elif beside is not None:
            document["features"] = beside.tolist()
        return json.dumps(document, separators=(",", ":")).encode(), "application/json"
    if beside is not None:
        raise ModelError("request: features beside the image need `form: json`")
    if request.form == "npy":
        file = io.BytesIO()
        np.save(file, pixels, allow_pickle=False)
        return file.getvalue(), "application/octet-stream"
    data = png(pixels[0])
    if not request.field:
        return data, "image/png"
    head = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{request.field}"; filename="image.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    whole = head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return whole, f"multipart/form-data; boundary={_BOUNDARY}"


def _filled(value: Any, pixels: NDArray[Any], beside: NDArray[np.float32] | None) -> Any:
    """A document with its marks replaced."""
    if isinstance(value, Mapping):
        return {key: _filled(one, pixels, beside) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(one, pixels, beside) for one in value]
    if not isinstance(value, str) or value not in MARKS:
        return value
    if value == "{features}" and beside is None:
        raise ModelError("request: `document` has {features}, and the model takes none")
    made: dict[str, Callable[[], Any]] = {
        "{values}": pixels.tolist,
        "{flat}": pixels.reshape(-1).tolist,
        "{shape}": lambda: list(pixels.shape),
        "{png}": lambda: base64.b64encode(png(pixels[0])).decode(),
        "{features}": lambda: beside.tolist() if beside is not None else [],
    }
    return made[value]()


def levels(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Preprocessed values of images as levels of 8 bits: 0 is black, 1 is white.

    Raises:
        ModelError: values below 0 or above 1, no images of 1 or 3 channels, or volumes.
    """
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3):
        raise ModelError(
            "request: `form: png` takes images of 1 or 3 channels, got images of shape "
            f"{pixels.shape[1:]}; take npy"
        )
    low, high = float(pixels.min()), float(pixels.max())
    if low < -1e-4 or high > 1 + 1e-4:
        raise ModelError(
            f"request: `form: png` takes values of 0 to 1, got {low:.3g} to {high:.3g} after "
            "preprocessing; write `preprocess.window`: the values that are black and white"
        )
    rounded: NDArray[np.uint8] = np.rint(255 * pixels.clip(0, 1)).astype(np.uint8)
    return rounded


def png(pixels: NDArray[np.uint8]) -> bytes:
    """One image (C, H, W) of 1 or 3 channels as a PNG file.

    Written here and not by ``cases``, whose codecs keep what a file had beside its pixels.
    """
    rows = np.moveaxis(pixels, 0, -1)
    height, width, channels = rows.shape
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(raw, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)
