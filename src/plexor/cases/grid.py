"""Where the pixels of an image lie in the patient, and how one grid maps onto another."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_NEAR = 0.05
"""Of a pixel: how far the corners of two grids may be apart that are taken to be the same."""
_DIRECTIONS = ("LR", "PA", "IS")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Positions of pixels, ``world = origin + axes @ index``, in mm.

    The world is RAS+: x grows to the patient's right, y to anterior, z to superior, as in NIfTI.

    Attributes:
        axes: (3, n_spatial), the step from one pixel to the next along each axis, in mm.
        origin: (3,), the centre of the first pixel.

    Example:
        >>> grid = Grid.of_affine([[-1, 0, 0, 11], [0, 1, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]])
        >>> grid.orientation, grid.spacing_mm
        ('LAS', (1.0, 1.0, 3.0))
    """

    axes: Floats
    origin: Floats

    @classmethod
    def of_affine(cls, affine: ArrayLike, *, unit_mm: float = 1.0) -> Self | None:
        """From a 4 × 4 affine from voxel to world; None where it is singular or not finite.

        Args:
            affine: in RAS+.
            unit_mm: its unit of length, in mm.
        """
        matrix = np.asarray(affine, dtype=np.float64) * unit_mm
        return cls.of_axes(matrix[:3, :3], matrix[:3, 3])

    @classmethod
    def of_axes(cls, axes: Floats, origin: Floats) -> Self | None:
        """From steps and origin; None where they are not finite or the axes are dependent."""
        if not (np.isfinite(axes).all() and np.isfinite(origin).all()):
            return None
        if np.linalg.matrix_rank(axes) < axes.shape[1]:
            return None
        return cls(axes=axes, origin=origin)

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Distance of pixels along each axis."""
        return tuple(float(np.linalg.norm(axis)) for axis in self.axes.T)

    @property
    def orientation(self) -> str:
        """One letter an axis: the direction in which its index grows, of R L A P S I."""
        letters = []
        for axis in self.axes.T:
            along = int(np.abs(axis).argmax())
            letters.append(_DIRECTIONS[along][int(axis[along] > 0)])
        return "".join(letters)

    @property
    def upright(self) -> Reordering | None:
        """The reordering of a volume's axes to right, anterior, superior, each to the nearest.

        None for an image that is no volume, or whose axes are so oblique that two of them are
        nearest to the same direction.

        Example:
            >>> grid = Grid.of_affine([[0, 0, 2, 0], [-2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1]])
            >>> grid.orientation, grid.upright
            ('PSR', Reordering(axes=(2, 0, 1), flipped=(1,)))
        """
        return self.towards("RAS")

    def towards(self, code: str) -> Reordering | None:
        """The reordering of a volume's axes to the directions of a code such as "RAS" or "LPS".

        Args:
            code: three letters, each of another pair of R L, A P, S I: the direction in which the
                index grows along each axis of the result.

        Returns:
            None for an image that is no volume, or whose axes are so oblique that two of them are
            nearest to the same direction.

        Example:
            >>> grid = Grid.of_affine([[0, 0, 2, 0], [-2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1]])
            >>> grid.towards("PSR")
            Reordering(axes=(0, 1, 2), flipped=())
        """
        letters = self.orientation
        wanted = [next(ends for ends in _DIRECTIONS if one in ends) for one in code]
        order = [next((i for i, one in enumerate(letters) if one in ends), -1) for ends in wanted]
        if sorted(order) != [0, 1, 2]:
            return None
        flipped = (place for place, axis in enumerate(order) if letters[axis] != code[place])
        return Reordering(axes=(order[0], order[1], order[2]), flipped=tuple(flipped))

    @property
    def spacing_text(self) -> str:
        """The spacing in words, e.g. "0.7 × 0.7 × 3"."""
        return " × ".join(f"{step:.4g}" for step in self.spacing_mm)

    def onto(self, other: Grid, shape: tuple[int, ...]) -> Reordering | None:
        """The reordering of axes that takes this grid's pixels to those of another grid.

        Args:
            other: the grid wanted.
            shape: of the pixels on that grid, (*spatial).

        Returns:
            None where no reordering does: the grids differ by more than order and direction.

        Example:
            >>> left = Grid.of_affine([[-1, 0, 0, 3], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
            >>> left.onto(Grid.of_affine(np.eye(4)), (4, 2, 2))
            Reordering(axes=(0, 1, 2), flipped=(0,))
        """
        if self.axes.shape != other.axes.shape:
            return None
        steps = np.linalg.pinv(self.axes) @ other.axes
        found = np.abs(steps).argmax(axis=0)
        if len(set(found.tolist())) < len(found):
            return None
        signs = np.sign(steps[found, range(len(found))])
        turned = np.zeros_like(steps)
        turned[found, range(len(found))] = signs
        ends = np.array(shape) - 1
        start = np.where(signs < 0, ends, 0)
        offset = np.zeros(len(found))
        offset[found] = start
        reach = _NEAR * min(*self.spacing_mm, *other.spacing_mm)
        for corner in itertools.product(*((0, end) for end in ends)):
            mine = self.origin + self.axes @ (turned @ corner + offset)
            theirs = other.origin + other.axes @ np.array(corner, dtype=np.float64)
            if np.linalg.norm(mine - theirs) > reach:
                return None
        return Reordering(
            axes=tuple(found.tolist()), flipped=tuple(np.flatnonzero(signs < 0).tolist())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reordering:
    """A permutation of axes, and then a flip of some.

    Attributes:
        axes: which axis of the original each axis is.
        flipped: axes, after the permutation, that run the other way.
    """

    axes: tuple[int, ...]
    flipped: tuple[int, ...]

    def __call__(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Pixels (C, *spatial) in the new order, contiguous.

        Example:
            >>> Reordering(axes=(1, 0), flipped=(0,))(np.arange(4).reshape(1, 2, 2))
            array([[[1, 3],
                    [0, 2]]])
        """
        moved = pixels.transpose(0, *(axis + 1 for axis in self.axes))
        return np.ascontiguousarray(np.flip(moved, tuple(axis + 1 for axis in self.flipped)))
