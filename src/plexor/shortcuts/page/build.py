"""Writes the page: images, the table's rows, style and script in one HTML file."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from plexor.cases import Case, read_image
from plexor.cases.formats.jpeg import JpegCodec
from plexor.core.errors import DataError
from plexor.core.files import write_atomic
from plexor.core.version import __version__
from plexor.shortcuts.find import KINDS, brightness
from plexor.shortcuts.find.table import NO_TAG, UNREAD, name_of, read_rows

MOST_BYTES = 20_000_000
"""Size of the embedded images from which further images are written beside the page."""
_LONGEST = 1000
"""Longest side of a shown image, in pixels; boxes are kept in those of the stored one."""
_QUALITY = 85
_WHITE = 255.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What ``write_page`` has written.

    Attributes:
        page: the HTML file.
        n_images: images shown.
        n_beside: images in the folder beside the page.
        unread: images that could not be read, with the reason; their rows are kept as they are.
        n_other_rows: rows of images that are not in the cohort; they are kept, too.
    """

    page: Path
    n_images: int
    n_beside: int
    unread: tuple[str, ...]
    n_other_rows: int


def write_page(
    cases: Sequence[Case],
    table: Path,
    out: Path,
    *,
    root: Path,
    most_bytes: int = MOST_BYTES,
    advance: Callable[[int, int, str], None] | None = None,
) -> Written:
    """Writes a page that shows each image with its boxes, to be corrected and saved as CSV.

    It works from a file, without a server or a network. Images are shown as JPEG with at most 1,000
    pixels on the longer side; boxes stay in pixels of the stored image. Rows that nobody changes
    are saved as they are written in the table, so that a page saved at once gives the same table.

    Args:
        cases: of the cohort, in the order in which they are shown.
        table: the table of tags, see ``plexor.shortcuts.find.read_tags``.
        out: the HTML file; images that do not fit are in the folder ``<name>-images`` beside it.
        root: folder that the table's paths start from.
        most_bytes: of the images in the page.
        advance: told of each image.

    Raises:
        DataError: the table cannot be read, or has no row for a case.
    """
    columns, rows = read_rows(table)
    by_name: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        by_name.setdefault(row["path"], []).append(row)
    absent = [case.id for case in cases if name_of(case, root) not in by_name]
    if absent:
        raise DataError(
            f"{table}: {len(absent)} of {len(cases)} images are not in it, the first is "
            f"{absent[0]}; run plexor shortcuts find on this manifest"
        )
    shown, unread = _Pictures(out, most_bytes), []
    images: list[dict[str, object]] = []
    for number, case in enumerate(cases):
        name = name_of(case, root)
        entry: dict[str, object] = {"path": name, "rows": by_name.pop(name)}
        try:
            entry |= shown.add(case, number)
        except DataError as error:
            unread.append(str(error))
            entry |= {"src": "", "width": 0, "height": 0}
        images.append(entry)
        if advance is not None:
            advance(number + 1, len(cases), case.id)
    others = [row for of_image in by_name.values() for row in of_image]
    data = {"columns": columns, "images": images, "others": others, "kinds": KINDS,
            "none": NO_TAG, "unread": UNREAD, "name": table.name}  # fmt: skip
    write_atomic(out, _page(data, title=table.name).encode())
    return Written(
        page=out,
        n_images=len(images) - len(unread),
        n_beside=shown.n_beside,
        unread=tuple(unread),
        n_other_rows=len(others),
    )


class _Pictures:
    """Pictures inside the page as long as they fit, then beside it."""

    def __init__(self, out: Path, most_bytes: int) -> None:
        self._folder = out.with_name(f"{out.stem}-images")
        self._left = most_bytes
        self.n_beside = 0

    def add(self, case: Case, number: int) -> dict[str, object]:
        """Where the picture is, and the size of the stored image."""
        plane = brightness(read_image(case.path))
        data = JpegCodec(quality=_QUALITY).encode(_thumbnail(plane))
        height, width = plane.shape
        size: dict[str, object] = {"width": width, "height": height}
        if len(data) <= self._left:
            self._left -= len(data)
            source = "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
            return size | {"src": source}
        self._left = 0
        self.n_beside += 1
        name = f"{number:06d}.jpg"
        write_atomic(self._folder / name, data)
        return size | {"src": f"{self._folder.name}/{name}"}


def _thumbnail(plane: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(1, h, w), 8 bits, averaged where it shrinks."""
    times = min(1.0, _LONGEST / max(plane.shape))
    if times < 1:
        size = [max(1, round(side * times)) for side in plane.shape]
        tensor = torch.from_numpy(plane)[None, None]
        resized = functional.interpolate(tensor, size=size, mode="bilinear", antialias=True)
        plane = np.asarray(resized[0, 0])
    return np.round(np.clip(plane, 0, 1) * _WHITE).astype(np.uint8)[None]


def _page(data: Mapping[str, object], *, title: str) -> str:
    files = resources.files("plexor.shortcuts.page")
    parts = {name: (files / name).read_text(encoding="utf-8") for name in _PARTS}
    # "</script>" inside of a text would end the script
    plain = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    page = parts["page.html"]
    for mark, text in (
        ("{{title}}", html.escape(title)),
        ("{{version}}", html.escape(__version__)),
        ("{{style}}", parts["page.css"]),
        ("{{script}}", parts["page.js"]),
        ("{{data}}", plain),  # last: nothing in it is a mark that would be filled
    ):
        page = page.replace(mark, text)
    return page


_PARTS = ("page.html", "page.css", "page.js")
