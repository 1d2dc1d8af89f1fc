"""The goal that an outline grow, or that a class be outlined where it was not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from plexor.core.errors import PlanError
from plexor.core.wording import share
from plexor.threat_model.goals.goal import Flags
from plexor.threat_model.goals.outline import SLACK, Areas, OutlineGoal


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread(OutlineGoal):
    """Have a class outlined where it was not on the untouched image.

    "grow" has no meaning where the class was not outlined; neither has a meaning where the image
    has no room for as much.

    Attributes:
        of: the class.
        by: least area that is newly outlined: for "grow" as a multiple of the area outlined
            before, for "invent" as a share of the image.
        kind: "grow" or "invent".
    """

    of: str
    by: float
    kinds: ClassVar[tuple[str, ...]] = ("grow", "invent")
    forms: ClassVar[tuple[str, ...]] = ("{grow: CLASS, by: TIMES}", "{invent: CLASS, by: SHARE}")
    plan_type: ClassVar[Any] = dict[Literal["grow", "invent", "by"], str | float]
    looks_back: ClassVar[bool] = True
    kind: Literal["grow", "invent"] = "grow"

    def __post_init__(self) -> None:
        most = 1.0 if self.kind == "invent" else float("inf")
        if not 0 < self.by <= most or self.by == float("inf"):
            wanted = "a share above 0, at most 1" if self.kind == "invent" else "a number above 0"
            raise PlanError(f"goal: `by` of `{self.kind}` is {wanted}, got {self.by}")

    @property
    def name(self) -> str:
        """Class and area."""
        return f"{self.kind}-{self.of}-{self.by:g}"

    @property
    def short(self) -> dict[str, object]:
        """``{grow: lesion, by: 1}``, ``{invent: lesion, by: 0.05}``."""
        return {self.kind: self.of, "by": self.by}

    @classmethod
    def read(cls, written: object) -> Self | None:
        """``{grow: lesion, by: 1}``, ``{invent: lesion, by: 0.05}``."""
        match written:
            case {"grow": of, "by": int() | float() as by, **rest} if not rest:
                return cls(of=str(of), by=by, kind="grow")
            case {"invent": of, "by": int() | float() as by, **rest} if not rest:
                return cls(of=str(of), by=by, kind="invent")
        return None

    def aim(self, unit: str = "") -> str:
        """``grow lesion by 1 times its size``."""
        if self.kind == "grow":
            return f"grow {self.of} by {self.by:g} times its size"
        return f"invent {self.of} in {share(self.by)} of the image"

    def _does(self) -> str:
        if self.kind == "grow":
            return f"grows this model's outline of {self.of} by {self.by:g} times its size or more"
        return f"makes this model outline {self.of} in another {share(self.by)} of the image"

    def _held(self, found: Areas) -> Flags:
        new = found.after - found.both
        if self.kind == "grow":
            enough = new >= self.by * found.before - SLACK
        else:
            enough = new / found.image >= self.by - SLACK
        held: Flags = enough & (new > 0)
        return held
