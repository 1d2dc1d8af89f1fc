"""An attack by gradients in which something else stands for some layers of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plexor.attacks.goals import Goal
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.threat import Threat
from plexor.models.backward import Backward
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.models.stand_ins import StandIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """An attack on a model as ``Backward`` differentiates it (BPDA).

    Attributes:
        attack: the attack.
        backward: name of a layer → what stands for it in the backward pass.

    Example:
        >>> import torch
        >>> from dataclasses import replace
        >>> from torch import nn
        >>> from plexor.attacks import FGSM, Misclassify, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> from plexor.models import TorchModel
        >>> from plexor.models.stand_ins import Identity
        >>> class Coarse(nn.Module):
        ...     def forward(self, inputs):
        ...         return (8 * inputs).round() / 8
        >>> plain, batch = tiny_problem()
        >>> model = TorchModel(nn.Sequential(Coarse(), plain.network), task=plain.task)
        >>> attack = Through(attack=FGSM(), backward={"0": Identity()})
        >>> threat = Threat(norm="linf", radius=3)
        >>> attack(model, batch, Misclassify(), threat, seed=0).delta.abs().amax((1, 2, 3))
        tensor([3., 3.])
    """

    attack: Attack
    backward: Mapping[str, StandIn]

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """See ``Attack``.

        Raises:
            PlanError: the model has no network, or no layer of such a name.
        """
        guide = Backward(model, self.backward)
        return self.attack(guide, batch, goal, threat, seed=seed)
