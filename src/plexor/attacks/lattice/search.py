"""A search in whole quanta, without rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks.best import best_of
from plexor.attacks.description import EVERY_TASK
from plexor.attacks.fitting import greatest_fitting
from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_names
from plexor.attacks.proposal import Proposal, normal_noise
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Moves along the gradient by whole quanta, in ever fewer numbers at once.

    With a radius of one or two levels a number can take only a few values, and rounding undoes
    many steps of a continuous search. Here a step moves each number up or down by one stride, or
    leaves it, whichever gives the greatest first-order gain less its cost (for L2, the cost is
    weighted by a multiplier, found by bisection, so that the whole move fits the radius). A move
    that does not raise the loss is undone, and half as many numbers are tried, those with the
    greatest gain first, down to a single one; after that single numbers in turn.

    A stride is the radius for L∞, and an equal share of the radius for L2. Floating-point storage
    has no grid; there, only strides of that length are tried.

    Attributes:
        steps: gradients in each restart.
        restarts: searches, the first from the image, the others from random storable images; those
            after the first only for cases that have not reached the goal.
        loss: the loss that is maximised.

    Example:
        >>> from plexor.attacks import Lattice, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=3)
        >>> proposal = Lattice(steps=5)(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Plexor's own; the question is that of Bonnet et al., IEEE TIFS 2021"
    summary: ClassVar[str] = "gradient search in whole quanta, for budgets of one or two levels"

    steps: int = 40
    restarts: int = 1
    loss: LossKind = "margin"

    def __post_init__(self) -> None:
        check_names("lattice", loss=self.loss)
        check_counts("lattice", steps=self.steps, restarts=self.restarts)

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best perturbation seen; no change where none raises the margin."""

        def search(some: Objective, restart: int) -> tuple[Tensor, Tensor]:
            start = torch.zeros_like(some.batch.images)
            if restart > 0:
                noise = normal_noise(some.batch, seed, f"start-{restart}")
                start = threat.store(threat.random_start(noise, some.batch), some.batch)
            return self._search(some, threat, start)

        return best_of(Objective(model, batch, goal), self.restarts, search)

    def _search(self, objective: Objective, threat: Threat, delta: Tensor) -> tuple[Tensor, Tensor]:
        """One restart: the best perturbation of each case, and its margin."""
        batch = objective.batch
        margin, loss, gradient = objective.gradient(delta, self.loss)
        best, margins = delta.clone(), margin
        n_numbers = delta[0].numel()
        several = torch.full((len(batch),), float(n_numbers), device=delta.device)
        tried = torch.zeros_like(several)
        for _ in range(self.steps - 1):
            trial = _moved(delta, gradient, batch, threat, several=several, tried=tried)
            margin, risen, slope = objective.gradient(trial, self.loss)
            better = margin > margins
            best[better], margins = trial[better], torch.maximum(margin, margins)
            up = risen > loss
            loss = torch.where(up, risen, loss)
            delta[up], gradient[up] = trial[up], slope[up]
            tried = torch.where(~up & (several <= 1), tried + 1, 0.0)
            several = torch.where(up, several, (several / 2).clamp(min=1.0).floor())
        return best, margins


def _moved(
    delta: Tensor, gradient: Tensor, batch: Batch, threat: Threat, *, several: Tensor, tried: Tensor
) -> Tensor:
    """The allowed move of at most ``several`` numbers a case with the greatest first-order gain.

    Single numbers (``several`` of 1) are tried in order of their gain, each with the coarse stride,
    then with one quantum; ``tried`` counts these trials.
    """
    low, high = threat.bounds(batch)
    stride = _coarse(batch, threat)
    if bool((batch.quantum > 0).all()):
        fine = ((several <= 1) & (tried % 2 == 1)).view_as(stride)
        stride = torch.where(fine, batch.quantum, stride)
    if threat.norm == "linf":
        radii = threat.radii(batch) * (1 + 1e-6)
        low, high = torch.maximum(low, -radii), torch.minimum(high, radii)
    up, down = delta + stride, delta - stride
    possible = torch.stack([up <= high, down >= low])
    gain = torch.stack([gradient * stride, -gradient * stride])
    cost = torch.zeros_like(gain)
    if threat.norm == "l2":
        cost = torch.stack([up, down]).square() - delta.square()
    passed = torch.where(several <= 1, tried // 2, 0.0)

    def chosen(worth: Tensor) -> Tensor:
        """Up, down or neither, where one unit of cost is worth ``1 / worth`` of loss."""
        reward = torch.where(possible, gain * worth - cost, 0.0).clamp(min=0)
        kept = _ranked(reward.amax(dim=0), several, passed)
        return torch.where(kept, torch.where(reward[0] > reward[1], up, down), delta)

    if threat.norm == "linf":
        return chosen(torch.ones_like(stride))
    peaks = gradient.flatten(1).abs().amax(1).view_as(stride).clamp(min=1e-30)
    return greatest_fitting(
        lambda s: chosen(s / peaks), threat.measure, threat.radii(batch), at_most=2.0**40
    )


def _coarse(batch: Batch, threat: Threat) -> Tensor:
    """Share of the radius for one number, in whole quanta, at least one, (N, 1, ...)."""
    share = threat.radii(batch)
    if threat.norm == "l2":
        share = share / batch.images[0].numel() ** 0.5
    quanta = torch.floor(share / batch.quantum * (1 + 1e-6)).clamp(min=1)
    return torch.where(batch.quantum > 0, quanta * batch.quantum, share)


def _ranked(reward: Tensor, several: Tensor, passed: Tensor) -> Tensor:
    """Mask of the rewards of rank ``passed`` to ``passed + several``, if above 0."""
    flat = reward.flatten(1)
    order = flat.argsort(dim=1, descending=True, stable=True)
    rank = torch.arange(flat.shape[1], device=flat.device)
    among = (rank >= passed[:, None]) & (rank < (passed + several)[:, None])
    kept = torch.zeros_like(flat, dtype=torch.bool).scatter(1, order, among)
    return (kept & (flat > 0)).view_as(reward)
