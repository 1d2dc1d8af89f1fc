"""SimBA: one direction of an orthonormal basis at a time, forwards or back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from plexor.attacks.best import Best
from plexor.attacks.description import EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm, check_positive
from plexor.attacks.proposal import Proposal, stream
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError, unknown
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

Basis = Literal["pixel", "dct"]

_FEWEST = 8
"""Smallest number of frequencies along an axis, for small images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimBA:
    """Simple black-box attack (Guo et al., ICML 2019).

    Takes directions of an orthonormal basis in random order and without repetition. Adds a step
    along each if that raises the margin, otherwise subtracts it if that does. After all directions,
    starts again in another random order.

    The paper has no radius: T steps of 0.2 (of a range of 1) can add up to a length of 0.2 √T. Here
    the radius is given. Under L2 a step is the radius divided by √T; under L∞ the peak of a wave is
    the whole radius. A step is at least one quantum. Perturbations are projected onto the threat.
    Every query is about a storable image: under L2, waves are scaled by the greatest factor whose
    rounding fits the radius, since most would otherwise be rounded to zero.

    Attributes:
        queries: greatest number of forward passes a case.
        basis: "pixel" (single numbers) or "dct" (cosine waves over one channel).
        frequencies: for "dct", the share of the lowest frequencies of each axis that is used; the
            paper's 28 of 224. At least 8 frequencies are used.
        step_size: norm of a step as a fraction of the radius; None takes 1 for L∞, and for L2
            ``1 / √T``, T the smaller of ``queries`` and the number of directions.

    Example:
        >>> from plexor.attacks import Misclassify, SimBA, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=3)
        >>> proposal = SimBA(queries=60)(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "scores"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Guo et al., ICML 2019, arXiv:1905.07121"
    summary: ClassVar[str] = "one pixel or cosine wave at a time, kept where the score rises"

    queries: int = 10_000
    basis: Basis = "dct"
    frequencies: float = 0.125
    step_size: float | None = None

    def __post_init__(self) -> None:
        check_counts("simba", queries=self.queries)
        check_positive("simba", step_size=self.step_size)
        if self.basis not in get_args(Basis):
            raise PlanError("simba: " + unknown("basis", self.basis, get_args(Basis)))
        if not 0 < self.frequencies <= 1:
            raise PlanError(
                f"simba: `frequencies` must be above 0 and at most 1, got {self.frequencies}"
            )

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best perturbation seen; no change where none raises the margin."""
        check_norm("simba", threat, self.norms)
        best = Best.changeable(Objective(model, batch, goal), threat, queries=self.queries)
        if len(best) == 0 or best.left < 1:
            return best.proposal()
        waves = self._waves(best.objective.batch)
        size = threat.radii(best.objective.batch) * self._share(threat, waves)
        size = torch.maximum(size, best.objective.batch.quantum)
        order = self._order(best, waves, seed)
        delta = torch.zeros_like(best.objective.batch.images)
        turn = torch.zeros(len(best), dtype=torch.int64, device=delta.device)
        back = torch.zeros(len(best), dtype=torch.bool, device=delta.device)
        for _ in range(best.left):
            if len(best) == 0:
                break
            cases, margin = best.objective.batch, best.open_margins
            which = order.gather(1, turn[:, None]).squeeze(1)
            wave = _direction(which, waves)
            step = size * wave / threat.measure(wave)
            there = threat.project(
                torch.where(back.view_as(size), delta - step, delta + step), cases
            )
            better = best.ask(self._stored(there, cases, threat)) > margin
            delta[better] = there[better]
            done = better | back
            turn, back = turn + done.long(), ~done
            delta, turn, back, order, size = best.leave_with(delta, turn, back, order, size)
        return best.proposal()

    def _stored(self, delta: Tensor, batch: Batch, threat: Threat) -> Tensor:
        """The storable perturbation. Pixels keep their scale if they fit the radius.

        Rescaling equal steps of pixels could round all of them down together.
        """
        if self.basis == "dct" or threat.norm == "linf":
            return threat.store(delta, batch)
        plain = threat.rounded(delta, batch)
        fits = threat.measure(plain) <= threat.radii(batch)
        return plain if bool(fits.all()) else torch.where(fits, plain, threat.store(delta, batch))

    def _waves(self, batch: Batch) -> list[Tensor]:
        """Rows (n, size) of each axis, channels first; a direction is a product of one of each."""
        n_channels, *sizes = batch.images.shape[1:]
        rows = [torch.eye(n_channels)]
        for size in sizes:
            kept = size
            if self.basis == "dct":
                kept = min(size, max(_FEWEST, math.ceil(self.frequencies * size)))
            rows.append(_cosines(size)[:kept] if self.basis == "dct" else torch.eye(size))
        return [each.to(batch.images.device) for each in rows]

    def _share(self, threat: Threat, waves: list[Tensor]) -> float:
        """Length of a step as a share of the radius."""
        if self.step_size is not None:
            return self.step_size
        n_directions = math.prod(len(rows) for rows in waves)
        return 1.0 if threat.norm == "linf" else 1 / math.sqrt(min(self.queries, n_directions))

    def _order(self, best: Best, waves: list[Tensor], seed: int) -> Tensor:
        """Indices of each case's directions in search order, one for each query left, (N, n)."""
        n, batch = math.prod(len(rows) for rows in waves), best.objective.batch
        found = []
        for case_id in batch.ids:
            generator = stream(seed, "order", case_id)
            rounds = math.ceil(best.left / n)
            order = torch.cat([torch.randperm(n, generator=generator) for _ in range(rounds)])
            found.append(order[: best.left])
        return torch.stack(found).to(batch.images.device)


def _direction(which: Tensor, waves: list[Tensor]) -> Tensor:
    """The directions with these indices, (N, C, *spatial), each of length 1."""
    found = torch.ones(len(which), *[1] * len(waves), device=which.device)
    for axis in reversed(range(len(waves))):
        rows = waves[axis]
        shape = [-1 if other == axis else 1 for other in range(len(waves))]
        found = found * rows[which % len(rows)].view(len(which), *shape)
        which = which // len(rows)
    return found


def _cosines(size: int) -> Tensor:
    """Rows of the orthonormal cosine transform (DCT-II), lowest frequency first, (size, size)."""
    places = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    rows = torch.cos(torch.pi * torch.arange(size, dtype=torch.float64)[:, None] * places)
    rows[0] /= math.sqrt(2)
    return (rows * math.sqrt(2 / size)).float()
