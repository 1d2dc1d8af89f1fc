"""The goal that an outline vanish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from plexor.core.errors import PlanError
from plexor.core.wording import share
from plexor.threat_model.goals.goal import Flags
from plexor.threat_model.goals.outline import SLACK, Areas, OutlineGoal


@dataclass(frozen=True, slots=True, kw_only=True)
class Erase(OutlineGoal):
    """Have a class vanish from where it was outlined on the untouched image.

    It has no meaning where the class was not outlined.

    Attributes:
        of: the class.
        keep: greatest share of its pixels that may be left.
    """

    of: str
    keep: float = 0.0
    kinds: ClassVar[tuple[str, ...]] = ("erase",)
    forms: ClassVar[tuple[str, ...]] = ("{erase: CLASS}", "{erase: CLASS, keep: SHARE}")
    plan_type: ClassVar[Any] = dict[Literal["erase", "keep"], str | float]
    looks_back: ClassVar[bool] = True
    kind: Literal["erase"] = "erase"

    def __post_init__(self) -> None:
        if not 0 <= self.keep < 1:
            raise PlanError(f"goal: `keep` is a share from 0 to below 1, got {self.keep}")

    @property
    def name(self) -> str:
        """Class and, unless it is 0, the share that may be left."""
        return f"{self.kind}-{self.of}" + (f"-keep-{self.keep:g}" if self.keep else "")

    @property
    def short(self) -> dict[str, object]:
        """``{erase: lesion}``, ``{erase: lesion, keep: 0.1}``."""
        return {self.kind: self.of} | ({"keep": self.keep} if self.keep else {})

    @classmethod
    def read(cls, written: object) -> Self | None:
        """``{erase: lesion}``, ``{erase: lesion, keep: 0.1}``."""
        match written:
            case {"erase": of, "keep": int() | float() as keep, **rest} if not rest:
                return cls(of=str(of), keep=keep)
            case {"erase": of, **rest} if not rest:
                return cls(of=str(of))
        return None

    def aim(self, unit: str = "") -> str:
        """``erase lesion``."""
        return f"erase {self.of}{self._left()}"

    def _does(self) -> str:
        return f"erases this model's outline of {self.of}{self._left()}"

    def _left(self) -> str:
        return f" but for {share(self.keep)}" if self.keep else ""

    def _held(self, found: Areas) -> Flags:
        held: Flags = found.both <= self.keep * found.before + SLACK
        return held
