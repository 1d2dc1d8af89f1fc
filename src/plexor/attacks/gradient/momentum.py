"""Iterative gradient steps with momentum (MI-FGSM, NI-FGSM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks.best import best_of, unbeaten
from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.gradient.slope import check_averaged, mean_margin, slope
from plexor.attacks.objective import Objective, Precision
from plexor.attacks.options import check_counts, check_names, check_norm, check_positive
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class MIFGSM:
    """Iterated steps along a decaying sum of gradients (MI-FGSM; Dong et al., CVPR 2018).

    Each gradient is divided by its mean absolute value before it is added, as in the authors'
    programs (the paper divides by the sum). A step goes along the sign of the sum for L∞, along the
    sum for L2. Starts at the image. Every gradient is taken at the image *as a file would store
    it*, and the proposal is the storable image with the greatest margin, not the last one.

    Attributes:
        steps: number of steps, at ``samples`` gradients each.
        step_size: length of a step as a fraction of the radius; None takes ``1 / steps``.
        decay: share of the sum that a step keeps.
        nesterov: take gradients at the point the sum leads to (NI-FGSM; Lin et al., ICLR 2020), at
            one more forward pass each step. That point is clipped to the range, but not projected
            onto the ball and not rounded. Under L2, which the paper does not treat, it is one step
            length away.
        loss: the loss that is maximised, see ``PGD``.
        samples: gradients averaged at every step, see ``PGD``.
        diversity: probability that a gradient is of the image shrunk and padded, see ``PGD``.
        precision: of the search: "float32", "bfloat16" or "float16".

    Example:
        >>> from plexor.attacks import MIFGSM, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=3)
        >>> proposal = MIFGSM(steps=5)(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = (
        "Dong et al., CVPR 2018, arXiv:1710.06081; Nesterov's: Lin et al., ICLR 2020, "
        "arXiv:1908.06281"
    )
    summary: ClassVar[str] = (
        "steps along a decaying sum of gradients; made for transfer between models"
    )

    steps: int = 10
    step_size: float | None = None
    decay: float = 1.0
    nesterov: bool = False
    loss: LossKind = "ce"
    samples: int = 1
    diversity: float = 0.0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        check_names("mi-fgsm", loss=self.loss, precision=self.precision)
        check_counts("mi-fgsm", steps=self.steps)
        check_positive("mi-fgsm", step_size=self.step_size)
        if self.decay < 0:
            raise PlanError(f"mi-fgsm: `decay` must be at least 0, got {self.decay}")
        check_averaged("mi-fgsm", samples=self.samples, diversity=self.diversity)

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best storable perturbation seen; no change where none raises the margin.

        Raises:
            PlanError: the threat is in L1 or L0, for which there is no such step.
        """
        check_norm("mi-fgsm", threat, self.norms)
        objective = Objective(model, batch, goal, precision=self.precision)
        return best_of(objective, 1, lambda some, _: self._search(some, threat, seed))

    def _search(self, objective: Objective, threat: Threat, seed: int) -> tuple[Tensor, Tensor]:
        """The best storable perturbation of each case, and its margin."""
        batch = objective.batch
        size = threat.radii(batch) * (self.step_size or 1 / self.steps)
        delta, summed = torch.zeros_like(batch.images), torch.zeros_like(batch.images)
        best = unbeaten(objective)
        for step in range(self.steps):
            trial = threat.store(delta, batch)
            place = self._ahead(delta, summed, size, batch, threat) if self.nesterov else trial
            margin, _, gradient = slope(
                objective,
                place,
                self.loss,
                samples=self.samples,
                diversity=self.diversity,
                seed=seed,
                name=f"step-{step}",
            )
            if self.nesterov:
                margin = mean_margin(objective, trial, self.samples)
            best.keep(trial, margin)
            summed = self.decay * summed + _scaled(gradient)
            delta = threat.ascend(delta, summed, size, batch)
        trial = threat.store(delta, batch)
        best.keep(trial, mean_margin(objective, trial, self.samples))
        return best.outcome()

    def _ahead(
        self, delta: Tensor, summed: Tensor, size: Tensor, batch: Batch, threat: Threat
    ) -> Tensor:
        """The point the sum leads to, within the range; under L2 one step length away."""
        along = summed if threat.norm == "linf" else threat.steepest(summed)
        low, high = threat.bounds(batch)
        return (delta + self.decay * size * along).clamp(low, high)


def _scaled(gradient: Tensor) -> Tensor:
    """The gradient divided by its mean absolute value; zero for a zero gradient."""
    mean = gradient.flatten(1).abs().mean(1).view(-1, *[1] * (gradient.ndim - 1))
    return torch.where(mean > 0, gradient / mean, 0.0)
