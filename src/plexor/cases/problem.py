"""One problem of a manifest or its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, and where.

    Attributes:
        severity: a cohort with an error cannot be used; with a warning it can.
        id: the kind of problem, e.g. "label-missing"; stable, for scripts.
        where: the case's id, or the row, class, group or split it is about.
        message: what was expected, what was found, what to do.
    """

    severity: Severity
    id: str
    where: str
    message: str


def error(kind: str, where: str, message: str) -> Problem:
    """A problem that keeps the cohort from being used."""
    return Problem(severity="error", id=kind, where=where, message=message)


def warning(kind: str, where: str, message: str) -> Problem:
    """A problem that should be known."""
    return Problem(severity="warning", id=kind, where=where, message=message)
