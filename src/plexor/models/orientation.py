"""Volumes turned to the axes that a network was trained on, and answers turned back."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from plexor.cases.grid import Grid, Reordering
from plexor.core.errors import ModelError, PlanError

_PAIRS = ("RL", "AP", "SI")


def check_orientation(code: str) -> None:
    """Refuses a code that does not name three directions.

    Raises:
        PlanError: it is not made of one letter of each of R or L, A or P, S or I.
    """
    if len(code) != 3 or any(sum(one in pair for one in code) != 1 for pair in _PAIRS):
        raise PlanError(
            "preprocess: `orientation` must have one letter of each of R or L, A or P, S or I, "
            f"e.g. RAS, got {code!r}"
        )


def reorderings(axes: Tensor | None, code: str) -> list[Reordering]:
    """For each volume of a batch, the reordering of its axes to those of ``code``.

    Args:
        axes: (N, 3, 3) in mm, see ``Scaling``; None where a file does not say.
        code: e.g. "RAS".

    Raises:
        ModelError: the axes are not known, or two of them run in the same direction.
    """
    found = [
        Grid(axes=one, origin=np.zeros(3)).towards(code)
        for one in ([] if axes is None else axes.double().cpu().numpy())
    ]
    if axes is None or None in found:
        raise ModelError(
            f"preprocess: the model works on volumes with the axes {code}, and the image's file "
            "does not say how its own run; write the orientation into its header"
        )
    return [one for one in found if one is not None]


def turned(values: Tensor, reordering: Reordering) -> Tensor:
    """Volumes (N, C, X, Y, Z) with their axes reordered; a view where nothing is flipped.

    Example:
        >>> import torch
        >>> one = Reordering(axes=(2, 0, 1), flipped=(1,))
        >>> turned(torch.zeros(1, 1, 2, 3, 4), one).shape
        torch.Size([1, 1, 4, 2, 3])
    """
    moved = values.permute(0, 1, *(axis + 2 for axis in reordering.axes))
    return moved.flip([axis + 2 for axis in reordering.flipped]) if reordering.flipped else moved


def turned_back(values: Tensor, reordering: Reordering) -> Tensor:
    """The inverse of ``turned``.

    Example:
        >>> import torch
        >>> one = Reordering(axes=(2, 0, 1), flipped=(1,))
        >>> volume = torch.arange(24.0).view(1, 1, 2, 3, 4)
        >>> torch.equal(turned_back(turned(volume, one), one), volume)
        True
    """
    flipped = values
    if reordering.flipped:
        flipped = values.flip([axis + 2 for axis in reordering.flipped])
    inverse = [reordering.axes.index(axis) for axis in range(3)]
    return flipped.permute(0, 1, *(axis + 2 for axis in inverse))
