"""One figure of a reader study."""

from __future__ import annotations

import math
from dataclasses import dataclass

from plexor.findings.reader_results import ReaderFigure
from plexor.findings.summary.estimate import StoredEstimate, StoredTest
from plexor.stats import Estimate, TestResult

_IN_PERCENT = ("sensitivity", "specificity", "correct", "change", "decision", "difference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One figure.

    Attributes:
        question: id of the question; "" if it concerns none.
        measure: its name, e.g. "sensitivity", "AUC", "kappa".
        who: a reader, "all readers", or a pair of arms.
        found: the estimate or test.
    """

    question: str
    measure: str
    who: str
    found: Estimate | TestResult

    @property
    def n(self) -> int:
        """Number of observations."""
        return self.found.n

    def stored(self) -> ReaderFigure:
        """The same as ``analysis.json`` holds it."""
        found = self.found
        return ReaderFigure(
            question=self.question,
            measure=self.measure,
            who=self.who,
            estimate=None if isinstance(found, TestResult) else StoredEstimate.of(found),
            test=StoredTest.of(found) if isinstance(found, TestResult) else None,
        )

    def worded(self) -> str:
        """Value and interval, rounded: 58.3 % (45.7 to 69.9), -0.22 (-0.51 to 0.06), p = .03."""
        found = self.found
        if isinstance(found, TestResult):
            p = found.p_value
            return f"p = {p:.3f}" if math.isfinite(p) else f"undefined: {found.note}"
        if math.isnan(found.value):
            return f"undefined: {found.note}"
        percent = self.measure.split(" ")[0] in _IN_PERCENT
        factor, digits, unit = (100, 1, " %") if percent else (1, 2, "")
        if self.measure.endswith("(s)"):
            digits = 1
        said = f"{factor * found.value:.{digits}f}{unit}"
        if math.isnan(found.low):
            return f"{said} (no interval: {found.note})"
        return f"{said} ({factor * found.low:.{digits}f} to {factor * found.high:.{digits}f})"
