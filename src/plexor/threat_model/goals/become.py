"""The goal that a decision be one chosen class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from plexor.threat_model.goals.goal import Figure, Flags, Outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Become:
    """Be called one chosen class.

    Attributes:
        target: that class's name.
    """

    target: str
    kinds: ClassVar[tuple[str, ...]] = ("become",)
    forms: ClassVar[tuple[str, ...]] = ("{become: CLASS}",)
    plan_type: ClassVar[Any] = dict[Literal["become"], str]
    looks_back: ClassVar[bool] = False
    kind: Literal["become"] = "become"

    @property
    def name(self) -> str:
        """The target."""
        return f"to-{self.target}"

    @property
    def short(self) -> dict[str, object]:
        """``{become: naevus}``."""
        return {"become": self.target}

    @classmethod
    def read(cls, written: object) -> Self | None:
        """``{become: naevus}``."""
        match written:
            case {"become": target, **rest} if not rest:
                return cls(target=str(target))
        return None

    def holds(self, outcomes: Outcomes, classes: Sequence[str] = ()) -> Flags:
        """The decision is the target."""
        held: Flags = outcomes.decision == self.target
        return held

    def aim(self, unit: str = "") -> str:
        """``become naevus``."""
        return f"become {self.target}"

    def effect(self, share: str, unit: str = "") -> str:
        """Over the cases that were called otherwise."""
        return f"turns {share} of other decisions into {self.target}"

    def chance(self, share: str) -> str:
        """The share alone."""
        return share

    def reached(self, unit: str = "") -> str:
        """With the target."""
        return f"made to be called {self.target}"

    @property
    def figure(self) -> Figure | None:
        """That of the whole task."""
        return None
