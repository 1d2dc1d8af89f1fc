"""What stands for a layer in the backward pass, as a plan writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import BeforeValidator, Discriminator, Field, Tag

from plexor.core.errors import PlanError, unknown
from plexor.core.written import Written
from plexor.models.stand_ins import Blur, Identity, Resize, Sigmoid
from plexor.probes import CodedStandIn, PlannedStandIn


class BlurPlan(Written):
    """``{blur: SIGMA}``, see ``Blur``."""

    blur: float = Field(gt=0, allow_inf_nan=False, description="standard deviation in pixels")

    def stand_in(self) -> PlannedStandIn:
        """The stand-in."""
        return Blur(blur=self.blur)


class SigmoidWritten(Written):
    """Threshold and width, see ``Sigmoid``."""

    at: float = Field(description="the threshold, in numbers of the layer's input")
    width: float = Field(gt=0, allow_inf_nan=False, description="over which the function rises")


class SigmoidPlan(Written):
    """``{sigmoid: {at: THRESHOLD, width: WIDTH}}``, see ``Sigmoid``."""

    sigmoid: SigmoidWritten

    def stand_in(self) -> PlannedStandIn:
        """The stand-in."""
        return Sigmoid(at=self.sigmoid.at, width=self.sigmoid.width)


class PythonPlan(Written):
    """``{python: package.module:factory, weights: FILE}``, a network of your own."""

    python: str = Field(description="makes the network; runs code, so it needs --allow-code")
    weights: Path | None = Field(None, description="its parameters, safetensors or a state dict")

    def stand_in(self) -> PlannedStandIn:
        """The stand-in, whose code has not been run."""
        return CodedStandIn(python=self.python, weights=self.weights)


_NAMED: Mapping[str, PlannedStandIn] = {one.name: one for one in (Identity(), Resize())}
_KINDS = (*_NAMED, "blur", "sigmoid", "python")


def _key(value: Any) -> str:
    """The kind of stand-in: "named", or the key that says it."""
    if isinstance(value, str):
        return "named"
    if isinstance(value, BlurPlan | SigmoidPlan | PythonPlan):
        return type(value).__name__.removesuffix("Plan").lower()
    return next((key for key in value if key in _KINDS), "named")


def _known(value: object) -> object:
    """Refuses what is no stand-in.

    Raises:
        PlanError: no stand-in is written so.
    """
    forms = "identity, resize, {blur: SIGMA}, {sigmoid: {at: X, width: W}} or {python: MODULE:NAME}"
    if isinstance(value, str):
        if value not in _NAMED:
            needs = ", which needs its numbers: " + forms if value in _KINDS else ""
            raise PlanError("backward: " + unknown("stand-in", value, _KINDS) + needs)
        return value
    if isinstance(value, BlurPlan | SigmoidPlan | PythonPlan):
        return value
    if not isinstance(value, Mapping) or not any(key in _KINDS for key in value):
        raise PlanError(f"backward: expected {forms}, got {value!r}")
    return value


_Written = Union[  # noqa: UP007
    Annotated[Literal["identity", "resize"], Tag("named")],
    Annotated[BlurPlan, Tag("blur")],
    Annotated[SigmoidPlan, Tag("sigmoid")],
    Annotated[PythonPlan, Tag("python")],
]
StandInPlan = Annotated[
    Annotated[_Written, Discriminator(_key)],
    BeforeValidator(_known, json_schema_input_type=_Written),
]
"""What stands for a layer, as a field of a plan."""


def planned(written: Any) -> PlannedStandIn:
    """The stand-in that a plan writes."""
    if isinstance(written, str):
        return _NAMED[written]
    found: PlannedStandIn = written.stand_in()
    return found
