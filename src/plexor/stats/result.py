"""A test that says what it tested."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

from plexor.stats.estimate import finite_or_none

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

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON; NaN and infinities, which JSON has not, become None."""
        return {key: finite_or_none(item) for key, item in asdict(self).items()}
