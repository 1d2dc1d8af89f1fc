"""Where a report places its pictures: in the page while there is room, then beside it."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field

import numpy as np

from plexor.cases.formats import decode_image
from plexor.core.ids import digest_bytes
from plexor.report.picture import uri

FOLDER = "report-pictures"
"""Beside the page."""
MOST_CHARACTERS = 3_300_000
"""Of full-size pictures in one page, so that it stays below 5 MB."""
THUMBNAIL = 72
"""Longest side of a reduced picture, pixels."""
MOST_REDUCED = 700_000
"""Characters of reduced pictures in one page; of more, the page shows their files alone."""

_PNG = "data:image/png;base64,"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A picture in a page.

    Attributes:
        source: a data URI: the picture, or a reduced one; where there is room for neither, the
            path of the picture from the page.
        full: path of the full-size picture from the page; "" where ``source`` is a whole picture.
    """

    source: str
    full: str = ""


@dataclass(slots=True, kw_only=True)
class Pictures:
    """The pictures of one page.

    Attributes:
        most: characters of full-size pictures in the page, at most.
        spent: characters so far.
        reduced: characters of reduced pictures so far.
        files: name → PNG, for ``FOLDER`` beside the page.
    """

    most: float = MOST_CHARACTERS
    spent: int = 0
    reduced: int = 0
    files: dict[str, bytes] = field(default_factory=dict)

    def place(self, picture: str, *, reducible: bool = True) -> Placed:
        """Places a picture: in full while there is room, else reduced, with a file beside the page.

        Args:
            picture: PNG as a data URI.
            reducible: whether a mean of its pixels is a picture; else its file alone is shown.
        """
        if self.spent + len(picture) <= self.most:
            self.spent += len(picture)
            return Placed(source=picture)
        data = base64.b64decode(picture.removeprefix(_PNG))
        name = f"{digest_bytes(data)[:16]}.png"
        self.files[name] = data
        full = f"{FOLDER}/{name}"
        if self.reduced >= MOST_REDUCED or not reducible:
            return Placed(source=full, full=full)
        small = _reduced(data)
        self.reduced += len(small)
        return Placed(source=small, full=full)


def _reduced(data: bytes) -> str:
    """A PNG whose longest side is ``THUMBNAIL`` pixels at most, by means of blocks; a data URI."""
    pixels = decode_image(data, "picture").pixels.astype(np.float64)
    by = math.ceil(max(pixels.shape[1:]) / THUMBNAIL)
    _, height, width = pixels.shape
    padded = np.pad(pixels, ((0, 0), (0, -height % by), (0, -width % by)), mode="edge")
    blocks = padded.reshape(len(pixels), padded.shape[1] // by, by, padded.shape[2] // by, by)
    means = np.round(blocks.mean(axis=(2, 4))).astype(np.uint8)
    return uri(np.moveaxis(means, 0, -1))
