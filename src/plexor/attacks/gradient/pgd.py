"""Projected gradient ascent, and the single step it grew from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from plexor.attacks.goal import Goal, LossKind
from plexor.attacks.proposal import Proposal, normal_noise
from plexor.attacks.threat import Threat
from plexor.core.errors import ModelError, PlanError
from plexor.models.batch import Batch
from plexor.models.device import is_out_of_memory
from plexor.models.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class PGD:
    """Projected gradient ascent (Madry et al., ICLR 2018), on storable images.

    Every step asks for the gradient at the image *as a file would hold it*, moves an unrounded
    perturbation along it, and remembers the storable image with the greatest margin so far.

    Attributes:
        steps: gradients a restart.
        step_size: length of a step as a fraction of the radius; None takes ``2.5 / steps``.
        restarts: searches from a new random start; after the first only for cases not yet reached.
        random_start: start at a uniform draw from the threat's ball, instead of at the image.
        loss: what is climbed: "ce" (cross-entropy) or "margin" (difference of logits).
    """

    steps: int = 20
    step_size: float | None = None
    restarts: int = 1
    random_start: bool = True
    loss: LossKind = "ce"

    def __post_init__(self) -> None:
        for name in ("steps", "restarts"):
            if getattr(self, name) < 1:
                raise PlanError(f"pgd: `{name}` must be at least 1, got {getattr(self, name)}")
        if self.step_size is not None and self.step_size <= 0:
            raise PlanError(f"pgd: `step_size` must be positive, got {self.step_size}")

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best storable perturbation seen; nothing where none beats doing nothing."""
        found = Proposal.nothing(batch)
        margins = torch.full((len(batch),), -torch.inf, device=batch.images.device)
        if self.random_start:  # else a search begins with the image as it is
            margins = _untouched(model, batch, goal)
            found = replace(found, n_forwards=found.n_forwards + 1)
        left = torch.arange(len(batch), device=batch.images.device)
        for restart in range(self.restarts):
            some = batch if len(left) == len(batch) else batch.select(left)
            delta, margin = self._search(model, some, goal, threat, seed=seed, restart=restart)
            better = left[margin > margins[left]]
            found.delta[better] = delta[margin > margins[left]]
            margins[left] = torch.maximum(margin, margins[left])
            spent = torch.zeros(len(batch), dtype=torch.int64).index_fill(0, left.cpu(), 1)
            found = Proposal(
                delta=found.delta,
                n_gradients=found.n_gradients + self.steps * spent,
                n_forwards=found.n_forwards + spent,
            )
            left = torch.nonzero(margins <= 0).flatten()
            if len(left) == 0:
                break
        return found

    def _search(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int, restart: int
    ) -> tuple[Tensor, Tensor]:
        """One restart: the best storable perturbation and its margin, for each case."""
        size = threat.radii(batch) * (self.step_size or 2.5 / self.steps)
        delta = torch.zeros_like(batch.images)
        if self.random_start:
            delta = threat.random_start(normal_noise(batch, seed, f"start-{restart}"), batch)
        best = torch.zeros_like(delta)
        best_margin = torch.full((len(batch),), -torch.inf, device=delta.device)
        for step in range(self.steps + 1):
            trial = threat.store(delta, batch)
            last = step == self.steps
            with torch.set_grad_enabled(not last):
                trial.requires_grad_(not last)
                outputs = model.outputs(batch.images + trial, batch.context)
                margin = goal.margin(model.task, outputs, batch.truth).detach()
                # Outputs that are no numbers are for the judge to see: such a case has failed.
                margin = torch.where(margin.isnan(), torch.inf, margin)
                improved = margin > best_margin
                best_margin = torch.where(improved, margin, best_margin)
                best[improved] = trial.detach()[improved]
                if last:
                    break
                loss = goal.loss(model.task, outputs, batch.truth, self.loss)
                gradient = _gradient(loss, trial)
            delta = threat.project(delta + size * threat.steepest(gradient), batch)
        return best, best_margin


def _untouched(model: Model, batch: Batch, goal: Goal) -> Tensor:
    """The goal's margin for the images as they are, (N,): what a search has to beat."""
    with torch.no_grad():
        return goal.margin(model.task, model.outputs(batch.images, batch.context), batch.truth)


def _gradient(loss: Tensor, images: Tensor) -> Tensor:
    """The gradient of each case's loss (N,) at its own image; 0 where it is no finite number."""
    try:
        (gradient,) = torch.autograd.grad(loss.sum(), images)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise ModelError(
            f"the model lets no gradient through, which this attack follows: {error}"
        ) from error
    return gradient.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FGSM:
    """One step of the whole radius along the gradient's sign (Goodfellow et al., ICLR 2015).

    For L2 the step follows the gradient itself.

    Attributes:
        loss: what is climbed.
    """

    loss: LossKind = "ce"

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the step, or nothing where the step makes the margin worse."""
        single = PGD(steps=1, step_size=1.0, random_start=False, loss=self.loss)
        return single(model, batch, goal, threat, seed=seed)
