"""Projected gradient ascent with an adaptive step size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from plexor.attacks.best import best_of, unbeaten
from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.gradient.climb import Climb, Halving, Sparse
from plexor.attacks.gradient.slope import check_averaged, kept, mean_margin, slope
from plexor.attacks.objective import Objective, Precision
from plexor.attacks.options import check_counts, check_names, check_norm
from plexor.attacks.proposal import Proposal, normal_noise
from plexor.attacks.threat import Around, Threat
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.layout import as_network_computes
from plexor.models.model import Model
from plexor.threat_model import Access

_WIDE = ((3.0, 0.3), (2.0, 0.3))
"""For L1: multiples of the radius and the share of the steps spent in each of these balls first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class APGD:
    """Auto-PGD (Croce & Hein, ICML 2020; for L1 Croce & Hein, ICML 2021), on storable images.

    Starts with steps of twice the radius, with momentum. Where the loss of a case has stopped
    rising, halves the step and continues from the best point so far. For L1, a step changes few
    numbers, their count adapted to the sparsity of the best point; the first 60 % of the steps are
    taken in balls of three times, then twice the radius.

    As in PGD, losses and gradients are of the image *as a file would store it*, the perturbation
    itself is not rounded, and the proposal is the storable image with the greatest margin, not with
    the greatest loss. Projections are onto ball and range together; directions exclude numbers at
    the end of their range.

    Attributes:
        steps: gradients in each restart.
        restarts: searches, each from a new random start; those after the first only for cases that
            have not reached the goal.
        loss: the loss that is maximised, see ``PGD``.
        samples: gradients averaged at every step, see ``PGD``.
        stop_at_success: stop searching for a case once its goal is reached, see ``PGD``.
        precision: of the search: "float32", "bfloat16" or "float16".

    Example:
        >>> from plexor.attacks import APGD, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="l2", radius=14)
        >>> proposal = APGD(steps=10)(model, batch, Misclassify(), threat, seed=0)
        >>> (proposal.delta.flatten(1).norm(dim=1) <= 14).tolist()
        [True, True]
        >>> proposal.n_gradients.tolist()
        [10, 10]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = (
        "Croce & Hein, ICML 2020, arXiv:2003.01690; for L1 Croce & Hein, ICML 2021, "
        "arXiv:2103.01208"
    )
    summary: ClassVar[str] = "projected gradient ascent with an adaptive step size"

    steps: int = 100
    restarts: int = 1
    loss: LossKind = "ce"
    samples: int = 1
    stop_at_success: bool = False
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        check_names("apgd", loss=self.loss, precision=self.precision)
        check_counts("apgd", steps=self.steps, restarts=self.restarts)
        check_averaged("apgd", samples=self.samples)

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best storable perturbation seen; no change where none raises the margin.

        Raises:
            PlanError: the threat is in L0.
        """
        batch = as_network_computes(model, batch)
        objective = Objective(model, batch, goal, precision=self.precision)
        return best_of(
            objective,
            self.restarts,
            lambda some, restart: self.search(some, threat, seed_for(seed, f"restart-{restart}")),
        )

    def search(self, objective: Objective, threat: Threat, seed: int) -> tuple[Tensor, Tensor]:
        """One restart: the best storable perturbation (N, C, *spatial), and its margin (N,).

        Raises:
            PlanError: the threat is in L0.
        """
        check_norm("apgd", threat, self.norms)
        batch, steps = objective.batch, self.steps
        noise = normal_noise(batch, seed, "start")
        climb: Halving | Sparse
        if threat.norm == "l1":
            climb, steps = self._from_outside(objective, threat, noise)
        else:
            climb = Halving.begin(threat.random_start(noise, batch), batch, threat, steps)
        best, around = unbeaten(objective), threat.around(batch)
        for step in range(steps):
            trial, margin = self._look(best.objective, around, climb)
            stay = kept(best, trial, margin, samples=self.samples, leave=self.stop_at_success)
            if len(best) == 0:
                return best.outcome()
            if stay is not None:
                climb, around = climb.select(stay), threat.around(best.objective.batch)
            climb.move(step, around)
        trial = around.store(climb.delta)
        margin = mean_margin(best.objective, trial, self.samples)
        kept(best, trial, margin, samples=self.samples, leave=self.stop_at_success)
        return best.outcome()

    def _from_outside(
        self, objective: Objective, threat: Threat, noise: Tensor
    ) -> tuple[Sparse, int]:
        """A search begun in larger balls, and the number of steps left within the threat."""
        batch = objective.batch
        stages = [
            (replace(threat, radius=factor * threat.radius), int(share * self.steps))
            for factor, share in _WIDE
        ]
        stages.append((threat, self.steps - sum(steps for _, steps in stages)))
        stages = [stage for stage in stages if stage[1] > 0]
        wide, steps = stages[0]
        climb = Sparse.begin(wide.random_start(noise, batch), batch, wide, steps)
        for narrower, left in stages[1:]:
            around = wide.around(batch)
            for step in range(steps):
                self._look(objective, around, climb)
                climb.move(step, around)
            wide, steps = narrower, left
            climb = climb.narrowed(batch, wide, steps)
        return climb, steps

    def _look(self, objective: Objective, around: Around, climb: Climb) -> tuple[Tensor, Tensor]:
        """Evaluates the current point as stored; returns it and its margin."""
        trial = around.store(climb.delta)
        margin, loss, gradient = slope(objective, trial, self.loss, samples=self.samples)
        climb.see(trial, loss, gradient)
        return trial, margin
