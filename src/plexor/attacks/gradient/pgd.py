"""Projected gradient ascent (PGD) and its single-step form (FGSM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks.best import best_of, unbeaten
from plexor.attacks.description import EVERY_NORM, EVERY_TASK
from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.gradient.slope import check_averaged, kept, mean_margin, slope
from plexor.attacks.objective import Objective, Precision
from plexor.attacks.options import check_counts, check_names, check_positive
from plexor.attacks.proposal import Proposal, normal_noise
from plexor.attacks.threat import Threat
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.layout import as_network_computes
from plexor.models.model import Model
from plexor.threat_model import Access

_L1_SHARE = 0.01
"""Share of the numbers that a step under L1 changes, after Tramèr & Boneh (2019)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PGD:
    """Projected gradient ascent (Madry et al., ICLR 2018), on storable images.

    Every step takes the gradient at the image *as a file would store it*, moves an unrounded
    perturbation along it, and keeps the storable image with the greatest margin so far.

    Under L0 a step moves every number along the sign of its gradient, then keeps the positions with
    the greatest scalar product of change and gradient. PGD0 of Croce & Hein (ICCV 2019) moves along
    the gradient and keeps the positions that changed most, whatever the gradient there.

    Attributes:
        steps: gradients a restart.
        step_size: length of a step as a fraction of the radius (for L0, whose radius is a count,
            of the storable range); None takes ``2.5 / steps``, and 1 for L0.
        restarts: searches, each from a new random start; those after the first only for cases that
            have not reached the goal.
        random_start: start at a uniform draw from the threat's ball, instead of at the image.
        loss: the loss that is maximised: "ce" (cross-entropy), "margin" (difference of logits) or
            "ratio" (margin divided by the scale of the logits).
        samples: gradients averaged at every step, for models with random outputs (EOT; Athalye et
            al., ICML 2018).
        diversity: probability that a gradient is taken of the image shrunk and padded, so that
            perturbations transfer to other models (DI; Xie et al., CVPR 2019, who use 0.5).
        stop_at_success: stop searching for a case once its goal is reached. Otherwise the search
            goes on to a greater margin, which is more likely to survive re-encoding.
        precision: of the search: "float32", "bfloat16" or "float16". With reduced precision,
            success is confirmed in float32 before the search for a case stops.

    Example:
        >>> from plexor.attacks import PGD, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=3)
        >>> proposal = PGD(steps=5)(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
        >>> proposal.n_gradients.tolist()
        [5, 5]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = EVERY_NORM
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Madry et al., ICLR 2018, arXiv:1706.06083"
    summary: ClassVar[str] = "projected gradient ascent with restarts, on storable images"

    steps: int = 20
    step_size: float | None = None
    restarts: int = 1
    random_start: bool = True
    loss: LossKind = "ce"
    samples: int = 1
    diversity: float = 0.0
    stop_at_success: bool = False
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        check_names("pgd", loss=self.loss, precision=self.precision)
        check_counts("pgd", steps=self.steps, restarts=self.restarts)
        check_positive("pgd", step_size=self.step_size)
        check_averaged("pgd", samples=self.samples, diversity=self.diversity)

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best storable perturbation seen; no change where none raises the margin."""
        batch = as_network_computes(model, batch)
        objective = Objective(model, batch, goal, precision=self.precision)

        def search(some: Objective, restart: int) -> tuple[Tensor, Tensor]:
            # no name for the start, which would keep it in memory for the whole search
            return self._search(
                some,
                threat,
                self._start(some.batch, threat, seed, f"start-{restart}"),
                seed_for(seed, f"restart-{restart}"),
            )

        return best_of(objective, self.restarts, search)

    def _start(self, batch: Batch, threat: Threat, seed: int, name: str) -> Tensor:
        """Where a search begins."""
        if not self.random_start:
            return torch.zeros_like(batch.images)
        return threat.random_start(normal_noise(batch, seed, name), batch)

    def _search(
        self, objective: Objective, threat: Threat, delta: Tensor, seed: int
    ) -> tuple[Tensor, Tensor]:
        """One restart: the best storable perturbation of each case, and its margin."""
        best = unbeaten(objective)
        around, size = threat.around(objective.batch), self._size(objective.batch, threat)
        for step in range(self.steps):
            trial = around.store(delta)
            margin, _, gradient = slope(
                best.objective,
                trial,
                self.loss,
                samples=self.samples,
                diversity=self.diversity,
                seed=seed,
                name=f"step-{step}",
            )
            stay = kept(best, trial, margin, samples=self.samples, leave=self.stop_at_success)
            if len(best) == 0:
                return best.outcome()
            del trial  # as large as the images
            if stay is not None:
                delta, gradient, size = delta[stay], gradient[stay], size[stay]
                around = threat.around(best.objective.batch)
            delta = around.ascend(delta, gradient, size, share=_L1_SHARE)
            del gradient
        trial = around.store(delta)
        margin = mean_margin(best.objective, trial, self.samples)
        kept(best, trial, margin, samples=self.samples, leave=self.stop_at_success)
        return best.outcome()

    def _size(self, batch: Batch, threat: Threat) -> Tensor:
        """Length of a step for each case, (N, 1, ...)."""
        if threat.norm == "l0":  # its steps cannot add up: a position changes wholly or not
            return (batch.high - batch.low) * (self.step_size or 1.0)
        return threat.radii(batch) * (self.step_size or 2.5 / self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class FGSM:
    """One step of the whole radius (Goodfellow et al., ICLR 2015).

    L∞: along the sign of the gradient. Other norms: to the point of the threat that maximises a
    linear loss with this gradient.

    Attributes:
        loss: the loss that is maximised.

    Example:
        >>> from plexor.attacks import FGSM, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=3)
        >>> proposal = FGSM()(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = EVERY_NORM
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Goodfellow et al., ICLR 2015, arXiv:1412.6572"
    summary: ClassVar[str] = "one step of the whole radius"

    loss: LossKind = "ce"

    def __post_init__(self) -> None:
        check_names("fgsm", loss=self.loss)

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the step, or no change where the step does not raise the margin."""

        def step(some: Objective, _: int) -> tuple[Tensor, Tensor]:
            gradient = some.gradient(torch.zeros_like(some.batch.images), self.loss)[2]
            delta = threat.store(threat.furthest(gradient, some.batch), some.batch)
            return delta, some.margin(delta)

        return best_of(Objective(model, batch, goal), 1, step)
