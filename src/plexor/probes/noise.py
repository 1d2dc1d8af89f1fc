"""Noise within a threat: the control of every attack under that threat."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from plexor.attacks.control import matched_noise
from plexor.attacks.features import random_features
from plexor.attacks.goals import Goal
from plexor.attacks.proposal import Proposal
from plexor.attacks.storable import check_storable
from plexor.attacks.threat import Threat
from plexor.findings.planned import control_id
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.models.task import Task
from plexor.probes.materials import Materials, Needs
from plexor.probes.probe import About, Ready


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseProbe:
    """Noise that uses the whole radius and sees no model, see ``matched_noise``.

    Attributes:
        threat: norm, radius and region.
    """

    kind: ClassVar[str] = "control"
    name: ClassVar[str] = "noise"
    goal: ClassVar[Goal | None] = None
    control: ClassVar[None] = None
    needs: ClassVar[Needs] = Needs()

    threat: Threat

    @property
    def id(self) -> str:
        """See ``Described``; made of the threat, e.g. "noise-linf-2"."""
        return control_id(self.threat)

    @property
    def about(self) -> About:
        """See ``Described``."""
        return About(title="Noise", summary="noise of the same norm and radius as an attack")

    def check(self, task: Task) -> None:
        """Takes any task."""

    def check_images(self, batch: Batch) -> None:
        """See ``PlannedProbe``; refuses a radius that holds no change the images can store."""
        check_storable(self.threat, batch)

    def ready(self, materials: Materials) -> Ready:
        """See ``PlannedProbe``."""
        return Ready(probe=self)

    def propose(self, model: Model, batch: Batch, *, seed: int) -> Proposal:
        """See ``Probe``; each case's noise is drawn from a stream of its own."""
        noise = matched_noise(batch, self.threat, seed=seed)
        return replace(
            Proposal.nothing(batch),
            delta=noise,
            features=random_features(batch, self.threat, seed=seed),
        )
