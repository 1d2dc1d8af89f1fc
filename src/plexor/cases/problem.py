"""One thing that is wrong with a manifest or its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, and where.

    Attributes:
        severity: an error keeps the cohort from being used; a warning should be known.
        id: the kind of problem, e.g. "label-missing"; stable, for scripts.
        where: the case's id, or the row, class, group or split it is about.
        message: what was expected, what was found, what to do.
    """

    severity: Severity
    id: str
    where: str
    message: str
