"""What an adversary may do to a stored image, and the geometry that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from plexor.core.errors import PlanError, unknown
from plexor.models.batch import Batch

Norm = Literal["linf", "l2"]
Unit = Literal["level", "value", "percent"]

_DOUBLINGS = 12
_HALVINGS = 25
_PIECE = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """A ball of perturbations around each stored image, within what its file can hold.

    Perturbations are tensors (N, C, *spatial) in stored numbers, to be added to ``batch.images``.

    Attributes:
        norm: "linf" (greatest change of any number) or "l2" (Euclidean length over all numbers).
        radius: greatest allowed norm, in ``unit``.
        unit: "level" (one quantum of the stored image), "value" (what the header's rescale gives,
            e.g. HU), or "percent" of the storable range.
    """

    norm: Norm
    radius: float
    unit: Unit = "level"

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise PlanError(unknown("norm", self.norm, get_args(Norm)))
        if self.unit not in get_args(Unit):
            raise PlanError(unknown("unit", self.unit, get_args(Unit)))
        if not 0 < self.radius < float("inf"):
            raise PlanError(f"threat: `radius` must be positive and finite, got {self.radius}")

    @property
    def name(self) -> str:
        """Norm and radius as they stand in a probe's id, e.g. "linf-2", "l2-5-percent"."""
        suffix = "" if self.unit == "level" else f"-{self.unit}"
        return f"{self.norm}-{self.radius:g}{suffix}"

    def radii(self, batch: Batch) -> Tensor:
        """The radius of each case in stored numbers, (N, 1, ...).

        Raises:
            PlanError: a level is asked for and the images are stored as floating numbers.
        """
        if self.unit == "value":
            return self.radius / batch.context.slope.abs()
        if self.unit == "percent":
            return self.radius / 100 * (batch.high - batch.low)
        if not bool((batch.quantum > 0).all()):
            raise PlanError(
                "threat: images stored as floating numbers have no level; "
                "use `unit: percent` or `unit: value`"
            )
        return self.radius * batch.quantum

    def norms(self, delta: Tensor) -> Tensor:
        """The norm of each case's perturbation, (N,)."""
        return delta.flatten(1).abs().amax(1) if self.norm == "linf" else _lengths(delta).flatten()

    def project(self, delta: Tensor, batch: Batch) -> Tensor:
        """The nearest perturbation in the ball that leaves every number storable in range.

        For L2 the ball's and the box's constraints hold together: the solution is
        ``clip(s * delta)`` with the greatest ``s <= 1`` that fits (the Lagrangian's stationary
        point), found by bisection: ``s`` to about 1e-7, so exact enough for a ``delta`` that is
        not thousands of times too long.
        """
        low, high = batch.low - batch.images, batch.high - batch.images
        radii = self.radii(batch)
        if self.norm == "linf":
            return delta.clamp(torch.maximum(low, -radii), torch.minimum(high, radii))
        inside = delta.clamp(low, high)
        if bool((self.norms(inside) <= radii.flatten()).all()):
            return inside
        return _greatest_fitting(lambda s: (s * delta).clamp_(low, high), radii, at_most=1.0)

    def store(self, delta: Tensor, batch: Batch) -> Tensor:
        """The perturbation as a file can hold it: on the storable grid, in range, in the ball.

        For L∞ it is rounded to the grid. For L2 rounding would lose every change below half a
        quantum, so the perturbation is scaled, up or down, to the greatest length whose rounding
        still fits the radius. Where storage is floating it is projected only.
        """
        if bool((batch.quantum == 0).all()):
            return self.project(delta, batch)
        quantum = batch.quantum
        low, high = batch.low - batch.images, batch.high - batch.images
        radii = self.radii(batch)
        if self.norm == "linf":
            steps = torch.floor(radii / quantum * (1 + 1e-6))
            return ((delta / quantum).round().clamp(-steps, steps) * quantum).clamp(low, high)

        def rounded(scale: Tensor) -> Tensor:
            return (scale * delta).div_(quantum).round_().mul_(quantum).clamp_(low, high)

        return _greatest_fitting(rounded, radii, at_most=2.0**_DOUBLINGS)

    def steepest(self, gradient: Tensor) -> Tensor:
        """The direction of norm 1 along which a loss with this gradient rises fastest.

        Zero where the gradient is zero.
        """
        if self.norm == "linf":
            return gradient.sign()
        peaks = gradient.flatten(1).abs().amax(1).view(-1, *[1] * (gradient.ndim - 1))
        scaled = gradient / peaks  # where the model is sure, the squares themselves would vanish
        return torch.where(peaks > 0, scaled / _lengths(scaled), 0.0)

    def random_start(self, noise: Tensor, batch: Batch) -> Tensor:
        """Turns standard normal noise (N, C, *spatial) into where a search may start.

        L∞: uniform in the ball. L2: uniform on the sphere, which in thousands of dimensions is
        where nearly all of the ball is. Projected into range.
        """
        direction = (
            torch.special.erf(noise / 2**0.5) if self.norm == "linf" else self.steepest(noise)
        )
        return self.project(self.radii(batch) * direction, batch)


def _lengths(delta: Tensor) -> Tensor:
    """Euclidean length of each case's perturbation, (N, 1, ...).

    Taken piece by piece: in one go, float32 loses 1e-5 of the length of a million numbers, and
    4e-4 of that of ten million.
    """
    pieces = torch.split(delta.flatten(1), _PIECE, dim=1)
    norms = torch.stack([torch.linalg.vector_norm(piece, dim=1) for piece in pieces], dim=1)
    lengths: Tensor = torch.linalg.vector_norm(norms, dim=1)
    return lengths.view(-1, *[1] * (delta.ndim - 1))


def _greatest_fitting(
    shape: Callable[[Tensor], Tensor], radii: Tensor, *, at_most: float
) -> Tensor:
    """``shape(s)`` of each case with about the greatest s for which its length fits the radius.

    ``shape`` must not get shorter as s grows, and be zero at s = 0.
    """

    def fits(scale: Tensor) -> Tensor:
        return _lengths(shape(scale)) <= radii

    low = torch.zeros_like(radii)
    high = torch.full_like(radii, min(1.0, at_most))
    while bool((room := fits(high) & (high < at_most)).any()):
        low = torch.where(room, high, low)
        high = torch.where(room, high * 2, high)
    low = torch.where(fits(high), high, low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        room = fits(middle)
        low, high = torch.where(room, middle, low), torch.where(room, high, middle)
    return shape(low)
