"""One pattern for many images, in a unit that every file has, and what each file makes of it.

A pattern (C, *spatial) counts in the threat's unit. One of it is, in a case's stored numbers,

- for ``level``: one quantum, so that images stored alike get the same numbers added;
- for ``value``: ``1 / slope``, so that the same HU are added to files with other rescales, and what
  is brightened in one is brightened in a file that stores dark as high;
- for ``percent``, and for L0, whose radius measures no change: a hundredth of the storable range.

A pattern within the threat's radius is then within each case's. A file holds it rounded to its
grid, cut at the ends of its range and to the threat's region, as ``Threat.store`` does it.
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

    Called as an attack it looks neither at the model nor at the goal, and costs nothing: what the
    fit cost is on its card.

    Attributes:
        pattern: (C, *spatial) float32, within the threat's radius.
        card: how it was fitted.
    """

    pattern: Tensor
    card: FitCard

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the pattern for every case, also where it does harm to the goal.

        Raises:
            DataError: images of another shape than it was fitted on.
            PlanError: another threat.
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
        """Reads what ``save`` wrote.

        Raises:
            DataError: the file is missing, damaged, or holds something else.
        """
        tensors, card = read_fitted(path)
        if set(tensors) != {_PATTERN} or tuple(tensors[_PATTERN].shape) != card.shape:
            raise DataError(f"{path} holds no universal perturbation of the shape on its card")
        return cls(pattern=tensors[_PATTERN], card=card)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The space patterns live in: a threat's ball, without any image's range or region.

    Attributes:
        threat: the same norm and radius, on the canvas.
        batch: a single blank image on which one stored number is one of the threat's unit.
    """

    threat: Threat
    batch: Batch

    @classmethod
    def of(cls, threat: Threat, like: Batch) -> Canvas:
        """The canvas for images like these."""
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
        """What steps are fractions of: the radius; for L0, which has none, the range."""
        return 100.0 if self.threat.norm == "l0" else self.threat.radius

    def project(self, pattern: Tensor) -> Tensor:
        """The nearest pattern in the ball."""
        return self.threat.project(pattern[None], self.batch)[0]

    def store(self, pattern: Tensor) -> Tensor:
        """The pattern in whole levels, where levels are the unit; in the ball."""
        return self.threat.store(pattern[None], self.batch)[0]

    def steepest(self, gradient: Tensor, *, share: float = 0.0) -> Tensor:
        """The direction of norm 1 along which a loss with this gradient rises fastest."""
        return self.threat.steepest(gradient[None], share=share)[0]


def one_unit(batch: Batch, threat: Threat) -> Tensor:
    """What one of a pattern's unit is in each case's stored numbers, (N, 1, ...); may be < 0."""
    if threat.norm == "l0" or threat.unit == "percent":
        return (batch.high - batch.low) / 100
    return batch.quantum if threat.unit == "level" else 1 / batch.scaling.slope


def laid(pattern: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """The pattern on each image, cut to its range and region, not yet rounded, (N, C, ...)."""
    low, high = threat.bounds(batch)
    return (pattern * one_unit(batch, threat)).clamp(low, high)


def reached(
    pattern: Tensor, model: Model, stream: Stream, goal: Goal, threat: Threat
) -> tuple[float, float]:
    """Share of the stream's cases at the goal once they bear the pattern, and their mean margin."""
    margins = []
    for batch in stream:
        objective = Objective(model, batch, goal)
        margins.append(objective.margin(threat.store(laid(pattern, batch, threat), batch)))
        stream.spent(objective)
    every = torch.cat(margins)
    return float((every > 0).float().mean()), float(every.mean())
