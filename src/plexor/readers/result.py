"""One figure of a reader study."""

from __future__ import annotations

import math
from dataclasses import dataclass

from plexor.stats import Estimate, TestResult

_IN_PERCENT = ("sensitivity", "specificity", "correct", "change")


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

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        about = {"question": self.question, "measure": self.measure, "who": self.who}
        return {**about, **self.found.to_dict()}

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
