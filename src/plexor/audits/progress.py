"""Progress of an audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["read", "fit", "audit", "detect"]
_UNITS: dict[Stage, str] = {
    "read": "images",
    "fit": "batches",
    "audit": "case-probes",
    "detect": "probes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of an audit.

    Attributes:
        probe: id of the current probe.
        done: number done.
        total: number to do: pairs of case and probe; in stage "fit" the maximum number of batches,
            in stage "read" the number of images whose shapes are read.
        resumed: part of ``done`` that an earlier start did.
        seconds_left: time left of this stage, from what a case under each probe has cost; None
            where only the pace is known, NaN until a unit of each probe has been executed.
        stage: "read" and "fit" precede "audit" in plans that fit attacks; "detect" follows it in
            plans with a detector, and counts probes.
    """

    probe: str
    done: int
    total: int
    resumed: int
    stage: Stage = "audit"
    seconds_left: float | None = None

    @property
    def unit(self) -> str:
        """The counted unit, in words."""
        return _UNITS[self.stage]


Listener = Callable[[Progress], None]
