"""Threats on tensors: projections onto the allowed perturbations, and steps among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.norms import Box, Geometry, box_of, geometry_of
from plexor.attacks.region import REGIONS, Border, Masked
from plexor.models.batch import Batch
from plexor.threat_model import Channels, Norm, Unit, threat
from plexor.threat_model.region import region_key

__all__ = ["Channels", "Norm", "Threat", "Unit"]

_POWERS: dict[Norm, float] = {"linf": 0.0, "l2": 0.5, "l1": 1.0, "l0": 0.0}
"""How a norm grows with the number of equal channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat(threat.Threat):
    """A ball of perturbations around each stored image, within the range of its file.

    Perturbations are tensors (N, C, *spatial) in stored numbers, to be added to ``batch.images``.

    Attributes:
        region: the only part of the image that may change; None for all of it. The others are those
            of ``plexor.threat_model.Threat``: ``norm``, ``radius``, ``unit``, ``channels`` and
            ``features``.

    Example:
        >>> Threat(norm="linf", radius=2).name, Threat(norm="l2", radius=1, unit="percent").name
        ('linf-2', 'l2-1-percent')
    """

    region: Border | Masked | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """The threat that plain data describes; see ``plexor.threat_model.threat_from``.

        Raises:
            PlanError: no threat is described so.
        """
        region = data.get("region")
        return cls(
            **threat.ball_of(data),
            region=None if region is None else REGIONS[region_key(region)](**region),
        )

    def radii(self, batch: Batch) -> Tensor:
        """The radius of each case in stored numbers, or in positions for L0, (N, 1, ...).

        Of a batch whose channels stand for several (``Batch.copies``), the radius in these channels
        that is the threat's in the stored image: L2 is divided by √copies, L1 by copies.

        Raises:
            PlanError: a level is asked for and the images are stored as floating numbers.
        """
        return self._geometry.radii(self.radius, self.unit, batch) / self.growth(batch)

    def growth(self, batch: Batch) -> float:
        """How many times a change of the stored image is as long as its part in ``batch``."""
        return float(batch.copies ** _POWERS[self.norm])

    def norms(self, delta: Tensor) -> Tensor:
        """The norm of each case's perturbation, (N,)."""
        return self.measure(delta).flatten()

    def project(self, delta: Tensor, batch: Batch, *, radii: Tensor | None = None) -> Tensor:
        """The nearest perturbation in ball and region that keeps every number in range.

        The constraints hold together: for every norm this is the projection onto their
        intersection, not one after the other. The result carries no gradient.

        Args:
            delta: (N, C, *spatial).
            batch: the cases.
            radii: radius of each case, (N, 1, ...), instead of the threat's; may be 0 or infinite.
        """
        radii = self.radii(batch) if radii is None else radii
        return self._geometry.project(delta.detach(), self.box(batch), radii)

    def furthest(self, gradient: Tensor, batch: Batch, *, radii: Tensor | None = None) -> Tensor:
        """The allowed perturbation with the greatest scalar product with ``gradient``.

        It maximises a loss that is linear with this gradient. Zero where the gradient is zero.

        Args:
            gradient: (N, C, *spatial).
            batch: the cases.
            radii: as for ``project``.
        """
        radii = self.radii(batch) if radii is None else radii
        return self._geometry.furthest(gradient, self.box(batch), radii)

    def crossing(self, gradient: Tensor, rise: Tensor, delta: Tensor, batch: Batch) -> Tensor:
        """The smallest change of ``delta`` that raises a linear function by ``rise``.

        It keeps every number within range and region; where the rise is not possible within these,
        it is the change with the greatest rise. The radius is not used.

        Args:
            gradient: of the linear function, (N, C, *spatial).
            rise: required rise, (N,); negative for a fall.
            delta: the perturbation to change, within the range.
            batch: the cases.

        Raises:
            PlanError: the norm is L0, for which such a change does not always exist.
        """
        rise = geometry.as_cases(rise.to(delta.dtype), delta)
        gradient, rise = torch.where(rise < 0, -gradient, gradient), rise.abs()
        return self._geometry.crossing(gradient, rise, self.box(batch).around(delta))

    def rounded(self, delta: Tensor, batch: Batch) -> Tensor:
        """The nearest storable perturbation within range and region, of any length."""
        return self.box(batch).onto_grid(delta.detach(), batch.quantum)

    def store(self, delta: Tensor, batch: Batch) -> Tensor:
        """The perturbation as stored: on the grid, within the range and the ball.

        For L∞ and L0 it is rounded to the grid. For L2 and L1 rounding would lose every change
        below half a quantum, so the perturbation is scaled, up or down, to the greatest length
        whose rounding still fits the radius. For floating-point storage it is projected only. The
        result carries no gradient.
        """
        if bool((batch.quantum == 0).all()):
            return self.project(delta, batch)
        return self._geometry.store(
            delta.detach(), self.box(batch), self.radii(batch), batch.quantum
        )

    def steepest(self, gradient: Tensor, *, share: float = 0.0) -> Tensor:
        """The direction of norm 1 along which a loss with this gradient increases fastest.

        Zero where the gradient is zero. For L0, whose norm does not depend on the size of a change,
        the gradient divided by its greatest absolute value.

        Args:
            gradient: (N, C, *spatial).
            share: for L1, whose fastest direction moves a single number: let this share of the
                numbers, the steepest, move together by the same amount.
        """
        return self._geometry.steepest(gradient, share)

    def free(self, gradient: Tensor, delta: Tensor, batch: Batch) -> Tensor:
        """The gradient where ``delta`` can follow it; 0 at bounds and outside the region."""
        return self.box(batch).free(gradient, delta)

    def ascend(
        self,
        delta: Tensor,
        gradient: Tensor,
        size: Tensor,
        batch: Batch,
        *,
        share: float = 0.0,
    ) -> Tensor:
        """A step of length ``size`` in the steepest free direction, projected onto the threat.

        Args:
            delta: the perturbation to start from, within the threat, (N, C, *spatial).
            gradient: of the loss, (N, C, *spatial).
            size: length in the threat's norm, (N, 1, ...).
            batch: the cases.
            share: as for ``steepest``.
        """
        box, radii = self.box(batch), self.radii(batch)
        return self._geometry.ascend(delta, gradient, size, box, radii, share=share)

    def random_start(self, noise: Tensor, batch: Batch) -> Tensor:
        """Turns standard normal noise (N, C, *spatial) into a random start of a search.

        L∞: uniform in the ball. L2 and L1: uniform on the sphere, which in thousands of dimensions
        contains nearly all of the ball's volume. L0: as many positions as allowed, moved towards a
        bound by a random share. The start is projected onto the range.
        """
        return self._geometry.start(noise, self.box(batch), self.radii(batch))

    def measure(self, delta: Tensor) -> Tensor:
        """The norm of each case's perturbation, (N, 1, ...)."""
        return self._geometry.measure(delta)

    def bounds(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Lower and upper bounds of each change: ``batch.room()``, and 0 outside the region.

        Both (N, C, *spatial), ``low <= 0 <= high``.
        """
        box = self.box(batch)
        return box.low, box.high

    def box(self, batch: Batch) -> Box:
        """The bounds as a ``Box``."""
        return box_of(batch, None if self.region is None else self.region.allowed(batch))

    def around(self, batch: Batch) -> Around:
        """The threat around these cases, for a search of many steps."""
        return Around(self, batch)

    @property
    def _geometry(self) -> Geometry:
        return geometry_of(self.norm, self.channels)


class Around:
    """A threat around given cases: bounds and radii are computed once, not at every step.

    Args:
        threat: the threat.
        batch: the cases.

    Attributes:
        radii: radius of each case, (N, 1, ...), see ``Threat.radii``.
    """

    def __init__(self, threat: Threat, batch: Batch) -> None:
        self.radii = threat.radii(batch)
        self._geometry = geometry_of(threat.norm, threat.channels)
        self._quantum, self._on_grid = batch.quantum, not bool((batch.quantum == 0).all())
        self._storing = threat.box(batch)
        self._storing.holds_all = True
        self._stepping = self._storing
        # L∞ narrows each in its own way: to whole quanta, or to the radius itself.
        if threat.norm == "linf" and not (self._on_grid and self._is_whole()):
            self._stepping = self._storing.copy()

    def _is_whole(self) -> bool:
        """Whether every radius is a whole number of quanta, so that both ways are the same."""
        whole = torch.floor(self.radii / self._quantum) * self._quantum
        return bool((whole == self.radii).all())

    def store(self, delta: Tensor) -> Tensor:
        """As ``Threat.store``, of a perturbation within range and region."""
        if not self._on_grid:
            return self._geometry.project(delta, self._storing, self.radii)
        return self._geometry.store(delta, self._storing, self.radii, self._quantum)

    def ascend(
        self, delta: Tensor, gradient: Tensor, size: Tensor, *, share: float = 0.0
    ) -> Tensor:
        """As ``Threat.ascend``."""
        return self._geometry.ascend(delta, gradient, size, self._stepping, self.radii, share=share)

    def project(self, delta: Tensor) -> Tensor:
        """As ``Threat.project``."""
        return self._geometry.project(delta, self._stepping, self.radii)

    def free(self, gradient: Tensor, delta: Tensor) -> Tensor:
        """As ``Threat.free``."""
        return self._stepping.free(gradient, delta)
