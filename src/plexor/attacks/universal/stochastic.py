"""A universal perturbation by stochastic gradient ascent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from plexor.attacks.description import EVERY_NORM, EVERY_TASK
from plexor.attacks.fitted import Fitted, Stream
from plexor.attacks.goals import Goal, LossKind
from plexor.attacks.objective import Objective, Precision
from plexor.attacks.options import check_counts, check_names, check_positive
from plexor.attacks.pattern import Canvas, UniversalPerturbation, laid, one_unit
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

METHOD = "universal-sgd"
_L1_SHARE = 0.01
"""Share of the numbers that a step under L1 changes, after Tramèr & Boneh (2019)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UniversalSGD:
    """Stochastic gradient ascent on the mean clipped loss (Shafahi et al., AAAI 2020).

    Every step takes the next batch, computes the gradient at its images as files would store them,
    moves the pattern along the steepest direction of the mean gradient, and projects it onto the
    ball. Clipping keeps a few cases with an unbounded loss from outweighing the rest. Without
    random draws: the result depends on the batches and their order.

    Beyond the paper: step sizes that decrease to 0; goals of any task; images as stored.

    Attributes:
        steps: batches to fit on; the stream starts again as often as needed.
        step_size: length of the first step as a fraction of the radius (for L0, whose radius is a
            count, of the storable range); None takes ``10 / steps``.
        loss: the loss that is maximised: "ce", "margin" or "ratio".
        clip: cases with a greater loss do not contribute; in nats for "ce", as in the paper, else
            in the loss's own unit; ``inf`` for no clip.
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
    step_size: float | None = None
    loss: LossKind = "ce"
    clip: float = 9.0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        check_names(METHOD, loss=self.loss, precision=self.precision)
        check_counts(METHOD, steps=self.steps)
        check_positive(METHOD, step_size=self.step_size, clip=self.clip)

    def fit(
        self, model: Model, batches: Iterable[Batch], goal: Goal, threat: Threat, *, seed: int
    ) -> UniversalPerturbation:
        """The pattern after ``steps`` batches; see ``FittedAttack.fit``."""
        goal.check(model.task)
        stream = Stream(method=METHOD, batches=batches)
        first = self.step_size or 10 / self.steps
        canvas = Canvas.of(threat, stream.first())
        pattern = canvas.blank
        for step, batch in zip(range(self.steps), stream.endlessly(), strict=False):
            objective = Objective(model, batch, goal, precision=self.precision)
            gradient = self._gradient(objective, threat, pattern)
            stream.spent(objective)
            size = canvas.whole * first * (1 - step / self.steps)
            pattern = canvas.project(pattern + size * canvas.steepest(gradient, share=_L1_SHARE))
        card = stream.card(self, model, goal, threat, seed=seed)
        return UniversalPerturbation(pattern=canvas.store(pattern).cpu(), card=card)

    def n_batches(self, per_pass: int) -> int:
        """See ``FittedAttack.n_batches``."""
        return 1 + self.steps

    def _gradient(self, objective: Objective, threat: Threat, pattern: Tensor) -> Tensor:
        """Gradient of the mean clipped loss in the pattern, (C, *spatial)."""
        batch = objective.batch
        delta = laid(pattern, batch, threat)
        _, loss, gradient = objective.gradient(threat.store(delta, batch), self.loss)
        pulls = (loss < self.clip).view(-1, *[1] * (delta.ndim - 1))
        return (one_unit(batch, threat) * pulls * threat.free(gradient, delta, batch)).mean(0)
