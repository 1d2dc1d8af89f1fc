"""What a probe is: one thing an audit does to every case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from plexor.attacks.goals import Goal
from plexor.attacks.proposal import Proposal
from plexor.attacks.threat import Threat
from plexor.models.batch import Batch
from plexor.models.model import Model
from plexor.models.task import Task
from plexor.probes.materials import Materials, Needs


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a report says of a probe.

    Attributes:
        title: name in a heading, e.g. "PGD".
        summary: one line.
        access: what the probe sees of the model: "gradients", "scores", "decisions" or "none".
        reference: the source; "" where there is none.
        settings: the options as plain data.
    """

    title: str
    summary: str
    access: str = "none"
    reference: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)


class Described(Protocol):
    """What a planned probe and one that is ready have in common."""

    @property
    def id(self) -> str:
        """Unique in a plan, e.g. "pgd-linf-2"; the findings carry it."""
        ...

    @property
    def kind(self) -> str:
        """What it is: "clean", "attack", "shortcut", "control", or another key of the catalogue."""
        ...

    @property
    def name(self) -> str:
        """Name within its kind, e.g. "pgd"."""
        ...

    @property
    def goal(self) -> Goal | None:
        """What the judge measures success by; None where there is no success, only a change."""
        ...

    @property
    def threat(self) -> Threat | None:
        """Bound that the judge holds proposals to; None where there is none."""
        ...

    @property
    def about(self) -> About:
        """Description for the report."""
        ...


class Probe(Described, Protocol):
    """One thing done to every case, with everything it needs in memory.

    It is pickled for workers on other machines.
    """

    def propose(self, model: Model, batch: Batch, *, seed: int) -> Proposal:
        """Proposes a change of every case; the judge stores and measures it.

        A case's proposal depends on the case, the model and ``seed``, not on its neighbours.

        Args:
            model: what is audited; it stays as it is.
            batch: cases of one shape. ``before`` has the model's outputs for the untouched images,
                except for the clean probe, and ``stored`` the images as they were read.
            seed: of the audit; a probe derives its own streams with ``seed_for``.

        Raises:
            PlexorError: the probe cannot be applied to these cases; they count as failed.
        """
        ...


class PlannedProbe(Described, Protocol):
    """A probe as a plan asks for it, before files are read and attacks are fitted."""

    @property
    def control(self) -> PlannedProbe | None:
        """What its effect is compared with; equal controls of several probes are run once."""
        ...

    @property
    def needs(self) -> Needs:
        """Files, models and fits that ``ready`` asks for."""
        ...

    def check(self, task: Task) -> None:
        """Refuses a model's task on which the probe is not defined.

        Raises:
            PlanError: the task is of the wrong kind, or lacks a class that the goal names.
        """
        ...

    def check_images(self, batch: Batch) -> None:
        """Refuses images that the probe cannot be applied to, seen on the first cases.

        Raises:
            PlexorError: e.g. images that are stored as floating numbers and have no level.
        """
        ...

    def ready(self, materials: Materials) -> Ready:
        """Makes the probe of what the audit has read and fitted for it.

        Raises:
            PlexorError: a file is damaged, or holds something else.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A probe that can be carried out.

    Attributes:
        probe: the probe.
        made_from: hashes of everything it was made from beside its settings: files, fits.
        fit: how its attack was fitted, plain data for the summary; None for any other probe.
    """

    probe: Probe
    made_from: tuple[str, ...] = ()
    fit: dict[str, object] | None = None


class Standalone:
    """Defaults of a probe without goal, threat, control, files and fits, to derive from."""

    __slots__ = ()

    @property
    def goal(self) -> Goal | None:
        """None: what it changes is measured, without a success to count."""
        return None

    @property
    def threat(self) -> Threat | None:
        """None: the change has no bound."""
        return None

    @property
    def control(self) -> PlannedProbe | None:
        """None: it is compared with the untouched images only."""
        return None

    @property
    def needs(self) -> Needs:
        """Nothing."""
        return Needs()

    def check(self, task: Task) -> None:
        """Takes any task."""

    def check_images(self, batch: Batch) -> None:
        """Takes any images."""


def plain(options: Any) -> dict[str, object]:
    """The fields of an options dataclass as JSON's types; paths become strings."""
    settings: dict[str, object] = json.loads(json.dumps(asdict(options), default=str))
    return settings
