"""An attack by gradients that take some layers of the network as the identity."""

from __future__ import annotations

from dataclasses import dataclass

from plexor.attacks.goals import Goal
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.models.straight_through import StraightThrough


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """An attack on a model as ``StraightThrough`` differentiates it.

    Attributes:
        attack: the attack.
        layers: names of the layers that are taken as the identity.
    """

    attack: Attack
    layers: tuple[str, ...]

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """See ``Attack``.

        Raises:
            PlanError: the model has no network, or no layer of such a name.
        """
        guide = StraightThrough(model, self.layers)
        return self.attack(guide, batch, goal, threat, seed=seed)
