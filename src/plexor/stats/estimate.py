"""A number that says where it comes from."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass


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

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON; NaN and infinities, which JSON has not, become None."""
        return {key: finite_or_none(item) for key, item in asdict(self).items()}


def finite_or_none(value: object) -> object:
    """Replaces a float that JSON cannot hold by None; anything else passes unchanged."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
