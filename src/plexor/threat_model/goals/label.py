"""The goal that one of several labels be hidden or invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from plexor.cases.case import split_labels
from plexor.core.wording import PLACE
from plexor.threat_model.goals.goal import Figure, Flags, Outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Have one label called absent, or present, whatever becomes of the others.

    Attributes:
        label: its name, e.g. a radiological finding.
        kind: "hide" or "invent".
    """

    label: str
    kinds: ClassVar[tuple[str, ...]] = ("hide", "invent")
    forms: ClassVar[tuple[str, ...]] = ("{hide: LABEL}", "{invent: LABEL}")
    plan_type: ClassVar[Any] = dict[Literal["hide", "invent"], str]
    looks_back: ClassVar[bool] = False
    kind: Literal["hide", "invent"]

    @property
    def name(self) -> str:
        """With the label."""
        return f"{self.kind}-{self.label}"

    @property
    def short(self) -> dict[str, object]:
        """``{hide: effusion}``, ``{invent: effusion}``."""
        return {self.kind: self.label}

    @classmethod
    def read(cls, written: object) -> Self | None:
        """``{hide: effusion}``, ``{invent: effusion}``."""
        match written:
            case {"hide": label, **rest} if not rest:
                return cls(label=str(label), kind="hide")
            case {"invent": label, **rest} if not rest:
                return cls(label=str(label), kind="invent")
        return None

    def holds(self, outcomes: Outcomes, classes: Sequence[str] = ()) -> Flags:
        """The label is among those decided, or is not."""
        called = [self.label in split_labels(text) for text in outcomes.decision]
        held: Flags = np.array(called, dtype=bool) == (self.kind == "invent")
        return held

    def aim(self, unit: str = "") -> str:
        """``hide effusion``."""
        return f"{self.kind} {self.label}"

    def effect(self, share: str, unit: str = "") -> str:
        """Over the images in which the model saw it, or did not."""
        if self.kind == "hide":
            return f"hides {self.label} in {share} of the images in which this model saw it"
        return f"makes this model see {self.label} in {share} of the images in which it saw none"

    def chance(self, share: str) -> str:
        """With "in"."""
        return f"in {share}"

    def reached(self, unit: str = "") -> str:
        """``effusion hidden``."""
        return f"{self.label} {'hidden' if self.kind == 'hide' else 'invented'}"

    @property
    def figure(self) -> Figure | None:
        """Sensitivity for a label that is hidden, specificity for one that is invented."""
        if self.kind == "hide":
            return Figure(
                of=self.label,
                statistic="sensitivity",
                label=f"{self.label} seen where it is",
                sentence=f"saw {self.label} {PLACE} of those that show it",
            )
        return Figure(
            of=self.label,
            statistic="specificity",
            label=f"no {self.label} seen where there is none",
            sentence=f"saw no {self.label} {PLACE} of those that show none",
        )
