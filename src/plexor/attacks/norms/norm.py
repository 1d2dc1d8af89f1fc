"""What every norm can do: measure, project, go furthest, reach a plane, round, step, start."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Protocol

import torch
from torch import Tensor

from plexor.attacks.fitting import greatest_fitting
from plexor.attacks.norms.box import Box
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.layout import cases_of
from plexor.threat_model import Unit

_LONGEST = 2.0**12
"""Greatest multiple of a perturbation that is lengthened until it fits the radius once rounded."""
_CLOSE = 2.0**-10
"""How far below the radius a rounded multiple may stay. Numbers jump from level to level one by one
as a perturbation is lengthened, so that a quarter of it takes about twice as many trials."""
_FINEST = 2.0**-12
"""How closely the multiple is searched where many numbers jump at once, as a share of it."""


class Geometry(Protocol):
    """A norm over perturbations, and its balls cut by a box.

    Everywhere, ``delta``, ``gradient`` and ``noise`` are (N, C, *spatial), one row a case;
    ``radii``, ``size``, ``rise`` and ``quantum`` are (N, 1, ...). Results lie in the box and, but
    for rounding, in the ball. A method may overwrite the box that it is handed.
    """

    def radii(self, radius: float, unit: Unit, batch: Batch) -> Tensor:
        """A threat's radius for each case: in stored numbers, for L0 in positions.

        Raises:
            PlanError: a level is asked for and the images are stored as floating numbers.
        """
        ...

    def measure(self, delta: Tensor) -> Tensor:
        """The norm of each case's perturbation, (N, 1, ...)."""
        ...

    def project(self, delta: Tensor, box: Box, radii: Tensor) -> Tensor:
        """The nearest point of ball and box together."""
        ...

    def furthest(self, gradient: Tensor, box: Box, radii: Tensor) -> Tensor:
        """The point of ball and box with the greatest scalar product with ``gradient``.

        0 where the gradient is 0.
        """
        ...

    def crossing(self, gradient: Tensor, rise: Tensor, box: Box) -> Tensor:
        """The nearest to zero of the box's points on the plane ``gradient · delta = rise``.

        Where the box ends before the plane, the box's point nearest to the plane. ``rise >= 0``.

        Raises:
            PlanError: under L0, where not every rise has such a point.
        """
        ...

    def store(self, delta: Tensor, box: Box, radii: Tensor, quantum: Tensor) -> Tensor:
        """A perturbation near ``delta`` on the grid of multiples of ``quantum`` > 0."""
        ...

    def steepest(self, gradient: Tensor, share: float) -> Tensor:
        """The direction of norm 1 along which a loss with this gradient rises fastest.

        Args:
            gradient: of the loss.
            share: see ``Threat.steepest``.
        """
        ...

    def ascend(
        self,
        delta: Tensor,
        gradient: Tensor,
        size: Tensor,
        box: Box,
        radii: Tensor,
        *,
        share: float,
    ) -> Tensor:
        """A step of length ``size`` along the steepest way still open, projected."""
        ...

    def start(self, noise: Tensor, box: Box, radii: Tensor) -> Tensor:
        """Standard normal noise turned into a point of ball and box from which to search."""
        ...


class Stepping(Protocol):
    """The two methods that a step is made of."""

    def project(self, delta: Tensor, box: Box, radii: Tensor) -> Tensor:
        """As in ``Geometry``."""
        ...

    def steepest(self, gradient: Tensor, share: float) -> Tensor:
        """As in ``Geometry``."""
        ...


class ProjectedStep:
    """``Geometry.ascend`` of norms whose numbers share a length: none of it is spent at bounds."""

    __slots__ = ()

    def ascend(
        self: Stepping,
        delta: Tensor,
        gradient: Tensor,
        size: Tensor,
        box: Box,
        radii: Tensor,
        *,
        share: float,
    ) -> Tensor:
        """See ``Geometry``."""
        way = self.steepest(box.free(gradient, delta), share)
        return self.project(way.mul_(size).add_(delta), box, radii)


def longest_stored(
    delta: Tensor,
    box: Box,
    quantum: Tensor,
    radii: Tensor,
    measure: Callable[[Tensor], Tensor],
    *,
    first: Tensor | None = None,
) -> Tensor:
    """The greatest multiple of ``delta`` that, rounded to the grid, fits the radius.

    Rounding ``delta`` itself would lose every change below half a quantum. ``first`` is the
    multiple to try first, see ``greatest_fitting``.
    """
    multiples = _Multiples(delta, box, quantum)
    return greatest_fitting(
        multiples,
        measure,
        radii,
        at_most=_LONGEST,
        close=_CLOSE,
        finest=_FINEST,
        first=first,
        select=multiples.select,
    )


class _Multiples:
    """Multiples of perturbations, rounded to the grid in a box; each overwrites the one before."""

    def __init__(self, delta: Tensor, box: Box, quantum: Tensor) -> None:
        self._delta, self._box, self._quantum = delta, box, quantum
        self._room = torch.empty_like(delta)
        self._ones = bool((quantum == 1).all())
        self._stays = self._ones and box.holds_all and box.is_whole()

    def __call__(self, scale: Tensor) -> Tensor:
        """``scale * delta``, rounded; ``scale`` is (N, 1, ...)."""
        found = torch.mul(scale, self._delta, out=self._room)
        if self._stays and bool((scale <= 1).all()):
            return found.round_()
        if self._ones:  # most images; both products would change nothing
            return self._box.clip_(found.round_())
        return self._box.clip_(found.div_(self._quantum).round_().mul_(self._quantum))

    def select(self, rows: Tensor) -> Callable[[Tensor], Tensor]:
        """Multiples of some of the cases, by index."""
        some = copy(self)
        some._delta = cases_of(self._delta, rows)
        some._quantum = self._quantum[rows]
        some._box = self._box.select(rows)
        some._room = torch.empty_like(some._delta)
        return some


def stored_radii(radius: float, unit: Unit, batch: Batch) -> Tensor:
    """A radius in stored numbers, (N, 1, ...), of a norm that adds up how far numbers move.

    Raises:
        PlanError: a level is asked for and the images are stored as floating numbers.
    """
    if unit == "value":
        return radius / batch.scaling.slope.abs()
    if unit == "percent":
        return radius / 100 * (batch.high - batch.low)
    if not bool((batch.quantum > 0).all()):
        raise PlanError(
            "threat: images stored as floating numbers have no level; "
            "use `unit: percent` or `unit: value`"
        )
    return radius * batch.quantum
