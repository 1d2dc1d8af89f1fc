"""Several attacks in sequence, each on the cases that withstood those before."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar, Literal, get_args

from plexor.attacks.cascade_state import State
from plexor.attacks.description import EVERY_NORM, EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.randomness import settled_samples
from plexor.attacks.stages import STAGES, THOROUGH, Stage
from plexor.attacks.threat import Threat
from plexor.core.errors import ModelError, PlanError, unknown
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.threat_model import Access

logger = logging.getLogger(__name__)

Effort = Literal["standard", "thorough"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """A sequence of attacks, each on the cases that withstood those before.

    In the spirit of AutoAttack (Croce & Hein, ICML 2020), for every task: a case goes on to the
    next stage only while its goal is not reached on the storable image. ``Proposal.found_by`` names
    the stage that reached it; a stage that is never named added nothing.

    It adapts to the model:

    - Where layers round, compare, detach or leave torch, and keep the shape of their inputs or
      change their spatial size alone, gradients are those of the identity or of linear
      interpolation instead (``Backward``).
    - Where the gradient is zero or missing all the same, because the network's own code rounds,
      compares, detaches or casts to integers, gradients pass by these calls (``PassedSteps``).
    - Where the model has no gradient then, e.g. because it computes with NumPy outside of
      such layers, the stages that need one are skipped, with a warning in the log and the flag
      ``stages-skipped`` in an audit; stages by queries still run.
    - Where the outputs for the same images vary, gradients are averages over draws (EOT; Athalye et
      al., ICML 2018), as many as it takes for the average to settle; a case counts as reached
      only if most of fresh draws reach the goal, and is searched on until four of five do.
    - Where a model of one class a case ends with a softmax, a tanh or a sigmoid, gradients are
      taken of what goes into it, since those of the outputs vanish.
    - Queries (Square Attack) go on after the first 200 only for cases in which these raised the
      margin beyond what gradients did.
    - Where noise within the threat does not change the score of a case, a search by decisions
      follows (L∞ and L2).

    Attributes:
        effort: "standard" (``STAGES``) or "thorough" (``THOROUGH``), which has the stages, targets,
            restarts and queries of AutoAttack's standard version.

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
        "a sequence of attacks, each on the cases that withstood those before; adapts to the model"
    )

    effort: Effort = "standard"

    def __post_init__(self) -> None:
        if self.effort not in get_args(Effort):
            raise PlanError("cascade: " + unknown("effort", self.effort, get_args(Effort)))

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """Proposes the result of the first stage to reach the goal, else the best of all stages."""
        state = State(Objective(model, batch, goal), threat)
        seen = state.look()
        for stage in self._stages(threat):
            left = state.flat(seed) if stage.flat_only else state.left
            if stage.raised_only:
                left = left[state.raised[left]]
            if len(left) == 0 or (stage.sees_gradients and seen.blind):
                continue
            if stage.several_ways and state.n_ways < 2:
                continue
            subject = seen.guide if stage.sees_gradients else model
            first = stage.sees_gradients and not seen.searched
            try:
                if stage.sees_gradients and seen.random and not seen.samples:
                    seen.samples = settled_samples(state.objective)
                found = averaged(stage.attack, seen.samples)(
                    subject, state.batch.select(left), goal, threat, seed=seed_for(seed, stage.name)
                )
            except ModelError as error:
                if not stage.sees_gradients:
                    raise
                if first and state.pass_by(seen):
                    continue
                seen.blind = True
                logger.warning(
                    "cascade: the model has no gradient; stages that need one are skipped (%s)",
                    error,
                )
                continue
            state.take(stage.name, left, found, random=seen.random)
            if first:
                state.pass_by(seen)
        return state.proposal()

    def guide(self, model: Model, batch: Batch, goal: Goal, threat: Threat) -> Model:
        """The model as the stages with gradients differentiate it: ``model`` if as it is.

        Args:
            model: any model.
            batch: cases to run it on; those at the goal already say nothing of it.
            goal: as of an attack.
            threat: as of an attack.

        Raises:
            ModelError: the model does not run.
        """
        state = State(Objective(model, batch, goal), threat)
        seen = state.look()
        state.pass_by(seen)
        return seen.guide

    def _stages(self, threat: Threat) -> Iterator[Stage]:
        stages = STAGES if self.effort == "standard" else THOROUGH
        return (stage for stage in stages if threat.norm in stage.norms)


def averaged(attack: Attack, samples: int) -> Attack:
    """The attack with its gradients averaged over draws, searching on after a success.

    One draw that reaches the goal says little of a random model. Attacks without these options,
    and all for fewer than two samples, stay as they are.
    """
    options: Any = attack
    known = {field.name for field in fields(options)} if is_dataclass(options) else set()
    wanted = {"samples": samples, "stop_at_success": False}
    if samples < 2 or not wanted.keys() <= known:
        return attack
    averaging: Attack = replace(options, **wanted)
    return averaging
