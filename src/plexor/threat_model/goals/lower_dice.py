"""The goal that an outline overlap little with the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from plexor.core.errors import PlanError
from plexor.threat_model.goals.goal import Flags
from plexor.threat_model.goals.outline import Areas, OutlineGoal


@dataclass(frozen=True, slots=True, kw_only=True)
class LowerDice(OutlineGoal):
    """Have a class overlap little with the truth: Dice's coefficient below a number.

    It has no meaning where the truth lacks the class: there, Dice is undefined or 0.

    Attributes:
        of: the class.
        below: the number.
    """

    of: str
    below: float
    kinds: ClassVar[tuple[str, ...]] = ("lower-dice",)
    forms: ClassVar[tuple[str, ...]] = ("{lower-dice: CLASS, below: DICE}",)
    plan_type: ClassVar[Any] = dict[Literal["lower-dice", "below"], str | float]
    looks_back: ClassVar[bool] = False
    kind: Literal["lower-dice"] = "lower-dice"

    def __post_init__(self) -> None:
        if not 0 < self.below <= 1:
            raise PlanError(f"goal: `below` is a Dice above 0 and at most 1, got {self.below}")

    @property
    def name(self) -> str:
        """Class and limit."""
        return f"{self.kind}-{self.of}-{self.below:g}"

    @property
    def short(self) -> dict[str, object]:
        """``{lower-dice: lesion, below: 0.5}``."""
        return {self.kind: self.of, "below": self.below}

    @classmethod
    def read(cls, written: object) -> Self | None:
        """``{lower-dice: lesion, below: 0.5}``."""
        match written:
            case {"lower-dice": of, "below": int() | float() as below, **rest} if not rest:
                return cls(of=str(of), below=below)
        return None

    def aim(self, unit: str = "") -> str:
        """``lower the Dice of lesion below 0.5``."""
        return f"lower the Dice of {self.of} below {self.below:g}"

    def _does(self) -> str:
        return f"lowers the Dice of this model's outline of {self.of} below {self.below:g}"

    def _held(self, found: Areas) -> Flags:
        held: Flags = found.dice < self.below
        return held
