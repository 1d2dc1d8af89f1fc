"""An estimate with its interval, method and number of cases."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from plexor.stats.result_text import counts_text, html_table, interval_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One estimated quantity with its interval.

    Attributes:
        value: the estimate; NaN where it is undefined, and then ``note`` says why.
        low: lower bound of the two-sided interval, NaN where undefined.
        high: upper bound.
        level: nominal coverage of the interval, e.g. 0.95.
        method: how value and interval were computed, in words a reader can look up.
        n: number of observations the value rests on.
        n_groups: number of independent groups, or None where observations count as independent.
        variance: of the estimator, where the interval rests on one; else None.
        note: why something is undefined, or a warning; empty otherwise.

    Examples:
        >>> from plexor import stats
        >>> print(stats.proportion_interval(35, 40))
        0.88 (0.74–0.95), Wilson score interval, n = 40
        >>> value, low, high = stats.proportion_interval(35, 40)
        >>> value
        0.875
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    n: int
    n_groups: int | None = None
    variance: float | None = None
    note: str = ""

    def __iter__(self) -> Iterator[float]:
        """Value, low and high, so that ``value, low, high = estimate``."""
        return iter((self.value, self.low, self.high))

    def __str__(self) -> str:
        """As a person writes it: ``0.844 (0.821–0.867), method, n = 420 in 310 groups``."""
        shown = interval_text(self.value, self.low, self.high, self.level)
        parts = [shown, self.method, counts_text(self.n, self.n_groups)]
        return ", ".join(parts) + (f" ({self.note})" if self.note else "")

    def _repr_html_(self) -> str:
        """A table for a notebook."""
        return html_table(
            {
                "estimate": interval_text(self.value, self.low, self.high, self.level),
                "method": self.method,
                "cases": counts_text(self.n, self.n_groups),
                "note": self.note,
            }
        )

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON; NaN and infinities, which JSON has not, become None."""
        return {key: finite_or_none(item) for key, item in asdict(self).items()}


def finite_or_none(value: object) -> object:
    """Replaces a float that JSON cannot hold by None; anything else passes unchanged."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
