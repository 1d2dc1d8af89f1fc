"""Shortcuts: something without clinical meaning, put into every image; and their control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
import torch

from plexor.attacks.proposal import Proposal
from plexor.core.errors import PlanError
from plexor.findings.planned import shuffled_id
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.models.task import Task
from plexor.probes.materials import Materials, Needs
from plexor.probes.piece import Piece
from plexor.probes.probe import About, Ready, plain
from plexor.probes.tags import TagOptions
from plexor.shortcuts import LISTED, Shortcut, rng_for, shuffled
from plexor.shortcuts.catalogue import DECIDED
from plexor.shortcuts.shortcut import Change, check_canvas
from plexor.shortcuts.tag_edits import ByCase


class ShortcutSource(Protocol):
    """Where a shortcut comes from: drawn by the plan's options, or cut from a photograph."""

    @property
    def needs(self) -> Needs:
        """See ``PlannedProbe``."""
        ...

    @property
    def settings(self) -> Mapping[str, object]:
        """The shortcut's options as plain data."""
        ...

    def shortcut(self, materials: Materials) -> tuple[Shortcut | ByCase, tuple[str, ...]]:
        """The shortcut, and hashes of the files it was made from.

        Raises:
            DataError: a file cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A shortcut that is drawn, and needs nothing beside its options.

    Attributes:
        artefact: the shortcut, a dataclass.
    """

    artefact: Shortcut
    needs: ClassVar[Needs] = Needs()

    @property
    def settings(self) -> Mapping[str, object]:
        """See ``ShortcutSource``."""
        return plain(self.artefact)

    def shortcut(self, materials: Materials) -> tuple[Shortcut, tuple[str, ...]]:
        """See ``ShortcutSource``."""
        return self.artefact, ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortcutProbe:
    """A shortcut that can be put into images.

    Attributes:
        id: unique in a plan.
        name: the shortcut's name in its catalogue; places are drawn for it.
        shortcut: the shortcut.
        about: see ``Described``.
    """

    kind: ClassVar[str] = "shortcut"
    goal: ClassVar[None] = None
    threat: ClassVar[None] = None

    id: str
    name: str
    shortcut: Shortcut | ByCase
    about: About

    def propose(self, model: Model, batch: Batch, *, seed: int) -> Proposal:
        """See ``Probe``; in float64, before rounding."""
        return _proposal(batch, [change for change, _ in self.changes(batch, seed=seed)])

    def changes(self, batch: Batch, *, seed: int) -> Iterator[tuple[Change, np.random.Generator]]:
        """Each case's change, (C, H, W) in stored numbers, and its random stream after it.

        Args:
            batch: the cases, with the images as they were read.
            seed: see ``Probe.propose``.
        """
        for case_id, image in zip(batch.ids, batch.stored, strict=True):
            rng = rng_for(seed, self.name, case_id)
            made = self.shortcut
            change = (
                made.change(image, case_id, rng=rng)
                if isinstance(made, ByCase)
                else made(image, rng=rng)
            )
            yield change, rng


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffledProbe:
    """The control of a shortcut: the same changes, by the same draws, in tiles dealt out anew.

    A shortcut that depends on the case brings a control of its own, see ``ByCase``.

    Attributes:
        of: the shortcut.
    """

    kind: ClassVar[str] = "control"
    goal: ClassVar[None] = None
    threat: ClassVar[None] = None

    of: ShortcutProbe

    @property
    def id(self) -> str:
        """See ``Described``."""
        return shuffled_id(self.of.id)

    @property
    def name(self) -> str:
        """The shortcut's."""
        return self.of.name

    @property
    def about(self) -> About:
        """The shortcut's."""
        return self.of.about

    def propose(self, model: Model, batch: Batch, *, seed: int) -> Proposal:
        """See ``Probe``; in float64, before rounding."""
        made = self.of.shortcut
        if isinstance(made, ByCase):
            changes = [
                made.control(image, case_id, rng=rng_for(seed, self.of.name, case_id))
                for case_id, image in zip(batch.ids, batch.stored, strict=True)
            ]
        else:
            changes = [shuffled(found, rng=rng) for found, rng in self.of.changes(batch, seed=seed)]
        return _proposal(batch, changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedShortcut:
    """A shortcut as a plan asks for it.

    Attributes:
        id: unique in a plan.
        name: the shortcut's name in its catalogue.
        options: the shortcut itself, or what it is cut from.
    """

    kind: ClassVar[str] = "shortcut"
    goal: ClassVar[None] = None
    threat: ClassVar[None] = None

    id: str
    name: str
    options: Shortcut | Piece | TagOptions

    @property
    def source(self) -> ShortcutSource:
        """Where the shortcut comes from."""
        if isinstance(self.options, Piece | TagOptions):
            return self.options
        return Drawn(artefact=self.options)

    @property
    def about(self) -> About:
        """See ``Described``."""
        entry = LISTED[self.name]
        return About(
            title=entry.title or entry.shortcut.__name__,
            summary=entry.summary,
            settings=self.source.settings,
        )

    @property
    def control(self) -> PlannedShuffled:
        """The same changes in tiles dealt out anew."""
        return PlannedShuffled(of=self)

    @property
    def needs(self) -> Needs:
        """See ``PlannedProbe``; those of the source."""
        return self.source.needs

    def check(self, task: Task) -> None:
        """See ``PlannedProbe``."""
        if task.kind not in DECIDED:
            raise PlanError(
                f"{self.name}: the effect of a shortcut is measured on decisions that change, so "
                f"it works for {', '.join(DECIDED)}, not for {task.kind}"
            )

    def check_images(self, batch: Batch) -> None:
        """See ``PlannedProbe``; refuses images that cannot be drawn on."""
        check_canvas(tuple(batch.images.shape[1:]))

    def ready(self, materials: Materials) -> Ready:
        """See ``PlannedProbe``."""
        probe, made_from = self.made(materials)
        return Ready(probe=probe, made_from=made_from)

    def made(self, materials: Materials) -> tuple[ShortcutProbe, tuple[str, ...]]:
        """The shortcut, and hashes of the files it was made from; errors as in ``ready``."""
        shortcut, made_from = self.source.shortcut(materials)
        probe = ShortcutProbe(id=self.id, name=self.name, shortcut=shortcut, about=self.about)
        return probe, made_from


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedShuffled:
    """The control of a shortcut, as it goes with the shortcut in a plan.

    Attributes:
        of: the shortcut.
    """

    kind: ClassVar[str] = "control"
    goal: ClassVar[None] = None
    threat: ClassVar[None] = None
    control: ClassVar[None] = None

    of: PlannedShortcut

    @property
    def id(self) -> str:
        """See ``Described``."""
        return shuffled_id(self.of.id)

    @property
    def name(self) -> str:
        """The shortcut's."""
        return self.of.name

    @property
    def about(self) -> About:
        """The shortcut's."""
        return self.of.about

    @property
    def needs(self) -> Needs:
        """The shortcut's."""
        return self.of.needs

    def check(self, task: Task) -> None:
        """See ``PlannedProbe``; as the shortcut."""
        self.of.check(task)

    def check_images(self, batch: Batch) -> None:
        """See ``PlannedProbe``; as the shortcut."""
        self.of.check_images(batch)

    def ready(self, materials: Materials) -> Ready:
        """See ``PlannedProbe``."""
        shortcut, made_from = self.of.made(materials)
        return Ready(probe=ShuffledProbe(of=shortcut), made_from=made_from)


def _proposal(batch: Batch, changes: Sequence[Change]) -> Proposal:
    return replace(Proposal.nothing(batch), delta=torch.from_numpy(np.stack(changes)))
