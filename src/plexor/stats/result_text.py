"""How a result reads: in a terminal, in a notebook, and as a row of a table."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Result(Protocol):
    """A result of this package: an ``Estimate``, a ``TestResult``."""

    def to_dict(self) -> dict[str, object]:
        """Plain data, one entry per field."""


def interval_text(value: float, low: float, high: float, level: float) -> str:
    """``0.844 (0.821–0.867)``, with the decimals that the width of the interval deserves."""
    decimals = _decimals(value, low, high)
    number = f"{value:.{decimals}f}" if math.isfinite(value) else _special(value)
    if math.isnan(low) or math.isnan(high):
        return f"{number} (no interval)"
    ends = [f"{x:.{decimals}f}" if math.isfinite(x) else _special(x) for x in (low, high)]
    between = "–" if low >= 0 and math.isfinite(high) else " to "
    label = "" if level == 0.95 else f"{100 * level:g} % interval "
    return f"{number} ({label}{between.join(ends)})"


def p_text(p_value: float) -> str:
    """``p = 0.032``, ``p < 0.001``, or ``p undefined``."""
    if math.isnan(p_value):
        return "p undefined"
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def counts_text(n: int, n_groups: int | None) -> str:
    """``n = 420 in 310 groups``."""
    return f"n = {n:,}" + ("" if n_groups is None else f" in {n_groups:,} groups")


def html_table(row: Mapping[str, object]) -> str:
    """A result as a table of two columns for a notebook; empty fields are left out."""
    shown = {key: item for key, item in row.items() if item not in (None, "")}
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(key)}</th>"
        f"<td style='text-align:left'>{html.escape(_cell(item))}</td></tr>"
        for key, item in shown.items()
    )
    return f"<table>{cells}</table>"


def table(results: Mapping[str, Result] | Iterable[Result]) -> pd.DataFrame:
    """One row per result and one column per field, as a pandas data frame.

    Args:
        results: estimates or tests, by name (as ``recall_by_class`` or ``by_subgroup`` return them)
            or in a sequence.

    Returns:
        The names are the index; fields that a result does not have are missing.

    Examples:
        >>> from plexor import stats
        >>> found = {"sensitivity": stats.proportion_interval(35, 40)}
        >>> found["specificity"] = stats.proportion_interval(80, 100)
        >>> stats.table(found)[["value", "low", "high"]].round(3)
                     value    low   high
        sensitivity  0.875  0.739  0.945
        specificity  0.800  0.711  0.867
    """
    import pandas as pd

    if isinstance(results, Mapping):
        return pd.DataFrame([one.to_dict() for one in results.values()], index=list(results))
    return pd.DataFrame([one.to_dict() for one in results])


def _decimals(value: float, low: float, high: float) -> int:
    width = high - low
    if not math.isfinite(width) or width <= 0:
        width = abs(value) if math.isfinite(value) and value else 1.0
    return min(12, max(0, 1 - math.floor(math.log10(width))))


def _special(x: float) -> str:
    return "undefined" if math.isnan(x) else "infinity" if x > 0 else "-infinity"


def _cell(item: object) -> str:
    return f"{item:.4g}" if isinstance(item, float) else str(item)
