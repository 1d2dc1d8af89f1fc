"""A doubt about the evaluation itself that was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
"""error: do not rely on the figures it touches; warning: read them with care; note: know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A doubt that was found.

    Attributes:
        id: of the kind of doubt, which has a page in the reference.
        severity: "error", "warning" or "note".
        probe: id of the probe in doubt; None for the whole audit.
        message: why, in a sentence.
    """

    id: str
    severity: Severity
    probe: str | None
    message: str
