"""Attacks: a search under a threat, for a goal, wherever the search comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from plexor.attacks import catalogue
from plexor.attacks.engine import propose, unreached
from plexor.attacks.goals import Goal
from plexor.attacks.proposal import Attack, Proposal
from plexor.attacks.storable import check_storable
from plexor.attacks.threat import Threat
from plexor.attacks.through import Through
from plexor.attacks.tied import Tied
from plexor.core.errors import PlanError
from plexor.core.ids import digest
from plexor.core.seeds import seed_for
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.models.stand_ins import written
from plexor.models.task import Task
from plexor.probes.materials import CodedStandIn, Materials, Needs, PlannedStandIn, resolved
from plexor.probes.noise import NoiseProbe
from plexor.probes.probe import About, Ready, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """An attack as its source gave it.

    Attributes:
        attack: the attack.
        made_from: see ``Ready``.
        fit: see ``Ready``.
    """

    attack: Attack
    made_from: tuple[str, ...] = ()
    fit: dict[str, object] | None = None


class Source(Protocol):
    """Where an attack comes from: the plan itself, a fit, a file, or a search on other models."""

    @property
    def needs(self) -> Needs:
        """See ``PlannedProbe``."""
        ...

    @property
    def settings(self) -> Mapping[str, object]:
        """The attack's options as plain data."""
        ...

    def attack(self, probe_id: str, materials: Materials) -> Sourced:
        """Gives the attack once everything it needs is there.

        Raises:
            PlexorError: a file is damaged, or holds something else.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """An attack that searches anew for every case, and needs nothing beside its options.

    Attributes:
        search: the attack, a dataclass.
        backward: name of a layer → what stands for it in the backward pass.
    """

    search: catalogue.Search
    backward: Mapping[str, PlannedStandIn] = field(default_factory=dict)

    @property
    def needs(self) -> Needs:
        """See ``Source``."""
        coded = [one for one in self.backward.values() if isinstance(one, CodedStandIn)]
        return Needs(
            access=self.search.access,
            layers=bool(self.backward),
            backward=self.backward,
            files=tuple(one.weights for one in coded if one.weights is not None),
        )

    @property
    def settings(self) -> Mapping[str, object]:
        """See ``Source``."""
        if not self.backward:
            return plain(self.search)
        said = {
            name: one.written if isinstance(one, CodedStandIn) else written(one)
            for name, one in self.backward.items()
        }
        return plain(self.search) | {"backward": said}

    def attack(self, probe_id: str, materials: Materials) -> Sourced:
        """See ``Source``."""
        if not self.backward:
            return Sourced(attack=self.search)
        through = Through(attack=self.search, backward=resolved(self.backward, materials.networks))
        hashes = [materials.networks[one][1] for one in self.needs.coded]
        made_from = (digest(dict(self.settings)), *hashes) if hashes else ()
        return Sourced(attack=through, made_from=made_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackProbe:
    """An attack that can be carried out.

    Attributes:
        id: unique in a plan.
        name: the attack's name in its catalogue.
        goal: what it wants.
        threat: what it may do.
        attack: how it searches.
        settings: its options as plain data.
    """

    kind: ClassVar[str] = "attack"

    id: str
    name: str
    goal: Goal
    threat: Threat
    attack: Attack
    settings: Mapping[str, object]

    @property
    def about(self) -> About:
        """See ``Described``."""
        return _about(self.name, self.settings)

    def propose(self, model: Model, batch: Batch, *, seed: int) -> Proposal:
        """See ``Probe``; cases that are at the goal before anything is done stay as they are."""
        return propose(
            model,
            batch,
            self.attack,
            self.goal,
            self.threat,
            attempted=unreached(self.goal, model.task, batch),
            seed=seed_for(seed, self.id),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAttack:
    """An attack as a plan asks for it.

    Attributes:
        id: unique in a plan.
        name: the attack's name in its catalogue.
        goal: what it wants.
        threat: what it may do.
        source: where the attack comes from.
    """

    kind: ClassVar[str] = "attack"

    id: str
    name: str
    goal: Goal
    threat: Threat
    source: Source

    @property
    def about(self) -> About:
        """See ``Described``."""
        return _about(self.name, self.source.settings)

    @property
    def control(self) -> NoiseProbe:
        """Noise of the same norm and radius."""
        return NoiseProbe(threat=self.threat)

    @property
    def needs(self) -> Needs:
        """See ``PlannedProbe``; those of the source."""
        return self.source.needs

    def check(self, task: Task) -> None:
        """See ``PlannedProbe``."""
        self.goal.check(task)
        tasks = catalogue.CATALOGUE[self.name].tasks
        if task.kind not in tasks:
            raise PlanError(f"{self.name} works for {', '.join(tasks)}, not for {task.kind}")
        if self.threat.features and self.needs.access != "gradients":
            raise PlanError(
                f"threat: `features` are moved along the model's gradients, and {self.name} sees "
                f"its {self.needs.access} only; take an attack by gradients, or hold the features"
            )

    def check_images(self, batch: Batch) -> None:
        """See ``PlannedProbe``; refuses a radius that holds no change the images can store."""
        check_storable(self.threat, batch)

    def ready(self, materials: Materials) -> Ready:
        """See ``PlannedProbe``."""
        found = self.source.attack(self.id, materials)
        probe = AttackProbe(
            id=self.id,
            name=self.name,
            goal=self.goal,
            threat=self.threat,
            attack=Tied(attack=found.attack) if self.threat.channels == "tied" else found.attack,
            settings=self.source.settings,
        )
        return Ready(probe=probe, made_from=found.made_from, fit=found.fit)


def _about(name: str, settings: Mapping[str, object]) -> About:
    attack = catalogue.CATALOGUE[name]
    return About(
        title=attack.__name__,
        summary=attack.summary,
        access=attack.access,
        reference=attack.reference,
        settings=settings,
    )
