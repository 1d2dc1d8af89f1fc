"""Films with burnt-in tags whose boxes are known."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.helpers.tiny import image

from plexor.cases import Image
from plexor.cases.phantoms.marker import letters
from plexor.shortcuts.find import Box, Tag
from plexor.shortcuts.find.tag import KINDS

DATA = Path(os.environ.get("PLEXOR_DATA") or Path(__file__).parents[3] / "shared" / "data")
FILMS = DATA / "chest_xray_fullsize"


def drawn_boxes(table: str = "tag_boxes.csv") -> dict[str, tuple[Tag, ...]]:
    """The boxes that were drawn by hand on 30 films; ticks of scales were not drawn.

    Args:
        table: ``tag_boxes_more.csv`` has those of 30 other films.
    """
    boxes: dict[str, list[Tag]] = defaultdict(list)
    with (Path(__file__).parents[1] / "data" / table).open() as file:
        for row in csv.DictReader(file):
            tags = boxes[row["path"]]
            if row["kind"] == "none":
                continue
            x0, y0, x1, y1 = (int(row[name]) for name in ("x0", "y0", "x1", "y1"))
            kind = next(kind for kind in KINDS if kind == row["kind"])
            box = Box(x0=x0, y0=y0, x1=x1, y1=y1)
            tags.append(Tag(box=box, kind=kind, text=row["text"]))
    return {path: tuple(tags) for path, tags in sorted(boxes.items())}


def tissue(height: int = 240, width: int = 300, seed: int = 0) -> NDArray[np.uint8]:
    """Something like a film without tags: broad shades and grain."""
    rows, columns = np.mgrid[:height, :width]
    shade = 90 + 60 * np.sin(rows / 40) * np.cos(columns / 55)
    grain = np.random.default_rng(seed).normal(0, 3, shade.shape)
    film: NDArray[np.uint8] = np.clip(shade + grain, 0, 200).astype(np.uint8)
    return film


def burnt(
    pixels: NDArray[np.uint8],
    text: str,
    at: tuple[int, int],
    *,
    dot: int = 3,
    mirrored: bool = False,
    turns: int = 0,
    brightness: int = 255,
) -> tuple[NDArray[np.uint8], Box]:
    """The film with a text burnt in at (x, y), and the box around it."""
    ink = letters(text, dot) > 0.5
    ink = np.rot90(ink[:, ::-1] if mirrored else ink, turns)
    x, y = at
    film = pixels.copy()
    film[y : y + ink.shape[0], x : x + ink.shape[1]][ink] = brightness
    return film, Box(x0=x, y0=y, x1=x + ink.shape[1], y1=y + ink.shape[0])


def as_image(pixels: NDArray[np.uint8]) -> Image:
    """A grey film (H, W), or RGB (3, H, W), as an 8-bit image."""
    return image(pixels if pixels.ndim == 3 else pixels[None])


def inverted(pixels: NDArray[np.uint8]) -> Image:
    """The same film with a small number for bright, as DICOM's MONOCHROME1 stores it."""
    return image((255 - pixels)[None], slope=-1.0, intercept=255.0)
