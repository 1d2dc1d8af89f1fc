"""Time that an audit still takes, from what a case under each probe has cost so far."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from plexor.audits.unit import Unit
from plexor.findings import CLEAN


def part_by_part(units: Sequence[Unit]) -> list[Unit]:
    """The units in the order of execution: part by part of the cases, the clean one first.

    Findings do not depend on the order. Units of the same cases follow each other, so that their
    images are read once, and after the first part the cost of each probe is known.
    """
    parts: dict[tuple[str, ...], list[Unit]] = {}
    for unit in units:
        parts.setdefault(tuple(case.id for case in unit.cases), []).append(unit)
    return [
        unit
        for part in parts.values()
        for unit in sorted(part, key=lambda unit: unit.probe.id != CLEAN)
    ]


class Pace:
    """The time left of units that are executed in turn, or several at a time.

    The time between two finished units counts as that of the second one.

    Example:
        An hour of attacks after a minute of clean units is not told as a minute::

            pace = Pace(units)
            for unit in units:
                ...
                pace.done(unit)
                print(pace.seconds_left())
    """

    def __init__(self, units: Sequence[Unit], clock: Callable[[], float] = time.monotonic) -> None:
        """Starts the clock.

        Args:
            units: the units to execute.
            clock: gives the time in seconds.
        """
        self._clock = clock
        self._last = clock()
        self._open = Counter[str]()
        for unit in units:
            self._open[unit.probe.id] += len(unit.cases)
        self._cases = Counter[str]()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def done(self, unit: Unit) -> None:
        """Notes that a unit has finished just now."""
        now = self._clock()
        probe, cases = unit.probe.id, len(unit.cases)
        self._seconds[probe] += now - self._last
        self._cases[probe] += cases
        self._open[probe] -= cases
        self._last = now

    def seconds_left(self) -> float:
        """Seconds until all units have finished; NaN until a unit of each probe has."""
        left = 0.0
        for probe, cases in self._open.items():
            if cases > 0 and not self._cases[probe]:
                return math.nan
            if cases > 0:
                left += cases * self._seconds[probe] / self._cases[probe]
        return left
