"""News of an audit under way."""

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
    """How far an audit is.

    Attributes:
        probe: what it is at.
        done: of ``total``, in ``unit``.
        total: of the case-probes; or, while ``stage`` is "fit", of the batches that fits take at
            most, and, while it is "read", of the images whose shapes are looked at first.
        resumed: of ``done``, those done before.
        stage: "read" and "fit" come before "audit", in plans that fit attacks; "detect", after it,
            in plans that have a detector, counts probes.
    """

    probe: str
    done: int
    total: int
    resumed: int
    stage: Stage = "audit"

    @property
    def unit(self) -> str:
        """What is counted, in words."""
        return _UNITS[self.stage]


Listener = Callable[[Progress], None]
