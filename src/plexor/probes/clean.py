"""The untouched images, which every other probe is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from plexor.attacks.proposal import Proposal
from plexor.findings import CLEAN
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.probes.materials import Materials
from plexor.probes.probe import About, Ready, Standalone


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanProbe(Standalone):
    """Changes nothing."""

    id: ClassVar[str] = CLEAN
    kind: ClassVar[str] = "clean"
    name: ClassVar[str] = "clean"

    @property
    def about(self) -> About:
        """See ``Described``."""
        return About(title="Untouched", summary="images as they are stored")

    def ready(self, materials: Materials) -> Ready:
        """See ``PlannedProbe``."""
        return Ready(probe=self)

    def propose(self, model: Model, batch: Batch, *, seed: int) -> Proposal:
        """See ``Probe``."""
        return Proposal.nothing(batch)
