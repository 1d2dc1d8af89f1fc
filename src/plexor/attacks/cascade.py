"""Several attacks in sequence, each on the cases that withstood those before."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from plexor.attacks.control import matched_noise
from plexor.attacks.description import EVERY_NORM, EVERY_TASK
from plexor.attacks.goals import Goal
from plexor.attacks.objective import Objective
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.randomness import fresh_margins, settled_samples, varies
from plexor.attacks.stages import STAGES, THOROUGH, Stage
from plexor.attacks.threat import Threat
from plexor.core.errors import ModelError, PlanError, unknown
from plexor.core.seeds import seed_for
from plexor.models.backward import Backward
from plexor.models.batch import Batch
from plexor.models.hiding_layers import hiding_layers
from plexor.models.model import HasNetwork, Model, answer
from plexor.models.passed_steps import PassedSteps
from plexor.models.unsaturated import Unsaturated, look_before_last
from plexor.threat_model import Access

logger = logging.getLogger(__name__)

Effort = Literal["standard", "thorough"]
_SAME = 1e-6
"""Relative change of a margin that counts as none."""


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
      al., ICML 2018), as many as it takes for the average to settle, and a case counts as reached
      only if most of fresh draws reach the goal.
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
        state = _State(Objective(model, batch, goal), threat)
        seen = state.look()
        for stage in self._stages(threat):
            left = state.flat(seed) if stage.flat_only else state.left
            if stage.raised_only:
                left = left[state.raised[left]]
            if len(left) == 0 or (stage.sees_gradients and seen.blind):
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


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What is known of the model.

    Attributes:
        guide: the model that stages with gradients search on.
        random: whether its outputs vary.
        samples: gradients to average; 0 while unknown or for a model that is not random.
        blind: whether it was found to have no gradient.
        searched: whether layers that hide the gradient were looked for.
    """

    guide: Model
    random: bool
    samples: int = 0
    blind: bool = False
    searched: bool = False


class _State:
    """The best perturbation of each case so far, and the cases left to search.

    Attributes:
        raised: whether the last stage raised a case's margin, (N,) bool.
    """

    def __init__(self, objective: Objective, threat: Threat) -> None:
        self.objective, self.threat = objective, threat
        self.batch = replace(objective.batch, before=objective.before)
        self._best = torch.zeros_like(self.batch.images)
        self._margins = objective.untouched()
        self.raised = torch.zeros_like(self._margins, dtype=torch.bool)
        self._found_by = [""] * len(objective)

    @property
    def left(self) -> Tensor:
        """Indices of the cases whose goal is not reached, int64."""
        return torch.nonzero(self._margins <= 0).flatten()

    def look(self) -> _Seen:
        """Whether the model is random, and what it ends with; one forward pass a case."""
        model, batch = self.objective.model, self.batch
        self.objective.n_forwards += 1
        with torch.no_grad():
            again, before_last = look_before_last(
                model.task, lambda: answer(model, batch, batch.images)
            )
        guide = model if before_last is None else Unsaturated(model)
        return _Seen(guide=guide, random=varies(self.objective.before, again))

    def pass_by(self, seen: _Seen) -> bool:
        """Lets gradients pass by layers that hide them; whether there are any.

        Costs forward passes of the cases left.
        """
        left = self.left
        if len(left) == 0:
            return False
        hiding = hiding_layers(self.objective.model, self.batch.select(left))
        self.objective.n_forwards[left] += hiding.n_passes
        seen.searched = True
        through = self.objective.model
        if hiding.stand_ins:
            logger.info("cascade: gradients pass by %s", ", ".join(hiding.stand_ins))
            through = Backward(through, hiding.stand_ins)
        if hiding.elsewhere and isinstance(through, HasNetwork) and self._blind(through, left):
            smooth = PassedSteps(through)
            if not self._blind(smooth, left):
                logger.info("cascade: gradients pass by steps in the network's code")
                through = smooth
        found = through is not self.objective.model
        if found:
            seen.guide = Unsaturated(through) if isinstance(seen.guide, Unsaturated) else through
        return found

    def _blind(self, model: Model, left: Tensor) -> bool:
        """Whether the model has no gradient for at least half of these cases.

        Costs one gradient each, and a forward pass where there is none.
        """
        some = Objective(model, self.batch.select(left), self.objective.goal)
        try:
            gradient = some.gradient(torch.zeros_like(some.batch.images), "margin")[2]
        except ModelError:
            self.objective.n_forwards[left] += 1
            return True
        self.objective.n_gradients[left] += 1
        return bool(gradient.flatten(1).any(dim=1).float().mean() <= 0.5)

    def flat(self, seed: int) -> Tensor:
        """Those of the cases left whose margin is the same under noise within the threat."""
        left = self.left
        if len(left) == 0:
            return left
        some = self.objective.select(left)
        noise = matched_noise(some.batch, self.threat, seed=seed_for(seed, "flat"))
        untouched = some.untouched()
        moved = (some.margin(noise) - untouched).abs()
        return left[moved <= _SAME * untouched.abs()]

    def take(self, name: str, left: Tensor, found: Proposal, *, random: bool) -> None:
        """Keeps the perturbations that raise the margin, and counts what they cost."""
        objective = self.objective
        objective.n_gradients[left] += found.n_gradients.to(left.device)
        objective.n_forwards[left] += found.n_forwards.to(left.device)
        some = objective.select(left)
        if random:
            margin = fresh_margins(some, found.delta).median(dim=0).values
        else:
            margin = some.margin(found.delta)
        better = margin > self._margins[left]
        self.raised = self.raised.zero_().index_fill_(0, left[better], True)
        self._best[left[better]] = found.delta[better]
        self._margins[left] = torch.maximum(self._margins[left], margin)
        for row in left[margin > 0].tolist():
            self._found_by[row] = name

    def proposal(self) -> Proposal:
        """The best perturbations, with the stages that reached the goal."""
        return replace(self.objective.proposal(self._best), found_by=tuple(self._found_by))
