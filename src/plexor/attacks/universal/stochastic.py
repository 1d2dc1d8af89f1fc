"""A universal perturbation by stochastic gradient ascent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks.description import EVERY_NORM, EVERY_TASK
from plexor.attacks.fitted import Fitted, Stream
from plexor.attacks.goals import Goal
from plexor.attacks.held_back import hold_back
from plexor.attacks.objective import Objective, Precision
from plexor.attacks.options import (
    FIT_LOSSES,
    FitLoss,
    check_counts,
    check_names,
    check_positive,
    fit_loss,
)
from plexor.attacks.pattern import Canvas, UniversalPerturbation, one_unit, reached
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

METHOD = "universal-sgd"
_L1_SHARE = 0.01
"""Share of the numbers that a step under L1 changes, after Tramèr & Boneh (2019)."""
_FIRST_ROUND = 12
_MOST_HELD_BACK, _FEWEST_HELD_BACK = 64, 8
_LEAST_GAIN = 0.05
"""Share of the held-back cases that a round must add, or it is the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UniversalSGD:
    """Stochastic gradient ascent on the mean clipped loss (Shafahi et al., AAAI 2020).

    Every step takes the next few cases, computes the gradient at their images as files would store
    them, moves the pattern along the steepest direction of the mean gradient, and projects it onto
    the ball. Clipping keeps a few cases with an unbounded loss from outweighing the rest.

    Beyond the paper: the margin as loss; goals of any task; images as stored; and step sizes that
    decrease to 0 in rounds, each twice as long as the one before, from the same first step (warm
    restarts; Loshchilov & Hutter, ICLR 2017). By default every step is taken and every case fitted
    on. With ``held_back`` the pattern is tried after each round on cases held back from the fit: a
    round that brings less than 5 % more of them to the goal is the last, and the better pattern is
    returned. That saves up to two thirds of the default steps, and more of a longer fit, but with
    few cases some fits end far below the others. With fewer than 8 held-back cases every round is
    carried out. The seed draws the held-back cases and nothing else: the result also depends on the
    batches and their order.

    Attributes:
        steps: greatest number of steps; the stream starts again as often as needed.
        together: greatest number of cases in a step; larger batches are divided.
        step_size: length of a round's first step as a fraction of the radius (for L0, whose radius
            is a count, of the storable range).
        loss: the loss that is maximised: "ce", "margin", "ratio", or "auto": "ce" for a
            segmentation, whose margin is a Dice with hardly a slope at most images, else "margin".
            Cross-entropy, as in the paper, more often settles on a class that few cases turn to.
        clip: cases with a greater loss do not contribute; in nats for "ce", as in the paper, else
            in the loss's own unit; ``inf`` for no clip.
        held_back: share of the cases held back, at most 64 cases; 0 for none.
        precision: of the search: "float32", "bfloat16" or "float16".

    Example:
        >>> from plexor.attacks import Become, Threat, UniversalSGD
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> goal, threat = Become(target="bright"), Threat(norm="linf", radius=3)
        >>> fitted = UniversalSGD(steps=20).fit(model, [batch], goal, threat, seed=0)
        >>> proposal = fitted(model, batch, goal, threat, seed=0)
        >>> proposal.delta.mean((1, 2, 3)).tolist()
        [3.0, 3.0]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = EVERY_NORM
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = "Shafahi et al., AAAI 2020, arXiv:1811.11304"
    summary: ClassVar[str] = (
        "one perturbation for all images, by steps along the mean gradient of many"
    )
    applied: ClassVar[Access] = "none"
    layers: ClassVar[bool] = False
    fitted: ClassVar[type[Fitted]] = UniversalPerturbation

    steps: int = 100
    together: int = 8
    step_size: float = 1.0
    loss: FitLoss = "auto"
    clip: float = 9.0
    held_back: float = 0.0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        check_names(METHOD, loss=self.loss, losses=FIT_LOSSES, precision=self.precision)
        check_counts(METHOD, steps=self.steps, together=self.together)
        check_positive(METHOD, step_size=self.step_size, clip=self.clip)
        if not 0 <= self.held_back < 1:
            raise PlanError(f"{METHOD}: `held_back` must lie in [0, 1), got {self.held_back}")

    def fit(
        self, model: Model, batches: Iterable[Batch], goal: Goal, threat: Threat, *, seed: int
    ) -> UniversalPerturbation:
        """The best pattern on the held-back cases; see ``FittedAttack.fit``."""
        goal.check(model.task)
        stream = Stream(method=METHOD, batches=batches)
        canvas = Canvas.of(threat, stream.first())
        held_back = hold_back(
            stream, self.held_back, most=_MOST_HELD_BACK, fewest=_FEWEST_HELD_BACK, seed=seed
        )
        cases = self._few(held_back.others(batch) for batch in stream.endlessly())
        looks = Stream(method=METHOD, batches=held_back.batches)
        pattern = best = canvas.blank
        share = 0.0
        for number, length in enumerate(_rounds(self.steps)):
            for step, batch in enumerate(islice(cases, length)):
                objective = Objective(model, batch, goal, precision=self.precision)
                gradient = self._gradient(objective, threat, pattern)
                stream.spent(objective)
                size = canvas.whole * self.step_size * (1 - step / length)
                moved = pattern + size * canvas.steepest(gradient, share=_L1_SHARE)
                pattern = canvas.project(moved)
            before = share
            if held_back.batches:
                share, _ = reached(canvas.store(pattern), model, looks, goal, threat)
            best = pattern if share >= before else best
            if number and held_back.batches and share < before + _LEAST_GAIN:
                break
        stream.n_forwards = stream.n_forwards + looks.n_forwards
        card = stream.card(self, model, goal, threat, seed=seed)
        return UniversalPerturbation(pattern=canvas.store(best).cpu(), card=card)

    def n_batches(self, per_pass: int) -> int:
        """See ``FittedAttack.n_batches``: the first, a pass to hold back, and the steps."""
        return 1 + (per_pass if self.held_back else 0) + self.steps

    def _few(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches, in parts of at most ``together`` cases that are about equally many.

        Every step is as long, so that one of a few left-over cases would undo those before it.
        """
        for batch in batches:
            index = torch.arange(len(batch))
            n_parts = math.ceil(len(batch) / self.together)
            if n_parts == 1:
                yield batch
            elif n_parts:
                yield from map(batch.select, index.tensor_split(n_parts))

    def _gradient(self, objective: Objective, threat: Threat, pattern: Tensor) -> Tensor:
        """Gradient of the mean clipped loss in the pattern, (C, *spatial)."""
        batch, box = objective.batch, threat.box(objective.batch)
        unit = one_unit(batch, threat)
        delta = box.clip(pattern * unit)
        kind = fit_loss(self.loss, objective.model.task)
        _, loss, gradient = objective.gradient(threat.store(delta, batch), kind)
        weights = unit.flatten() * (loss < self.clip) / len(batch)
        mean: Tensor = torch.tensordot(weights, box.free(gradient, delta), dims=1)
        return mean


def _rounds(steps: int) -> list[int]:
    """Lengths of the rounds: 12, 24, 48, …, the last one longer if less than its double is left."""
    found, length = [], _FIRST_ROUND
    while steps >= 3 * length:
        found.append(length)
        steps, length = steps - length, 2 * length
    return [*found, steps]
