"""Attacks on grey images that are stored with equal channels: a search in one channel.

Under ``channels: tied`` a perturbation is the same in every channel. An attack is given images of
one channel, a model that repeats it, and a threat whose radius is that of the stored image, so that
every attack keeps the channels equal without knowing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from plexor.attacks.fitted import Fitted, FittedAttack
from plexor.attacks.goals import Goal
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.models.tied import tied_batch, tied_model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tied:
    """An attack whose perturbation is equal in all channels.

    Attributes:
        attack: what searches.

    Example:
        >>> import torch
        >>> from dataclasses import replace
        >>> from torch import nn
        >>> from plexor.attacks import Misclassify, PGD, Threat
        >>> from plexor.attacks.example import tiny_problem
        >>> from plexor.models import Preprocess, TorchModel
        >>> grey, batch = tiny_problem()
        >>> network = nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), grey.network)
        >>> network[0].weight.data = torch.tensor([2.0, -0.5, -0.5]).view(1, 3, 1, 1)
        >>> model = TorchModel(network, task=grey.task, preprocess=Preprocess(window=(0.0, 1.0)))
        >>> stored = replace(batch, images=batch.images.repeat(1, 3, 1, 1))
        >>> threat = Threat(norm="linf", radius=3, channels="tied")
        >>> proposal = Tied(attack=PGD(steps=2))(model, stored, Misclassify(), threat, seed=0)
        >>> proposal.delta.mean((2, 3)).tolist()
        [[3.0, 3.0, 3.0], [-3.0, -3.0, -3.0]]
    """

    attack: Attack

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        """See ``Attack``.

        Raises:
            DataError: an image has channels that differ.
        """
        grey = tied_batch(batch)
        found = self.attack(tied_model(model, grey.copies), grey, goal, threat, seed=seed)
        return replace(found, delta=untied(found.delta, batch))


def untied(delta: Tensor, batch: Batch) -> Tensor:
    """A perturbation of one channel, in every channel of the stored images."""
    return delta.expand(batch.images.shape).clone()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _TiedBatches:
    """Batches that are tied as they are iterated."""

    batches: Iterable[Batch]

    def __iter__(self) -> Iterator[Batch]:
        return map(tied_batch, self.batches)


def fit(
    attack: FittedAttack,
    model: Model,
    batches: Iterable[Batch],
    goal: Goal,
    threat: Threat,
    *,
    n_channels: int,
    seed: int,
) -> Fitted:
    """Fits an attack, in one channel where the threat ties them; see ``FittedAttack.fit``."""
    if threat.channels != "tied":
        return attack.fit(model, batches, goal, threat, seed=seed)
    asked = tied_model(model, n_channels)
    return attack.fit(asked, _TiedBatches(batches=batches), goal, threat, seed=seed)
