"""What a cascade knows of the model, and the best perturbation of each case so far."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from plexor.attacks.control import matched_noise
from plexor.attacks.objective import Objective
from plexor.attacks.proposal import Proposal
from plexor.attacks.randomness import fresh_margins, varies
from plexor.attacks.threat import Threat
from plexor.core.errors import ModelError
from plexor.core.seeds import seed_for
from plexor.models.backward import Backward
from plexor.models.hiding_layers import hiding_layers
from plexor.models.model import HasNetwork, Model, answer
from plexor.models.passed_steps import PassedSteps
from plexor.models.unsaturated import Unsaturated, look_before_last

logger = logging.getLogger(__name__)

_SURE = 0.8
"""Share of draws that reach the goal from which on the case of a random model is left: of those in
which barely half do, other draws would undo every other."""
_SAME = 1e-6
"""Relative change of a margin that counts as none."""


@dataclass(slots=True, kw_only=True)
class Seen:
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


class State:
    """The best perturbation of each case so far, and the cases left to search.

    Attributes:
        raised: whether the last stage raised a case's margin, (N,) bool.
    """

    def __init__(self, objective: Objective, threat: Threat) -> None:
        self.objective, self.threat = objective, threat
        self.batch = replace(objective.batch, before=objective.before)
        self._best = torch.zeros_like(self.batch.images)
        self._margins = objective.untouched()
        self._sure = self._margins > 0
        self.raised = torch.zeros_like(self._margins, dtype=torch.bool)
        self._found_by = [""] * len(objective)

    @property
    def left(self) -> Tensor:
        """Indices of the cases whose goal is not reached, or by too few draws, int64."""
        return torch.nonzero(~self._sure).flatten()

    @property
    def n_ways(self) -> int:
        """Greatest number of ways to the goal, see ``Goal.ways``."""
        objective = self.objective
        before, task = objective.before, objective.model.task
        return objective.goal.ways(task, before, self.batch.truth, before).shape[1]

    def look(self) -> Seen:
        """Whether the model is random, and what it ends with.

        One forward pass a case; of a random model the untouched images are judged as others are.
        """
        model, batch = self.objective.model, self.batch
        self.objective.n_forwards += 1
        with torch.no_grad():
            again, before_last = look_before_last(
                model.task, lambda: answer(model, batch, batch.images)
            )
        guide = model if before_last is None else Unsaturated(model)
        random = varies(self.objective.before, again)
        if random:  # one answer may be wrong by chance
            self._margins, self._sure = self._judged(self.objective, self._best, random=True)
        return Seen(guide=guide, random=random)

    def pass_by(self, seen: Seen) -> bool:
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
        margin, sure = self._judged(some, found.delta, random=random)
        better = margin > self._margins[left]
        self._sure[left] = sure & better
        self.raised = self.raised.zero_().index_fill_(0, left[better], True)
        self._best[left[better]] = found.delta[better]
        self._margins[left] = torch.maximum(self._margins[left], margin)
        for row in left[better & (margin > 0)].tolist():
            self._found_by[row] = name

    @staticmethod
    def _judged(some: Objective, delta: Tensor, *, random: bool) -> tuple[Tensor, Tensor]:
        """Margins, of a random model their medians, and whether the goal is reached for sure."""
        if not random:
            margin = some.margin(delta)
            return margin, margin > 0
        draws = fresh_margins(some, delta)
        return draws.median(dim=0).values, (draws > 0).float().mean(dim=0) >= _SURE

    def proposal(self) -> Proposal:
        """The best perturbations, with the stages that reached the goal."""
        return replace(self.objective.proposal(self._best), found_by=tuple(self._found_by))
