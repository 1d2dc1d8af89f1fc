"""HopSkipJump: along the decision boundary towards the image, from yes and no alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.description import EVERY_TASK, Access
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

_AT_ONCE = 8
"""Directions asked about together: a volume's hundred would not fit into memory."""
_FINEST = 2.0**-20
"""What a bisection can tell apart in float32; the paper's precision is below it from 100 × 100."""
_BLEND = 0.001
"""Precision of the start's blend with the image, as in the authors' program."""
_FIRST_PROBE = 0.1
"""Length of the first estimate's directions, as a share of the image's span (same program)."""
_STRETCH = (1.0, 1.1, 1.3)
"""How much longer than off the grid a perturbation may become on it before another is sought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HopSkipJump:
    """HopSkipJumpAttack (Chen et al., IEEE S&P 2020), L2 and L∞: sees decisions only.

    Starts from an image of uniform noise that reaches the goal, from the case's own stream, blended
    with the image as far as the goal stays reached. The first try is the paper's: each pixel has
    noise of its own, between the image's least and greatest number. Many networks see one grey
    image in it, whatever was drawn. So noise in squares or cubes of side 2, 4, ... is tried next,
    up to one colour for the whole image; then all sides again, in the whole storable range; then
    in turn, laid over the image with a strength drawn from 0 to 1. For a goal that none of them
    reaches, e.g. to become a rare class, there is no start, and nothing is proposed; other cases'
    images are not used. Then again and again: bisection to the boundary, an estimate of the
    direction across it from random directions, a step along it, halved until the goal is reached.

    It looks for the smallest perturbation and goes on to make it smaller until the budget does not
    pay for what comes next. Where there is a storable grid the search asks about images between
    storable ones, as the paper does; whenever it is within the radius it asks whether the
    perturbation still reaches the goal once rounded to the grid, if need be a little longer, and
    proposes the shortest that does.

    Attributes:
        queries: forward passes a case, at most.
        starts: images of noise tried for a start, as far as the queries go.
        samples: random directions of the first estimate; the t-th has ``samples * √t``.
        most_samples: of any estimate.
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
        """Proposes the shortest perturbation seen, if it is within the radius; else nothing."""
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
        attack: its options.
        case: a batch of one.
        threat: what is allowed.
        generator: all randomness.
        found: the shortest storable perturbation within the threat that reaches the goal.
        length: its norm; infinite as long as there is none.
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
        """The bisection's, relative: θ of the paper, as far as float32 goes."""
        power = 1.5 if self.threat.norm == "l2" else 2.0
        return max(1 / math.pow(self.case.images.numel(), power), _FINEST)

    def run(self) -> Dialogue:
        """The paper's Algorithm 2, until nobody answers any more."""
        delta = yield from self._start()
        if delta is None:
            return
        far = self._norm(delta)
        delta = yield from self._to_boundary(delta)
        yield from self._keep(delta)
        quantum = float(self.case.quantum)
        step = 1
        while self.length > quantum or quantum == 0:
            distance = self._norm(delta)
            n = min(int(self.attack.samples * math.sqrt(step)), self.attack.most_samples)
            gradient = yield from self._estimate(delta, self._reach(far, step), n)
            moved = yield from self._jump(delta, gradient, distance / math.sqrt(step))
            far = self._norm(moved)
            delta = yield from self._to_boundary(moved)
            yield from self._keep(delta)
            step += 1

    def _start(self) -> Generator[Tensor, Tensor, Tensor | None]:
        """Noise that reaches the goal, as near to the image on the line between as it still does.

        None where no noise does.
        """
        for noise in self._noises():
            if (yield from self._ask(noise)):
                break
        else:
            return None
        return (yield from self._bisect(lambda s: s * noise, 1.0, _BLEND))

    def _noises(self) -> Iterator[Tensor]:
        """What is tried for a start, one after the other."""
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
        """Uniform numbers from 0 to 1, the same within each square or cube of each channel."""
        n_channels, *sizes = self.case.images.shape[1:]
        counts = [-(-size // side) for size in sizes]
        drawn = torch.rand((1, n_channels, *counts), generator=self.generator)
        for axis, size in enumerate(sizes, start=2):
            drawn = drawn.repeat_interleave(side, dim=axis).narrow(axis, 0, size)
        return drawn

    def _to_boundary(self, delta: Tensor) -> Moved:
        """The nearest point to the image that reaches the goal, on the way to ``delta``.

        For L2 the way is a line; for L∞ it is ``delta`` cut down to a smaller and smaller norm.
        """
        if self.threat.norm == "l2":
            return (yield from self._bisect(lambda s: s * delta, 1.0, self.precision))
        norm = self._norm(delta)
        return (yield from self._bisect(lambda s: delta.clamp(-s, s), norm, norm * self.precision))

    def _bisect(self, shape: Callable[[float], Tensor], most: float, precision: float) -> Moved:
        """``shape(s)`` with about the least s that reaches the goal; ``shape(most)`` does."""
        least = 0.0
        while most - least > precision:
            middle = (least + most) / 2
            if (yield from self._ask(shape(middle))):
                most = middle
            else:
                least = middle
        return shape(most)

    def _reach(self, far: float, step: int) -> float:
        """Length of the directions of an estimate (paper, Section III-C2, as its program has it).

        Args:
            far: distance from the image before the last bisection.
            step: from 1.
        """
        if step == 1:
            least, greatest = span(self.case)
            return _FIRST_PROBE * float(greatest - least)
        n = self.case.images.numel()
        return (math.sqrt(n) if self.threat.norm == "l2" else n) * self.precision * far

    def _estimate(self, delta: Tensor, reach: float, n_samples: int) -> Moved:
        """The direction across the boundary, of length 1 (paper's Equations 11 and 12)."""
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
        """Of length 1; normal for L2, uniform numbers for L∞."""
        shape = (n, *self.case.images.shape[1:])
        if self.threat.norm == "l2":
            drawn = torch.randn(shape, generator=self.generator)
        else:
            drawn = 2 * torch.rand(shape, generator=self.generator) - 1
        low, high = self.threat.bounds(self.case)
        drawn = drawn.to(low.device) * (low < high)
        return drawn / geometry.lengths(drawn).clamp(min=1e-12)

    def _jump(self, delta: Tensor, gradient: Tensor, size: float) -> Moved:
        """A step across the boundary, halved until it reaches the goal; none where none does."""
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
        """Remembers ``delta`` as a file can hold it, if that is within the radius and shorter."""
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
        """On the grid, at the greatest scale at which it is not longer than ``length``."""
        radii = torch.full_like(self.case.quantum, length * (1 + 1e-6))
        return geometry.greatest_fitting(
            lambda s: self.threat.rounded(s * delta, self.case),
            self.threat.measure,
            radii,
            at_most=2.0**12,
        )

    def _ask(self, trial: Tensor) -> Reply:
        return bool((yield trial))

    def _norm(self, delta: Tensor) -> float:
        return float(self.threat.norms(delta))
