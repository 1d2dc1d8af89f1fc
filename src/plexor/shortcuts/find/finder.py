"""The finder of burnt-in tags: strokes first, read by OCR where it is installed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from plexor.cases import Image
from plexor.shortcuts.find.lines import (
    cut_off,
    drawn,
    extended,
    lines_of,
    scales,
    tag_of,
    touches_border,
    without_shadows,
)
from plexor.shortcuts.find.ocr import Read, Reader
from plexor.shortcuts.find.rings import Ringed, ringed
from plexor.shortcuts.find.strokes import Plane, Stroke, Tone, brightness, enlargement, find_strokes
from plexor.shortcuts.find.tag import Box, Tag
from plexor.shortcuts.find.words import kind_of_text

_READABLE = 0.6
"""Minimum score of the reader for its text to be used."""
_ALONE = 0.85
"""The same for text that the reader found where there are no strokes."""
_CUT_GAP = 3.0
"""Widest gap in a text that the border cuts, as a share of the height that is left of it."""
_PART = 0.8
"""Share of a single letter's box in a text from which it is part of it."""
_UNREAD = 0.75
"""Factor of a tag's score where the reader sees no text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """Finds burnt-in tags.

    Attributes:
        reader: OCR; None uses the shape of the strokes only, so that text is not read and times are
            not distinguished from other text.
        search: "strokes" shows the reader what is made of strokes; "whole" also has it search the
            whole image, which finds faint and blurred text and takes some ten times as long.
        least: minimum score of a tag that is listed.
    """

    reader: Reader | None = None
    search: Literal["strokes", "whole"] = "strokes"
    least: float = 0.65

    def __call__(self, image: Image, *, identifiers: Collection[str] = ()) -> list[Tag]:
        """Finds the tags of one image, ordered from top to bottom; there may be none.

        Args:
            image: 2D, grey or RGB.
            identifiers: names and numbers of the file's header, see ``kind_of_text``.

        Raises:
            DataError: the image is not 2D, or has not 1 or 3 channels.
            MissingExtraError: the reader's package is not installed.
        """
        plane = brightness(image)
        height, width = plane.shape
        strokes = find_strokes(plane)
        sharp = drawn(strokes)
        found = list(scales(sharp, (height, width)))
        rings = ringed(sharp)
        taken = [*(tag.box for tag in found), *(ring.tag.box for ring in rings)]
        free = [s for s in sharp if not any(_inside(s.box, box) for box in taken)]
        blurred = enlargement(plane.shape) > 1
        bright = _formed(free, strokes, "bright", plane.shape, blurred=blurred)
        sure = [tag for tag in bright if tag.score >= self.least]
        lit = [s for s in free if not any(_shadow(s, tag) for tag in sure)]
        dark = _formed(lit, strokes, "dark", plane.shape, blurred=blurred)
        formed = _of_no_text(without_shadows(bright, dark))
        found += self._read(plane, formed, identifiers)
        found += self._read_ringed(plane, rings)
        if self.reader is not None and self.search == "whole":
            found += _further(self.reader.search(plane), found, identifiers)
        kept = [tag for tag in found if tag.score >= self.least]
        return sorted(kept, key=lambda tag: (tag.box.y0, tag.box.x0))

    def _read(
        self, plane: Plane, tags: Sequence[Tag], identifiers: Collection[str]
    ) -> Sequence[Tag]:
        if self.reader is None:
            return tags
        texts = self.reader.read(plane, tags)
        return [
            _told(tag, read, identifiers, cut=touches_border(tag.box, plane.shape))
            for tag, read in zip(tags, texts, strict=True)
        ]

    def _read_ringed(self, plane: Plane, rings: Sequence[Ringed]) -> Sequence[Tag]:
        """A letter in a ring stands for a side, whatever it is; the reader names it."""
        tags = [ring.tag for ring in rings]
        if self.reader is None:
            return tags
        letters = [replace(ring.tag, box=ring.letter) for ring in rings]
        texts = self.reader.read(plane, letters)
        return [
            replace(tag, text=tag.text or read.text.upper()) if _one_letter(read) else tag
            for tag, read in zip(tags, texts, strict=True)
        ]


def _formed(
    sharp: Sequence[Stroke],
    strokes: Sequence[Stroke],
    tone: Tone,
    shape: tuple[int, ...],
    *,
    blurred: bool,
) -> list[Tag]:
    """Classifies lines of one tone by their shape."""
    of_tone = [stroke for stroke in strokes if stroke.tone == tone]
    lines = lines_of([stroke for stroke in sharp if stroke.tone == tone], shape)
    tags = [tag_of(line, shape, blurred=blurred) for line in lines]
    known = [tag for tag in tags if tag is not None]
    texts = [
        # only parts of letters are there, which lie further apart than letters do
        extended(tag, strokes, gap=_CUT_GAP) if cut_off(tag.box, shape) else extended(tag, of_tone)
        for tag in known
        if tag.kind == "text"
    ]
    whole = [
        tag
        for i, tag in enumerate(texts)
        if not any(_inside(tag.box, other.box) for j, other in enumerate(texts)
                   if j < i or (j > i and tag.box != other.box))
    ]  # fmt: skip
    return whole + [tag for tag in known if tag.kind != "text"]


def _of_no_text(tags: Sequence[Tag]) -> list[Tag]:
    """Leaves out single letters, and holes of letters, that are part of a text."""
    texts = [tag for tag in tags if tag.kind == "text"]
    return texts + [
        tag
        for tag in tags
        if tag.kind != "text"
        and not any(tag.box.shared(text.box) >= _PART * tag.box.area for text in texts)
    ]


def _shadow(stroke: Stroke, tag: Tag) -> bool:
    """Whether a dark stroke is a hole or a shadow of a bright tag, or the gap beside it."""
    return (
        stroke.tone == "dark"
        and tag.box.grown(1).shared(stroke.box) > 0
        and not _inside(tag.box, stroke.box)
    )


def _one_letter(read: Read) -> bool:
    return read.score >= _READABLE and len(read.text) == 1 and read.text.isalpha()


def _inside(one: Box, other: Box) -> bool:
    return one.shared(other) == one.area


def _told(tag: Tag, read: Read, identifiers: Collection[str], *, cut: bool) -> Tag:
    """A tag that was found by its shape, with the reader's result."""
    unread = read.score < _READABLE or not any(letter.isalnum() for letter in read.text)
    kind = tag.kind if unread else kind_of_text(read.text, identifiers)
    if tag.kind == "marker":
        return tag if unread else replace(tag, kind=kind, text=read.text)
    if tag.kind == "laterality":
        if kind == "laterality" and not unread and read.text.upper()[:1] == tag.text:
            return replace(tag, score=round(max(tag.score, read.score), 3))
        return replace(tag, score=round(tag.score * _UNREAD, 3))
    if unread:  # letters that the border cuts cannot be read
        return tag if cut else replace(tag, score=round(tag.score * _UNREAD, 3))
    score = max(tag.score, read.score) if len(read.text) > 1 else tag.score
    return replace(tag, kind=kind, text=read.text, score=round(score, 3))


def _further(
    reads: Sequence[Read], found: Sequence[Tag], identifiers: Collection[str]
) -> Iterator[Tag]:
    """Text that the reader found in the whole image where no tag was found before."""
    for read in reads:
        if read.box is None or read.score < _ALONE or not read.text:
            continue
        if any(tag.box.shared(read.box) >= 0.3 * tag.box.area for tag in found):
            continue
        kind = kind_of_text(read.text, identifiers)
        if len(read.text) > 1 or kind == "laterality":
            yield Tag(box=read.box, kind=kind, text=read.text, score=round(read.score, 3))
