"""What was done to every case, and what came of it: one entry for each probe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

from pydantic import Discriminator

from plexor.cases.image import LOSSLESS
from plexor.findings.summary.counts import Count
from plexor.findings.summary.fit_summary import FitSummary
from plexor.findings.summary.goal_field import GoalField
from plexor.findings.summary.probe_details import (
    AttackAbout,
    Coefficients,
    Cost,
    Distance,
    Draws,
    Positions,
    ProbeAbout,
)
from plexor.findings.summary.results import AttackResult, Comparison, ShortcutResult
from plexor.findings.summary.visibility_summary import ProbeVisibility
from plexor.threat_model import Threat

R_co = TypeVar("R_co", covariant=True)


class ByContainer(Generic[R_co]):
    """A dataclass with a field ``stored``, container → figures, that always has "lossless"."""

    __slots__ = ()
    stored: Mapping[str, R_co]

    def __post_init__(self) -> None:
        if LOSSLESS not in self.stored:
            there = ", ".join(self.stored) or "none"
            raise ValueError(f"expected figures under `{LOSSLESS}`, got {there}")

    @property
    def lossless(self) -> R_co:
        """The figures of the losslessly stored images."""
        return self.stored[LOSSLESS]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackSummary(ByContainer[AttackResult]):
    """An attack under one threat, for one goal.

    Attributes:
        id: as in the findings.
        kind: of the probe.
        name: the attack's in the catalogue.
        about: what the catalogue says of it.
        settings: its options as resolved.
        fit: how it was fitted; None for an attack that is not fitted.
        threat: what it may change.
        goal: what it wants.
        goal_unit: unit of the numbers of a regression; "" for other tasks.
        control: id of the noise of the same size; None where that was not tried.
        n_out_of_threat: proposals the judge rejected; they never count as reached.
        cost: passes through the model.
        found_by: of an attack made of stages, stage → cases it was the first to reach; else empty.
        positions: of an attack that tries positions one by one; None for others.
        coefficients: of an attack that changes a JPEG file's coefficients; None for others.
        distance: lengths of the changes, over the cases attempted.
        visibility: how visible the changes are; None where not measured.
        stored: container → the figures of the images stored in it; "lossless" is always there.
        draws: of a model whose outputs vary; None for all others.
    """

    id: str
    kind: Literal["attack"] = "attack"
    name: str
    about: AttackAbout
    settings: Mapping[str, Any]
    fit: FitSummary | None
    threat: Threat
    goal: GoalField
    goal_unit: str
    control: str | None
    n_out_of_threat: Count
    cost: Cost
    found_by: Mapping[str, Count]
    positions: Positions | None
    coefficients: Coefficients | None
    distance: Distance
    visibility: ProbeVisibility | None
    stored: Mapping[str, AttackResult]
    draws: Draws | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortcutSummary(ByContainer[ShortcutResult]):
    """Something without clinical meaning, put into every image.

    Attributes:
        id: as in the findings.
        kind: of the probe.
        name: the shortcut's in the catalogue.
        about: what the catalogue says of it.
        settings: its options as resolved.
        control: id of the same change in shuffled tiles; None where that was not tried.
        distance: lengths of the changes.
        stored: container → the figures of the images stored in it; "lossless" is always there.
    """

    id: str
    kind: Literal["shortcut"] = "shortcut"
    name: str
    about: ProbeAbout
    settings: Mapping[str, Any]
    control: str | None
    distance: Distance
    stored: Mapping[str, ShortcutResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseSummary(ByContainer[Comparison]):
    """Random noise of an attack's size: the control of all attacks under one threat.

    Attributes:
        id: as in the findings.
        kind: of the probe.
        of: kind of the probes that it is the control of.
        name: what the control is.
        threat: that of the attacks.
        n_out_of_threat: noise the judge rejected.
        cost: passes through the model.
        distance: lengths of the changes.
        visibility: how visible the changes are; None where not measured.
        stored: container → the figures of the images stored in it; "lossless" is always there.
    """

    id: str
    kind: Literal["control"] = "control"
    of: Literal["attack"] = "attack"
    name: Literal["noise"] = "noise"
    threat: Threat
    n_out_of_threat: Count
    cost: Cost
    distance: Distance
    visibility: ProbeVisibility | None
    stored: Mapping[str, Comparison]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffledSummary(ByContainer[Comparison]):
    """The control of a shortcut: the same change in tiles dealt out anew.

    Attributes:
        id: as in the findings.
        kind: of the probe.
        of: kind of the probe that it is the control of.
        name: the shortcut's in the catalogue.
        about: what the catalogue says of the shortcut.
        settings: the shortcut's options as resolved.
        distance: lengths of the changes.
        stored: container → the figures of the images stored in it; "lossless" is always there.
    """

    id: str
    kind: Literal["control"] = "control"
    of: Literal["shortcut"] = "shortcut"
    name: str
    about: ProbeAbout
    settings: Mapping[str, Any]
    distance: Distance
    stored: Mapping[str, Comparison]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSummary(ByContainer[Comparison]):
    """A change of every image by a probe of any further kind, such as a corruption.

    Attributes:
        id: as in the findings.
        kind: of the entry.
        of: the probe's kind, as the plan names it.
        name: the probe's name within its kind.
        about: what the catalogue says of it.
        settings: its options as resolved.
        distance: lengths of the changes.
        stored: container → the figures of the images stored in it; "lossless" is always there.
    """

    id: str
    kind: Literal["change"] = "change"
    of: str
    name: str
    about: ProbeAbout
    settings: Mapping[str, Any]
    distance: Distance
    stored: Mapping[str, Comparison]


ProbeSummary: TypeAlias = Annotated[
    AttackSummary
    | ShortcutSummary
    | ChangeSummary
    | Annotated[NoiseSummary | ShuffledSummary, Discriminator("of")],
    Discriminator("kind"),
]
"""Any probe; ``kind`` tells them apart, and of a control ``of``."""
