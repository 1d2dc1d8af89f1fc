"""Square Attack: random search with squares or cubes that use the whole radius."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.best import Best
from plexor.attacks.description import EVERY_TASK
from plexor.attacks.fitting import greatest_fitting
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm
from plexor.attacks.proposal import Proposal, uniform_draws
from plexor.attacks.query import window
from plexor.attacks.query.span import span
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

_SHARES = {"linf": 0.05, "l2": 0.1, "l1": 0.8}
_HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries of 10,000 after which the share of pixels is halved (paper, Section 4.1); scaled to other
budgets."""
_TILES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """Square Attack (Andriushchenko et al., ECCV 2020; for L1 Croce & Hein, ICML 2021).

    L∞: starts with vertical stripes of plus or minus the radius, then sets random squares to plus
    or minus the radius in each channel. L2 and L1: starts with a grid of bumps, then moves the
    length held by one square, and any unused part of the radius, into a bump in another square. A
    change that raises the margin is kept. Squares become smaller as the budget is used up.

    In volumes, squares are cubes that cover the same share of voxels, and stripes run along the
    last axis but one. Windows may touch every border, as in the paper's text. Every query is about
    a storable image; to fit the radius after rounding, L1 rescales the whole perturbation, and L2
    the new bump only.

    Attributes:
        queries: greatest number of forward passes a case.
        p: share of the pixels covered by the first squares; None takes the papers' 0.05 for L∞, 0.1
            for L2 and 0.8 for L1.

    Example:
        >>> from plexor.attacks import Misclassify, Square, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=3)
        >>> proposal = Square(queries=40)(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
        >>> (proposal.n_forwards <= 40).tolist()
        [True, True]
    """

    access: ClassVar[Access] = "scores"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = (
        "Andriushchenko et al., ECCV 2020, arXiv:1912.00049; for L1 Croce & Hein, ICML 2021, "
        "arXiv:2103.01208"
    )
    summary: ClassVar[str] = "random search with squares or cubes that use the whole radius"

    queries: int = 10_000
    p: float | None = None

    def __post_init__(self) -> None:
        check_counts("square", queries=self.queries)
        if self.p is not None and not 0 < self.p <= 1:
            raise PlanError(f"square: `p` must be above 0 and at most 1, got {self.p}")

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the best perturbation seen; no change where none raises the margin."""
        check_norm("square", threat, self.norms)
        best = Best.changeable(Objective(model, batch, goal), threat, queries=self.queries)
        if len(best) == 0 or best.left < 1:
            return best.proposal()
        start = _stripes if threat.norm == "linf" else _tiles
        delta = start(best.objective.batch, threat, seed)
        margin = best.ask(delta)
        draws = _draws(best.objective.batch, seed, best.left)
        ends = _ends(best.objective.batch, threat)
        delta, margin, draws, *ends = best.leave_with(delta, margin, draws, *ends)
        for step in range(best.left):
            if len(best) == 0:
                break
            drawn, share = draws[:, step], self._share(step, threat)
            if threat.norm == "linf":
                trial = _square(delta, drawn, share, *ends)
            else:
                left = best.objective.batch
                trial = _bump(delta, drawn, share, ends=ends, batch=left, threat=threat)
            now = best.ask(trial)
            better = now > margin
            delta[better] = trial[better]
            margin = torch.maximum(now, margin)
            delta, margin, draws, *ends = best.leave_with(delta, margin, draws, *ends)
        return best.proposal()

    def _share(self, step: int, threat: Threat) -> float:
        """Share of the pixels covered by a square at this step; halved nine times in all."""
        first = self.p or _SHARES[threat.norm]
        return first / 2.0 ** bisect_left(_HALVED_AFTER, int(step / self.queries * 10_000))


def _draws(batch: Batch, seed: int, n_steps: int) -> Tensor:
    """Draws of all steps, (N, n_steps, n): two corners, an axis, a sign for each channel."""
    n_axes = batch.images.ndim - 2
    return uniform_draws(batch, seed, "steps", (n_steps, 2 * n_axes + 1 + batch.images.shape[1]))


def _stripes(batch: Batch, threat: Threat, seed: int) -> Tensor:
    """Plus or minus the radius, the same along each vertical line of each channel."""
    shape = list(batch.images.shape[1:])
    if len(shape) > 2:
        shape[-2] = 1
    signs = _signs(uniform_draws(batch, seed, "start", tuple(shape)))
    return threat.store((threat.radii(batch) * signs).expand_as(batch.images), batch)


def _ends(batch: Batch, threat: Threat) -> list[Tensor]:
    """Lower and upper bounds of each change; for L∞ minus and plus the stored radius."""
    if threat.norm != "linf":
        return list(threat.bounds(batch))
    radii = threat.radii(batch).expand_as(batch.images)
    return [threat.store(-radii, batch), threat.store(radii, batch)]


def _square(delta: Tensor, draws: Tensor, share: float, down: Tensor, up: Tensor) -> Tensor:
    """A square of plus or minus the radius, with one sign for each channel (Algorithm 2)."""
    n_channels, *sizes = delta.shape[1:]
    sides = window.sides(share, sizes, odd=False)
    corner = window.origins(draws[:, : len(sizes)], sides, sizes)
    at = window.positions(corner, sides, sizes)[:, None].expand(-1, n_channels, -1)
    lowest, highest = (end.flatten(2).gather(2, at) for end in (down, up))
    square = torch.where(draws[:, -n_channels:, None] < 0.5, lowest, highest)
    return delta.flatten(2).scatter(2, at, square).view_as(delta)


def _tiles(batch: Batch, threat: Threat, seed: int) -> Tensor:
    """A grid of bumps, five along the shortest axis, with random signs and orientations."""
    n_channels, *sizes = batch.images.shape[1:]
    side = max(1, min(sizes) // _TILES)
    grid = [size // side for size in sizes]
    drawn = uniform_draws(batch, seed, "start", (n_channels + 1, *grid))
    for axis in range(len(sizes)):
        drawn = drawn.repeat_interleave(side, dim=2 + axis)
    turn = (drawn[:, -1:] * len(sizes)).long().clamp(max=len(sizes) - 1)
    bumps = window.bumps((side,) * len(sizes), power=_power(threat)).to(drawn.device)
    tiled = bumps.repeat(1, *grid)
    delta = torch.zeros_like(batch.images)
    start = [(size - side * count) // 2 for size, count in zip(sizes, grid, strict=True)]
    middle = [slice(s, s + side * count) for s, count in zip(start, grid, strict=True)]
    chosen = sum((turn == axis) * tiled[axis] for axis in range(len(sizes)))
    delta[(slice(None), slice(None), *middle)] = _signs(drawn[:, :-1]) * chosen
    if threat.norm == "l1":  # in the authors' program each bump sums to the whole range
        least, greatest = span(batch)
        delta = delta * (greatest - least)
    return _spent(delta, batch, threat)


def _bump(
    delta: Tensor,
    draws: Tensor,
    share: float,
    *,
    ends: list[Tensor],
    batch: Batch,
    threat: Threat,
) -> Tensor:
    """Moves the length in two windows, and the unused length, to the first (Algorithm 3)."""
    n_channels, *sizes = delta.shape[1:]
    n_axes, power = len(sizes), 2 if threat.norm == "l2" else 1
    sides = window.sides(share, sizes, odd=True)
    first, second = (
        window.positions(window.origins(corner, sides, sizes), sides, sizes)[:, None]
        for corner in (draws[:, :n_axes], draws[:, n_axes : 2 * n_axes])
    )
    first, second = first.expand(-1, n_channels, -1), second.expand(-1, n_channels, -1)
    old = delta.flatten(2).gather(2, first)
    rest = delta.flatten(2).scatter(2, first, 0.0)
    other = rest.gather(2, second)
    rest.scatter_(2, second, 0.0)
    length, beside = _by_channel(threat), threat.measure(rest)
    held = length(old) ** power + length(other) ** power
    whole = threat.radii(batch).flatten(2) ** power
    unspent = (whole - beside**power - held.sum(dim=1, keepdim=True)).clamp(min=0)
    turn = (draws[:, 2 * n_axes] * n_axes).long().clamp(max=n_axes - 1)
    bumps = window.bumps(tuple(sides), power=_power(threat)).to(delta.device)[turn]
    shape = _signs(draws[:, -n_channels:, None]) * bumps.flatten(1)[:, None]
    shape = shape + _over(old, length(old))
    bump = _over(shape, length(shape)) * (held + unspent / n_channels) ** (1 / power)
    if threat.norm == "l1":
        moved = rest.scatter_(2, first, n_channels * bump)
        return _spent(moved.view_as(delta), batch, threat)
    ends = [end.flatten(2).gather(2, first) for end in ends]
    fitting = _fitting(bump, beside, ends=ends, batch=batch, threat=threat)
    return rest.scatter_(2, first, fitting).view_as(delta)


def _fitting(
    bump: Tensor, beside: Tensor, *, ends: list[Tensor], batch: Batch, threat: Threat
) -> Tensor:
    """The longest storable multiple of an L2 bump (N, C, n); the rest has length ``beside``."""
    quantum = batch.quantum.flatten(2)
    return greatest_fitting(
        lambda s: geometry.onto_grid_(s * bump, quantum, *ends),
        lambda trial: torch.hypot(beside, threat.measure(trial)),
        threat.radii(batch).flatten(2),
        at_most=2.0**12,
        finest=2.0**-12,
    )


def _spent(delta: Tensor, batch: Batch, threat: Threat) -> Tensor:
    """The perturbation scaled or projected to the whole radius, and storable."""
    low, high = threat.bounds(batch)
    delta = delta * (low < high)
    if threat.norm == "l2":
        return threat.store(_over(delta, threat.measure(delta)) * threat.radii(batch), batch)
    return threat.store(threat.project(delta, batch), batch)


def _by_channel(threat: Threat) -> Callable[[Tensor], Tensor]:
    """The norm of each channel, (N, C, *spatial) → (N, C, 1, ...)."""

    def length(delta: Tensor) -> Tensor:
        rows = delta.flatten(0, 1)[:, None]
        found = geometry.lengths(rows) if threat.norm == "l2" else geometry.sums(rows)
        return found.view(*delta.shape[:2], *[1] * (delta.ndim - 2))

    return length


def _over(delta: Tensor, length: Tensor) -> Tensor:
    return torch.where(length > 0, delta / length, 0.0)


def _signs(uniform: Tensor) -> Tensor:
    return torch.where(uniform < 0.5, -1.0, 1.0)


def _power(threat: Threat) -> int:
    return 2 if threat.norm == "l2" else 4
