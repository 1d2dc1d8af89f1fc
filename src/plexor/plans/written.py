"""Goals, threats and regions in a plan, and the protocol of its probes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union

from pydantic import BeforeValidator, Discriminator, Field, Tag

from plexor.attacks.goals import (
    GOALS,
    AnyGoal,
    Become,
    Drift,
    Erase,
    Flip,
    LowerDice,
    Misclassify,
    Move,
    Spread,
)
from plexor.attacks.region import REGIONS, Border, Masked
from plexor.attacks.threat import Threat
from plexor.core.written import Written
from plexor.probes import PlannedProbe
from plexor.threat_model import Access, Channels, Norm, Unit, read_goal, read_region
from plexor.threat_model.goals import current_spelling, goal_key

MOST_RADII = 100
"""Radii of one attack; each is a probe."""


def _several(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def named_goal(value: object) -> object:
    """Replaces a goal's short form, such as ``{become: nv}``, by the goal.

    Plain data with a ``kind`` is passed on, with the field names of this version.

    Raises:
        PlanError: no goal has this short form.
    """
    if isinstance(value, AnyGoal):
        return value
    if isinstance(value, Mapping) and "kind" in value:
        goal_key(value)
        return current_spelling(value)
    return read_goal(value, GOALS.values())


def _named_region(value: object) -> object:
    """Replaces a region's short form, such as ``{border: 8}``, by the region."""
    if value is None or isinstance(value, Border | Masked):
        return value
    if isinstance(value, Mapping) and "kind" in value:
        return value
    return read_region(value, REGIONS.values())


def _key(value: Any) -> str:
    """The name of the goal that a value is, or that plain data describes."""
    return type(value).__name__ if isinstance(value, AnyGoal) else goal_key(value)


WrittenGoal: Any = Union[*(goal.plan_type for goal in GOALS.values()), *GOALS.values()]
"""The short forms of goals in a plan."""
GoalPlan = Annotated[
    Annotated[
        Annotated[Misclassify, Tag("Misclassify")]
        | Annotated[Become, Tag("Become")]
        | Annotated[Flip, Tag("Flip")]
        | Annotated[Move, Tag("Move")]
        | Annotated[LowerDice, Tag("LowerDice")]
        | Annotated[Erase, Tag("Erase")]
        | Annotated[Spread, Tag("Spread")]
        | Annotated[Drift, Tag("Drift")],
        Discriminator(_key),
    ],
    BeforeValidator(named_goal, json_schema_input_type=WrittenGoal),
]
"""A goal as a field of a plan."""
WrittenRegion: Any = Union[*(region.plan_type for region in REGIONS.values()), *REGIONS.values()]
"""The short forms of regions in a plan."""


class ThreatPlan(Written):
    """One norm with one or several radii; each radius becomes a probe.

    ``access`` is what the adversary sees of the model; an attack that needs more is refused.
    """

    norm: Norm
    radius: Annotated[
        tuple[float, ...],
        Field(min_length=1, max_length=MOST_RADII),
        BeforeValidator(_several, json_schema_input_type=float | tuple[float, ...]),
    ]
    unit: Unit = "level"
    channels: Channels = "together"
    region: Annotated[
        Annotated[Border | Masked, Field(discriminator="kind")] | None,
        BeforeValidator(_named_region, json_schema_input_type=WrittenRegion | None),
    ] = None
    features: Mapping[str, float] = Field(
        {},
        description="of the model's features, those that may move too: name → how far, in its unit",
    )
    access: Access = Field("gradients", description="the most an attack may see of the model")

    def threats(self) -> Iterator[Threat]:
        """One threat for each radius."""
        for radius in self.radius:
            yield Threat(
                norm=self.norm,
                radius=radius,
                unit=self.unit,
                channels=self.channels,
                region=self.region,
                features=self.features,
            )


class ProbePlan(Written):
    """One entry of a plan's ``probes``."""

    kind: str
    id: str | None = None

    def probes(self) -> Iterator[PlannedProbe]:
        """The probes of this entry, without their controls."""
        raise NotImplementedError

    def written(self) -> dict[str, object]:
        """Plain data with all defaults."""
        return self.model_dump(mode="json")
