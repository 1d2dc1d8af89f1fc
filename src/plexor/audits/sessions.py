"""When an audit was worked on, for how long, and by whom: for its provenance and report only."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from plexor.findings import RunDirectory


@dataclass(frozen=True, slots=True)
class Sessions:
    """The times an audit was begun or resumed; the last of them is under way.

    Attributes:
        earlier: of the same run directory, as its provenance has them.
        began: date and time of this one, UTC.
        by: who carries it out; "" if not given.
        finished: whether the run was finished before, so that nothing is left to do and this one
            does not count.
    """

    earlier: tuple[dict[str, object], ...]
    began: datetime
    by: str
    finished: bool = False
    _clock: float = field(default_factory=time.monotonic)

    @classmethod
    def begun(cls, run: RunDirectory, *, by: str = "") -> Sessions:
        """Begins one now, after those that a run already had."""
        about = run.provenance() if run.has_provenance() else {}
        known, finished = about.get("sessions"), about.get("finished") is True
        earlier = tuple(known) if isinstance(known, list) else ()
        return cls(earlier, datetime.now(UTC), by, finished)

    def ended(self) -> list[dict[str, object]]:
        """All of them as plain data, this one as if it ended now."""
        if self.finished:
            return list(self.earlier)
        now: dict[str, object] = {
            "began": self.began.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._clock, 1),
        }
        return [*self.earlier, now | ({"by": self.by} if self.by else {})]
