"""Gradient ascent with gradients estimated from scores (NES)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks.best import Best
from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm, check_positive
from plexor.attacks.proposal import Proposal, normal_noise
from plexor.attacks.query.span import span
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class NES:
    """Natural evolution strategies (Ilyas et al., ICML 2018), with antithetic sampling.

    Evaluates the margin on both sides of the perturbation along random directions, adds up the
    directions weighted by the differences, and takes a step of projected gradient ascent along the
    sum.

    The directions are normal noise of at least one quantum, rounded to the storable grid and
    clipped to the range: every query is about a storable image. The search raises the margin, where
    the paper raises a class probability. Defaults are those of the paper for ImageNet, and the
    momentum of its program; the shrinking step size of that program is omitted.

    Attributes:
        queries: greatest number of forward passes a case.
        samples: forward passes for one estimate; the last estimate may have fewer.
        sigma: standard deviation of the noise, as a share of the range of the image's numbers.
        step_size: length of a step as a fraction of the radius; the paper's 0.01 for a radius of
            0.05.
        momentum: share of the previous direction in the next.

    Example:
        >>> from plexor.attacks import NES, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="l2", radius=14)
        >>> proposal = NES(queries=100, samples=20)(model, batch, Misclassify(), threat, seed=0)
        >>> (proposal.n_forwards <= 100).tolist()
        [True, True]
    """

    access: ClassVar[Access] = "scores"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Ilyas et al., ICML 2018, arXiv:1804.08598"
    summary: ClassVar[str] = "gradient ascent along gradients estimated from pairs of scores"

    queries: int = 10_000
    samples: int = 50
    sigma: float = 0.001
    step_size: float = 0.2
    momentum: float = 0.9

    def __post_init__(self) -> None:
        check_counts("nes", queries=self.queries)
        check_positive("nes", sigma=self.sigma, step_size=self.step_size)
        if self.samples < 2:
            raise PlanError(f"nes: `samples` come in pairs, at least 2, got {self.samples}")
        if not 0 <= self.momentum < 1:
            raise PlanError(f"nes: `momentum` must be 0 or more and below 1, got {self.momentum}")

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best perturbation seen; no change where none raises the margin."""
        check_norm("nes", threat, self.norms)
        best = Best.changeable(Objective(model, batch, goal), threat, queries=self.queries)
        delta = torch.zeros_like(best.objective.batch.images)
        trial, velocity = delta, delta
        step = 0
        # One query is reserved for the point after the step.
        while len(best) and (n_pairs := min(self.samples, best.left - 1) // 2) >= 1:
            estimate = torch.zeros_like(delta)
            for pair in range(n_pairs):
                noise = normal_noise(best.objective.batch, seed, f"step-{step}-{pair}")
                estimate += self._slope(best, trial, noise, threat)
            velocity = self.momentum * velocity + (1 - self.momentum) * estimate
            cases = best.objective.batch
            delta = threat.ascend(delta, velocity, self.step_size * threat.radii(cases), cases)
            trial = threat.store(delta, cases)
            best.ask(trial)
            delta, trial, velocity = best.leave_with(delta, trial, velocity)
            step += 1
        return best.proposal()

    def _slope(self, best: Best, at: Tensor, noise: Tensor, threat: Threat) -> Tensor:
        """Gradient estimate from one pair of queries."""
        batch = best.objective.batch
        low, high = threat.bounds(batch)
        least, greatest = span(batch)
        width = torch.maximum(self.sigma * (greatest - least), batch.quantum)
        noise = noise * width
        if bool((batch.quantum > 0).all()):
            noise = (noise / batch.quantum).round() * batch.quantum
        up, down = (at + noise).clamp(low, high), (at - noise).clamp(low, high)
        gained = best.ask_only(up) - best.ask_only(down)
        return gained.view(-1, *[1] * (at.ndim - 1)) * (up - down) / width
