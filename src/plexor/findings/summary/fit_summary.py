"""How an attack was fitted, and on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plexor.findings.json_format import JsonFormat
from plexor.findings.summary.counts import Count
from plexor.findings.summary.goal_field import GoalField
from plexor.threat_model.goals import current_spelling


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSummary:
    """A fit, made in the audit or read from a file.

    Attributes:
        split: the split it was fitted on; None where it was read from a file.
        file: the file it was read from; None where it was fitted in the audit.
        shapes: image shapes (C, *spatial) it was fitted for.
        settings: the options it was fitted with.
        goal: what it was fitted for.
        same_model: whether it was fitted on the audited model; None where that is not known.
        n_split: cases of the split; None for a file.
        n_unread: cases of the split whose images could not be used.
        n_cases: cases it was fitted on.
        n_groups: their groups; None where these are not known.
        cases_in_both: audited cases it was fitted on.
        groups_in_both: audited groups it was fitted on; None where groups are not known.
        gradients: forward-and-backward passes of the fit, over all cases.
        forwards: further forward passes.
        seconds: duration of the fit; None for a file.
        errors: why the fit failed for a shape, one text each.
    """

    split: str | None
    file: str | None
    shapes: tuple[tuple[int, ...], ...]
    settings: Mapping[str, Any]
    goal: GoalField | None
    same_model: bool | None
    n_split: Count | None
    n_unread: Count
    n_cases: Count
    n_groups: Count | None
    cases_in_both: Count
    groups_in_both: Count | None
    gradients: Count
    forwards: Count
    seconds: float | None
    errors: tuple[str, ...]

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> FitSummary:
        """From what the provenance says of a fit."""
        goal = described["goal"]
        return _FORMAT.from_plain(
            {**described, "goal": None if goal is None else current_spelling(goal)}
        )


_FORMAT = JsonFormat(FitSummary)
