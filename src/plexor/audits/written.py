"""Goals, threats and regions as a plan writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from plexor.attacks.catalogue import Access
from plexor.attacks.goals import Become, Flip, Misclassify, Move
from plexor.attacks.region import Border, Masked
from plexor.attacks.threat import Channels, Norm, Threat, Unit
from plexor.core.errors import PlanError

STRICT = ConfigDict(extra="forbid", frozen=True)


def _several(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def named_goal(value: object) -> object:
    """Lets a plan say ``misclassify``, ``{become: nv}``, ``{hide: effusion}``, ``{raise: 5}``."""
    if value == "misclassify":
        return Misclassify()
    if isinstance(value, AnyGoal) or (isinstance(value, Mapping) and "kind" in value):
        return value
    written: Any = dict(value) if isinstance(value, Mapping) and len(value) == 1 else {"": None}
    ((kind, wanted),) = written.items()
    if kind == "become":
        return Become(target=str(wanted))
    if kind in ("hide", "invent"):
        return Flip(finding=str(wanted), kind=kind)
    if kind in ("raise", "lower", "deviate") and type(wanted) in (int, float):
        return Move(by=wanted, kind=kind)
    raise PlanError(
        "goal: expected `misclassify`, `{become: CLASS}`, `{hide: FINDING}`, `{invent: FINDING}`, "
        f"`{{raise: NUMBER}}`, `{{lower: NUMBER}}` or `{{deviate: NUMBER}}`, got {value!r}"
    )


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


AnyGoal = Misclassify | Become | Flip | Move
WrittenGoal = (
    Literal["misclassify"]
    | dict[Literal["become", "hide", "invent"], str]
    | dict[Literal["raise", "lower", "deviate"], float]
    | AnyGoal
)
"""The ways to write a goal in a plan."""
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
