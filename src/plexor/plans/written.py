"""Goals, threats and regions as a plan writes them, and what its probes have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from plexor.attacks.catalogue import Access
from plexor.attacks.goals import (
    Become,
    Drift,
    Erase,
    Flip,
    LowerDice,
    Misclassify,
    Move,
    Spread,
)
from plexor.attacks.region import Border, Masked
from plexor.attacks.threat import Channels, Norm, Threat, Unit
from plexor.core.errors import PlanError, unknown
from plexor.probes import PlannedProbe

STRICT = ConfigDict(extra="forbid", frozen=True)


def _several(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def named_goal(value: object) -> object:
    """Lets a plan say ``misclassify``, ``{become: nv}``, ``{drift: disc, by: 4}`` and so on."""
    if value == "misclassify":
        return Misclassify()
    if isinstance(value, AnyGoal):
        return value
    written = dict(value) if isinstance(value, Mapping) else {}
    if "kind" in written:
        if written["kind"] not in _KINDS:
            raise PlanError("goal: " + unknown("kind", str(written["kind"]), _KINDS))
        return value
    goal = None if any(isinstance(one, bool) for one in written.values()) else _goal(written)
    if goal is None:
        raise PlanError(
            "goal: expected `misclassify`, `{become: CLASS}`, `{hide: FINDING}`, "
            "`{invent: FINDING}`, `{raise: NUMBER}`, `{lower: NUMBER}`, `{deviate: NUMBER}`, or of "
            "a segmentation `{lower-dice: CLASS, below: DICE}`, `{erase: CLASS, keep: SHARE}`, "
            "`{grow: CLASS, by: TIMES}`, `{invent: CLASS, by: SHARE}` or "
            f"`{{drift: CLASS, by: PIXELS}}`, got {value!r}"
        )
    return goal


def _goal(written: Mapping[str, Any]) -> AnyGoal | None:
    """The goal that a plan's short form stands for; None where it stands for none."""
    made: AnyGoal | None = None
    match len(written), written:
        case 1, {"become": target}:
            made = Become(target=str(target))
        case 1, {"hide": finding}:
            made = Flip(finding=str(finding), kind="hide")
        case 1, {"invent": finding}:
            made = Flip(finding=str(finding), kind="invent")
        case 1, {"raise": int() | float() as by}:
            made = Move(by=by, kind="raise")
        case 1, {"lower": int() | float() as by}:
            made = Move(by=by, kind="lower")
        case 1, {"deviate": int() | float() as by}:
            made = Move(by=by, kind="deviate")
        case 2, {"lower-dice": of, "below": int() | float() as below}:
            made = LowerDice(of=str(of), below=below)
        case 1, {"erase": of}:
            made = Erase(of=str(of))
        case 2, {"erase": of, "keep": int() | float() as keep}:
            made = Erase(of=str(of), keep=keep)
        case 2, {"grow": of, "by": int() | float() as by}:
            made = Spread(of=str(of), by=by, kind="grow")
        case 2, {"invent": of, "by": int() | float() as by}:
            made = Spread(of=str(of), by=by, kind="invent")
        case 2, {"drift": of, "by": int() | float() as by}:
            made = Drift(of=str(of), by=by)
    return made


def _named_region(value: object) -> object:
    """Lets a plan say ``region: {border: 8}`` and ``{masked: lesion, outside: true}``."""
    if value is None or isinstance(value, Border | Masked):
        return value
    match value:
        case {"kind": _}:
            return value
        case {"border": width, **rest} if type(width) is int and not rest:
            return Border(width=width)
        case {"masked": str() as mask, "outside": bool() as outside, **rest} if not rest:
            return Masked(mask=mask, outside=outside)
        case {"masked": str() as mask, **rest} if not rest:
            return Masked(mask=mask)
    raise PlanError(
        "region: expected `{border: WIDTH}`, `{masked: NAME}` or `{masked: NAME, outside: true}`, "
        f"got {value!r}"
    )


AnyGoal = Misclassify | Become | Flip | Move | LowerDice | Erase | Spread | Drift
_KINDS: dict[str, type[AnyGoal]] = {
    "misclassify": Misclassify,
    "become": Become,
    "hide": Flip,
    "invent": Flip,
    "raise": Move,
    "lower": Move,
    "deviate": Move,
    "lower-dice": LowerDice,
    "erase": Erase,
    "grow": Spread,
    "drift": Drift,
}


def _class_of(value: Any) -> str:
    """Which goal a value is, or a mapping with a ``kind`` describes; to invent is said of two."""
    if isinstance(value, AnyGoal):
        return type(value).__name__
    of_segmentation = value["kind"] == "invent" and "of" in value
    return "Spread" if of_segmentation else _KINDS[value["kind"]].__name__


WrittenGoal = (
    Literal["misclassify"]
    | dict[Literal["become", "hide", "invent"], str]
    | dict[Literal["raise", "lower", "deviate"], float]
    | dict[Literal["lower-dice", "below"], str | float]
    | dict[Literal["erase", "keep"], str | float]
    | dict[Literal["grow", "invent", "drift", "by"], str | float]
    | AnyGoal
)
"""The ways to write a goal in a plan."""
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
        Discriminator(_class_of),
    ],
    BeforeValidator(named_goal, json_schema_input_type=WrittenGoal),
]
"""A goal as a field of a plan."""
WrittenRegion = (
    dict[Literal["border"], int] | dict[Literal["masked", "outside"], str | bool] | Border | Masked
)
"""The ways to write a region."""

ACCESS: tuple[Access, ...] = ("none", "decisions", "scores", "gradients")
"""From the least to the most; who may see the one sees what is before it."""


class ThreatPlan(BaseModel):
    """One norm and one radius or several; each radius becomes a probe.

    ``access`` is what an adversary sees of the model; an attack that needs more is refused.
    """

    model_config = STRICT
    norm: Norm
    radius: Annotated[
        tuple[float, ...],
        Field(min_length=1),
        BeforeValidator(_several, json_schema_input_type=float | tuple[float, ...]),
    ]
    unit: Unit = "level"
    channels: Channels = "together"
    region: Annotated[
        Annotated[Border | Masked, Field(discriminator="kind")] | None,
        BeforeValidator(_named_region, json_schema_input_type=WrittenRegion | None),
    ] = None
    access: Access = Field("gradients", description="the most an attack may see of the model")

    def threats(self) -> Iterator[Threat]:
        """One for each radius."""
        for radius in self.radius:
            yield Threat(
                norm=self.norm,
                radius=radius,
                unit=self.unit,
                channels=self.channels,
                region=self.region,
            )


class ProbePlan(BaseModel):
    """One entry of a plan's ``probes``."""

    model_config = STRICT

    kind: str
    id: str | None = None

    def probes(self) -> Iterator[PlannedProbe]:
        """The probes it asks for, without their controls."""
        raise NotImplementedError

    def written(self) -> dict[str, object]:
        """Plain data with every default written out."""
        return self.model_dump(mode="json")
