"""Several attacks in sequence, each on the cases that withstood those before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from plexor.attacks.description import EVERY_NORM, EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.gradient import APGD, APGDT, FGSM, PGD
from plexor.attacks.minimum_norm import FMN
from plexor.attacks.objective import Objective
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.query import Square
from plexor.attacks.threat import Threat
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One attack of a cascade.

    Attributes:
        name: reported as ``Proposal.found_by``.
        attack: with its settings.
        norms: norms of the threats the stage is used for.
    """

    name: str
    attack: Attack
    norms: tuple[str, ...]


_DENSE = ("linf", "l2", "l1")

STAGES = (
    Stage(name="step", attack=FGSM(loss="margin"), norms=(*_DENSE, "l0")),
    Stage(name="pgd", attack=PGD(steps=20, stop_at_success=True), norms=("l0",)),
    Stage(name="apgd-ce", attack=APGD(steps=100, stop_at_success=True), norms=_DENSE),
    Stage(
        name="apgd-targeted",
        attack=APGDT(steps=100, n_targets=3, stop_at_success=True),
        norms=_DENSE,
    ),
    Stage(name="fmn", attack=FMN(steps=50), norms=_DENSE),
    Stage(name="fmn", attack=FMN(steps=100), norms=("l0",)),
    Stage(name="square", attack=Square(queries=1000), norms=_DENSE),
)
"""Cheap and strong stages first. The last uses no gradient, so that it also finds perturbations
of a model that merely masks its gradients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """The attacks of ``STAGES`` in sequence, without parameters.

    In the spirit of AutoAttack (Croce & Hein, ICML 2020), for every task: a case goes on to the
    next stage only while its goal is not reached on the storable image. ``Proposal.found_by`` names
    the stage that reached it; a stage that is never named added nothing.

    Example:
        >>> from plexor.attacks import Cascade, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> model, batch = tiny_problem()
        >>> threat = Threat(norm="linf", radius=3)
        >>> proposal = Cascade()(model, batch, Misclassify(), threat, seed=0)
        >>> proposal.found_by
        ('step', 'step')
    """

    access: ClassVar[Access] = "gradients"
    norms: ClassVar[tuple[str, ...]] = EVERY_NORM
    tasks: ClassVar[tuple[str, ...]] = EVERY_TASK
    reference: ClassVar[str] = (
        "In the spirit of AutoAttack: Croce & Hein, ICML 2020, arXiv:2003.01690"
    )
    summary: ClassVar[str] = (
        "six attacks in turn, each on the cases that withstood those before; no parameters"
    )

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the result of the first stage to reach the goal, else the best of all stages."""
        objective = Objective(model, batch, goal)
        known = replace(batch, before=objective.before)
        best = torch.zeros_like(batch.images)
        margins = objective.untouched()
        found_by = [""] * len(batch)
        left = torch.nonzero(margins <= 0).flatten()
        for stage in _stages(threat):
            if len(left) == 0:
                break
            proposal = stage.attack(
                model, known.select(left), goal, threat, seed=seed_for(seed, stage.name)
            )
            objective.n_gradients[left] += proposal.n_gradients.to(left.device)
            objective.n_forwards[left] += proposal.n_forwards.to(left.device)
            margin = objective.select(left).margin(proposal.delta)
            better = left[margin > margins[left]]
            best[better] = proposal.delta[margin > margins[left]]
            margins[left] = torch.maximum(margins[left], margin)
            for row in left[margin > 0].tolist():
                found_by[row] = stage.name
            left = left[margin <= 0]
        return replace(objective.proposal(best), found_by=tuple(found_by))


def _stages(threat: Threat) -> Iterator[Stage]:
    return (stage for stage in STAGES if threat.norm in stage.norms)
