"""Letters in a ring, as many workstations and lead markers draw a side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plexor.shortcuts.find.letters import likeness
from plexor.shortcuts.find.strokes import Stroke
from plexor.shortcuts.find.tag import Box, Tag

_LEAST = 14
"""Diameter of the smallest ring, in pixels."""
_ROUND = 1.3
"""Greatest ratio of a ring's sides."""
_INNER = 0.7
"""Inner radius of the widest ring, as a share of its outer one."""
_CLOSED = 0.8
"""Minimum share of directions in which a ring has pixels: tissue may hide a part of it."""
_DIRECTIONS = 36
_THIN = 0.97
"""Share of a ring's pixels that lie outside of that."""
_LETTER = (0.3, 0.8)
"""Height of the letter, as a share of the ring's."""
_OFF = 0.15
"""Greatest distance of the letter's centre from the ring's, likewise."""
_DISC = 0.7
"""Share of its box that a letter fills at most, unless it is slim: a button fills more."""
_SLIM = 1.6
"""Height over width from which a full shape is an I and no button."""
_READ = 0.72
"""Minimum similarity of an L or R that is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringed:
    """A letter in a ring.

    Attributes:
        tag: of kind ``laterality``, its box around the ring; its text is "" unless the letter has
            the shape of an L or R, since other languages use other letters.
        letter: the box around the letter alone.
    """

    tag: Tag
    letter: Box


def ringed(strokes: Sequence[Stroke]) -> list[Ringed]:
    """Finds letters with a ring around them, whole or in pieces.

    An electrode or a button is round as well, but has a disc in its middle or nothing at all.

    Args:
        strokes: those that look drawn, of any tone.
    """
    boxes = np.array([[s.box.x0, s.box.y0, s.box.x1, s.box.y1] for s in strokes]).reshape(-1, 4)
    found: list[Ringed] = []
    for letter in strokes:
        if letter.box.height < _LEAST * _LETTER[0] or not _is_letter(letter):
            continue
        reach = letter.box.grown(round(letter.box.height / _LETTER[0]))
        inside = (boxes[:, :2] >= (reach.x0, reach.y0)).all(1)
        inside &= (boxes[:, 2:] <= (reach.x1, reach.y1)).all(1)
        near = [strokes[int(index)] for index in np.flatnonzero(inside)]
        pieces = [s for s in near if s.tone == letter.tone and s is not letter]
        box = _ring(pieces, letter.box)
        if box is not None:
            found.append(_ringed(box, letter))
    return found


def _ringed(box: Box, letter: Stroke) -> Ringed:
    like = likeness(letter.shape)
    named = like.letter in ("L", "R") and like.score >= _READ
    tag = Tag(
        box=box,
        kind="laterality",
        text=like.letter if named else "",
        score=round(min(1.0, 0.5 + 0.5 * letter.sharpness), 3),
    )
    return Ringed(tag=tag, letter=letter.box)


def _ring(pieces: Sequence[Stroke], letter: Box) -> Box | None:
    """The box around a ring, whole or in pieces, that has the letter in its middle."""
    around = [piece for piece in pieces if not _reaches(piece, letter)]
    whole = [p.box for p in around if _in_the_middle(letter, p.box) and _is_ring([p], p.box)]
    if whole:
        return max(whole, key=lambda box: box.area)
    if len(around) < 2:
        return None
    box = around[0].box
    for piece in around[1:]:
        box = box.joined(piece.box)
    return box if _in_the_middle(letter, box) and _is_ring(around, box) else None


def _reaches(piece: Stroke, letter: Box) -> bool:
    """Whether any pixel of the piece lies in the letter's box."""
    y, x = _pixels(piece)
    return bool(np.any((y > letter.y0) & (y < letter.y1) & (x > letter.x0) & (x < letter.x1)))


def _pixels(stroke: Stroke) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows and columns of the centres of a stroke's pixels, in pixels of the image."""
    rows, columns = np.nonzero(stroke.shape)
    tall, wide = stroke.shape.shape
    return (
        stroke.box.y0 + (rows + 0.5) / tall * stroke.box.height,
        stroke.box.x0 + (columns + 0.5) / wide * stroke.box.width,
    )


def _is_ring(pieces: Sequence[Stroke], box: Box) -> bool:
    if min(box.width, box.height) < _LEAST:
        return False
    if max(box.width, box.height) > _ROUND * min(box.width, box.height):
        return False
    rows, columns = np.concatenate([np.stack(_pixels(piece)) for piece in pieces], axis=1)
    y = (rows - box.y0) / box.height * 2 - 1
    x = (columns - box.x0) / box.width * 2 - 1
    if float(np.mean(np.hypot(y, x) >= _INNER)) < _THIN:
        return False
    towards = (np.arctan2(y, x) / (2 * np.pi) * _DIRECTIONS).round() % _DIRECTIONS
    return len(np.unique(towards)) >= _CLOSED * _DIRECTIONS


def _in_the_middle(box: Box, ring: Box) -> bool:
    low, high = _LETTER
    off = max(
        abs(box.x0 + box.x1 - ring.x0 - ring.x1) / ring.width,
        abs(box.y0 + box.y1 - ring.y0 - ring.y1) / ring.height,
    )
    return low <= box.height / ring.height <= high and off / 2 <= _OFF


def _is_letter(stroke: Stroke) -> bool:
    slim = stroke.box.height / stroke.box.width
    return slim >= _SLIM or (slim >= 0.7 and float(stroke.shape.mean()) <= _DISC)
