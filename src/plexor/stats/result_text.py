"""Text, notebook and table forms of results."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import pandas as pd


class Result(Protocol):
    """A result of this package: an ``Estimate``, a ``TestResult``."""

    def to_dict(self) -> dict[str, object]:
        """Plain data, one entry per field."""


class Results:
    """Base of a result that holds several estimates or tests, by the names of its fields.

    It prints as one line for each, shows as a table in a notebook, and ``table`` takes it.

    Examples:
        >>> from plexor import stats
        >>> print(stats.likelihood_ratios(40, 10, 5, 45))
        positive: 8 (4–19), likelihood ratio of a positive result, score interval, n = 100
        negative: 0.22 (0.12–0.37), likelihood ratio of a negative result, score interval, n = 100
    """

    __slots__ = ()

    @property
    def parts(self) -> dict[str, Result]:
        """The estimates and tests, by name."""
        return {name: item for name, item in _fields(self).items() if hasattr(item, "to_dict")}

    def __str__(self) -> str:
        """``name: result`` for each part, then plain numbers, one line each."""
        return "\n".join(f"{name}: {_cell(item)}" for name, item in self._shown().items())

    def _repr_html_(self) -> str:
        """A table for a notebook."""
        return html_table(self._shown())

    def _shown(self) -> dict[str, object]:
        shown: dict[str, object] = {**self.parts}
        shown.update({k: item for k, item in _fields(self).items() if isinstance(item, float)})
        return shown


def interval_text(value: float, low: float, high: float, level: float) -> str:
    """``0.844 (0.821–0.867)``, with two significant digits of the interval's width."""
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


def table(results: Mapping[str, Result] | Iterable[Result] | Results) -> pd.DataFrame:
    """One row per result and one column per field, as a pandas data frame.

    Args:
        results: estimates or tests, by name (as ``recall_by_class`` or ``by_subgroup`` return
            them), in a sequence, or as one result that holds several (``calibration``).

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

    if isinstance(results, Results):
        results = results.parts
    if isinstance(results, Mapping):
        return pd.DataFrame([one.to_dict() for one in results.values()], index=list(results))
    return pd.DataFrame([one.to_dict() for one in results])


def _fields(results: Results) -> dict[str, object]:
    """The fields of a dataclass that has this base, without making dictionaries of their values."""
    of_class: tuple[Field[object], ...] = fields(cast("Any", results))
    return {field.name: getattr(results, field.name) for field in of_class}


def _decimals(value: float, low: float, high: float) -> int:
    width = high - low
    if not math.isfinite(width) or width <= 0:
        width = abs(value) if math.isfinite(value) and value else 1.0
    return min(12, max(0, 1 - math.floor(math.log10(width))))


def _special(x: float) -> str:
    return "undefined" if math.isnan(x) else "infinity" if x > 0 else "-infinity"


def _cell(item: object) -> str:
    return f"{item:.4g}" if isinstance(item, float) else str(item)
