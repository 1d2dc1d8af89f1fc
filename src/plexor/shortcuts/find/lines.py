"""Groups strokes into single letters, lines of text and rows of ticks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from plexor.shortcuts.find.letters import Likeness, likeness, side_likeness
from plexor.shortcuts.find.strokes import Stroke
from plexor.shortcuts.find.tag import Box, Tag

_GAP = 0.7
"""Widest gap between two letters of a line, as a share of the taller one's height."""
_WORD_GAP = 2.0
"""Widest gap between two words of a line, likewise."""
_SMALL = 0.6
"""Height of a dot or a hyphen, as a share of the line's tallest letter."""
_SHADOW = 1.5
"""Greatest size of a tag's dark shadow, as a share of the tag's box."""
_UNLIKE = 1.35
"""Ratio of the heights of two letters that are not of one word."""
_CLEAR = 0.5
"""Minimum contrast of a blurred stroke that belongs to a line of text."""
_LEAST = 5
"""Height of the smallest letter, in pixels."""
_LEAST_SHARE = 0.006
"""The same as a share of the image's short side: specks of noise and dust are smaller."""
_LEAST_SIDE = 0.015
"""The same for a single letter, which is drawn to be seen."""
_SIDE = 0.72
"""Minimum similarity of a single L or R."""
_SIDE_BLURRED = 0.68
"""Likewise, in an image whose letters are a few pixels tall."""
_MARKED, _OUTSTANDING = 0.85, 0.36
"""Minimum sharpness and contrast, in such an image, of a shape that is no clear letter."""
_TURNED = 0.86
"""Minimum similarity of a rotated letter or a mirrored L: many corners look like one."""
_CLEARLY = (0.7, 0.3)
"""Similarity from which two letters count as more than two, and by how much more as five."""
_PRIOR = 0.06
"""Margin by which another letter must be more similar: few single letters are not L or R."""
_TICK = 0.03
"""Longest tick, as a share of the image's short side."""
_APART = 5
"""Minimum distance of two ticks, in widths of a tick: letters are closer together."""
_TICKS = 4
"""Minimum number of ticks in a scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Strokes that stand side by side.

    Attributes:
        strokes: from left to right.
        box: around them.
    """

    strokes: tuple[Stroke, ...]
    box: Box

    @property
    def letters(self) -> tuple[Stroke, ...]:
        """The strokes that are tall enough to be letters; the others are dots and hyphens."""
        tallest = max(stroke.box.height for stroke in self.strokes)
        return tuple(s for s in self.strokes if s.box.height >= _SMALL * tallest)

    @property
    def sharpness(self) -> float:
        """Mean over its letters."""
        return float(np.mean([stroke.sharpness for stroke in self.letters]))


def drawn(strokes: Sequence[Stroke]) -> list[Stroke]:
    """The strokes that look drawn rather than exposed."""
    return [stroke for stroke in strokes if stroke.flat_and_sharp]


def without_shadows(bright: Sequence[Tag], dark: Sequence[Tag]) -> list[Tag]:
    """Removes tags that are holes or shadows of other tags.

    Of a bright and a dark tag that touch, the smaller is dropped: it is a hole of a letter, or the
    shadow that some workstations draw beside one.
    """
    dropped: set[int] = set()
    for one in bright:
        near = one.box.grown(3)
        for other in dark:
            if near.shared(other.box):
                dropped.add(id(other if other.box.area <= _SHADOW * one.box.area else one))
    return [tag for tag in (*bright, *dark) if id(tag) not in dropped]


def lines_of(strokes: Sequence[Stroke], shape: tuple[int, ...]) -> list[Line]:
    """Groups strokes of one tone that are side by side.

    Letters are joined to words first, then words of at least two letters to lines, across wider
    gaps. The height of letters cut off by the border is not known, so wider gaps are allowed
    between them.

    Args:
        strokes: those that look drawn.
        shape: of the image, (H, W).
    """
    cut = [stroke for stroke in strokes if cut_off(stroke.box, shape)]
    whole = [stroke for stroke in strokes if not cut_off(stroke.box, shape)]
    groups = _joined(whole, gap=_GAP) + _joined(cut, gap=_WORD_GAP)
    words = [line for group in groups for line in _alike(group)]
    lone = [word for word in words if len(word.letters) < 2]
    of_words = [stroke for word in words if len(word.letters) > 1 for stroke in word.strokes]
    return lone + [_line(group) for group in _joined(of_words, gap=_WORD_GAP)]


def _alike(strokes: Sequence[Stroke]) -> list[Line]:
    """One line; or lines of strokes of one height, if two or three differ too much for a word."""
    line = _line(strokes)
    heights = [stroke.box.height for stroke in line.letters]
    one_size = max(heights) <= _UNLIKE * min(heights)
    if len(heights) > 3 or (one_size and (len(heights) > 1 or len(strokes) <= 2)):
        return [line]
    rest = sorted(strokes, key=lambda stroke: stroke.box.height)
    alike = [[rest[0]]]
    for stroke in rest[1:]:
        if stroke.box.height > _UNLIKE * alike[-1][0].box.height:
            alike.append([])
        alike[-1].append(stroke)
    return [_line(group) for some in alike for group in _joined(some, gap=_GAP)]


def cut_off(box: Box, shape: tuple[int, ...]) -> bool:
    """Whether the image's upper or lower border may cut off a part of the height of letters."""
    return box.y0 == 0 or box.y1 == shape[0]


def touches_border(box: Box, shape: tuple[int, ...]) -> bool:
    """Whether a box touches a border of an image (H, W)."""
    return cut_off(box, shape) or box.x0 == 0 or box.x1 == shape[1]


def extended(tag: Tag, strokes: Sequence[Stroke], *, gap: float = _GAP) -> Tag:
    """Extends a line of text by strokes beside it that are not sharp enough to start one.

    Compression blurs small letters, in particular those cut off by the border, and bright letters
    over bright tissue are told by their dark shadows only.
    """
    rest = [s for s in strokes if s.contrast >= _CLEAR and s.box.height <= 1.4 * tag.box.height]
    box, before = tag.box, None
    while box != before:
        before = box
        for stroke in rest:
            if _beside(stroke.box, box, gap):
                box = box.joined(stroke.box)
    return replace(tag, box=box)


def _joined(strokes: Sequence[Stroke], *, gap: float) -> list[list[Stroke]]:
    """Groups of strokes, each beside at least one other of its group."""
    parent = list(range(len(strokes)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for i, one in enumerate(strokes):
        for j in range(i):
            if one.tone == strokes[j].tone and _beside(one.box, strokes[j].box, gap):
                parent[root(i)] = root(j)
    members: dict[int, list[Stroke]] = defaultdict(list)
    for index, stroke in enumerate(strokes):
        members[root(index)].append(stroke)
    return list(members.values())


def _beside(one: Box, other: Box, widest: float) -> bool:
    overlap = min(one.y1, other.y1) - max(one.y0, other.y0)
    gap = max(one.x0, other.x0) - min(one.x1, other.x1)
    tall = max(one.height, other.height)
    return overlap >= 0.5 * min(one.height, other.height) and gap <= max(2, widest * tall)


def _line(strokes: Sequence[Stroke]) -> Line:
    box = strokes[0].box
    for stroke in strokes[1:]:
        box = box.joined(stroke.box)
    return Line(strokes=tuple(sorted(strokes, key=lambda s: s.box.x0)), box=box)


def tag_of(line: Line, shape: tuple[int, ...], *, blurred: bool = False) -> Tag | None:
    """Classifies a line by the shape of its strokes; None if it is no known kind of tag.

    A single stroke is a tag only if it is an L or R in any position of a film: a needle, an
    electrode or the corner of an implant is flat and sharp as well. Two or more letters are text,
    which is not read.

    Args:
        line: its strokes.
        shape: of the image, (H, W). A single letter that its border cuts is an L or R only if it
            is bright and upright: many parts of letters and of devices look like a turned one.
        blurred: whether the image is so small that letters are hardly recognisable. Then a single
            shape of a letter's size and high contrast is a ``marker``, and a lower similarity makes
            an L or R.
    """
    least = max(_LEAST, _LEAST_SHARE * min(shape))
    letters = [s for s in line.letters if s.box.height >= least or cut_off(s.box, shape)]
    if len(letters) == 1 and len(line.strokes) <= 2:
        side = _side(letters[0], _SIDE_BLURRED if blurred else _SIDE)
        if letters[0].box.height < _LEAST_SIDE * min(shape):
            return None
        if side is not None and touches_border(side.box, shape):
            side = side if side.upright and letters[0].tone == "bright" else None
        return _marker(letters[0]) if side is None and blurred else side
    if len(letters) < 2:
        return None
    heights = np.array([stroke.box.height for stroke in letters], dtype=float)
    even = 1 - min(1.0, float(heights.std() / heights.mean()) / 0.35)
    alike = float(np.mean([likeness(stroke.shape).score for stroke in letters]))
    many = min(1.0, max((len(letters) - 1) / 4, (alike - _CLEARLY[0]) / _CLEARLY[1]))
    score = float(line.sharpness) * (0.3 * even + 0.4 * max(0.0, alike) + 0.3 * many)
    return Tag(box=line.box, kind="text", score=round(min(1.0, score), 3))


def _marker(stroke: Stroke) -> Tag | None:
    """A sharp shape of much contrast, about as tall as one to two and a half times its width."""
    slim = stroke.box.height / stroke.box.width
    if stroke.sharpness < _MARKED or stroke.contrast < _OUTSTANDING or not 0.9 <= slim <= 2.6:
        return None
    return Tag(box=stroke.box, kind="marker", score=round(min(0.9, 0.4 + stroke.contrast), 3))


def _side(stroke: Stroke, least_alike: float) -> Tag | None:
    side = side_likeness(stroke.shape)
    other = likeness(stroke.shape)
    if other.letter in ("L", "R") and other.score >= side.score - _PRIOR:
        side = other
    turned = side.turns != 0 or (side.mirrored and side.letter == "L")
    least = _TURNED if turned else least_alike
    upright = side.turns == 0 and not side.mirrored
    rival = other.score - (_PRIOR if side.turns == 0 else 0.0)
    if side.score < least or (not upright and side.score < rival):
        return None
    if upright and other.letter not in ("L", "R") and other.score > side.score + _PRIOR:
        return None
    return Tag(
        box=stroke.box,
        kind="laterality",
        text=side.letter,
        score=round(_score(side, stroke), 3),
        mirrored=side.mirrored,
        turns=side.turns,
    )


def _score(side: Likeness, stroke: Stroke) -> float:
    return min(1.0, max(0.0, side.score)) * min(1.0, 0.5 + 0.5 * stroke.sharpness)


def scales(strokes: Sequence[Stroke], shape: tuple[int, int]) -> Iterator[Tag]:
    """Rows of equal ticks along the image's border, at equal distances.

    Args:
        strokes: of any tone.
        shape: of the image, (H, W).
    """
    height, width = shape
    by_side: dict[str, list[Stroke]] = defaultdict(list)
    for stroke in strokes:
        box = stroke.box
        if max(box.width, box.height) > _TICK * min(shape):
            continue
        edges = {"left": box.x0, "right": width - box.x1, "top": box.y0, "bottom": height - box.y1}
        side, away = min(edges.items(), key=lambda edge: edge[1])
        if away <= 0.02 * min(shape):
            by_side[side].append(stroke)
    for side, ticks in by_side.items():
        rows = (_even_row(ticks, tick, upright=side in ("left", "right")) for tick in ticks)
        row = max(rows, key=len)
        if row:
            yield Tag(box=_line(row).box, kind="scale", score=0.8)


def _even_row(ticks: Sequence[Stroke], first: Stroke, *, upright: bool) -> list[Stroke]:
    """The ticks similar to the first, if their distances are multiples of the smallest one."""
    alike = [t for t in ticks if _same_size(t.box, first.box)]
    if len(alike) < _TICKS:
        return []
    along = sorted((t.box.y0 if upright else t.box.x0) for t in alike)
    steps = np.diff(along).astype(float)
    least = float(steps.min())
    if least < _APART * (first.box.height if upright else first.box.width):
        return []
    multiples = steps / least
    return alike if bool(np.all(np.abs(multiples - np.round(multiples)) < 0.1)) else []


def _same_size(one: Box, other: Box) -> bool:
    return abs(one.width - other.width) <= 2 and abs(one.height - other.height) <= 2
