"""HopSkipJump: along the decision boundary towards the image, by decisions alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.description import EVERY_TASK
from plexor.attacks.fitting import greatest_fitting
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm
from plexor.attacks.proposal import Proposal, stream
from plexor.attacks.query.dialogue import Dialogue, converse
from plexor.attacks.query.span import span
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

_AT_ONCE = 8
"""Directions in one query batch; a hundred volumes would not fit into memory."""
_FINEST = 2.0**-20
"""Smallest precision of a bisection in float32; the paper's is smaller from 100 × 100 pixels on."""
_BLEND = 0.001
"""Precision of the start's blend with the image, as in the authors' program."""
_FIRST_LENGTH = 0.1
"""Length of the first estimate's directions, as a share of the image's range (same program)."""
_STRETCH = (1.0, 1.1, 1.3)
"""Factors by which a perturbation may become longer when it is rounded to the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HopSkipJump:
    """HopSkipJumpAttack (Chen et al., IEEE S&P 2020), for L2 and L∞; sees decisions only.

    Starts from an image of uniform noise that reaches the goal, drawn from the case's random
    stream and blended with the image as far as the goal stays reached. The first noise tried is the
    paper's: independent pixels between the image's least and greatest number. Since many networks
    give the same output for all such noise, the following are tried next: noise that is constant
    in squares or cubes of side 2, 4, ... up to the whole image; the same sides in the whole
    storable range; then both in turn, blended with the image by a factor drawn from 0 to 1. Where
    no noise reaches the goal, e.g. to become a rare class, nothing is proposed; images of other
    cases are not used. Then repeats: bisection to the boundary, an estimate of the boundary's
    normal from random directions, a step along it, halved until the goal is reached.

    The search minimises the norm until the queries are used up. Where storage has a grid, queries
    are about images between storable ones, as in the paper. Whenever a perturbation is within the
    radius, the search also queries the perturbation rounded to the grid, if necessary a little
    longer, and proposes the shortest that reaches the goal.

    Attributes:
        queries: greatest number of forward passes a case.
        starts: greatest number of noise images to try for a start.
        samples: number of random directions of the first estimate; the t-th estimate has
            ``samples * √t``.
        most_samples: greatest number of directions of an estimate.
        stop_at_success: stop searching for a case once its goal is reached within the radius.

    Example:
        >>> from plexor.attacks import HopSkipJump, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=4)
        >>> proposal = HopSkipJump(queries=300)(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.delta.abs().amax((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "decisions"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Chen et al., IEEE S&P 2020, arXiv:1904.02144"
    summary: ClassVar[str] = "follows the decision boundary towards the image, from decisions alone"

    queries: int = 25_000
    starts: int = 1000
    samples: int = 100
    most_samples: int = 10_000
    stop_at_success: bool = False

    def __post_init__(self) -> None:
        check_counts(
            "hop-skip-jump", queries=self.queries, starts=self.starts, samples=self.samples
        )
        if self.most_samples < self.samples:
            raise PlanError(
                f"hop-skip-jump: `most_samples` must be at least `samples`, {self.samples}, "
                f"got {self.most_samples}"
            )

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the shortest perturbation seen within the radius; no change if there is none."""
        check_norm("hop-skip-jump", threat, self.norms)
        objective = Objective(model, batch, goal)
        low, high = threat.bounds(batch)
        room = (low < high).flatten(1).any(dim=1)
        open_ = torch.nonzero(~(objective.untouched() > 0) & room).flatten()
        walks = [
            _Walk(
                attack=self,
                case=batch.select(row[None]),
                threat=threat,
                generator=stream(seed, "walk", batch.ids[int(row)]),
            )
            for row in open_
        ]
        converse(objective.select(open_), [walk.run() for walk in walks], queries=self.queries)
        delta = torch.zeros_like(batch.images)
        for row, walk in zip(open_.tolist(), walks, strict=True):
            delta[row] = walk.found[0]
        return objective.proposal(delta)


Reply = Generator[Tensor, Tensor, bool]
Moved = Generator[Tensor, Tensor, Tensor]


@dataclass(slots=True, kw_only=True)
class _Walk:
    """The search for one case. Perturbations are (1, C, *spatial), in stored numbers.

    Attributes:
        attack: the options.
        case: a batch of one.
        threat: the norm, radius and region.
        generator: source of all random draws.
        found: shortest storable perturbation within the threat that reaches the goal; zero if none.
        length: its norm; infinite if there is none.
    """

    attack: HopSkipJump
    case: Batch
    threat: Threat
    generator: torch.Generator
    found: Tensor = field(init=False)
    length: float = math.inf

    def __post_init__(self) -> None:
        self.found = torch.zeros_like(self.case.images)

    @property
    def precision(self) -> float:
        """Relative precision of the bisection: θ of the paper, limited to that of float32."""
        power = 1.5 if self.threat.norm == "l2" else 2.0
        return max(1 / math.pow(self.case.images.numel(), power), _FINEST)

    def run(self) -> Dialogue:
        """The paper's Algorithm 2, until no query is answered any more."""
        delta = yield from self._start()
        if delta is None:
            return
        far = self._norm(delta)
        delta = yield from self._to_boundary(delta)
        yield from self._keep(delta)
        step = 1
        while not self._is_done():
            distance = self._norm(delta)
            n = min(int(self.attack.samples * math.sqrt(step)), self.attack.most_samples)
            gradient = yield from self._estimate(delta, self._reach(far, step), n)
            moved = yield from self._jump(delta, gradient, distance / math.sqrt(step))
            far = self._norm(moved)
            delta = yield from self._to_boundary(moved)
            yield from self._keep(delta)
            step += 1

    def _is_done(self) -> bool:
        if self.attack.stop_at_success:
            return self.length < math.inf
        return self.length <= float(self.case.quantum) != 0

    def _start(self) -> Generator[Tensor, Tensor, Tensor | None]:
        """Noise that reaches the goal, moved towards the image as far as the goal stays reached.

        None where no noise reaches the goal.
        """
        for noise in self._noises():
            if (yield from self._ask(noise)):
                break
        else:
            return None
        return (yield from self._bisect(lambda s: s * noise, 1.0, _BLEND))

    def _noises(self) -> Iterator[Tensor]:
        """Noise images to try for a start, as perturbations."""
        low, high = self.threat.bounds(self.case)
        ranges = span(self.case), (self.case.low, self.case.high)
        n_sides = (max(self.case.images.shape[2:]) - 1).bit_length() + 1
        for attempt in range(self.attack.starts):
            turn, doublings = divmod(attempt, n_sides)
            least, greatest = ranges[turn % 2]
            drawn = self._squares(2**doublings).to(low.device)
            noise = least + drawn * (greatest - least) - self.case.images
            strength = 1.0
            if turn >= len(ranges):
                strength = float(torch.rand((), generator=self.generator))
            yield strength * noise.clamp(low, high)

    def _squares(self, side: int) -> Tensor:
        """Uniform draws from 0 to 1, constant within each square or cube of each channel."""
        n_channels, *sizes = self.case.images.shape[1:]
        counts = [-(-size // side) for size in sizes]
        drawn = torch.rand((1, n_channels, *counts), generator=self.generator)
        for axis, size in enumerate(sizes, start=2):
            drawn = drawn.repeat_interleave(side, dim=axis).narrow(axis, 0, size)
        return drawn

    def _to_boundary(self, delta: Tensor) -> Moved:
        """The point nearest to the image that reaches the goal, on a path to ``delta``.

        For L2 the path is a line; for L∞ it is ``delta`` clipped to a decreasing norm.
        """
        if self.threat.norm == "l2":
            return (yield from self._bisect(lambda s: s * delta, 1.0, self.precision))
        norm = self._norm(delta)
        return (yield from self._bisect(lambda s: delta.clamp(-s, s), norm, norm * self.precision))

    def _bisect(self, shape: Callable[[float], Tensor], most: float, precision: float) -> Moved:
        """``shape(s)`` for the smallest s that reaches the goal, which ``shape(most)`` must do."""
        least = 0.0
        while most - least > precision:
            middle = (least + most) / 2
            if (yield from self._ask(shape(middle))):
                most = middle
            else:
                least = middle
        return shape(most)

    def _reach(self, far: float, step: int) -> float:
        """Length of the directions of an estimate (paper, Section III-C2, as in its program).

        Args:
            far: distance from the image before the last bisection.
            step: from 1.
        """
        if step == 1:
            least, greatest = span(self.case)
            return _FIRST_LENGTH * float(greatest - least)
        n = self.case.images.numel()
        return (math.sqrt(n) if self.threat.norm == "l2" else n) * self.precision * far

    def _estimate(self, delta: Tensor, reach: float, n_samples: int) -> Moved:
        """The normal of the boundary, of length 1 (paper, Equations 11 and 12)."""
        low, high = self.threat.bounds(self.case)
        signed, plain = torch.zeros_like(delta), torch.zeros_like(delta)
        balance = 0
        for start in range(0, n_samples, _AT_ONCE):
            n = min(_AT_ONCE, n_samples - start)
            tried = (delta + reach * self._directions(n)).clamp(low, high)
            moved = (tried - delta) / reach
            sign = torch.where((yield tried), 1.0, -1.0)
            signed += (sign.view(-1, *[1] * (delta.ndim - 1)) * moved).sum(dim=0)
            plain += moved.sum(dim=0)
            balance += int(sign.sum())
        if abs(balance) < n_samples:
            signed -= balance / n_samples * plain
        length = geometry.lengths(signed)
        return torch.where(length > 0, signed / length, 0.0)

    def _directions(self, n: int) -> Tensor:
        """Random directions of length 1; from normal draws for L2, uniform draws for L∞."""
        shape = (n, *self.case.images.shape[1:])
        if self.threat.norm == "l2":
            drawn = torch.randn(shape, generator=self.generator)
        else:
            drawn = 2 * torch.rand(shape, generator=self.generator) - 1
        low, high = self.threat.bounds(self.case)
        drawn = drawn.to(low.device) * (low < high)
        return drawn / geometry.lengths(drawn).clamp(min=1e-12)

    def _jump(self, delta: Tensor, gradient: Tensor, size: float) -> Moved:
        """A step along the normal, halved until it reaches the goal; no step where none does."""
        low, high = self.threat.bounds(self.case)
        direction = gradient if self.threat.norm == "l2" else gradient.sign()
        least = self._norm(delta) * self.precision
        while size > least:
            trial = (delta + size * direction).clamp(low, high)
            if (yield from self._ask(trial)):
                return trial
            size /= 2
        return delta

    def _keep(self, delta: Tensor) -> Generator[Tensor, Tensor, None]:
        """Keeps the stored ``delta`` if it reaches the goal within the radius and is shorter."""
        radius, quantum = float(self.threat.radii(self.case)), float(self.case.quantum)
        length = self._norm(delta)
        if length > min(radius, self.length):
            return
        if quantum == 0:
            self.found, self.length = delta, length
            return
        for stretch in _STRETCH:
            wanted = stretch * length
            if self.threat.norm == "linf":
                wanted = math.ceil(wanted / quantum) * quantum
            trial = self._rounded(delta, min(wanted, radius))
            if not 0 < self._norm(trial) < self.length:
                continue
            if (yield from self._ask(trial)):
                self.found, self.length = trial, self._norm(trial)
                return

    def _rounded(self, delta: Tensor, length: float) -> Tensor:
        """The greatest rounded multiple of ``delta`` that is no longer than ``length``."""
        radii = torch.full_like(self.case.quantum, length * (1 + 1e-6))
        return greatest_fitting(
            lambda s: self.threat.rounded(s * delta, self.case),
            self.threat.measure,
            radii,
            at_most=2.0**12,
        )

    def _ask(self, trial: Tensor) -> Reply:
        return bool((yield trial))

    def _norm(self, delta: Tensor) -> float:
        return float(self.threat.norms(delta))
