"""Every attack that searches anew for each case, for the tests of what all of them promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from plexor.attacks import Goal, Proposal, Threat, Transfer
from plexor.attacks.catalogue import SEARCHES, Search
from plexor.models import Batch, Model, TorchModel
from plexor.threat_model import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """A transfer attack whose surrogate is the audited model itself."""

    access: ClassVar[Access] = Transfer.access
    norms: ClassVar[tuple[str, ...]] = Transfer.norms
    tasks: ClassVar[tuple[str, ...]] = Transfer.tasks
    reference: ClassVar[str] = Transfer.reference
    summary: ClassVar[str] = Transfer.summary

    steps: int = 10

    def __call__(
        self, model: Model, batch: Batch, goal: Goal, threat: Threat, *, seed: int
    ) -> Proposal:
        assert isinstance(model, TorchModel)
        return Transfer(steps=self.steps).using([model])(model, batch, goal, threat, seed=seed)


ATTACKS: dict[str, type[Search]] = {**SEARCHES, "transfer": Mirrored}
ANY_FILE = {name: attack for name, attack in ATTACKS.items() if name != "jpeg"}
"""The attack on JPEG files has tests of its own, tests/unit/test_jpeg_search.py."""
NAMES_AND_NORMS = [(name, norm) for name, attack in ANY_FILE.items() for norm in attack.norms]
