"""The box of allowed changes; of large images its bounds are computed band by band."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.cases.bands import bands
from plexor.models.batch import Batch
from plexor.models.layout import cases_of

_LARGE = 2**23
"""Numbers of an image above which bounds are not kept: they take twice the memory of the image."""


class Box:
    """How far each number may go down and up, ``low <= 0 <= high``, both (N, C, *spatial).

    Args:
        low: lower bounds.
        high: upper bounds.

    Attributes:
        within: the radii that the box has been narrowed for, the very tensor; None before.
        holds_all: whether whoever uses the box hands over points of it only.
    """

    def __init__(self, low: Tensor, high: Tensor) -> None:
        self._low, self._high = low, high
        self.within: Tensor | None = None
        self.holds_all = False
        self._whole: bool | None = None

    @property
    def low(self) -> Tensor:
        """Lower bounds."""
        return self._low

    @property
    def high(self) -> Tensor:
        """Upper bounds."""
        return self._high

    def copy(self) -> Box:
        """A box of its own with the same bounds."""
        return Box(self._low.clone(), self._high.clone())

    def is_whole(self) -> bool:
        """Whether all bounds are whole numbers, so that rounding stays in the box; kept."""
        if self._whole is None:
            ends = (self._low, self._high)
            self._whole = all(torch.equal(end, end.round()) for end in ends)
        return self._whole

    def select(self, rows: Tensor) -> Box:
        """The box of some of the cases, by index."""
        some = Box(cases_of(self._low, rows), cases_of(self._high, rows))
        some.holds_all, some._whole = self.holds_all, self._whole
        return some

    def narrow_(self, radii: Tensor) -> Self:
        """Overwrites the box by its part within ``radii`` of zero in every number."""
        self._low.clamp_(min=-radii)
        self._high.clamp_(max=radii)
        self._whole = None
        return self

    def each(self, make: Callable[..., Tensor], *of: Tensor) -> Tensor:
        """``make(low, high, *of)``, a function of every number by itself, (N, C, *spatial)."""
        return make(self._low, self._high, *of)

    def clip(self, delta: Tensor) -> Tensor:
        """The nearest point of the box."""
        return self.each(lambda low, high, part: part.clamp(low, high), delta)

    def clip_(self, delta: Tensor) -> Tensor:
        """As ``clip``; overwrites ``delta``."""
        return delta.clamp_(self._low, self._high)

    def onto_grid(self, delta: Tensor, quantum: Tensor) -> Tensor:
        """The nearest point of the box on the grid; ``quantum`` is (N, 1, ...), 0 for no grid."""
        if bool((quantum == 1).all()):  # most images
            return self.clip_(delta.round())
        return self.onto_grid_(delta.clone(), quantum)

    def onto_grid_(self, delta: Tensor, quantum: Tensor) -> Tensor:
        """As ``onto_grid``; overwrites ``delta``."""
        return geometry.onto_grid_(delta, quantum, self._low, self._high)

    def around(self, delta: Tensor) -> Box:
        """The same box seen from ``delta``, a point of it."""
        return Box((self.low - delta).clamp_(max=0), (self.high - delta).clamp_(min=0))

    def corner(self, gradient: Tensor) -> Tensor:
        """The corner that ``gradient`` points to; 0 where it is 0."""
        far = torch.finfo(gradient.dtype).max
        return self.each(lambda low, high, part: part.sign().mul_(far).clamp_(low, high), gradient)

    def furthest(self, gradient: Tensor) -> Tensor:
        """As ``corner``; NaN counts as falling."""
        return self.corner(gradient.nan_to_num(nan=-1.0))

    def free(self, gradient: Tensor, delta: Tensor) -> Tensor:
        """The gradient where ``delta`` can still follow it; 0 at the bounds."""
        far = torch.finfo(delta.dtype).max

        def free(low: Tensor, high: Tensor, gradient: Tensor, delta: Tensor) -> Tensor:
            # few passes over memory; a selection by truth would take several times as long
            ahead = gradient.sign()
            ahead = torch.add(delta, ahead, alpha=far, out=ahead).clamp_(low, high)
            return ahead.ne_(delta).mul_(gradient)

        return self.each(free, gradient, delta)


class LargeBox(Box):
    """The box of large images: bounds are computed anew, a band of rows at a time.

    Args:
        batch: the cases.
        allowed: the region, (N, 1, *spatial) bool or broadcastable to it; None for the whole image.
    """

    def __init__(self, batch: Batch, allowed: Tensor | None) -> None:
        self._batch, self._allowed = batch, allowed
        self._reach: Tensor | None = None
        self.within, self.holds_all, self._whole = None, False, False

    @property
    def low(self) -> Tensor:
        """Lower bounds, computed."""
        return self._bounds(slice(None))[0]

    @property
    def high(self) -> Tensor:
        """Upper bounds, computed."""
        return self._bounds(slice(None))[1]

    def copy(self) -> Box:
        """A box of its own with the same bounds."""
        other = LargeBox(self._batch, self._allowed)
        other._reach = self._reach
        return other

    def select(self, rows: Tensor) -> Box:
        """See ``Box``."""
        allowed = self._allowed
        if allowed is not None and len(allowed) == len(self._batch):
            allowed = allowed[rows]
        other = LargeBox(self._batch.select(rows), allowed)
        other._reach = None if self._reach is None else self._reach[rows]
        return other

    def narrow_(self, radii: Tensor) -> Self:
        """See ``Box``."""
        self._reach = radii if self._reach is None else torch.minimum(self._reach, radii)
        return self

    def each(self, make: Callable[..., Tensor], *of: Tensor) -> Tensor:
        """See ``Box``."""
        found = torch.empty_like(of[0])
        for rows in bands(tuple(of[0].shape[1:])):
            found[:, :, rows] = make(*self._bounds(rows), *(one[:, :, rows] for one in of))
        return found

    def clip_(self, delta: Tensor) -> Tensor:
        """See ``Box``."""
        for rows in bands(tuple(delta.shape[1:])):
            delta[:, :, rows].clamp_(*self._bounds(rows))
        return delta

    def onto_grid_(self, delta: Tensor, quantum: Tensor) -> Tensor:
        """See ``Box``."""
        for rows in bands(tuple(delta.shape[1:])):
            geometry.onto_grid_(delta[:, :, rows], quantum, *self._bounds(rows))
        return delta

    def _bounds(self, rows: slice) -> tuple[Tensor, Tensor]:
        """Lower and upper bounds of some rows."""
        low, high = self._batch.room(rows)
        if self._allowed is not None:
            allowed = self._allowed[:, :, rows]
            low, high = low * allowed, high * allowed
        if self._reach is not None:
            low, high = low.clamp_(min=-self._reach), high.clamp_(max=self._reach)
        return low, high


def box_of(batch: Batch, allowed: Tensor | None) -> Box:
    """How far each number of a batch may go: ``batch.room()``, and 0 outside of the region.

    Args:
        batch: the cases.
        allowed: the region, see ``LargeBox``.
    """
    if batch.images[0].numel() > _LARGE:
        return LargeBox(batch, allowed)
    low, high = batch.room()
    return Box(low, high) if allowed is None else Box(low * allowed, high * allowed)
