"""One pattern for many images, in the threat's unit, and its conversion to each image's numbers.

One unit of a pattern (C, *spatial) is, in stored numbers of a case,

- for ``level``: one quantum, so that equally stored images get the same numbers added;
- for ``value``: ``1 / slope``, so that files with different rescales get the same values (e.g. HU)
  added, including files that store dark as high;
- for ``percent``, and for L0, whose radius is a count: a hundredth of the storable range.

A pattern within the threat's radius is within the radius of every case. ``Threat.store`` rounds it
to a file's grid, clips it to the range and restricts it to the threat's region.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from plexor.attacks.fitted import FitCard, Stream, read_fitted, save_fitted
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat, Unit
from plexor.core.errors import DataError
from plexor.models.batch import Batch, Scaling
from plexor.models.model import Model

_PATTERN = "pattern"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UniversalPerturbation:
    """The same perturbation for every image, in the threat's unit.

    As an attack it uses neither the model nor the goal and costs nothing; ``card`` has the cost of
    the fit.

    Attributes:
        pattern: (C, *spatial) float32, within the threat's radius.
        card: settings, data and cost of the fit.
    """

    pattern: Tensor
    card: FitCard

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the pattern for every case, even where it lowers the margin.

        Raises:
            DataError: the images have another shape than those of the fit.
            PlanError: the threat is another one.
        """
        self.card.check(batch, threat)
        pattern = self.pattern.to(batch.images.device)
        return replace(
            Proposal.nothing(batch), delta=threat.store(laid(pattern, batch, threat), batch)
        )

    def save(self, path: Path) -> None:
        """Writes pattern and card to one safetensors file."""
        save_fitted(path, {_PATTERN: self.pattern}, self.card)

    @classmethod
    def load(cls, path: Path) -> UniversalPerturbation:
        """Reads a file that ``save`` wrote.

        Raises:
            DataError: the file is missing or damaged, or holds no universal perturbation.
        """
        tensors, card = read_fitted(path)
        if set(tensors) != {_PATTERN} or tuple(tensors[_PATTERN].shape) != card.shape:
            raise DataError(f"{path} holds no universal perturbation of the shape on its card")
        return cls(pattern=tensors[_PATTERN], card=card)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The ball of patterns within a threat, without an image's range and without a region.

    Attributes:
        threat: same norm and radius, for ``batch``.
        batch: one blank image, on which one stored number is one unit of the threat.
    """

    threat: Threat
    batch: Batch

    @classmethod
    def of(cls, threat: Threat, like: Batch) -> Canvas:
        """The canvas for images of this shape and type."""
        blank = torch.zeros_like(like.images[:1])
        one = torch.ones_like(like.low[:1])
        most = torch.finfo(blank.dtype).max * one
        if threat.norm == "l0":
            most = 100 * one
            plain = replace(threat, region=None)
        else:
            unit: Unit = "level" if threat.unit == "level" else "value"
            plain = replace(threat, unit=unit, region=None)
        batch = Batch(
            ids=("canvas",),
            images=blank,
            truth=like.truth[:1],
            low=-most,
            high=most,
            quantum=one if threat.unit == "level" else torch.zeros_like(one),
            scaling=Scaling(slope=one, intercept=torch.zeros_like(one)),
        )
        return cls(threat=plain, batch=batch)

    @property
    def blank(self) -> Tensor:
        """The pattern that changes nothing, (C, *spatial)."""
        return self.batch.images[0]

    @property
    def whole(self) -> float:
        """Length that steps are fractions of: the radius, or for L0 the storable range."""
        return 100.0 if self.threat.norm == "l0" else self.threat.radius

    def project(self, pattern: Tensor) -> Tensor:
        """The nearest pattern in the ball."""
        return self.threat.project(pattern[None], self.batch)[0]

    def store(self, pattern: Tensor) -> Tensor:
        """The nearest pattern in the ball, in whole levels if the unit is ``level``."""
        return self.threat.store(pattern[None], self.batch)[0]

    def steepest(self, gradient: Tensor, *, share: float = 0.0) -> Tensor:
        """The direction of norm 1 along which a loss with this gradient increases fastest."""
        return self.threat.steepest(gradient[None], share=share)[0]


def one_unit(batch: Batch, threat: Threat) -> Tensor:
    """One unit of a pattern in stored numbers of each case, (N, 1, ...); may be negative."""
    if threat.norm == "l0" or threat.unit == "percent":
        return (batch.high - batch.low) / 100
    return batch.quantum if threat.unit == "level" else 1 / batch.scaling.slope


def laid(pattern: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """The pattern in stored numbers, clipped to range and region, not rounded, (N, C, *spatial)."""
    low, high = threat.bounds(batch)
    return (pattern * one_unit(batch, threat)).clamp(low, high)


def reached(
    pattern: Tensor, model: Model, stream: Stream, goal: Goal, threat: Threat
) -> tuple[float, float]:
    """Share of the stream's cases that the pattern brings to the goal, and their mean margin."""
    margins = []
    for batch in stream:
        objective = Objective(model, batch, goal)
        margins.append(objective.margin(threat.store(laid(pattern, batch, threat), batch)))
        stream.spent(objective)
    every = torch.cat(margins)
    return float((every > 0).float().mean()), float(every.mean())
