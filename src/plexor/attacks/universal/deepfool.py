"""A universal perturbation accumulated from minimal changes of single cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from plexor.attacks import geometry
from plexor.attacks.fitted import Fitted, Stream
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.options import check_counts, check_norm
from plexor.attacks.pattern import (
    Canvas,
    UniversalPerturbation,
    laid,
    one_unit,
    reached,
)
from plexor.attacks.threat import Threat
from plexor.core.errors import PlanError
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

METHOD = "universal-deepfool"


@dataclass(frozen=True, slots=True, kw_only=True)
class UniversalDeepFool:
    """Universal perturbation of Moosavi-Dezfooli et al. (CVPR 2017), algorithm 1.

    Iterates over the cases. Where the pattern does not yet bring a case to the goal, adds the
    change of smallest Euclidean length that does, and projects the pattern onto the ball. The
    change is DeepFool's (Moosavi-Dezfooli et al., CVPR 2016): steps to the nearest boundary of the
    linearised ways to the goal.

    Cases are processed one at a time, as in the paper, which is slow: this attack is for
    comparison; use ``UniversalSGD`` otherwise. Beyond the paper: any goal instead of another class,
    and changes that respect each image's range. Cases come in the order of the batches.

    Attributes:
        epochs: greatest number of passes over the cases.
        desired: share of the cases at the goal at which the fit stops.
        deepfool_steps: greatest number of linearisations for one case; a case that they do not
            bring to the goal adds nothing.
        rivals: number of ways to compare, those closest to being reached.
        overshoot: share by which a change is lengthened, to cross the boundary.

    Example:
        >>> from plexor.attacks import Become, Threat, UniversalDeepFool
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> goal, threat = Become(target="bright"), Threat(norm="linf", radius=3)
        >>> fitted = UniversalDeepFool(epochs=2).fit(model, [batch], goal, threat, seed=0)
        >>> fitted.pattern.unique().tolist()
        [2.0]
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    tasks: ClassVar[tuple[str, ...]] = ("multiclass", "binary", "multilabel", "regression")
    reference: ClassVar[str] = "Moosavi-Dezfooli et al., CVPR 2017, arXiv:1610.08401"
    summary: ClassVar[str] = (
        "one perturbation for all images, accumulated from the smallest change of each"
    )
    applied: ClassVar[Access] = "none"
    layers: ClassVar[bool] = False
    fitted: ClassVar[type[Fitted]] = UniversalPerturbation

    epochs: int = 10
    desired: float = 0.8
    deepfool_steps: int = 10
    rivals: int = 10
    overshoot: float = 0.02

    def __post_init__(self) -> None:
        check_counts(
            METHOD, epochs=self.epochs, deepfool_steps=self.deepfool_steps, rivals=self.rivals
        )
        if not 0 < self.desired <= 1:
            raise PlanError(f"{METHOD}: `desired` must lie in (0, 1], got {self.desired}")
        if not self.overshoot >= 0:
            raise PlanError(f"{METHOD}: `overshoot` must not be negative, got {self.overshoot}")

    def fit(
        self, model: Model, batches: Iterable[Batch], goal: Goal, threat: Threat, *, seed: int
    ) -> UniversalPerturbation:
        """The pattern after the last pass; see ``FittedAttack.fit``."""
        goal.check(model.task)
        check_norm(METHOD, threat, self.norms)
        stream = Stream(method=METHOD, batches=batches)
        canvas = Canvas.of(threat, stream.first())
        pattern = canvas.blank
        for _ in range(self.epochs):
            for batch in stream:
                objective = Objective(model, batch, goal)
                for index in torch.arange(len(batch), device=batch.images.device):
                    change = self._least_change(objective.select(index[None]), threat, pattern)
                    pattern = canvas.project(pattern + change)
                stream.spent(objective)
            share, _ = reached(canvas.store(pattern), model, stream, goal, threat)
            if share >= self.desired:
                break
        card = stream.card(self, model, goal, threat, seed=seed)
        return UniversalPerturbation(pattern=canvas.store(pattern).cpu(), card=card)

    def n_batches(self, per_pass: int) -> int:
        """See ``FittedAttack.n_batches``; an epoch reads all twice, to fit and to evaluate."""
        return 1 + 2 * self.epochs * per_pass

    def _least_change(self, objective: Objective, threat: Threat, pattern: Tensor) -> Tensor:
        """The change of the pattern that brings one case to the goal; zero if none was found."""
        batch = objective.batch
        unit = one_unit(batch, threat)
        change = torch.zeros_like(pattern)
        for _ in range(self.deepfool_steps):
            delta = laid(pattern + (1 + self.overshoot) * change, batch, threat)
            if bool(objective.margin(delta) > 0):
                return (1 + self.overshoot) * change
            ways, gradients, _ = objective.ways(delta, self.rivals)
            slopes = unit * threat.free(gradients[0], delta, batch)
            lengths = geometry.lengths(slopes)
            distances = ways[0].abs().view_as(lengths) / lengths
            nearest = int(torch.where(lengths > 0, distances, torch.inf).argmin())
            if not bool(lengths[nearest] > 0):
                break
            change = change + distances[nearest] / lengths[nearest] * slopes[nearest]
        return torch.zeros_like(pattern)
