"""What an adversary may do to a stored image, and the geometry that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.region import Border, Masked
from plexor.core.errors import PlanError, unknown
from plexor.models.batch import Batch

Norm = Literal["linf", "l2", "l1", "l0"]
Unit = Literal["level", "value", "percent", "count"]
Channels = Literal["together", "apart"]

_DOUBLINGS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """A ball of perturbations around each stored image, within what its file can hold.

    Perturbations are tensors (N, C, *spatial) in stored numbers, to be added to ``batch.images``.

    Attributes:
        norm: "linf" (greatest change of any number), "l2" (Euclidean length over all numbers),
            "l1" (sum of absolute changes) or "l0" (how many pixels or voxels are changed at all).
        radius: greatest allowed norm, in ``unit``.
        unit: "level" (one quantum of the stored image), "value" (what the header's rescale gives,
            e.g. HU), or "percent" of the storable range; for L0 "count", or "percent" of all
            positions. "level" means "count" for L0, which has nothing else to be measured in.
        channels: for L0, whether a pixel counts once, however many of its channels change, or each
            channel by itself.
        region: the only part of the image that may change; None for all of it.
    """

    norm: Norm
    radius: float
    unit: Unit = "level"
    channels: Channels = "together"
    region: Border | Masked | None = None

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise PlanError(unknown("norm", self.norm, get_args(Norm)))
        if self.unit not in get_args(Unit):
            raise PlanError(unknown("unit", self.unit, get_args(Unit)))
        if self.channels not in get_args(Channels):
            raise PlanError(unknown("channels", self.channels, get_args(Channels)))
        if not 0 < self.radius < float("inf"):
            raise PlanError(f"threat: `radius` must be positive and finite, got {self.radius}")
        if self.unit == "level" and self.norm == "l0":
            object.__setattr__(self, "unit", "count")
        if (self.unit == "count") != (self.norm == "l0") and self.unit != "percent":
            raise PlanError(
                f"threat: {self.norm} has no unit {self.unit!r}; L0 takes `count` or `percent`, "
                "the others `level`, `value` or `percent`"
            )

    @property
    def name(self) -> str:
        """Norm, radius and region as they stand in a probe's id, e.g. "linf-2", "l2-5-percent"."""
        parts = [self.norm, f"{self.radius:g}"]
        parts += [self.unit] if self.unit not in ("level", "count") else []
        parts += ["apart"] if self.channels == "apart" else []
        parts += [self.region.name] if self.region is not None else []
        return "-".join(parts)

    def radii(self, batch: Batch) -> Tensor:
        """The radius of each case in stored numbers, or in positions for L0, (N, 1, ...).

        Raises:
            PlanError: a level is asked for and the images are stored as floating numbers.
        """
        if self.norm == "l0":
            return torch.full_like(batch.low, self._count(batch.images))
        if self.unit == "value":
            return self.radius / batch.scaling.slope.abs()
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
        return self.measure(delta).flatten()

    def project(self, delta: Tensor, batch: Batch, *, radii: Tensor | None = None) -> Tensor:
        """The nearest perturbation in ball and region that leaves every number storable in range.

        The constraints hold together: for every norm this is the projection onto their
        intersection, not one after the other.

        Args:
            delta: (N, C, *spatial).
            batch: the cases.
            radii: each case's own radius, (N, 1, ...), in the threat's place; may be 0 or infinite.
        """
        radii = self.radii(batch) if radii is None else radii
        if self.norm == "linf":
            return delta.clamp(*self._box(batch, radii))
        low, high = self.bounds(batch)
        if self.norm == "l2":
            return geometry.onto_l2(delta, low, high, radii)
        if self.norm == "l1":
            return geometry.onto_l1(delta, low, high, radii)
        return geometry.onto_l0(delta, low, high, radii, apart=self._apart)

    def furthest(self, gradient: Tensor, batch: Batch, *, radii: Tensor | None = None) -> Tensor:
        """The allowed perturbation with the greatest scalar product with ``gradient``.

        What a linear loss would call for: no other is as good. Zero where the gradient is.

        Args:
            gradient: (N, C, *spatial).
            batch: the cases.
            radii: as for ``project``.
        """
        low, high = self.bounds(batch)
        radii = self.radii(batch) if radii is None else radii
        if self.norm == "linf":
            return geometry.furthest_linf(gradient, low, high, radii)
        if self.norm == "l2":
            return geometry.furthest_l2(gradient, low, high, radii)
        if self.norm == "l1":
            return geometry.furthest_l1(gradient, low, high, radii)
        return geometry.furthest_l0(gradient, low, high, radii, apart=self._apart)

    def crossing(self, gradient: Tensor, rise: Tensor, delta: Tensor, batch: Batch) -> Tensor:
        """The smallest change of ``delta`` by which a linear function rises by ``rise``.

        It leaves every number in range, and in region; where that does not suffice, it goes as
        far as they let it. The radius does not matter.

        Args:
            gradient: of the linear function, (N, C, *spatial).
            rise: (N,), or below zero, a fall.
            delta: where from, in range.
            batch: the cases.

        Raises:
            PlanError: under L0, which has no such change for every rise.
        """
        low, high = self.bounds(batch)
        low, high = (low - delta).clamp(max=0), (high - delta).clamp(min=0)
        rise = rise.to(delta.dtype).view(-1, *[1] * (delta.ndim - 1))
        gradient, rise = torch.where(rise < 0, -gradient, gradient), rise.abs()
        if self.norm == "linf":
            return geometry.crossing_linf(gradient, rise, low, high)
        if self.norm == "l2":
            return geometry.crossing_l2(gradient, rise, low, high)
        if self.norm == "l1":
            return geometry.crossing_l1(gradient, rise, low, high)
        raise PlanError("threat: steps to a plane are taken under linf, l2 or l1, not l0")

    def rounded(self, delta: Tensor, batch: Batch) -> Tensor:
        """The nearest perturbation a file can hold, in range and region, however long it is."""
        return geometry.onto_grid(delta, batch.quantum, *self.bounds(batch))

    def store(self, delta: Tensor, batch: Batch) -> Tensor:
        """The perturbation as a file can hold it: on the storable grid, in range, in the ball.

        For L∞ and L0 it is rounded to the grid. For L2 and L1 rounding would lose every change
        below half a quantum, so the perturbation is scaled, up or down, to the greatest length
        whose rounding still fits the radius. Where storage is floating it is projected only.
        """
        if bool((batch.quantum == 0).all()):
            return self.project(delta, batch)
        quantum = batch.quantum
        radii = self.radii(batch)
        if self.norm == "linf":
            whole = torch.floor(radii / quantum * (1 + 1e-6)) * quantum
            return geometry.onto_grid(delta, quantum, *self._box(batch, whole))
        low, high = self.bounds(batch)
        if self.norm == "l0":
            return self.project(geometry.onto_grid(delta, quantum, low, high), batch)

        def scaled(scale: Tensor) -> Tensor:
            return geometry.onto_grid(scale * delta, quantum, low, high)

        return geometry.greatest_fitting(scaled, self.measure, radii, at_most=2.0**_DOUBLINGS)

    def steepest(self, gradient: Tensor, *, share: float = 0.0) -> Tensor:
        """The direction of norm 1 along which a loss with this gradient rises fastest.

        Zero where the gradient is zero. L0 does not measure how far a number moves: there, the
        gradient over its greatest number.

        Args:
            gradient: (N, C, *spatial).
            share: for L1, whose fastest direction moves a single number: let this share of the
                numbers, the steepest, move together by the same amount.
        """
        if self.norm == "linf":
            return gradient.sign()
        if self.norm == "l2":
            return geometry.unit(gradient)
        if self.norm == "l0":
            return geometry.over_peaks(gradient)[0]
        flat = gradient.flatten(1)
        several = max(1, round(share * flat.shape[1]))
        index = flat.abs().topk(several, dim=1).indices
        signs = flat.gather(1, index).sign() / several
        return torch.zeros_like(flat).scatter(1, index, signs).view_as(gradient)

    def free(self, gradient: Tensor, delta: Tensor, batch: Batch) -> Tensor:
        """The gradient where ``delta`` can still follow it; 0 at bounds and out of the region."""
        low, high = self.bounds(batch)
        without_end = torch.finfo(delta.dtype).max
        down = low.sub_(delta).clamp_(max=0).mul_(without_end)
        up = high.sub_(delta).clamp_(min=0).mul_(without_end)
        return gradient.clamp(down, up)  # a selection by truth would take several times as long

    def ascend(
        self,
        delta: Tensor,
        gradient: Tensor,
        size: Tensor,
        batch: Batch,
        *,
        share: float = 0.0,
    ) -> Tensor:
        """A step of length ``size`` along the steepest way still open, and back into the threat.

        Args:
            delta: where from, in the threat, (N, C, *spatial).
            gradient: what is followed, (N, C, *spatial).
            size: in the norm, (N, 1, ...).
            batch: the cases.
            share: as for ``steepest``.
        """
        if self.norm == "linf":  # numbers do not share a length, so that none need be left out
            step = gradient.sign().mul_(size).add_(delta)
            return step.clamp_(*self._box(batch, self.radii(batch)))
        open_ = self.free(gradient, delta, batch)
        return self.project(self.steepest(open_, share=share).mul_(size).add_(delta), batch)

    def random_start(self, noise: Tensor, batch: Batch) -> Tensor:
        """Turns standard normal noise (N, C, *spatial) into where a search may start.

        L∞: uniform in the ball. L2: uniform on the sphere, which in thousands of dimensions is
        where nearly all of the ball is; L1 likewise. L0: some positions, as many as allowed, moved
        towards a bound by any share. Projected into range.
        """
        if self.norm == "l0":
            share: Tensor = torch.special.erf(noise.abs() / 2**0.5)
            return share * self.furthest(noise, batch)
        if self.norm == "linf":
            direction = torch.special.erf(noise / 2**0.5)
        elif self.norm == "l2":
            direction = self.steepest(noise)
        else:
            # As far out as an exponential draw with the same sign and rank: uniform on the sphere.
            tails = torch.special.erfc(noise.abs() / 2**0.5).clamp(min=1e-30)
            exponential = -noise.sign() * tails.log()
            direction = exponential / geometry.sums(exponential)
        return self.project(self.radii(batch) * direction, batch)

    def measure(self, delta: Tensor) -> Tensor:
        """The norm of each case's perturbation, (N, 1, ...)."""
        if self.norm == "linf":
            return delta.flatten(1).abs().amax(1).view(-1, *[1] * (delta.ndim - 1))
        if self.norm == "l2":
            return geometry.lengths(delta)
        if self.norm == "l1":
            return geometry.sums(delta)
        return geometry.changed(delta, apart=self._apart)

    def bounds(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """How far each number may go down and up: to the ends of its range, or not at all.

        Both (N, C, *spatial), ``low <= 0 <= high``.
        """
        low, high = batch.low - batch.images, batch.high - batch.images
        if self.region is None:
            return low, high
        allowed = self.region.allowed(batch)
        return low * allowed, high * allowed

    def _box(self, batch: Batch, radii: Tensor) -> tuple[Tensor, Tensor]:
        """The bounds, and no further than ``radii`` either way."""
        low, high = self.bounds(batch)
        return low.clamp_(min=-radii), high.clamp_(max=radii)

    def _count(self, images: Tensor) -> float:
        """L0's radius as a number of positions; a share of all is at least one."""
        if self.unit == "count":
            return self.radius
        each = images[0].numel() if self._apart else images[0, 0].numel()
        return max(1.0, self.radius / 100 * each)

    @property
    def _apart(self) -> bool:
        return self.channels == "apart"
