"""The result of a significance test."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal, get_args

from scipy import special

from plexor.core.errors import PlanError, unknown
from plexor.stats.estimate import finite_or_none
from plexor.stats.result_text import counts_text, html_table, p_text

Alternative = Literal["two-sided", "less", "greater"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """The outcome of one significance test.

    Attributes:
        statistic: the test statistic; NaN where undefined, and then ``note`` says why.
        p_value: of ``alternative``, NaN where undefined.
        df: degrees of freedom of the reference distribution, or None where it has none.
        method: the test, in words a reader can look up.
        n: number of observations the test rests on.
        n_groups: number of independent groups, or None where observations count as independent.
        alternative: "two-sided", "less" or "greater".
        note: why something is undefined, or a warning; empty otherwise.

    Examples:
        >>> from plexor import stats
        >>> print(stats.mcnemar_test(30, 12))
        p = 0.005, McNemar's mid-p test, n = 42
    """

    __test__: ClassVar[bool] = False  # a result, not a test for pytest to collect

    statistic: float
    p_value: float
    method: str
    n: int
    df: float | None = None
    n_groups: int | None = None
    alternative: Alternative = "two-sided"
    note: str = ""

    def __iter__(self) -> Iterator[float]:
        """Statistic and p-value, so that ``statistic, p_value = test``."""
        return iter((self.statistic, self.p_value))

    def __str__(self) -> str:
        """As a person writes it: ``p = 0.032, method, n = 420 in 310 groups``."""
        sides = "" if self.alternative == "two-sided" else f", one-sided ({self.alternative})"
        parts = [p_text(self.p_value) + sides, self.method, counts_text(self.n, self.n_groups)]
        return ", ".join(parts) + (f" ({self.note})" if self.note else "")

    def _repr_html_(self) -> str:
        """A table for a notebook."""
        return html_table(
            {
                "p-value": p_text(self.p_value).removeprefix("p ").removeprefix("= "),
                "statistic": self.statistic,
                "df": self.df,
                "alternative": self.alternative,
                "method": self.method,
                "cases": counts_text(self.n, self.n_groups),
                "note": self.note,
            }
        )

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON; NaN and infinities, which JSON has not, become None."""
        return {key: finite_or_none(item) for key, item in asdict(self).items()}


def check_alternative(alternative: Alternative) -> None:
    """Refuses an alternative that is none of the three.

    Raises:
        PlanError: an unknown alternative.
    """
    if alternative not in get_args(Alternative):
        raise PlanError(unknown("alternative", str(alternative), get_args(Alternative)))


def t_tail(t: float, df: float, alternative: Alternative) -> float:
    """The p-value of a Student's t statistic; normal for infinite ``df``, NaN stays NaN.

    Args:
        t: the statistic, positive if the data favour "greater".
        df: degrees of freedom, which need not be whole.
        alternative: the side on which values count as extreme.
    """
    if math.isnan(t) or not df > 0:
        return math.nan
    place = -abs(t) if alternative == "two-sided" else -t if alternative == "greater" else t
    tail = float(special.ndtr(place) if math.isinf(df) else special.stdtr(df, place))
    return 2 * tail if alternative == "two-sided" else tail
