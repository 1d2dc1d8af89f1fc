"""Rounding and wording of numbers; the only place of the report that rounds."""

from __future__ import annotations

import math
from typing import Protocol

from plexor.core.wording import SPACE, UNDEFINED, share, with_unit
from plexor.findings.summary.estimate import StoredEstimate

MINUS = "\N{MINUS SIGN}"
_TO = "\N{EN DASH}"
_DUST = 1e-9


class Interval(Protocol):
    """Limits of a number; None if undefined."""

    @property
    def low(self) -> float | None:
        """The lower limit."""
        ...

    @property
    def high(self) -> float | None:
        """The upper limit."""
        ...


def bounds(estimate: Interval) -> str:
    """The interval of a share in percent, in brackets; empty where undefined."""
    low, high = estimate.low, estimate.high
    return "" if low is None or high is None else f"({_limit(low)}{_TO}{_limit(high)})"


def _limit(value: float) -> str:
    """A limit as its share is written, so that only 0 and 1 are written as 0.0 and 100.0."""
    return share(value).removesuffix(f"{SPACE}%").replace(SPACE, "")


def share_with_bounds(estimate: StoredEstimate) -> str:
    """A share and its interval in running text, without a line break inside the interval."""
    unbroken = bounds(estimate).replace(_TO, f"\N{WORD JOINER}{_TO}\N{WORD JOINER}")
    return f"{share(estimate.value)} {unbroken}".strip()


def points(value: float | None) -> str:
    """A difference of two shares in percentage points, with its sign."""
    if value is None or math.isnan(value):
        return UNDEFINED
    rounded = round(100 * value, 1)
    sign = "+" if rounded > 0 else MINUS if rounded < 0 else ""
    return f"{sign}{abs(rounded):.1f}"


def points_bounds(estimate: Interval) -> str:
    """The interval of a difference in percentage points; empty where undefined."""
    low, high = estimate.low, estimate.high
    return "" if low is None or high is None else f"({points(low)} to {points(high)})"


def area(value: float | None) -> str:
    """An area under a ROC curve, or an R squared, to two decimals."""
    if value is None or math.isnan(value):
        return UNDEFINED
    return f"{value:.2f}".replace("-", MINUS)


def area_bounds(estimate: Interval) -> str:
    """Its interval, in brackets; empty where undefined."""
    low, high = estimate.low, estimate.high
    between = f" to {area(high)}" if low is not None and low < 0 else f"{_TO}{area(high)}"
    return "" if low is None or high is None else f"({area(low)}{between})"


def p_value(value: float | None) -> str:
    """A p-value to three decimals, four below .001, never 0."""
    if value is None or math.isnan(value):
        return UNDEFINED
    if value < 0.0001:
        return f"<{SPACE}.0001"
    if value >= 0.9995:
        return f">{SPACE}.999"
    return f"{value:.{4 if value < 0.001 else 3}f}".removeprefix("0")


def p_bound(bound: float) -> str:
    """A bound below which a p-value lies, as publications print it."""
    return f"<{SPACE}{f'{bound:.4f}'.rstrip('0').removeprefix('0')}"


def area_change(value: float | None) -> str:
    """A difference of two areas, R squared or Dice, to two decimals, with its sign."""
    text = area(value)
    return f"+{text}" if value is not None and value > 0 and text != "0.00" else text


def area_change_bounds(estimate: Interval) -> str:
    """Its interval, in brackets; empty where undefined."""
    low, high = estimate.low, estimate.high
    return "" if low is None or high is None else f"({area_change(low)} to {area_change(high)})"


def fine_area(value: float | None) -> str:
    """An area under a ROC curve to three decimals, as publications of such areas print it."""
    if value is None or math.isnan(value):
        return UNDEFINED
    return f"{value:.3f}".replace("-", MINUS)


def fine_area_bounds(estimate: Interval) -> str:
    """Its interval, in brackets; empty where undefined."""
    low, high = estimate.low, estimate.high
    return "" if low is None or high is None else f"({fine_area(low)}{_TO}{fine_area(high)})"


def fine_area_change(value: float | None) -> str:
    """A difference of two areas to three decimals, with its sign."""
    text = fine_area(value)
    return f"+{text}" if value is not None and value > 0 and text != "0.000" else text


def fine_area_change_bounds(estimate: Interval) -> str:
    """Its interval, in brackets; empty where undefined."""
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return ""
    return f"({fine_area_change(low)} to {fine_area_change(high)})"


def measure(value: float | None) -> str:
    """A measured length in stored units, to three figures or to the unit."""
    if value is None or math.isnan(value):
        return UNDEFINED
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", MINUS)


def amount(value: float | None) -> str:
    """An output of the model: no decimal from 100, one from 1, else two significant figures."""
    if value is None or math.isnan(value):
        return UNDEFINED
    size = abs(value)
    text = f"{size:,.0f}" if size >= 99.95 else f"{size:.1f}" if size >= 0.95 else f"{size:.2g}"
    return f"{MINUS if value < 0 and float(text.replace(',', '')) else ''}{text}"


def without_dust(estimate: StoredEstimate) -> float | None:
    """The value; 0 where it is an error of rounding beside its own interval."""
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None:
        return value
    return 0.0 if abs(value) < _DUST * (high - low) else value


def signed(value: float | None) -> str:
    """The same with its sign."""
    text = amount(value)
    return f"+{text}" if value is not None and value > 0 and text != "0" else text


def amount_bounds(estimate: Interval) -> str:
    """The interval of a number, in brackets; empty where undefined."""
    low, high = estimate.low, estimate.high
    return "" if low is None or high is None else f"({amount(low)} to {amount(high)})"


def years(value: float) -> str:
    """A number of years to two decimals, as errors of predicted age are published."""
    return with_unit(f"{value:.2f}", "years")


def years_bounds(estimate: Interval) -> str:
    """The interval of a number of years, in brackets; empty where undefined."""
    low, high = estimate.low, estimate.high
    return "" if low is None or high is None else f"({low:.2f} to {high:.2f})"


def amount_with_bounds(estimate: StoredEstimate, unit: str) -> str:
    """A number, its unit and its interval in running text."""
    return f"{with_unit(amount(estimate.value), unit)} {amount_bounds(estimate)}".strip()
