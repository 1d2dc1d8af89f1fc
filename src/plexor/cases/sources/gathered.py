"""What a source gathers while it reads: rows, what is left out and why, and counts for notes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from plexor.cases.sources.source import Record


@dataclass(slots=True)
class Gathered:
    """Rows and reasons, in the order in which they came.

    Attributes:
        rows: of the manifest.
        left_out: reason → names.
        counts: whatever a note tells.

    Example:
        >>> found = Gathered()
        >>> found.leave_out("no file", "a.png")
        >>> found.left_out
        {'no file': ['a.png']}
    """

    rows: list[Record] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def leave_out(self, reason: str, *names: str) -> None:
        """Notes names that are not in ``rows``; nothing where there are none."""
        if names:
            self.left_out.setdefault(reason, []).extend(names)
