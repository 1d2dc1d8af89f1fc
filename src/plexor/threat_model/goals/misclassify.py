"""The goal that a decision be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from plexor.threat_model.goals.goal import Figure, Flags, Outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Misclassify:
    """Be wrong: any class but the true one; of several labels, any one changed."""

    kinds: ClassVar[tuple[str, ...]] = ("misclassify",)
    forms: ClassVar[tuple[str, ...]] = ("misclassify",)
    plan_type: ClassVar[Any] = Literal["misclassify"]
    looks_back: ClassVar[bool] = False
    kind: Literal["misclassify"] = "misclassify"

    @property
    def name(self) -> str:
        """Empty: it is the default."""
        return ""

    @property
    def short(self) -> str:
        """``misclassify``."""
        return self.kind

    @classmethod
    def read(cls, written: object) -> Self | None:
        """``misclassify``."""
        return cls() if written == "misclassify" else None

    def holds(self, outcomes: Outcomes, classes: Sequence[str] = ()) -> Flags:
        """The decision is not the truth."""
        held: Flags = outcomes.decision != outcomes.truth
        return held

    def aim(self, unit: str = "") -> str:
        """``be wrong``."""
        return "be wrong"

    def effect(self, share: str, unit: str = "") -> str:
        """Over the cases that were decided rightly."""
        return f"overturns {share} of this model's right decisions"

    def chance(self, share: str) -> str:
        """The share alone."""
        return share

    def reached(self, unit: str = "") -> str:
        """Over the cases that were decided rightly."""
        return "of right decisions overturned"

    @property
    def figure(self) -> Figure | None:
        """That of the whole task."""
        return None
