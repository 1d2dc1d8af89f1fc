"""A raised flag: a doubt about the evaluation itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
"""error: do not rely on the figures concerned; warning: interpret with care; note: information."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A raised flag.

    Attributes:
        id: id of its kind, which has a page in the reference.
        severity: "error", "warning" or "note".
        probe: id of the probe in doubt; None for the whole audit.
        message: the reason, in one sentence.
    """

    id: str
    severity: Severity
    probe: str | None
    message: str
