"""The goal that an outline move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from plexor.core.errors import PlanError
from plexor.threat_model.goals.goal import Flags
from plexor.threat_model.goals.outline import Areas, OutlineGoal


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift(OutlineGoal):
    """Have the centre of the outline of a class move.

    The centre is the mean place of the class's pixels, each axis counted in pixels or voxels. The
    goal has no meaning where the class was not outlined on the untouched image. An outline that
    vanishes has not moved.

    Attributes:
        of: the class.
        by: distance in pixels or voxels that must be exceeded.
    """

    of: str
    by: float
    kinds: ClassVar[tuple[str, ...]] = ("drift",)
    forms: ClassVar[tuple[str, ...]] = ("{drift: CLASS, by: PIXELS}",)
    plan_type: ClassVar[Any] = dict[Literal["drift", "by"], str | float]
    looks_back: ClassVar[bool] = True
    kind: Literal["drift"] = "drift"

    def __post_init__(self) -> None:
        if not 0 < self.by < float("inf"):
            raise PlanError(f"goal: `drift` must be by more than 0 pixels, got {self.by}")

    @property
    def name(self) -> str:
        """Class and distance."""
        return f"{self.kind}-{self.of}-{self.by:g}"

    @property
    def short(self) -> dict[str, object]:
        """``{drift: lesion, by: 4}``."""
        return {self.kind: self.of, "by": self.by}

    @classmethod
    def read(cls, written: object) -> Self | None:
        """``{drift: lesion, by: 4}``."""
        match written:
            case {"drift": of, "by": int() | float() as by, **rest} if not rest:
                return cls(of=str(of), by=by)
        return None

    def aim(self, unit: str = "") -> str:
        """``shift lesion by 4 pixels``."""
        return f"shift {self.of} by {self.by:g} pixels"

    def _does(self) -> str:
        return f"shifts this model's outline of {self.of} by more than {self.by:g} pixels"

    def _held(self, found: Areas) -> Flags:
        held: Flags = found.moved > self.by
        return held
