"""A burnt-in tag: where it is, what kind it is, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["laterality", "text", "time", "scale", "marker", "identifier"]
"""What a tag is.

``laterality`` is an L or R (or the word), ``text`` any other text, ``time`` a date or a time of
day, ``scale`` a row of ticks, ``marker`` a flat sharp shape that is no letter, and ``identifier``
text that is also in the file's header as the patient's name, number or birth date.
"""
KINDS: tuple[Kind, ...] = get_args(Kind)
HIDDEN_TEXT = "***"
"""Printed in place of a tag's text, which may be a name."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Box:
    """A rectangle in pixels of the stored image: columns x0 to x1, rows y0 to y1, ends excluded.

    Example:
        >>> Box(x0=2, y0=1, x1=5, y1=3).area
        6
    """

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Rows."""
        return self.y1 - self.y0

    @property
    def area(self) -> int:
        """Pixels; 0 for a box without rows or columns."""
        return max(0, self.width) * max(0, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array (H, W)."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def within(self, height: int, width: int) -> Box:
        """The part of the box inside an image of this size; its area may be 0."""
        return Box(
            x0=min(max(self.x0, 0), width),
            y0=min(max(self.y0, 0), height),
            x1=min(max(self.x1, 0), width),
            y1=min(max(self.y1, 0), height),
        )

    def grown(self, pixels: int) -> Box:
        """The box with a margin on all sides; it may leave the image."""
        return Box(
            x0=self.x0 - pixels, y0=self.y0 - pixels, x1=self.x1 + pixels, y1=self.y1 + pixels
        )

    def shared(self, other: Box) -> int:
        """Number of pixels in both boxes."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(0, width) * max(0, height)

    def overlap(self, other: Box) -> float:
        """Intersection over union; 0 where both are empty.

        Example:
            >>> Box(x0=0, y0=0, x1=4, y1=2).overlap(Box(x0=2, y0=0, x1=6, y1=2))
            0.3333333333333333
        """
        shared = self.shared(other)
        union = self.area + other.area - shared
        return shared / union if union else 0.0

    def joined(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box(
            x0=min(self.x0, other.x0),
            y0=min(self.y0, other.y0),
            x1=max(self.x1, other.x1),
            y1=max(self.y1, other.y1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One burnt-in tag.

    Attributes:
        box: around its strokes.
        kind: what it is.
        text: what it says, as far as it was read; "" where it was not. It may be a name.
        score: 0 to 1, how sure the finder is; 1 for a box that a person drew.
        mirrored: whether the letters are mirrored, as on a film laid on its wrong side.
        turns: quarter turns anticlockwise by which it is turned, after mirroring.
    """

    box: Box
    kind: Kind
    text: str = ""
    score: float = 1.0
    mirrored: bool = False
    turns: int = 0

    @property
    def upright(self) -> bool:
        """Whether it is neither mirrored nor turned."""
        return not self.mirrored and self.turns == 0
