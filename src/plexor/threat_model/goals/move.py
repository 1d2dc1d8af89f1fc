"""The goal that a number be moved up, down, or away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from plexor.core.errors import PlanError
from plexor.core.wording import with_unit
from plexor.threat_model.goals.goal import Figure, Flags, Outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Move the number a model gives for the untouched image.

    Attributes:
        by: how far at least, in the task's unit.
        kind: "raise", "lower", or "deviate" (either way).
    """

    by: float
    kinds: ClassVar[tuple[str, ...]] = ("raise", "lower", "deviate")
    forms: ClassVar[tuple[str, ...]] = ("{raise: NUMBER}", "{lower: NUMBER}", "{deviate: NUMBER}")
    plan_type: ClassVar[Any] = dict[Literal["raise", "lower", "deviate"], float]
    looks_back: ClassVar[bool] = True
    kind: Literal["raise", "lower", "deviate"] = "deviate"

    def __post_init__(self) -> None:
        if not 0 < self.by < float("inf"):
            raise PlanError(f"goal: `{self.kind}` must be by more than 0, got {self.by}")

    @property
    def name(self) -> str:
        """Direction and distance."""
        return f"{self.kind}-{self.by:g}"

    @property
    def short(self) -> dict[str, object]:
        """``{raise: 5}``, ``{lower: 5}``, ``{deviate: 5}``."""
        return {self.kind: self.by}

    @classmethod
    def read(cls, written: object) -> Self | None:
        """``{raise: 5}``, ``{lower: 5}``, ``{deviate: 5}``."""
        match written:
            case {"raise": int() | float() as by, **rest} if not rest:
                return cls(by=by, kind="raise")
            case {"lower": int() | float() as by, **rest} if not rest:
                return cls(by=by, kind="lower")
            case {"deviate": int() | float() as by, **rest} if not rest:
                return cls(by=by, kind="deviate")
        return None

    def holds(self, outcomes: Outcomes, classes: Sequence[str] = ()) -> Flags:
        """The number is further than ``by`` from that for the untouched image."""
        moved = outcomes.outputs[:, 0] - outcomes.outputs_before[:, 0]
        held: Flags = {"raise": moved, "lower": -moved, "deviate": np.abs(moved)}[
            self.kind
        ] > self.by
        return held

    def aim(self, unit: str = "") -> str:
        """``raise by 5 years or more``."""
        return f"{'move' if self.kind == 'deviate' else self.kind} by {self._far(unit)} or more"

    def effect(self, share: str, unit: str = "") -> str:
        """Over all images."""
        verb = {"raise": "raises", "lower": "lowers"}.get(self.kind, "moves")
        return f"{verb} this model's answer by {self._far(unit)} or more in {share} of the images"

    def chance(self, share: str) -> str:
        """With "in"."""
        return f"in {share}"

    def reached(self, unit: str = "") -> str:
        """``raised by 5 years or more``."""
        verb = {"raise": "raised", "lower": "lowered"}.get(self.kind, "moved")
        return f"{verb} by {self._far(unit)} or more"

    @property
    def figure(self) -> Figure | None:
        """That of the whole task."""
        return None

    def _far(self, unit: str) -> str:
        return with_unit(f"{self.by:g}", unit)
