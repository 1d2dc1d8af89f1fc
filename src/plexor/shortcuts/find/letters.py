"""Similarity of strokes to letters: upright, rotated and mirrored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from plexor.cases.phantoms.marker import letters as dotted

_SIDE = 24
"""Rows and columns that every shape is stretched to."""
_FONTS = (("DejaVu Sans", "normal"), ("DejaVu Sans", "bold"), ("STIXGeneral", "normal"))
"""Fonts that Matplotlib carries: a sans-serif one, thin and thick, and one like Times."""
_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abdefghijmnqrtuy"
"""Characters that strokes are compared with, without lower-case ones that differ in size only."""
_SLIM = 0.25
"""Difference of the logarithms of two aspect ratios that is tolerated, since fonts differ."""
_LEANINGS = (-6.0, 0.0, 6.0)
"""Degrees by which a lead marker may lean."""
_BLUR = 1.2
"""Of both shapes before comparison, in pixels of the resampled shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """The letter most similar to a shape.

    Attributes:
        letter: the letter.
        score: correlation of the two shapes, reduced if their aspect ratios differ; 1 if they are
            equal.
        mirrored: whether the letter is mirrored.
        turns: number of quarter turns anticlockwise.
    """

    letter: str
    score: float
    mirrored: bool = False
    turns: int = 0


def likeness(shape: NDArray[np.bool_]) -> Likeness:
    """The upright letter or digit most similar to a shape.

    Args:
        shape: its pixels in its box, (h, w).
    """
    letters, templates, slims = _upright()
    scores = _scores(*_seen(shape), templates, slims)
    best = int(np.argmax(scores))
    return Likeness(letter=letters[best], score=float(scores[best]))


def side_likeness(shape: NDArray[np.bool_]) -> Likeness:
    """The L or R most similar to a shape, in any of the eight positions of a film.

    Example:
        >>> from plexor.cases.phantoms.marker import letters
        >>> found = side_likeness(letters("R", 4)[:, ::-1] > 0.5)
        >>> found.letter, found.mirrored, found.turns
        ('R', True, 0)
    """
    found = []
    seen = _seen(shape)
    for (mirrored, turns), (letters, templates, slims) in _sides().items():
        scores = _scores(*seen, templates, slims)
        best = int(np.argmax(scores))
        found.append(
            Likeness(
                letter=letters[best], score=float(scores[best]), mirrored=mirrored, turns=turns
            )
        )
    return max(found, key=lambda one: one.score)


def _seen(shape: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """A shape prepared for comparison, and the logarithm of its width over height."""
    slim = float(np.log(shape.shape[1] / shape.shape[0]))
    return _normal(_stretched(shape.astype(float))).ravel(), slim


def _scores(
    seen: NDArray[np.float64],
    slim: float,
    templates: NDArray[np.float64],
    slims: NDArray[np.float64],
) -> NDArray[np.float64]:
    found: NDArray[np.float64] = templates @ seen
    return found - np.clip(np.abs(slims - slim) - _SLIM, 0, None)


def _stretched(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Resampled to the common size, by averages where it shrinks."""
    height, width = shape.shape
    larger = np.kron(shape, np.ones((-(-_SIDE // height), -(-_SIDE // width))))
    rows = np.linspace(0, larger.shape[0], _SIDE + 1)
    columns = np.linspace(0, larger.shape[1], _SIDE + 1)
    summed = np.pad(larger.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    at = ndimage.map_coordinates(summed, np.meshgrid(rows, columns, indexing="ij"), order=1)
    areas = at[1:, 1:] - at[:-1, 1:] - at[1:, :-1] + at[:-1, :-1]
    found: NDArray[np.float64] = areas / (rows[1] * columns[1])
    return found


def _normal(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blurred, with mean 0 and length 1, so that a product is a correlation."""
    blurred = ndimage.gaussian_filter(np.pad(shape, 2), _BLUR)
    blurred = blurred - blurred.mean()
    length = np.linalg.norm(blurred)
    found: NDArray[np.float64] = blurred / length if length else blurred
    return found


_Templates = tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]
"""Letters, their shapes (n, pixels) and the logarithms of their width over height (n,)."""


def _table(letters: str, shapes: list[NDArray[np.float64]]) -> _Templates:
    return (
        tuple(letters),
        np.stack([_normal(_stretched(shape)).ravel() for shape in shapes]),
        np.array([np.log(shape.shape[1] / shape.shape[0]) for shape in shapes]),
    )


@cache
def _upright() -> _Templates:
    drawn = [(letter, _drawn(letter, *font)) for font in _FONTS for letter in _CHARACTERS]
    drawn += [(letter, dotted(letter, 6).astype(float)) for letter in "LR"]
    return _table("".join(letter for letter, _ in drawn), [shape for _, shape in drawn])


@cache
def _sides() -> dict[tuple[bool, int], _Templates]:
    """L and R in the eight positions, upright and leaning a little."""
    upright = [(letter, _drawn(letter, *font)) for font in _FONTS for letter in "LR"]
    upright += [(letter, dotted(letter, 6).astype(float)) for letter in "LR"]
    shapes = [
        (letter, _leaning(shape, degrees)) for letter, shape in upright for degrees in _LEANINGS
    ]
    letters = "".join(letter for letter, _ in shapes)
    found = {}
    for mirrored in (False, True):
        for turns in range(4):
            moved = [np.rot90(shape[:, ::-1] if mirrored else shape, turns) for _, shape in shapes]
            found[mirrored, turns] = _table(letters, moved)
    return found


def _leaning(shape: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    """The shape rotated by some degrees, cropped to the box around it."""
    if not degrees:
        return shape
    turned = np.clip(ndimage.rotate(np.pad(shape, 2), degrees, order=1), 0, 1)
    rows, columns = np.nonzero(turned > 0.5)
    return turned[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


@cache
def _drawn(letter: str, family: str, weight: str) -> NDArray[np.float64]:
    """A letter of one of Matplotlib's fonts, in the box around it, 48 rows high."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path
    from matplotlib.textpath import TextPath

    path = TextPath((0, 0), letter, size=48, prop=FontProperties(family=family, weight=weight))
    box = path.get_extents()
    height, width = 48, max(4, round(48 * box.width / box.height))
    x = box.x0 + (np.arange(2 * width) + 0.5) / (2 * width) * box.width
    y = box.y1 - (np.arange(2 * height) + 0.5) / (2 * height) * box.height
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    # an even-odd count over the outlines, so that the holes of a letter stay open
    inside = np.zeros(len(grid), dtype=bool)
    for outline in path.to_polygons(closed_only=True):
        inside ^= Path(outline).contains_points(grid)
    fine = inside.astype(float).reshape(height, 2, width, 2)
    coarse: NDArray[np.float64] = fine.mean((1, 3))
    return coarse
