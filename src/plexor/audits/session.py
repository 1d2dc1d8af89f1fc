"""Date, duration and author of each start of an audit, for its record and report only."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from plexor.findings import RunDirectory


@dataclass(frozen=True, slots=True)
class Session:
    """One start of an audit, the first or one that resumes it.

    Attributes:
        run: the run directory.
        began: date and time, UTC.
        by: name of the person who runs the audit; "" if not given.
        idle: whether the run was finished before; such a session is not recorded.
    """

    run: RunDirectory
    began: datetime
    by: str
    idle: bool = False
    _clock: float = field(default_factory=time.monotonic)

    @classmethod
    def begun(cls, run: RunDirectory, *, by: str = "") -> Session:
        """Starts a session now, and records it."""
        idle = run.has_provenance() and run.provenance().get("finished") is True
        session = cls(run, datetime.now(UTC), by, idle)
        session.note()
        return session

    def note(self) -> None:
        """Writes the session to the run's record, with the present time as its end."""
        if self.idle:
            return
        record = self.run.record()
        began = self.began.isoformat(timespec="microseconds")
        earlier = [one for one in record.get("sessions", ()) if one["began"] != began]
        now: dict[str, object] = {
            "began": began,
            "seconds": round(time.monotonic() - self._clock, 1),
        }
        now |= {"by": self.by} if self.by else {}
        self.run.write_record(record | {"sessions": [*earlier, now]})
